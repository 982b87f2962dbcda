"""`failures: n` trips a guard after n failed measurements in a row, restarts or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import ago, error_guard, in_phase, read, spec
from tidegate.api.check_status import Verdict
from tidegate.core.observation import Answer, Reading

BAD, GOOD = 0.25, 0.0
VALUES = st.lists(st.sampled_from([BAD, GOOD, None, "error"]), max_size=12)


def row_guard(failures, then="revert"):
    return error_guard(then=then).model_copy(update={"failures": failures})


def reading(seconds, value):
    if value == "error":
        return Reading(ago(seconds), Answer.ERROR, detail="down")
    return read(seconds, value)


def readings(values, first_s=1.0):
    """One every ten seconds, oldest first."""
    last = len(values) - 1
    return tuple(reading(first_s + 10.0 * (last - i), v) for i, v in enumerate(values))


def watched(guard, known, **fields):
    return in_phase(spec=spec(guards=(guard,), **fields), readings={"guard/0": known})


def row_of(values):
    row = 0
    for value in values:
        row = row + 1 if value == BAD else 0 if value == GOOD else row
    return row


@given(VALUES, st.integers(1, 4))
def test_it_trips_on_as_many_measured_failures_in_a_row_and_on_nothing_else(values, failures):
    decision = watched(row_guard(failures), readings(values)).decided()
    longest = row_of(values)
    measured = [value for value in values if value in (BAD, GOOD)]
    tripped = len(measured) >= failures and measured[-failures:] == [BAD] * failures
    assert tripped is (longest >= failures)
    assert (decision.status.run is None) is tripped


@given(VALUES, st.integers(0, 12), st.integers(2, 4))
def test_a_restart_at_any_point_changes_nothing(values, cut, failures):
    """The readings before it are forgotten; the status knows what they showed."""
    guard, known = row_guard(failures), readings(values)
    if row_of(values[:cut]) >= failures:
        return  # sent back already
    before = watched(guard, known[:cut]).decided()
    after = watched(guard, known[cut:]).status_with(checks=before.status.checks).decided()
    whole = watched(guard, known).decided()
    if cut < len(values):
        assert (after.status.run is None) is (whole.status.run is None)


def test_after_a_restart_the_failures_before_it_still_count():
    guard, known = row_guard(3), readings([BAD, BAD, None, BAD])
    before = watched(guard, known[:2]).decided().status
    case = watched(guard, known[2:]).status_with(checks=before.checks)
    assert case.decided().status.run is None
    passed = watched(guard, readings([GOOD, BAD])).status_with(checks=before.checks)
    assert passed.decided().status.run is not None


@pytest.mark.parametrize(("apart_s", "trips"), [(35.0, True), (36.0, False)])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_gap_that_nobody_watched_ends_the_row(apart_s, trips, restarted):
    guard, old = row_guard(3), readings([BAD, BAD], first_s=1.0 + apart_s)
    before = watched(guard, old).decided().status
    case = watched(guard, (*(() if restarted else old), read(1, BAD)))
    decision = case.status_with(checks=before.checks).decided()
    assert (decision.status.run is None) is trips


def test_no_data_between_two_failures_neither_counts_nor_calms():
    decision = watched(row_guard(2), readings([BAD, None, "error", BAD])).decided()
    assert decision.status.last_run.message.endswith("(failed 2 in a row; critical)")


def test_the_row_is_shown_while_it_grows():
    (check,) = watched(row_guard(3), readings([BAD, BAD])).decided().status.checks
    assert (check.verdict, check.failures) == (Verdict.FAIL, 2)


def test_a_stored_row_trips_nothing_before_it_is_measured_again():
    known = watched(row_guard(3), readings([BAD, BAD])).decided().status.checks
    for empty in ((), readings([None]), readings(["error"])):
        case = watched(row_guard(2), empty).status_with(checks=known)
        assert case.decided().status.run is not None


def test_after_a_resume_the_row_of_a_guard_that_pauses_starts_over():
    guard = row_guard(2, then="pause")
    known = watched(guard, readings([BAD, BAD], first_s=20.0)).decided()
    assert known.status.pause is not None
    resumed = watched(guard, readings([BAD, BAD, BAD])).status_with(
        checks=known.status.checks, resumed_at=ago(5)
    )
    assert resumed.decided().status.pause is None
    later = watched(guard, readings([BAD, BAD])).status_with(
        checks=known.status.checks, resumed_at=ago(15)
    )
    assert later.decided().status.pause is not None


def test_a_clock_that_was_set_back_keeps_no_guard_from_tripping():
    (check,) = watched(row_guard(2), readings([GOOD])).decided().status.checks
    future = check.model_copy(update={"measured_at": ago(-3600)})
    case = watched(row_guard(2), readings([BAD, BAD])).status_with(checks=(future,))
    assert case.decided().status.run is None


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_mode_observe_counts_and_moves_nothing(mode):
    decision = watched(row_guard(2), readings([BAD, BAD]), mode=mode).decided()
    assert (decision.effect is None) is (mode == "observe")
