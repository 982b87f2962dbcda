"""Guards of one phase: they stand in for the Rollout's on the same metric while it is on."""

import pytest

from tests.core.scenes import ago, error_guard, in_phase, read, spec
from tidegate.api.checks import Gate
from tidegate.api.phases import Phase
from tidegate.api.status import PhaseStatus, Stage
from tidegate.core.decision import SetWeight

TIGHT = error_guard().model_copy(update={"max": 0.001})
LOOSE = error_guard().model_copy(update={"max": 0.5})
SLOW = error_guard().model_copy(update={"metric": "latency", "max": 0.2})
WELL = {"guard/0": (read(1, 0.0),), "guard/0/0": (read(1, 0.0),)}


def guarded(*guards, weight=10):
    """Phase ten with those guards, and a last phase without."""
    ten = Phase(name="ten", weight=weight, hold_s=60.0, guards=guards)
    return spec(phases=(ten, Phase(name="half", weight=50)))


def test_a_tighter_bound_of_the_phase_sends_back_what_the_usual_one_lets_pass():
    readings = {"guard/0": (read(1, 0.005),), "guard/0/0": (read(1, 0.005),)}
    assert in_phase(spec=spec(), readings=readings).decided().status.run is not None
    decision = in_phase(spec=guarded(TIGHT), readings=readings).decided()
    assert decision.effect == SetWeight("shop", 0)
    expected = "guard errors is 0.005, must be <= 0.001 (failed 1 of 1; critical)"
    assert decision.status.last_run.message == expected


def test_a_looser_bound_of_the_phase_keeps_what_the_usual_one_would_send_back():
    readings = {"guard/0": (read(1, 0.25),), "guard/0/0": (read(1, 0.25),)}
    assert in_phase(spec=guarded(LOOSE), readings=readings).decided().status.run is not None
    assert in_phase(spec=spec(), readings=readings).decided().status.run is None


def test_a_guard_on_another_metric_is_on_beside_the_usual_ones():
    well = {"guard/0": (read(1, 0.0),), "guard/0/0": (read(1, 0.0),)}
    case = in_phase(spec=guarded(SLOW))
    assert [check.id for check in case.decided().status.checks] == ["guard/0", "guard/0/0"]
    for bad in well:
        decision = case.with_(readings=well | {bad: (read(1, 0.9),)}).decided()
        assert decision.status.last_run.outcome == "Reverted"


@pytest.mark.parametrize("at_stage", [Stage.PREPARING, Stage.PROMOTING])
def test_outside_its_phase_the_usual_guard_judges(at_stage):
    readings = {"guard/0": (read(1, 0.0),), "guard/0/0": (read(1, 0.25),)}
    case = in_phase(stage=at_stage, spec=guarded(TIGHT), readings=readings)
    assert case.decided().status.run is not None
    readings = {"guard/0": (read(1, 0.25),), "guard/0/0": (read(1, 0.0),)}
    assert case.with_(readings=readings).decided().status.run is None


def test_readings_of_the_usual_guard_are_none_of_the_phase_s():
    """A weight rises only on an answer to the question of this phase."""
    only_usual = {"guard/0": (read(1, 0.0),)}
    case = in_phase(spec=guarded(LOOSE), readings=only_usual, weights=(0,)).status_with(
        canary_ready_since=ago(600),
        phase=PhaseStatus(index=0, name="ten", entered_at=ago(1)),
    )
    decision = case.decided()
    assert decision.effect is None
    assert "guard errors was not read yet" in decision.status.message
    assert [ask.check_id for ask in decision.asks if ask.check_id] == ["guard/0/0"]
    assert case.with_(readings=WELL).decided().effect == SetWeight("shop", 10)


def test_a_phase_does_not_end_while_its_own_guard_does_not_pass():
    readings = {"guard/0": (read(1, 0.0),), "guard/0/0": (read(1, 0.9),)}
    holding = error_guard(then="hold").model_copy(update={"max": 0.001})
    case = in_phase(spec=guarded(holding), readings=readings)
    decision = case.decided()
    assert decision.status.phase.name == "ten"
    assert "guard errors is fail" in decision.status.message
    assert case.with_(readings=WELL).decided().status.phase.name == "half"


def test_before_the_first_traffic_the_guards_of_all_phases_are_tried():
    """A query that the provider refuses is found before any request is at stake."""
    phases = (
        Phase(name="ten", weight=10, guards=(SLOW,)),
        Phase(name="half", weight=50, guards=(TIGHT,), gates=(Gate(metric="errors", max=0.1),)),
    )
    case = in_phase(stage=Stage.PREPARING, spec=spec(phases=phases), weights=(0,), readings={})
    asked = {ask.check_id for ask in case.decided().asks if ask.check_id}
    assert asked == {"guard/0", "guard/0/0", "guard/1/0", "gate/1/0"}


def test_a_pause_of_a_phase_s_guard_names_it():
    pausing = error_guard(then="pause").model_copy(update={"max": 0.001})
    readings = {"guard/0": (read(1, 0.005),), "guard/0/0": (read(1, 0.005),)}
    decision = in_phase(spec=guarded(pausing), readings=readings).decided()
    assert decision.effect is None
    assert decision.status.pause.by == "guard errors"
    assert "must be <= 0.001" in decision.status.message
