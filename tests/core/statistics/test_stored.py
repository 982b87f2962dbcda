import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.statistics.simulated import gathered, told
from tidegate.core.statistics.refused import Refused
from tidegate.core.statistics.sequential import Claim, Evidence, Plan
from tidegate.core.statistics.stored import from_record, to_record
from tidegate.core.statistics.window import Window

steady = settings(max_examples=30, deadline=None, derandomize=True, database=None)
PLAN = Plan(Claim.WORSE, 1.2, 0.05)
SEEN = [Window(at % 4 + at * at % 7 / 3, 300 + at, at % 9, 2_711.5) for at in range(40)]
RECORD_BYTES_MOST = 900
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


def _restored(evidence: Evidence) -> Evidence:
    again = from_record(json.loads(json.dumps(to_record(evidence))))
    assert not isinstance(again, Refused), again.why
    return again


@pytest.mark.parametrize("at", [0, 1, 7, 39])
def test_a_restart_between_any_two_windows_changes_nothing(at):
    resumed = gathered(PLAN, SEEN[at:], _restored(gathered(PLAN, SEEN[:at])))
    assert resumed == gathered(PLAN, SEEN)
    assert told(PLAN, resumed) == told(PLAN, gathered(PLAN, SEEN))


def test_a_record_is_small():
    text = json.dumps(to_record(gathered(PLAN, SEEN)), separators=(",", ":"))
    print(f"{len(text)} bytes")
    assert len(text) < RECORD_BYTES_MOST


@pytest.mark.parametrize(
    ("name", "at", "value", "why"),
    [
        ("totals", 0, -1.0, "stored totals is -1"),
        ("totals", 3, 1.5, "stored totals is 1.5"),
        ("logRatios", 2, math.nan, "stored logRatios is nan"),
        ("logRatios", 2, 10**400, "out of bounds"),
        ("dispersion", 0, True, "something in dispersion"),
        ("differences", 1, "3", "something in differences"),
    ],
)
def test_a_record_that_was_tampered_with_is_refused(name, at, value, why):
    record = to_record(gathered(PLAN, SEEN))
    record[name][at] = value
    refused = from_record(record)
    assert isinstance(refused, Refused)
    assert why in refused.why


def test_a_record_with_a_part_too_short_or_missing_is_refused():
    whole = to_record(gathered(PLAN, SEEN))
    for name in whole:
        for record in (
            {**whole, name: whole[name][1:]},
            {part: numbers for part, numbers in whole.items() if part != name},
        ):
            refused = from_record(record)
            assert isinstance(refused, Refused)
            assert f"no list {name}" in refused.why


@steady
@given(JSON)
def test_whatever_was_stored_there_is_an_answer(record):
    assert isinstance(from_record(record), Refused)


@steady
@given(st.data())
def test_any_numbers_that_are_accepted_can_be_gone_on_from(data):
    number = st.one_of(st.floats(), st.floats(0, 1), st.just(0.0), st.integers(0, 10**19))
    empty = to_record(Evidence())
    record = {
        name: [data.draw(number) for _ in numbers] if data.draw(st.booleans()) else numbers
        for name, numbers in empty.items()
    }
    evidence = from_record(record)
    if isinstance(evidence, Evidence):
        assert math.isfinite(told(PLAN, evidence).e)
        assert math.isfinite(told(PLAN, gathered(PLAN, SEEN[:3], evidence)).e)
