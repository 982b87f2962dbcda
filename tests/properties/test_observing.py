"""`mode: observe`: metrics tell what they would have done, and do nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    RELEASE_S,
    baked,
    deployed,
    examples,
    finish,
    gate,
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
from tests.properties.world import Setting
from tidegate.api.actions import Verb

BAD = Setting(bad=frozenset({"B"}))
GATED = (phase("ten", 10, hold_s=4.0, gates=(gate(),)), phase("half", 50, hold_s=4.0))


def observing(**fields):
    """A spec that only observes."""
    return rollout_spec(**fields).model_copy(update={"mode": "observe"})


def told(operator):
    """Reason and object of everything that was overlooked, as it was told."""
    return [
        (entry.reason, entry.what)
        for entry in operator.status.last_run.history
        if entry.reason.startswith("Would")
    ]


@pytest.mark.parametrize(
    ("then", "reason"),
    [("revert", "WouldRevert"), ("pause", "WouldPause"), ("hold", "WouldHold")],
)
def test_a_bad_release_is_promoted_and_what_speaks_against_it_is_told_once(then, reason):
    operator = deployed(BAD, observing(phases=GATED, guards=(guard(then=then),)))
    release(operator)
    finish(operator)
    last = operator.status.last_run
    assert (last.outcome, operator.status.stable_revision) == ("Promoted", "B")
    assert told(operator).count((reason, "guard/0")) == 1
    assert ("WouldHold", "phase/ten") in told(operator)
    events = [note.reason for note in operator.notes if note.reason.startswith("Would")]
    assert len(events) == len(told(operator)) == len(set(told(operator)))
    assert "mode observe overlooked guard/0" in last.message


def test_a_good_release_is_as_ever_and_nothing_is_told():
    operator = deployed(Setting(), observing(phases=GATED))
    release(operator)
    finish(operator)
    assert operator.status.last_run.outcome == "Promoted"
    assert told(operator) == []
    assert "overlooked" not in operator.status.last_run.message


@examples(40)
@given(setting=settings_of(), spec=rollouts(), down=st.booleans())
def test_neither_errors_nor_a_provider_that_is_gone_change_how_a_release_goes(setting, spec, down):
    setting = with_bad(setting, "B")
    if down:
        setting = replace(setting, provider_down=((RELEASE_S + 4, RELEASE_S + 90),))
    spec = matching(setting, spec).model_copy(update={"mode": "observe"})
    operator = deployed(setting, spec)
    release(operator)
    finish(operator)
    assert operator.status.last_run.outcome == "Promoted"


def test_blindness_is_told_and_sends_nothing_back():
    spec = observing(phases=(phase("ten", 10, hold_s=180.0),))
    spec = spec.model_copy(update={"blind": spec.blind.model_copy(update={"then": "revert"})})
    operator = deployed(Setting(provider_down=((RELEASE_S + 20, RELEASE_S + 300),)), spec)
    release(operator)
    finish(operator)
    assert operator.status.last_run.outcome == "Promoted"
    assert ("WouldRevert", "blind") in told(operator)


def test_people_still_can_send_it_back():
    operator = deployed(BAD, observing(phases=GATED))
    release(operator)
    operator.run(RELEASE_S + 8)
    operator.world.ask(Verb.ABORT)
    finish(operator)
    assert operator.status.last_run.reason == "Aborted"
    assert operator.status.stable_revision == "A"


def test_pods_that_never_get_ready_still_end_the_run():
    operator = deployed(Setting(never_ready=frozenset({"B"})), observing())
    release(operator)
    finish(operator)
    assert operator.status.last_run.reason == "ProgressDeadlineExceeded"


def test_once_it_is_enforced_a_breach_that_is_still_there_sends_back():
    operator = deployed(BAD, observing(phases=(phase("ten", 10, hold_s=60.0),)))
    release(operator)
    operator.run(RELEASE_S + 30)
    assert operator.status.run.overlooked == ("guard/0",)
    operator.edit(mode="enforce")
    finish(operator)
    assert operator.status.last_run.reason == "GuardBreached"


def test_a_bake_ends_in_time_whatever_its_guards_say():
    operator = deployed(BAD, baked(observing(phases=()), 30.0))
    release(operator)
    finish(operator)
    assert operator.status.last_run.reason == "BakePassed"
    assert operator.status.stable_revision == "B"


@pytest.mark.parametrize("write", some_of(range(1, 40)))
def test_a_crash_after_any_write_tells_nothing_twice(write):
    operator = deployed(BAD, observing(phases=GATED))
    operator.crash_after = frozenset({write})
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert len(told(operator)) == len(set(told(operator)))
