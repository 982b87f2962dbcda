"""Evidence is kept as long as it is about the same thing, and no guard hides another."""

import pytest

from tests.core.gallery_runs import LONG_GATE
from tests.core.scenes import ago, error_guard, in_phase, read, spec
from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.status import Stage
from tidegate.core.decision import SetWeight


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({}, True),
        ({"bound": "<= 0.5"}, False),  # it was measured against another bound
        ({"metric": "latency"}, False),
        ({"measured_at": ago(291)}, False),  # before the canary selected this revision
        ({"measured_at": ago(60)}, False),  # nobody watched for too long
        ({"passing_since": ago(50)}, False),
    ],
)
def test_what_a_gate_has_behind_it_survives_a_restart(changes, passes):
    known = CheckStatus(
        id="gate/0/0",
        kind="gate",
        metric="errors",
        verdict=Verdict.PASS,
        bound="<= 0.005",
        measured_at=ago(5),
        passing_since=ago(70),
    ).model_copy(update=changes)
    readings = {"guard/0": (read(1, 0.0),), "gate/0/0": (read(1, 0.001),)}
    case = in_phase(spec=LONG_GATE, readings=readings).status_with(checks=(known,))
    assert (case.decided().status.run.stage is Stage.PROMOTING) is passes


@pytest.mark.parametrize("first", [(), (read(60, 0.5),), (read(1, 0.0),), (read(1, None),)])
def test_no_guard_hides_the_breach_of_another(first):
    guards = (error_guard(), error_guard())
    readings = {"guard/0": first, "guard/1": (read(1, 0.5),)}
    decision = in_phase(spec=spec(guards=guards), readings=readings).decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.run is None
