"""Back to what was stable before: by `undo` with no run on, and by a template on the fast track."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.loop import Operator
from tests.properties.scenario import (
    LONG_S,
    NO_STALL,
    STALLS,
    deployed,
    examples,
    finish,
    goes_bad,
    matching,
    quiet,
    release,
    retarget,
    rollout_spec,
    rollouts,
    settings_of,
    went_back,
)
from tests.properties.world import Setting
from tidegate.api.actions import Verb
from tidegate.api.rollout import FastTrack


def promoted(setting: Setting, spec, *revisions: str) -> Operator:
    """Those revisions, promoted one after the other."""
    operator = deployed(setting, matching(setting, spec))
    for revision in revisions:
        retarget(operator, revision)
        finish(operator, until_s=operator.world.now_s + LONG_S)
        assert operator.status.stable_revision == revision
    return operator


@examples(40)
@given(
    setting=settings_of(stalls=st.one_of(NO_STALL, STALLS), depths=("revision",)),
    spec=rollouts(),
    after=st.floats(0.0, 120.0),
)
def test_undo_after_a_promotion_goes_back_without_phases_and_no_request_fails(setting, spec, after):
    operator = deployed(setting, matching(setting, spec))
    release(operator)
    operator.run(LONG_S, stop=lambda op: op.status.stable_revision == "B")
    operator.run(operator.world.now_s + after)
    operator.world.ask(Verb.UNDO)
    finish(operator)
    went_back(operator)
    assert operator.status.last_run.number == 2


def test_undo_goes_to_the_newest_proven_revision_and_not_to_one_that_was_sent_back():
    operator = promoted(Setting(), rollout_spec(), "B")
    goes_bad(operator, "C")
    retarget(operator, "C")
    finish(operator, until_s=LONG_S * 2)
    assert operator.status.reverted_revision == "C"
    retarget(operator, "B")
    finish(operator, until_s=LONG_S * 2)
    operator.world.ask(Verb.UNDO)
    finish(operator, until_s=LONG_S * 2)
    assert (operator.status.stable_revision, operator.status.reverted_revision) == ("A", "B")


def test_undo_is_refused_when_nothing_was_stable_before():
    operator = deployed(Setting(), rollout_spec())
    operator.world.ask(Verb.UNDO)
    operator.run(operator.world.now_s + 5)
    assert operator.world.answers[0].result == "Refused"
    assert quiet(operator)


def test_an_undo_whose_pods_never_start_leaves_stable_where_it_is():
    operator = promoted(Setting(), rollout_spec(), "B")
    operator.world.setting = replace(operator.world.setting, never_ready=frozenset({"A"}))
    operator.world.ask(Verb.UNDO)
    finish(operator, until_s=LONG_S * 2)
    assert (operator.status.state, operator.status.stable_revision) == ("Healthy", "B")
    assert operator.status.last_run.reason == "ProgressDeadlineExceeded"
    assert operator.world.failed == 0


def test_a_template_that_comes_during_the_way_back_starts_when_it_is_gone():
    operator = promoted(Setting(), rollout_spec(), "B")
    operator.world.ask(Verb.UNDO)
    operator.run(operator.world.now_s + 8)
    retarget(operator, "C")
    finish(operator, until_s=LONG_S * 2)
    assert operator.status.last_run.from_revision == "A"
    assert operator.status.stable_revision == "C"
    assert operator.world.failed == 0


def test_what_was_undone_is_tried_again_only_when_asked():
    operator = promoted(Setting(), rollout_spec(), "B")
    operator.world.ask(Verb.UNDO)
    finish(operator, until_s=LONG_S * 2)
    operator.run(operator.world.now_s + 600)
    assert operator.status.stable_revision == "A"
    operator.world.ask(Verb.RETRY)
    finish(operator, until_s=LONG_S * 3)
    assert operator.status.stable_revision == "B"


# ---------------------------------------------------------------- fast track


@pytest.mark.parametrize(("revisions", "phases"), [(0, True), (1, False), (2, False)])
def test_a_proven_revision_is_released_without_phases_on_the_fast_track(revisions, phases):
    operator = promoted(Setting(), rollout_spec(), "B")
    operator.edit(fast_track=FastTrack(revisions=revisions))
    operator.watch.passing.phases_seen.clear()
    retarget(operator, "A")
    finish(operator, until_s=LONG_S * 2)
    assert operator.status.stable_revision == "A"
    assert bool(operator.watch.passing.phases_seen) == phases
    assert operator.world.failed == 0


def test_the_fast_track_keeps_the_guards_on():
    operator = promoted(Setting(), rollout_spec(), "B")
    operator.edit(fast_track=FastTrack(revisions=1))
    goes_bad(operator, "A")
    retarget(operator, "A")
    finish(operator, until_s=LONG_S * 2)
    assert (operator.status.state, operator.status.stable_revision) == ("Reverted", "B")
    assert operator.status.last_run.reason == "GuardBreached"


@pytest.mark.parametrize(("revisions", "phases"), [(1, True), (2, False)])
def test_only_the_last_revisions_are_on_the_fast_track(revisions, phases):
    operator = promoted(Setting(), rollout_spec(), "B", "C")
    operator.edit(fast_track=FastTrack(revisions=revisions))
    operator.watch.passing.phases_seen.clear()
    retarget(operator, "A")
    finish(operator, until_s=LONG_S * 3)
    assert operator.status.stable_revision == "A"
    assert bool(operator.watch.passing.phases_seen) == phases


def test_an_undo_gets_through_while_the_provider_is_down():
    operator = promoted(Setting(), rollout_spec(), "B")
    operator.run(operator.world.now_s + 400.0)
    back_s = operator.world.now_s + 300.0
    operator.world.setting = replace(operator.world.setting, provider_down=((0.0, back_s),))
    operator.world.ask(Verb.UNDO)
    operator.run(operator.world.now_s + 15.0)
    assert operator.world.routes.weights == (100,)
    assert operator.world.routes.canary == "A"
    finish(operator, until_s=LONG_S * 2)
    went_back(operator)
