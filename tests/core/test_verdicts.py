import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import NOW, ago, error_guard, in_phase, read, spec
from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.checks import Gate
from tidegate.api.compare import Compare
from tidegate.core.observation import Answer, Reading
from tidegate.core.verdicts import (
    bound_text,
    check_status,
    gate_passes,
    guard_breached,
    judge,
    latest_verdict,
)

BOTH = Gate(metric="errors", min=0.1, max=0.5)

NUMBERS = st.sampled_from([None, 0.2, 0.9, 100.0, math.nan, math.inf]) | st.floats()
LONE = st.builds(Reading, st.just(NOW), st.sampled_from(Answer), value=NUMBERS, samples=NUMBERS)
ANY = st.builds(lambda reading, stable: replace(reading, stable=stable), LONE, st.none() | LONE)
COMPARED = Gate(metric="errors", compare=Compare(to="stable", max_increase=0.1))
BOUNDS = st.sampled_from([BOTH, COMPARED, Gate(metric="errors", max=0.5)])


def is_number(reading, min_samples):
    """Whether a reading says something about its revision."""
    if reading.answer is not Answer.OK or reading.value is None or not math.isfinite(reading.value):
        return False
    return min_samples is None or (reading.samples is not None and reading.samples >= min_samples)


@given(BOUNDS, st.sampled_from([None, 1, 100]), ANY)
def test_only_a_number_from_enough_samples_passes_or_fails(bound, min_samples, reading):
    verdict = judge(bound.model_copy(update={"min_samples": min_samples}), reading)
    if verdict in (Verdict.PASS, Verdict.FAIL):
        assert is_number(reading, min_samples)
        if bound.compare is not None:
            assert reading.stable is not None
            assert is_number(reading.stable, min_samples)


@given(BOUNDS, ANY)
def test_a_gate_that_has_passed_for_long_passes_no_more_once_an_answer_is_no_number(bound, odd):
    good = Reading(NOW, Answer.OK, value=0.2, stable=Reading(NOW, Answer.OK, value=0.2))
    before = [replace(good, at=ago(seconds)) for seconds in (30, 20, 10)]
    gate = bound.model_copy(update={"for_s": 10.0})
    assert gate_passes(gate, check_status("g", gate, [*before, good], None, NOW))
    if not is_number(odd, None):
        assert not gate_passes(gate, check_status("g", gate, [*before, odd], None, NOW))


@given(st.lists(ANY, max_size=8), st.integers(1, 3), st.integers(0, 2))
def test_what_measured_nothing_neither_trips_a_guard_nor_calms_it(readings, breaches, more):
    guard = error_guard(breaches=breaches, of=breaches + more)
    measured = [reading for reading in readings if is_number(reading, None)]
    assert guard_breached(guard, readings) == guard_breached(guard, measured)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (0.1, "pass"),
        (0.5, "pass"),
        (0.3, "pass"),
        (0.0999, "fail"),
        (0.5001, "fail"),
        (None, "nodata"),
        (math.nan, "nodata"),
        (math.inf, "nodata"),
        (-math.inf, "nodata"),
    ],
)
def test_one_reading_is_judged_by_both_bounds_and_only_numbers_count(value, verdict):
    assert judge(BOTH, Reading(NOW, Answer.OK, value=value)) == verdict


@pytest.mark.parametrize("answer", [Answer.ERROR, Answer.REFUSED])
def test_an_error_is_no_verdict_about_the_release(answer):
    assert judge(BOTH, Reading(NOW, answer, value=9.0)) is Verdict.ERROR


@pytest.mark.parametrize(
    ("samples", "verdict"), [(None, "undecided"), (99, "undecided"), (100, "fail")]
)
def test_too_few_samples_are_undecided(samples, verdict):
    gate = Gate(metric="errors", max=0.5, min_samples=100)
    assert judge(gate, read(1, 0.9, samples=samples)) == verdict


@pytest.mark.parametrize(
    ("gate", "text"),
    [
        (BOTH, "0.1 .. 0.5"),
        (Gate(metric="errors", max=0.01), "<= 0.01"),
        (Gate(metric="errors", min=2), ">= 2"),
    ],
)
def test_a_bound_reads_well(gate, text):
    assert bound_text(gate) == text


@pytest.mark.parametrize(("seconds", "verdict"), [(34.9, "pass"), (35.0, "pass"), (35.1, "nodata")])
def test_a_reading_counts_for_three_intervals_and_five_seconds(seconds, verdict):
    assert latest_verdict(BOTH, (read(seconds, 0.3),), NOW) == verdict


@pytest.mark.parametrize(
    ("values", "breaches", "of", "breached"),
    [
        ([], 1, 1, False),
        ([0.5], 1, 1, True),
        ([0.5, 0.0], 1, 1, False),
        ([0.5], 2, 3, False),
        ([0.5, 0.0, 0.5], 2, 3, True),
        ([0.5, 0.5, 0.0, 0.0], 2, 3, False),
        ([0.5, None, None, 0.5], 2, 3, True),
        ([0.5, None, 0.0, None, 0.0], 2, 3, False),
        ([None, None, None], 1, 3, False),
    ],
)
def test_a_guard_trips_on_m_of_the_last_n_that_measured_something(values, breaches, of, breached):
    readings = [read(len(values) - i, value) for i, value in enumerate(values)]
    assert guard_breached(error_guard(breaches=breaches, of=of), readings) is breached


def _status(*readings, previous=None, now=NOW, for_s=30.0):
    gate = Gate(metric="errors", max=0.01, for_s=for_s)
    return gate, check_status("gate/0/0", gate, readings, previous, now)


def test_a_gate_with_a_length_passes_once_it_was_measured_so_long():
    gate, status = _status(read(30, 0.0), read(20, 0.0), read(10, 0.0))
    assert not gate_passes(gate, status)
    gate, status = _status(read(30, 0.0), read(20, 0.0), read(10, 0.0), read(0, 0.0))
    assert gate_passes(gate, status)


@pytest.mark.parametrize("between", [0.5, None])
def test_one_reading_that_does_not_pass_starts_the_length_anew(between):
    gate, status = _status(read(40, 0.0), read(20, between), read(10, 0.0), read(0, 0.0))
    assert status.passing_since == ago(10)
    assert not gate_passes(gate, status)


def test_a_gap_in_the_readings_starts_the_length_anew():
    _, status = _status(read(60, 0.0), read(5, 0.0))
    assert status.passing_since == ago(5)


def test_the_length_is_carried_over_a_restart_that_was_short():
    _, before = _status(read(60, 0.0), read(50, 0.0), read(40, 0.0), now=ago(40))
    gate, after = _status(read(10, 0.0), previous=before)
    assert after.passing_since == ago(60)
    assert gate_passes(gate, after)


def test_the_length_is_not_carried_over_a_restart_that_was_long():
    _, before = _status(read(600, 0.0), read(590, 0.0), now=ago(590))
    _, after = _status(read(10, 0.0), previous=before)
    assert after.passing_since == ago(10)


def test_what_was_known_before_a_restart_is_shown_but_passes_nothing_once_it_is_old():
    _, before = _status(read(600, 0.0), now=ago(600), for_s=None)
    gate, after = _status(previous=before, for_s=None)
    assert (after.verdict, after.value) == (Verdict.NODATA, 0.0)
    assert not gate_passes(gate, after)


def test_readings_from_before_the_canary_was_pointed_are_about_somebody_else():
    case = in_phase(readings={"guard/0": (read(291, 0.9), read(1, 0.0))})
    assert case.decided().status.run is not None
    assert (
        in_phase(readings={"guard/0": (read(289, 0.0), read(1, 0.9))}).decided().status.run is None
    )


def test_a_bad_answer_about_whoever_was_there_before_sends_nothing_back():
    case = in_phase(readings={"guard/0": (read(6, 0.9),)})
    traffic = case.status.traffic.model_copy(update={"canary_since": ago(5)})
    assert case.status_with(traffic=traffic).decided().status.run is not None


def test_evidence_for_another_bound_under_the_same_id_is_dropped():
    known = CheckStatus(
        id="guard/0",
        kind="guard",
        metric="errors",
        verdict=Verdict.PASS,
        bound="<= 0.5",
        measured_at=ago(5),
        passing_since=ago(100),
    )
    decision = in_phase(readings={}).status_with(checks=(known,)).decided()
    assert decision.status.checks[0].verdict is Verdict.NODATA
    assert decision.status.checks[0].passing_since is None


def test_a_stale_breach_sends_nothing_back():
    case = in_phase(readings={"guard/0": (read(40, 0.9),)})
    assert case.decided().status.run is not None


def test_without_guards_nothing_is_waited_for():
    case = in_phase(spec=spec(guards=()), readings={})
    assert case.decided().status.phase.name == "half"
