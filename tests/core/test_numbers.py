"""Bounds are shown exactly, and values on their own side of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import error_guard, in_phase, read, spec
from tidegate.api.checks import Gate
from tidegate.core.numbers import beside, exact
from tidegate.core.verdicts import bound_text

VALUES = st.floats(min_value=-1e15, max_value=1e15, allow_nan=False)


@given(VALUES)
def test_a_bound_reads_back_as_what_was_asked_for(bound):
    assert float(exact(bound)) == bound


@given(VALUES, VALUES)
def test_a_value_is_shown_on_its_own_side_of_each_bound(value, bound):
    shown = float(beside(value, (None, bound)))
    assert (shown > bound, shown < bound) == (value > bound, value < bound)


@given(VALUES, st.floats(min_value=-1e-9, max_value=1e-9))
def test_a_value_next_to_a_bound_is_not_shown_as_the_bound(bound, by):
    value = bound + by
    shown = beside(value, (bound,))
    assert (float(shown) == bound) is (value == bound)


@pytest.mark.parametrize(
    ("value", "bounds", "text"),
    [
        (0.010004, (0.01,), "0.010004"),
        (0.25, (0.01,), "0.25"),
        (0.062e-3, (0.1e-3,), "6.2e-05"),
        (1234.5678, (), "1235"),
        (1234.5678, (1235.0,), "1234.6"),
        (0.01, (0.01,), "0.01"),
    ],
)
def test_no_more_digits_are_shown_than_the_bounds_ask_for(value, bounds, text):
    assert beside(value, bounds) == text


@pytest.mark.parametrize(
    ("bound", "text"), [(0.01, "0.01"), (0.1234567, "0.1234567"), (0.000062, "6.2e-05")]
)
def test_a_bound_has_all_the_digits_it_was_written_with(bound, text):
    assert bound_text(Gate(metric="latency", max=bound)) == f"<= {text}"


def test_a_breach_by_very_little_says_by_how_little():
    case = in_phase(spec=spec(guards=(error_guard(),)), readings={"guard/0": (read(1, 0.010004),)})
    assert "errors is 0.010004, must be <= 0.01 " in case.decided().status.last_run.message
