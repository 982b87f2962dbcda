"""A sequential test passes, trips and holds on windows that count once."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import NOW, ago, read
from tests.core.trials import (
    GATE,
    GATED,
    GOOD,
    GUARD,
    INTERVAL_S,
    PATIENT,
    REQUESTS,
    RUINOUS,
    TESTED,
    TWICE,
    counted,
    evidence,
    gated,
    guarded,
    held,
    trial,
    verdict,
    window,
    windows,
)
from tidegate.api.check_status import Verdict
from tidegate.api.checks import Gate, Guard
from tidegate.api.compare import Compare
from tidegate.api.status import RolloutStatus
from tidegate.core.decision import SetWeight
from tidegate.core.observation import Answer, Reading
from tidegate.core.storing import intent_changed
from tidegate.core.testing import Trial
from tidegate.core.verdicts import bound_text, judge
from tidegate.core.weighing import plan_of


@pytest.mark.parametrize("rate", [TWICE, RUINOUS])
def test_a_release_that_is_worse_is_sent_back_with_the_evidence_in_words(rate):
    decision = guarded(windows(20, rate)).decided_next()
    assert decision.status.run is None
    assert decision.reason == "GuardBreached"
    said = decision.status.last_run.message
    assert "guard errors must be <= 1.2 x stable (sequential)" in said
    assert "worse than 1.2 times is shown (evidence" in said


def test_a_release_as_good_as_stable_passes_its_guard_and_goes_on():
    decision = guarded(windows(20, GOOD)).decided()
    assert decision.status.run.stage == "Promoting"
    assert verdict(decision.status) is Verdict.PASS


def test_a_gate_passes_once_not_worse_is_shown_and_not_before():
    waits = gated(windows(5, GOOD)).decided()
    assert verdict(waits.status) is Verdict.UNDECIDED
    assert waits.status.message == "phase ten waits: gate errors is undecided, must pass"
    assert waits.status.run.stage == "Phase"
    passes = gated(windows(27, GOOD)).decided()
    assert verdict(passes.status) is Verdict.PASS
    assert passes.status.run.stage == "Promoting"


def test_a_gate_never_passes_a_release_that_is_worse():
    decision = gated(windows(27, TWICE)).decided()
    assert verdict(decision.status) is Verdict.UNDECIDED
    assert decision.status.run.stage == "Phase"


@pytest.mark.parametrize("rate", [0.0, GOOD, RUINOUS])
def test_before_the_least_number_of_windows_nothing_is_shown_and_a_guard_holds(rate):
    status = guarded(windows(5, rate)).decided().status
    assert verdict(status) is Verdict.UNDECIDED
    assert status.run.stage == "Phase"


def test_a_ruinous_release_is_sent_back_at_the_least_number_of_windows():
    assert guarded(windows(6, RUINOUS)).decided_next().status.run is None


def test_what_a_guard_has_shown_is_stored_before_the_traffic_goes_back():
    """A process that dies after the route write would else find no trace of it."""
    first = guarded(windows(6, RUINOUS)).decided()
    assert (first.effect, verdict(first.status)) == (None, Verdict.FAIL)
    assert intent_changed(RolloutStatus(), first.status)
    assert isinstance(guarded(windows(6, RUINOUS)).decided_next().effect, SetWeight)


def test_a_breach_that_is_in_the_metrics_waits_for_no_evidence():
    both = TESTED.model_copy(update={"guards": (GUARD, Guard(metric="errors", max=0.1))})
    readings = {"guard/0": windows(6, RUINOUS), "guard/1": windows(1, RUINOUS)}
    decision = guarded(()).with_(spec=both, readings=readings).decided()
    assert isinstance(decision.effect, SetWeight)
    assert decision.status.run is None


def test_a_gate_that_passed_once_does_not_pass_a_release_that_has_become_worse():
    turned = [*windows(40, GOOD)[:30], *windows(10, RUINOUS)]
    status = gated(turned).decided().status
    assert verdict(status) is Verdict.UNDECIDED
    assert "was shown, and is not shown any more" in status.checks[0].detail
    assert verdict(gated(turned[:30][-20:]).decided().status) is not Verdict.FAIL


@pytest.mark.parametrize("arm", ["canary", "stable"])
def test_a_share_without_its_number_of_requests_is_no_data(arm):
    last = window(1, RUINOUS)
    stable = replace(last.stable, samples=None) if arm == "stable" else last.stable
    samples = None if arm == "canary" else last.samples
    status = guarded([replace(last, samples=samples, stable=stable)]).decided().status
    assert verdict(status) is Verdict.NODATA
    assert status.blind_since is not None


def test_a_person_is_told_the_ratio_the_counts_the_evidence_and_what_is_missing():
    (check,) = guarded(windows(6, 0.014)).decided().status.checks
    assert check.bound == "<= 1.2 x stable (sequential)"
    assert check.detail.startswith("1.4 times stable's share (1.25 to 1.56); ")
    assert "252 of 18000 requests against 1620 of 162000; " in check.detail
    assert "worse than 1.2 times is not shown (evidence 1.53 of 20); " in check.detail
    assert check.detail.endswith("; about 25000 more canary requests needed")
    (check,) = guarded(windows(3, TWICE)).decided().status.checks
    assert check.detail.endswith("is shown after 6 windows at the earliest, not 3")


def test_a_person_is_told_that_errors_come_in_bursts():
    rates = [0.0, 0.05, 0.0, 0.0, 0.06, 0.0, 0.05, 0.0, 0.0, 0.04]
    readings = [window(1 + INTERVAL_S * p, rate) for p, rate in enumerate(reversed(rates))]
    (check,) = guarded(readings[::-1]).decided().status.checks
    assert "errors come in bursts (dispersion " in check.detail


# ---------------------------------------------------------------- which windows count


@PATIENT
@given(st.lists(st.integers(1, 260), min_size=1, max_size=60, unique=True))
def test_no_second_is_counted_twice_however_often_it_is_asked(seconds):
    readings = [window(second, GOOD, requests=1000.0) for second in sorted(seconds, reverse=True)]
    status = guarded(readings).decided().status
    span_s = max(seconds) - min(seconds) + INTERVAL_S
    assert counted(status) <= 100.0 * span_s + 1e-6
    assert evidence(status).until <= readings[-1].at


def test_windows_side_by_side_all_count_and_windows_that_overlap_do_not():
    assert counted(guarded(windows(20, GOOD)).decided().status) == 20 * REQUESTS
    assert counted(guarded(windows(20, GOOD, apart_s=9.9)).decided().status) == 10 * REQUESTS


def test_a_window_that_spans_a_change_of_the_weight_does_not_count():
    case = guarded(windows(10, GOOD))
    traffic = case.status.traffic.model_copy(update={"weight_since": ago(46)})
    assert counted(case.status_with(traffic=traffic).decided().status) == 4 * REQUESTS


@pytest.mark.parametrize("which", ["canary", "stable"])
def test_the_later_end_of_two_arms_begins_the_next_window(which):
    late = [window(31, GOOD), window(20, GOOD), window(10, GOOD)]
    if which == "canary":
        late[0] = replace(late[0], at=ago(29))
    else:
        late[0] = replace(late[0], stable=replace(late[0].stable, at=ago(29)))
    assert counted(guarded(late).decided().status) == 2 * REQUESTS


def test_windows_of_before_a_resume_do_not_count():
    case = guarded(windows(10, GOOD)).status_with(resumed_at=ago(46))
    assert counted(case.decided().status) == 4 * REQUESTS


@pytest.mark.parametrize(
    "reading",
    [
        replace(window(1, GOOD), stable=None),
        replace(window(1, GOOD), stable=read(1, None)),
        replace(window(1, GOOD), samples=None),
        replace(window(1, GOOD), samples=math.nan),
        replace(window(1, GOOD), samples=0.5),
        replace(window(1, GOOD), value=math.nan),
        replace(window(1, GOOD), answer=Answer.NODATA),
        window(1, 1.5),
        window(1, -0.1),
        window(1, GOOD, stable=2.0),
    ],
)
def test_a_window_that_lacks_a_count_of_either_arm_adds_nothing(reading):
    status = guarded([reading]).decided().status
    assert status.evidence == ()
    assert verdict(status) is not Verdict.PASS


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (window(1, 0.5, stable=1.5), "error"),
        (window(1, 7.0), "error"),
        (replace(window(1, GOOD), answer=Answer.ERROR), "error"),
        (replace(window(1, GOOD), stable=Reading(ago(1), Answer.REFUSED)), "error"),
    ],
)
def test_a_reading_that_cannot_be_counted_is_an_error_whatever_was_shown(last, said):
    for case in (gated((*windows(26, GOOD)[:-1], last)), guarded((*windows(9, GOOD)[:-1], last))):
        status = case.decided().status
        assert verdict(status) == said
        assert status.run.stage == "Phase"


def test_a_value_that_is_no_share_is_named():
    (check,) = guarded([window(1, 250.0)]).decided().status.checks
    assert check.detail.startswith("canary: 250 is no share of requests from 0 to 1")


def test_one_window_without_requests_takes_no_evidence_away_and_many_do():
    empty = replace(read(1, None), stable=read(1, None))
    assert verdict(gated((*windows(26, GOOD)[:-1], empty)).decided().status) is Verdict.PASS
    later = held((empty,)).with_(status=held(windows(26, GOOD)[:-1]).decided(ago(10)).status)
    (check,) = later.decided().status.checks
    assert (check.verdict, check.value) == (Verdict.PASS, GOOD)
    old = tuple(replace(r, at=ago(40), stable=replace(r.stable, at=ago(40))) for r in windows(1, 0))
    assert verdict(guarded((*old, empty)).decided().status) is Verdict.NODATA


def test_before_a_whole_window_of_the_phase_a_guard_is_undecided_and_holds():
    case = guarded(windows(1, GOOD))
    traffic = case.status.traffic.model_copy(update={"weight_since": ago(5)})
    decision = case.status_with(traffic=traffic).decided()
    assert verdict(decision.status) is Verdict.UNDECIDED
    assert decision.status.run.stage == "Phase"


def test_a_clock_set_back_counts_nothing_twice_and_passes_nothing():
    before = held(windows(9, GOOD)).decided().status
    ahead = evidence(before).model_copy(update={"until": ago(-3600)})
    status = before.model_copy(update={"evidence": (ahead,)})
    after = held(windows(9, GOOD)).with_(status=status).decided().status
    assert counted(after) == counted(before)
    assert verdict(after) is Verdict.UNDECIDED


def test_the_last_reading_by_itself_never_passes_a_test():
    assert judge(GATE, window(1, 0.0)) is Verdict.UNDECIDED


@pytest.mark.parametrize("tests", [1, 2, 5, 32])
def test_all_tests_of_a_run_share_one_chance_of_a_mistake(tests):
    plan = plan_of(Trial("guard/0", "", GUARD, GUARD.compare, tests))
    assert plan.alpha == pytest.approx(0.05 / tests)


def test_more_tests_ask_for_more_evidence():
    gates = tuple(GATE.model_copy(update={"compare": trial(margin=2.0 + i)}) for i in range(9))
    (phase,) = GATED.phases
    many = GATED.model_copy(
        update={"phases": (phase.model_copy(update={"gates": (GATE, *gates)}),)}
    )
    decided = gated(windows(9, GOOD)).with_(spec=many).decided()
    detail = next(check.detail for check in decided.status.checks if check.id == "gate/0/0")
    assert "of 200)" in detail


@PATIENT
@given(
    st.sampled_from(["sequential", "welch", "mann-whitney"]),
    st.one_of(st.none(), st.floats(1e-300, 1e6)),
    st.one_of(st.none(), st.floats(0, 1, exclude_min=True, exclude_max=True)),
    st.floats(),
    st.floats(),
)
def test_no_test_and_no_number_raises_or_passes_without_a_share(
    test, margin, confidence, value, samples
):
    gate = Gate(
        metric="errors",
        compare=Compare(to="stable", test=test, margin=margin, confidence=confidence),
    )
    (phase,) = GATED.phases
    asked_so = GATED.model_copy(update={"phases": (phase.model_copy(update={"gates": (gate,)}),)})
    reading = replace(window(1, GOOD), value=value, samples=samples)
    decision = gated([reading]).with_(spec=asked_so).decided()
    assert verdict(decision.status) is not Verdict.PASS


def test_a_test_reads_well_as_a_bound():
    assert bound_text(GUARD) == "<= 1.2 x stable (sequential)"


def test_a_run_that_is_only_observed_is_told_what_a_test_showed_and_goes_on():
    observed = TESTED.model_copy(update={"mode": "observe"})
    decision = guarded(windows(20, TWICE)).with_(spec=observed).decided()
    (told,) = (note for note in decision.notes if note.reason == "WouldRevert")
    assert "worse than 1.2 times is shown (evidence" in told.message
    assert decision.status.run is not None


def test_a_pass_waits_for_a_whole_window_of_the_present_weight():
    before = held(windows(20, GOOD)).decided().status
    assert verdict(before) is Verdict.PASS
    traffic = before.traffic.model_copy(update={"weight": 10, "weight_since": NOW})
    raised = before.model_copy(update={"traffic": traffic})
    new = tuple(window(second, GOOD) for second in (-9, -11))
    early = held(new[:1]).with_(status=raised).decided(ago(-10)).status
    assert verdict(early) is Verdict.UNDECIDED
    assert verdict(held(new).with_(status=early).decided(ago(-12)).status) is Verdict.PASS


def test_what_was_shown_at_another_weight_still_fails():
    before = held(windows(20, TWICE)).decided().status
    traffic = before.traffic.model_copy(update={"weight_since": NOW})
    raised = before.model_copy(update={"traffic": traffic})
    status = held([window(-1, TWICE)]).with_(status=raised).decided(ago(-2)).status
    assert verdict(status) is Verdict.FAIL
