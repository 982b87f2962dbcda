from datetime import timedelta

import pytest

from tests.core.scenes import NOW, Case, ago, in_phase, read, spec
from tidegate.api.phases import Phase
from tidegate.api.status import PauseStatus, PhaseStatus
from tidegate.core.decision import SetWeight
from tidegate.core.observation import Problem

PAUSE = PauseStatus(by="ben", reason="lunch", at=ago(60))
NOTHING = {"guard/0": (read(1, None),)}
"""A guard without data: the phase cannot pass, and nothing speaks for a revert."""


def counted(since_s: float | None, then: str | None = None, **fields: object) -> Case:
    """Phase ten with a deadline of 100 s that counts since then, and nothing measured."""
    phase = Phase(name="ten", weight=10, hold_s=60.0, deadline_s=100.0, on_timeout=then)
    entered = PhaseStatus(index=0, name="ten", entered_at=ago(300), started_at=ago(280))
    case = in_phase(spec=spec(phases=(phase, Phase(name="half", weight=50))), readings=NOTHING)
    since = None if since_s is None else ago(since_s)
    return case.status_with(deadline_since=since, phase=entered).with_(**fields)


@pytest.mark.parametrize("then", [None, "hold"])
def test_a_late_phase_holds_says_so_once_and_goes_on_once_it_passes(then):
    late = counted(100, then)
    first = late.decided()
    assert first.effect is None
    assert first.status.phase.timed_out_at == NOW
    assert [note.reason for note in first.notes] == ["PhaseDeadlineExceeded"]
    assert first.status.run.history[-1].reason == "PhaseDeadlineExceeded"
    second = late.with_(status=first.status).decided()
    assert second.notes == ()
    assert second.status.message.startswith("phase ten is over its deadline of 1m40s: phase ten")
    passing = late.with_(status=second.status, readings={"guard/0": (read(1, 0.0),)}).decided()
    assert passing.status.phase.name == "half"
    assert passing.status.phase.timed_out_at is None


def test_a_phase_is_not_late_before_its_deadline_and_is_looked_at_when_it_ends():
    decision = counted(99.5).decided()
    assert decision.notes == ()
    assert decision.status.phase.timed_out_at is None
    assert decision.wake_at == NOW + timedelta(seconds=0.5)


def test_a_late_phase_that_reverts_goes_back_at_once():
    decision = counted(100, "revert").decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.last_run.reason == "PhaseDeadlineExceeded"
    assert decision.status.last_run.message == (
        "phase ten did not pass within its deadline of 1m40s"
    )
    assert decision.status.deadline_since is None


def test_a_late_phase_that_pauses_waits_for_a_person_who_gives_it_as_long_again():
    late = counted(100, "pause")
    paused = late.decided().status
    assert paused.pause.by == "deadline of phase ten"
    after = late.with_(status=paused).decided().status
    assert after.deadline_since is None
    resumed = late.with_(status=after.model_copy(update={"pause": None})).decided()
    assert resumed.status.deadline_since == NOW
    assert resumed.status.pause is None


@pytest.mark.parametrize("then", ["hold", "revert", "pause"])
@pytest.mark.parametrize("by", ["action", "spec"])
def test_no_time_counts_while_people_pause_it(then, by):
    case = counted(500, then)
    case = (
        case.status_with(pause=PAUSE)
        if by == "action"
        else case.with_(spec=case.spec.model_copy(update={"paused": True}))
    )
    decision = case.decided()
    assert decision.status.run is not None
    assert decision.status.deadline_since is None
    assert decision.status.phase.timed_out_at is None


def test_a_pause_takes_back_that_the_phase_was_late():
    late = counted(100)
    said = late.with_(status=late.decided().status).status_with(pause=PAUSE).decided()
    assert said.status.phase.timed_out_at is None


def test_a_longer_deadline_takes_it_back_too():
    late = counted(100)
    longer = late.spec.phases[0].model_copy(update={"deadline_s": 200.0})
    edited = late.with_(status=late.decided().status, spec=spec(phases=(longer,))).decided()
    assert edited.status.phase.timed_out_at is None


def test_bad_input_is_said_and_never_moves_traffic_even_when_the_time_is_over():
    problem = Problem("RouteNotFound", "VirtualService shop has no route primary")
    decision = counted(100, "revert", problems=(problem,)).decided()
    assert decision.effect is None
    assert decision.status.run is not None
    assert decision.status.state == "Invalid"


def test_each_phase_has_its_own_time():
    spent = counted(90, readings={"guard/0": (read(1, 0.0),)})
    half = Phase(name="half", weight=50, deadline_s=5.0)
    moved = spent.with_(spec=spec(phases=(spent.spec.phases[0], half))).decided().status
    assert moved.phase.name == "half"
    assert moved.deadline_since == NOW


def test_a_deadline_that_is_set_in_the_middle_counts_from_when_it_is_seen():
    assert counted(None).decided().status.deadline_since == NOW


def test_a_phase_without_a_deadline_takes_as_long_as_it_takes():
    decision = in_phase(readings=NOTHING).decided(NOW + timedelta(days=30))
    assert decision.status.deadline_since is None
    assert decision.status.run is not None
