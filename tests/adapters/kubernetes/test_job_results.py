"""What a Job leaves is one number, or it is no result."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.adapters.kubernetes.job_results import Result, result_of

NUMBERS = st.integers(-(10**15), 10**15) | st.floats(-1e15, 1e15)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "samples", "v", ""]), below, max_size=3)
    ),
    max_leaves=6,
)


@given(value=NUMBERS, samples=st.none() | st.integers(0, 10**9))
def test_a_value_with_its_samples_or_without_is_read_as_it_is(value, samples):
    told = {"value": value} | ({"samples": samples} if samples is not None else {})
    assert result_of(f"  {json.dumps(told)}\n") == Result(
        float(value), None if samples is None else float(samples)
    )


@given(st.text(max_size=40) | ANY_JSON.map(json.dumps))
def test_whatever_else_it_leaves_is_a_number_within_bounds_or_refused(message):
    try:
        found = result_of(message)
    except ValueError:
        return
    told = json.loads(message)
    assert set(told) <= {"value", "samples"}
    assert type(told["value"]) in (int, float)
    assert math.isfinite(found.value)
    assert abs(found.value) <= 1e15
    assert found.samples is None or 0 <= found.samples <= 1e9


@pytest.mark.parametrize(
    "message",
    [
        "",
        "0.5",
        "[0.5]",
        '{"value": "0.5"}',
        '{"value": true}',
        '{"value": null}',
        '{"value": NaN}',
        '{"value": Infinity}',
        '{"value": 1e400}',
        '{"value": 1e16}',
        '{"samples": 5}',
        '{"value": 1, "samples": -1}',
        '{"value": 1, "samples": "many"}',
        '{"value": 1, "value": 2}',
        '{"value": 1, "verdict": "pass"}',
        '{"value": 1} {"value": 2}',
        "[" * 4000,
        '{"value": 1' + "0" * 5000 + "}",
    ],
)
def test_what_is_not_exactly_a_result_is_none(message):
    with pytest.raises(ValueError, match="termination message"):
        result_of(message)
