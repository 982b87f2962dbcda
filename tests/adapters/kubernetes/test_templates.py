"""A template's trial is remembered, asked again in time, and never holds a pass up."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi
from tests.adapters.kubernetes.objects import SETS, rollout
from tidegate.adapters.kubernetes import templates as module
from tidegate.adapters.kubernetes.templates import TRY_AGAIN_S, TemplateTrials
from tidegate.core.reasons import TEMPLATE_REFUSED


@pytest.fixture
def watch(monkeypatch):
    """The module's time, to be set."""
    made = SimpleNamespace(now_s=1000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: made.now_s))
    return made


async def test_a_good_template_is_tried_once_and_without_a_trace(fake: FakeApi, api):
    trials = TemplateTrials(api)
    for _ in range(3):
        assert await trials.problems(rollout(), "abc") == []
    (call,) = fake.made("POST", SETS)
    assert call.query == {"dryRun": "All"}
    assert call.body["spec"]["replicas"] == 0
    assert fake.objects == {}


async def test_a_refusal_is_remembered_and_asked_again_in_time(fake: FakeApi, api, watch):
    trials = TemplateTrials(api)
    fake.says("POST", SETS, 403, {"message": "exceeded quota"})
    (problem,) = await trials.problems(rollout(), "abc")
    assert problem.reason == TEMPLATE_REFUSED
    assert "exceeded quota" in problem.message
    watch.now_s += TRY_AGAIN_S - 0.1
    assert await trials.problems(rollout(), "abc") == [problem]
    assert len(fake.calls) == 1
    watch.now_s += 0.2
    assert await trials.problems(rollout(), "abc") == []
    assert len(fake.calls) == 2


async def test_another_revision_is_tried_at_once(fake: FakeApi, api, watch):
    trials = TemplateTrials(api)
    fake.says("POST", SETS, 422, {"message": "no"})
    assert await trials.problems(rollout(), "abc")
    assert await trials.problems(rollout(), "def") == []


async def test_a_rollout_that_is_forgotten_is_tried_anew(fake: FakeApi, api, watch):
    trials = TemplateTrials(api)
    fake.says("POST", SETS, 422, {"message": "no"})
    assert await trials.problems(rollout(), "abc")
    trials.forget(("shop", "web"))
    trials.forget(("shop", "web"))
    assert await trials.problems(rollout(), "abc") == []


async def test_what_was_refused_in_earnest_counts_like_a_trial(fake: FakeApi, api, watch):
    trials = TemplateTrials(api)
    trials.refused(rollout(), "abc", "webhook says no")
    (problem,) = await trials.problems(rollout(), "abc")
    assert problem.message == "spec.template is refused: webhook says no"
    assert fake.calls == []
    watch.now_s += TRY_AGAIN_S
    assert await trials.problems(rollout(), "abc") == []


async def test_a_trial_that_hangs_is_given_up(fake: FakeApi, api, monkeypatch):
    monkeypatch.setattr(module, "TRIAL_S", 0.05)
    fake.hangs("POST", SETS)
    assert await TemplateTrials(api).problems(rollout(), "abc") == []


@pytest.mark.parametrize("status", [404, 409, 429, 500, 503])
async def test_what_could_not_be_asked_is_no_problem(fake: FakeApi, api, status):
    fake.says("POST", SETS, status, {"message": "later"})
    assert await TemplateTrials(api).problems(rollout(), "abc") == []
