"""Whole releases, good and bad, under every lag: who is served, who fails, and how it ends."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    RELEASE_S,
    STALLS,
    deployed,
    examples,
    finish,
    guard,
    matching,
    phase,
    release,
    rollout_spec,
    rollouts,
    settings_of,
    some_of,
    with_bad,
)
from tests.properties.world import Proxy, Setting
from tidegate.api.actions import Verb


@examples(60)
@given(setting=settings_of(), spec=rollouts())
def test_a_good_release_is_promoted_and_no_request_fails(setting, spec):
    operator = deployed(setting, matching(setting, spec))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.status.last_run.outcome == "Promoted"
    assert operator.world.failed == 0, operator.world.failures[:3]


@examples(60)
@given(setting=settings_of(stalls=STALLS, depths=("revision",)), spec=rollouts())
def test_no_request_fails_when_a_proxy_stalls_for_90_s_at_any_time(setting, spec):
    operator = deployed(setting, matching(setting, spec))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0, operator.world.failures[:3]


@pytest.mark.parametrize("start", some_of(range(-4, 76, 2)))
def test_no_request_fails_wherever_the_stall_falls(start):
    stall = ((RELEASE_S + start, RELEASE_S + start + 90.0),)
    setting = Setting(proxies=(Proxy(stalls=stall), Proxy(0.1, 1.0)))
    operator = deployed(setting, rollout_spec())
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0, operator.world.failures[:3]


@examples(50)
@given(setting=settings_of(depths=("revision", "subset")), spec=rollouts())
def test_a_bad_release_always_ends_reverted_with_stable_at_100(setting, spec):
    operator = deployed(with_bad(setting, "B"), matching(setting, spec))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "A"
    assert operator.status.reverted_revision == "B"
    assert operator.status.last_run.reason == "GuardBreached"
    assert operator.world.failed == 0, operator.world.failures[:3]
    assert operator.world.pods("B") == 0


@examples(40)
@given(setting=settings_of(stalls=STALLS), spec=rollouts())
def test_a_bad_release_is_sent_back_though_a_proxy_stalls(setting, spec):
    operator = deployed(with_bad(setting, "B"), matching(setting, spec))
    release(operator)
    finish(operator)
    assert (operator.status.stable_revision, operator.status.reverted_revision) == ("A", "B")


def test_a_reverted_revision_is_tried_again_only_when_asked_or_changed():
    operator = deployed(Setting(bad=frozenset({"B"})), rollout_spec())
    release(operator)
    finish(operator)
    operator.run(operator.world.now_s + 3600)
    assert operator.status.last_run_number == 1
    operator.world.ask(Verb.RETRY)
    operator.run(operator.world.now_s + 60)
    finish(operator)
    assert operator.status.last_run_number == 2
    assert operator.status.reverted_revision == "B"


def test_pods_that_never_start_end_the_run_without_a_request():
    operator = deployed(Setting(never_ready=frozenset({"B"})), rollout_spec())
    release(operator)
    finish(operator)
    assert operator.status.last_run.reason == "ProgressDeadlineExceeded"
    assert "B" not in operator.world.served
    assert operator.world.failed == 0


@examples(30)
@given(
    setting=settings_of(depths=("revision", "subset")),
    spec=rollouts(),
    start=st.floats(-10, 40),
    length=st.sampled_from([5.0, 40.0, 200.0]),
)
def test_a_provider_that_is_down_holds_the_release_and_nothing_else(setting, spec, start, length):
    down = (RELEASE_S + start, RELEASE_S + start + length)
    setting = replace(setting, provider_down=(down,))
    operator = deployed(setting, matching(setting, spec))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0, operator.world.failures[:3]


def test_a_release_is_not_promoted_while_the_provider_is_down():
    setting = Setting(provider_down=((RELEASE_S - 1, 1e9),))
    operator = deployed(setting, rollout_spec())
    release(operator)
    operator.run(RELEASE_S + 1000)
    assert operator.status.run is not None
    assert operator.world.routes.weights == (0,)


def test_a_release_that_is_blind_is_reverted_when_the_spec_says_so():
    spec = rollout_spec(phases=(phase("ten", 10, hold_s=60.0),))
    spec = spec.model_copy(update={"blind": spec.blind.model_copy(update={"then": "revert"})})
    operator = deployed(Setting(provider_down=((RELEASE_S + 20, RELEASE_S + 300),)), spec)
    release(operator)
    finish(operator)
    assert operator.status.last_run.reason == "MetricsBlind"


@pytest.mark.parametrize("then", ["pause", "hold"])
def test_a_guard_that_only_stops_never_reverts_and_never_promotes(then):
    spec = rollout_spec(guards=(guard(then=then),))
    operator = deployed(Setting(bad=frozenset({"B"})), spec)
    release(operator)
    operator.run(RELEASE_S + 600)
    assert operator.status.run is not None
    assert operator.world.routes.weights == (10,)
    assert (operator.status.pause is not None) == (then == "pause")


def test_a_rollout_without_pods_takes_the_new_template_at_once():
    operator = deployed(Setting(), rollout_spec(replicas=0))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"


def test_a_rollout_without_phases_is_promoted_on_its_guards():
    operator = deployed(Setting(), rollout_spec(phases=()))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"


def test_a_service_without_requests_holds_for_want_of_evidence():
    operator = deployed(Setting(rate_rps=0.0), rollout_spec())
    release(operator)
    operator.run(RELEASE_S + 600)
    assert operator.status.phase.name == "ten"


def test_a_service_without_requests_and_without_checks_is_promoted_on_time_alone():
    spec = rollout_spec(guards=(), phases=(phase("ten", 10),))
    operator = deployed(Setting(rate_rps=0.0), spec)
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"
