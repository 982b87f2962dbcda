"""Shares of requests that are not as asked: told, and gates with a test wait; guards do not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import ago, counted, in_phase, read, spec
from tests.core.trials import GATED, GOOD, PATIENT, RUINOUS, gated, guarded, windows
from tidegate.api.check_status import Verdict
from tidegate.api.checks import Gate
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
