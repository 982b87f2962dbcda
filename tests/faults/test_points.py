"""Which crash points there are: both sides of every write, once for each world that they leave."""

from collections import Counter
from math import inf

import pytest

from tests.faults.calls import Call, call_of
from tests.faults.crashes import SAME_MOMENT_S, START_S, distinct_points_of, points_of
from tests.faults.judging import Reference
from tests.faults.oracle import Outcome
from tests.faults.scenarios import BY_NAME, SCENARIOS

SETS = "/apis/apps/v1/namespaces/n/replicasets"
EVENTS = "/api/v1/namespaces/n/events"


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if one.begins_as], ids=str)
def test_a_scenario_begins_as_the_one_that_it_names(scenario):
    other = BY_NAME[scenario.begins_as]
    assert not other.begins_as, "that one must be struck from its beginning"
    assert scenario.steps[:-1] == other.steps[:-1]
    assert scenario.steps[-1].when == other.steps[-1].when
    told = [(one.spec, one.first, one.metrics, one.installed) for one in (scenario, other)]
    assert told[0] == told[1]


def _write(path: str, at_s: float, done_at_s: float) -> Call:
    call = call_of(1, "POST", path, "", "", b"")
    call.at_s, call.done_at_s = at_s, done_at_s
    return call


def _told(*writes: Call, turned: int = 0, foreign: int = 0, acted_at_s: float = inf) -> list[str]:
    outcome = Outcome({}, Counter(), Counter())
    made = Reference(outcome, writes, 0, frozenset({foreign}), (acted_at_s,))
    return [str(point) for point in distinct_points_of(made, turned=turned)]


FIRST = _write(SETS, 0.0, 1.0)


def test_a_crash_before_a_write_that_follows_at_once_is_the_one_after_the_last_write():
    second = _write(EVENTS, 1.0 + SAME_MOMENT_S / 2, 2.0)
    assert _told(FIRST, second) == [
        "before POST replicasets #1",
        "after POST replicasets #1",
        "after POST events #1",
    ]


def test_what_another_scenario_strikes_is_left_to_it():
    later = _write(SETS, 1.0 + SAME_MOMENT_S * 2, 2.0)
    later.number = 2
    assert _told(FIRST, later, turned=1) == [
        "before POST replicasets #2",
        "after POST replicasets #2",
    ]


def test_after_a_wait_both_sides_count():
    later = _write(SETS, 1.0 + SAME_MOMENT_S * 2, 2.0)
    assert _told(FIRST, later) == [str(point) for point in points_of([FIRST, later])]
    assert "before POST replicasets #2" in _told(FIRST, later)


def test_a_write_beside_one_that_is_on_its_way_counts_on_both_sides():
    for done_at_s in (3.0, inf):
        slow = _write(EVENTS, 0.5, done_at_s)
        assert "before POST replicasets #2" in _told(FIRST, slow, _write(SETS, 1.01, 2.0))


BEFORE_THE_SECOND = "before POST replicasets #2"


def _two(gap_s: float) -> tuple[Call, Call]:
    """Versions 10 and 20, with that much time between them."""
    first, second = _write(SETS, 0.0, 1.0), _write(SETS, 1.0 + gap_s, 2.0)
    first.version, second.version = 10, 20
    return first, second


def test_while_nobody_else_does_anything_a_moment_lasts_until_a_start_could_have_looked():
    assert BEFORE_THE_SECOND not in _told(*_two(START_S * 0.9))
    assert BEFORE_THE_SECOND in _told(*_two(START_S * 1.1))


@pytest.mark.parametrize(("foreign", "struck"), [(9, False), (11, True), (19, True), (21, False)])
def test_what_anybody_else_did_in_between_makes_two_worlds_of_one(foreign, struck):
    assert (BEFORE_THE_SECOND in _told(*_two(START_S / 2), foreign=foreign)) is struck


def test_a_step_that_was_taken_in_between_makes_two_worlds_of_one():
    assert BEFORE_THE_SECOND in _told(*_two(START_S / 2), acted_at_s=1.0 + START_S / 4)


def test_where_no_version_is_known_nothing_is_said_of_the_others():
    first, second = _two(START_S / 2)
    second.version = 0
    assert BEFORE_THE_SECOND in _told(first, second)
