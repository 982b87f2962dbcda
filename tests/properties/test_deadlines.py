"""A phase that may take only so long: under every lag, after any crash, whatever it then does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    RELEASE_S,
    deployed,
    examples,
    finish,
    matching,
    release,
    rollout_spec,
    settings_of,
    some_of,
)
from tests.properties.world import Setting
from tidegate.api.actions import Verb
from tidegate.api.phases import Phase

NO_DATA = Setting(no_data=((RELEASE_S, 1e9),))
"""Nothing is ever measured, so that no phase with traffic passes."""


def deadline_spec(then, deadline_s=20.0):
    phase = Phase(name="ten", weight=10, hold_s=5.0, deadline_s=deadline_s, on_timeout=then)
    return rollout_spec(phases=(phase, Phase(name="half", weight=50)))


@examples(20)
@given(
    setting=settings_of(),
    deadline_s=st.sampled_from([120.0, 400.0]),
    then=st.none() | st.just("revert"),
)
def test_a_good_release_with_time_enough_never_notices(setting, deadline_s, then):
    operator = deployed(setting, matching(setting, deadline_spec(then, deadline_s)))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0, operator.world.failures[:3]
    assert "PhaseDeadlineExceeded" not in [note.reason for note in operator.notes]


def test_a_late_phase_reverts_on_time_and_no_request_fails():
    operator = deployed(NO_DATA, deadline_spec("revert"))
    release(operator)
    operator.run(
        1e9, stop=lambda op: op.status.phase is not None and op.status.run.stage == "Phase"
    )
    entered_s = operator.world.now_s
    operator.run(1e9, stop=lambda op: op.status.run is None)
    assert operator.world.now_s == pytest.approx(entered_s + 20, abs=0.2)
    finish(operator)
    assert operator.status.last_run.reason == "PhaseDeadlineExceeded"
    assert operator.status.reverted_revision == "B"
    assert operator.world.failed == 0


def _ended(then, crashes=frozenset()):
    operator = deployed(NO_DATA, deadline_spec(then))
    operator.crash_after = crashes
    release(operator)
    operator.run(RELEASE_S + 45)
    status = operator.status
    said = [entry.reason for entry in status.run.history] if status.run else []
    last = status.last_run.reason if status.last_run else ""
    paused = status.pause.by if status.pause else ""
    return operator, (last, paused, said.count("PhaseDeadlineExceeded"), operator.world.routes)


@pytest.mark.parametrize("then", ["hold", "revert", "pause"])
def test_a_crash_after_any_write_changes_nothing_about_what_a_deadline_does(then):
    whole, end = _ended(then)
    for write in some_of(range(1, whole.writes + 1)):
        crashed, same = _ended(then, frozenset({write}))
        assert same == end, f"crash after write {write}"
        assert crashed.world.failed == 0


@pytest.mark.parametrize("then", ["hold", "revert", "pause"])
def test_a_pause_of_a_person_is_not_counted(then):
    operator = deployed(NO_DATA, deadline_spec(then))
    release(operator)
    operator.at(RELEASE_S + 15, lambda op: op.world.ask(Verb.PAUSE) and None)
    operator.run(RELEASE_S + 600)
    assert operator.status.run is not None
    assert operator.status.pause.by == "ann"
    operator.world.ask(Verb.RESUME)
    operator.run(RELEASE_S + 615)
    assert operator.status.phase.timed_out_at is None
    operator.run(RELEASE_S + 625)
    done = (
        operator.status.phase is None or operator.status.phase.timed_out_at or operator.status.pause
    )
    assert done
