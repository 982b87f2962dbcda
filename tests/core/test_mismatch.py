"""Shares of requests that are not as asked: told, and gates with a test wait; guards do not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import NOW, ago, counted, in_phase, read, spec
from tests.core.trials import GATED, GOOD, PATIENT, RUINOUS, gated, guarded, windows
from tidegate.api.check_status import Verdict
from tidegate.api.checks import Gate
from tidegate.api.compare import Compare
from tidegate.api.phases import Phase
from tidegate.api.status import Stage
from tidegate.core.observation import TrafficReading

RIGHT, WRONG = counted(A=9000, B=1000), counted(A=7000, B=3000)
SILENT = counted(A=9, B=1)
SHOWN = windows(28, GOOD)


def verdict(case):
    (check,) = case.decided().status.checks
    return check.verdict


def told(decision):
    return [note.message for note in decision.notes if note.reason == "SampleRatioMismatch"]


def test_a_gate_with_a_test_waits_while_the_shares_are_not_as_asked():
    assert verdict(gated(SHOWN).with_(traffic=RIGHT)) is Verdict.PASS
    case = gated(SHOWN).with_(traffic=WRONG)
    decision = case.decided()
    (check,) = decision.status.checks
    assert check.verdict is Verdict.UNDECIDED
    assert check.detail.endswith("so nothing is concluded")
    assert "gate errors is undecided" in decision.status.message


def test_it_is_told_once_and_ends_when_the_shares_are_right_again():
    case = gated(SHOWN).with_(traffic=WRONG)
    first = case.decided()
    (message,) = told(first)
    assert message.startswith("the canary got 3000 of 10000 requests, 10 % are asked for")
    again = case.with_(status=first.status)
    second = again.decided()
    assert not told(second)
    silent = again.with_(status=second.status, traffic=SILENT).decided()
    since = silent.status.traffic.mismatch_since
    assert since is not None
    assert since == first.status.traffic.mismatch_since
    right = again.with_(status=silent.status, traffic=RIGHT).decided()
    assert right.status.traffic.mismatch_since is None


@pytest.mark.parametrize(
    ("traffic", "wrong"),
    [
        (WRONG, True),
        (counted(A=10_000, B=0), True),
        (counted(A=100, B=0), True),
        (RIGHT, False),
        (SILENT, False),
        (None, False),
        (replace(WRONG, at=ago(1000)), False),
        (replace(WRONG, window_s=1000.0), False),
        (TrafficReading(ago(0), 5.0, error="down"), False),
    ],
)
def test_only_a_whole_window_of_the_phase_tells(traffic, wrong):
    decision = gated(()).with_(traffic=traffic).decided()
    assert (decision.status.traffic.mismatch_since is not None) == wrong


@pytest.mark.parametrize("at_stage", [Stage.PREPARING, Stage.PROMOTING])
def test_outside_a_phase_no_share_is_asked_for(at_stage):
    case = in_phase(stage=at_stage, spec=GATED, traffic=WRONG)
    assert case.decided().status.traffic.mismatch_since is None


@pytest.mark.parametrize("weights", [(0,), (30,), (10, 30)])
def test_weights_that_somebody_changed_are_no_mismatch(weights):
    case = gated(()).with_(traffic=WRONG)
    assert case.decided().status.traffic.mismatch_since is not None
    assert case.with_(weights=weights).decided().status.traffic.mismatch_since is None


def test_a_guard_with_a_test_sends_back_whatever_the_shares():
    ruinous = windows(28, RUINOUS)
    for traffic in (RIGHT, WRONG):
        assert guarded(ruinous).with_(traffic=traffic).decided().status.checks[0].verdict is (
            Verdict.FAIL
        )


def test_a_gate_without_a_test_is_judged_as_ever():
    plain = Phase(name="ten", weight=10, hold_s=60.0, gates=(Gate(metric="errors", max=0.5),))
    case = in_phase(
        spec=spec(guards=(), phases=(plain,)),
        readings={"gate/0/0": (read(1, 0.1),)},
        traffic=WRONG,
    )
    assert verdict(case) is Verdict.PASS


@PATIENT
@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_no_share_makes_more_pass_than_the_right_one(stable, canary):
    """A hold is all that a mismatch can do."""
    case = gated(SHOWN).with_(traffic=counted(A=stable, B=canary))
    decision = case.decided()
    assert verdict(case) in (Verdict.PASS, Verdict.UNDECIDED)
    if decision.status.traffic.mismatch_since is not None:
        assert verdict(case) is Verdict.UNDECIDED


ONCE = Compare.model_validate({"to": "stable", "test": "welch", "margin": 1.5})
SEQUENTIAL = GATED.phases[0].gates[0].compare


def wrong_until_now(compare):
    """A gate that waits since the shares went wrong 250 s ago, in a phase of 280 s."""
    gate = GATED.phases[0].gates[0].model_copy(update={"compare": compare})
    phases = (GATED.phases[0].model_copy(update={"gates": (gate,)}),)
    case = gated(()).with_(spec=GATED.model_copy(update={"phases": phases}), traffic=WRONG)
    traffic = case.status.traffic.model_copy(update={"mismatch_since": ago(250)})
    return case.status_with(traffic=traffic).with_(readings={"gate/0/0": SHOWN})


@pytest.mark.parametrize("compare", [SEQUENTIAL, ONCE])
def test_what_a_gate_sees_while_the_shares_are_wrong_is_no_evidence_afterwards_either(compare):
    case = wrong_until_now(compare)
    wrong = case.decided().status
    assert all(one.until <= ago(250) and one.look is None for one in wrong.evidence)
    right = case.with_(status=wrong, traffic=RIGHT).decided().status
    assert right.traffic.mismatch_until == NOW
    assert right.evidence == wrong.evidence
    assert right.checks[0].verdict is not Verdict.PASS
    later = case.with_(status=right, traffic=RIGHT).decided().status
    assert later.evidence == wrong.evidence
    assert later.phase is not None


def test_what_a_gate_sees_after_the_shares_are_right_again_counts():
    case = wrong_until_now(SEQUENTIAL)
    right = case.with_(status=case.decided().status, traffic=RIGHT).decided().status
    ended = right.traffic.model_copy(update={"mismatch_until": ago(275)})
    case = case.with_(traffic=RIGHT, status=right.model_copy(update={"traffic": ended}))
    assert verdict(case) is Verdict.PASS
