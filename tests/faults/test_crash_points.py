"""Killed at any write, on either side of its commit, the operator ends where it would have."""

from __future__ import annotations

import pytest

from tests.faults.arena import Arena
from tests.faults.budget import EVERYTHING, SCOPE, TALLY, chosen, side_by_side
from tests.faults.crashes import (
    SIDES,
    CrashPoint,
    Struck,
    distinct_points_of,
    points_of,
    strike,
)
from tests.faults.judging import Reference, References
from tests.faults.scenarios import BY_NAME, SCENARIOS, Scenario

pytestmark = [pytest.mark.api, pytest.mark.faults, pytest.mark.usefixtures("observer")]

SLICE = 4
"""Crash points of each scenario in a slice."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_crash_at_any_write_leads_to_the_same_end(
    arena: Arena, references: References, scenario: Scenario
):
    reference = references.of(scenario)
    points = chosen(_points(scenario, reference), SLICE, scenario.name)

    def struck(point: CrashPoint) -> Struck:
        return strike(arena, scenario, reference, (point,))

    _judge(side_by_side(struck, points))


def _points(scenario: Scenario, reference: Reference) -> list[CrashPoint]:
    """The points of a run: by night all, else one of those that leave the same world."""
    every = list(points_of(reference.writes))
    turned = reference.turned if scenario.begins_as else 0
    distinct = distinct_points_of(reference, turned=turned)
    told_apart = every if SCOPE == "nightly" else list(distinct)
    if EVERYTHING:
        TALLY.add("crash points that are another one's world", len(every) - len(told_apart))
    return told_apart


MIDWAY = CrashPoint("PATCH virtualservices", 1, "after")
TAKEOVER = (
    ("PUT leases", 1),
    ("PATCH virtualservices", 1),
    ("PATCH virtualservices", 2),
    ("PATCH destinationrules", 1),
    ("PATCH destinationrules", 2),
    ("PATCH replicasets", 1),
    ("PATCH replicasets", 2),
    ("PUT rollouts/status", 1),
)
"""What a new leader writes before it decides: its Lease, its marks, its epoch."""
AGAIN = [CrashPoint(label, nth, side) for label, nth in TAKEOVER for side in SIDES]
LOOPS = [(point,) * 5 for point in AGAIN if point.nth == 1 and point.side == "before"]


def test_a_crash_while_taking_over_leads_to_the_same_end(arena: Arena, references: References):
    pairs = [(MIDWAY, point) for point in AGAIN]
    _struck_in_turn(arena, references, chosen(pairs, SLICE, "takeover"))


def test_a_crash_loop_leads_to_the_same_end(arena: Arena, references: References):
    loops = [(MIDWAY, *points) for points in LOOPS]
    _struck_in_turn(arena, references, chosen(loops, 1, "crash loop"))


def _struck_in_turn(
    arena: Arena, references: References, chains: list[tuple[CrashPoint, ...]]
) -> None:
    scenario = BY_NAME["promote"]
    reference = references.of(scenario)
    _judge(side_by_side(lambda points: strike(arena, scenario, reference, points), chains))


def _judge(results: list[Struck]) -> None:
    bad = [result for result in results if result.violations]
    TALLY.add("crash points", sum(len(result.points) for result in results))
    missed = sum(len(result.points) - result.reached for result in results)
    TALLY.add("crash points not reached", missed)
    TALLY.add("violations", len(bad))
    assert not bad, "\n".join(map(str, bad))
