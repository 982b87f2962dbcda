"""Tests in scorecards: a member says what its evidence says, and is missing until that is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.scenes import Case, ago, in_phase, read, spec
from tests.core.trials import GOOD, RUINOUS, TWICE, trial, window, windows
from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.checks import Gate, Guard, Metric
from tidegate.api.phases import Phase
from tidegate.api.rollout import RolloutSpec
from tidegate.api.scorecards import Member, Scorecard
from tidegate.api.status import RolloutStatus
from tidegate.core.alpha import own_tests
from tidegate.core.decision import SetWeight
from tidegate.core.observation import Answer, Reading
from tidegate.core.storing import intent_changed

GUARD, GATE = Guard(scorecard="health"), Gate(scorecard="health")


def scored(*bounds: Guard | Gate, coverage: int = 100, critical: bool = False) -> RolloutSpec:
    """A score of errors by a test (60) and latency by a limit (40); 90 is enough."""
    members = (
        Member(metric="errors", weight=60, compare=trial(margin=1.5), critical=critical),
        Member(metric="latency", weight=40, max=0.5),
    )
    gates = tuple(one for one in bounds if isinstance(one, Gate))
    return spec(
        metrics=tuple(
            Metric(name=name, template="istio-error-rate") for name in ["errors", "latency"]
        ),
        scorecards=(Scorecard(name="health", pass_mark=90, coverage=coverage, members=members),),
        guards=tuple(one for one in bounds if isinstance(one, Guard)),
        phases=(
            Phase(name="ten", weight=10, hold_s=60.0, gates=gates),
            Phase(name="half", weight=50),
        ),
    )


def measured(
    check_id: str, errors: tuple[Reading, ...], latency: float = 0.1
) -> dict[str, tuple[Reading, ...]]:
    """What was read of both members, always at the same moments."""
    other = tuple(replace(read(1, latency), at=one.at) for one in errors)
    return {f"{check_id}:errors": errors, f"{check_id}:latency": other}


def guarded(errors: tuple[Reading, ...], latency: float = 0.1, **card: object) -> Case:
    """A run under a guard on the score."""
    return in_phase(spec=scored(GUARD, **card), readings=measured("guard/0", errors, latency))


def gated(errors: tuple[Reading, ...], latency: float = 0.1, **card: object) -> Case:
    """A run whose phase has a gate on the score."""
    return in_phase(spec=scored(GATE, **card), readings=measured("gate/0/0", errors, latency))


def check(status: RolloutStatus) -> CheckStatus:
    """The only check."""
    (found,) = status.checks
    return found


def test_a_gate_waits_while_the_test_of_a_member_has_not_decided():
    status = gated(windows(5, GOOD)).decided().status
    assert (check(status).verdict, check(status).value) == (Verdict.UNDECIDED, None)
    assert status.message == "phase ten waits: gate health is undecided, must pass"
    assert "errors is undecided: " in check(status).detail
    assert "not 5, weight 60" in check(status).detail


def test_a_gate_passes_once_the_test_of_the_member_does():
    decided = gated(windows(27, GOOD)).decided().status
    assert (check(decided).verdict, check(decided).value) == (Verdict.PASS, 100)
    assert decided.phase.name == "half"


def test_a_release_that_is_worse_passes_no_gate_by_the_rest_of_its_score():
    for count in (5, 27):
        status = gated(windows(count, TWICE)).decided().status
        assert check(status).verdict is Verdict.UNDECIDED
        assert status.phase.name == "ten"


@pytest.mark.parametrize("critical", [False, True])
def test_what_a_score_does_without_an_undecided_test_is_for_its_coverage_to_say(critical):
    status = gated(windows(5, GOOD), coverage=40, critical=critical).decided().status
    assert check(status).verdict is (Verdict.UNDECIDED if critical else Verdict.PASS)
    assert check(status).value == (None if critical else 100)


def test_a_guard_sends_back_by_what_the_test_has_shown_and_stores_that_first():
    first = guarded(windows(6, RUINOUS)).decided()
    assert (first.effect, check(first.status).verdict) == (None, Verdict.FAIL)
    assert intent_changed(RolloutStatus(), first.status)
    then = guarded(windows(6, RUINOUS)).decided_next()
    assert then.effect == SetWeight("shop", 0)
    said = then.status.last_run.message
    assert said.startswith("guard health is 40, must be >= 90 of 100 ")
    assert "errors (must be <= 1.5 x stable (sequential)) fails: " in said
    assert "worse than 1.5 times is shown" in said


def test_a_score_that_fails_by_a_plain_member_waits_for_no_evidence():
    decided = guarded(windows(20, GOOD), latency=3.0).decided()
    assert decided.effect == SetWeight("shop", 0)
    assert decided.status.run is None


def test_before_the_least_number_of_windows_a_guard_holds_and_sends_nothing_back():
    status = guarded(windows(5, RUINOUS)).decided().status
    assert check(status).verdict is Verdict.UNDECIDED
    assert status.phase.name == "ten"


def test_a_process_that_starts_anew_goes_on_with_the_evidence_of_members():
    before = guarded(windows(6, RUINOUS)).decided().status
    after = guarded(windows(1, RUINOUS)).with_(status=before).decided()
    assert after.status.run is None
    passed = guarded(windows(9, GOOD)).decided().status
    again = guarded(windows(1, GOOD)).with_(status=passed).decided().status
    assert (check(again).verdict, check(again).value) == (Verdict.PASS, 100)


def test_a_member_passes_only_since_its_test_says_so():
    """Else a gate would count the rounds of before as passed by what is known now."""
    for_long = GATE.model_copy(update={"for_s": 60.0})
    case = in_phase(spec=scored(for_long), readings=measured("gate/0/0", windows(27, GOOD)))
    status = case.decided().status
    assert check(status).passing_since == ago(1)
    assert status.phase.name == "ten"


def test_each_guard_and_gate_on_a_score_has_a_test_of_its_own_and_all_share():
    both = scored(GUARD, GATE)
    assert [one.id for one in own_tests(both)] == ["guard/0:errors", "gate/0/0:errors"]
    readings = measured("guard/0", windows(9, GOOD)) | measured("gate/0/0", windows(9, GOOD))
    status = in_phase(spec=both, readings=readings).decided().status
    assert [one.id for one in status.evidence] == ["guard/0:errors", "gate/0/0:errors"]
    assert all("of 40)" in one.detail for one in status.checks)
    assert "not worse than 1.5 times" in status.checks[1].detail


def test_a_window_without_requests_takes_nothing_away_that_a_member_has_shown():
    empty = replace(read(1, None), stable=read(1, None))
    status = gated((*windows(27, GOOD)[:-1], empty)).decided().status
    assert check(status).verdict is Verdict.PASS


@pytest.mark.parametrize("count", [1, 27])
def test_a_member_that_is_no_share_of_requests_is_an_error_and_named(count):
    errors = (*windows(count, GOOD)[:-1], window(1, 7.0))
    status = gated(errors).decided().status
    assert check(status).verdict is Verdict.ERROR
    assert "7 is no share of requests" in check(status).detail


@pytest.mark.parametrize("answer", [Answer.ERROR, Answer.REFUSED])
def test_a_member_that_cannot_be_asked_is_an_error_whatever_was_shown(answer):
    errors = (*windows(27, GOOD)[:-1], Reading(ago(1), answer, detail="no"))
    status = gated(errors).decided().status
    assert check(status).verdict is Verdict.ERROR
    assert status.phase.name == "ten"


def test_the_evidence_says_what_the_member_says_and_since_when():
    (entry,) = guarded(windows(9, GOOD)).decided().status.evidence
    assert (entry.id, entry.verdict, entry.since) == ("guard/0:errors", Verdict.PASS, ago(1))
    assert "worse than 1.5 times is not shown" in entry.said


def test_a_member_that_looks_once_decides_at_the_end_of_the_hold():
    once = scored(GATE)
    (card,) = once.scorecards
    first, second = card.members
    welch = first.model_copy(update={"compare": trial(test="welch", margin=1.5)})
    card = card.model_copy(update={"members": (welch, second)})
    once = once.model_copy(update={"scorecards": (card,)})
    few, enough = (
        windows(9, GOOD),
        tuple(window(1 + 10 * p, GOOD + p * 1e-5) for p in range(19, -1, -1)),
    )
    for errors, verdict in ((few, Verdict.UNDECIDED), (enough, Verdict.PASS)):
        status = in_phase(spec=once, readings=measured("gate/0/0", errors)).decided().status
        assert check(status).verdict is verdict
