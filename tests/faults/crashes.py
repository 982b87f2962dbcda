"""Crash points: the operator dies at a chosen write, on a chosen side of its commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

from tests.faults.arena import Arena
from tests.faults.calls import Call
from tests.faults.judging import Disturbance, Reference, judged
from tests.faults.rules import After, Before, Rule
from tests.faults.scenarios import Scenario
from tests.faults.trial import Trial

SIDES = ("before", "after")
SAME_MOMENT_S = 0.05
"""Shorter than every wait in the scenarios, and a small part of what a start of the operator takes:
whatever else happens within it has happened when the next process looks, on either side of it."""
START_S = 0.25
"""Less than a start of the operator takes: a wait that ends within it has ended on either side."""

TAKEN_FOR_DRIFT = 'Rollout shop.status.traffic.drifts: ["TIME"] instead of []'
"""A process that dies between the route write of a revert and its record is taken for one change
by others (`core/drift.py`): nothing that is stored tells the two apart."""
ROUTE_WRITES = ("PATCH virtualservices", "PATCH httproutes")
RECORDS = "PUT rollouts/status"


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """The `nth` write of that label; before it is committed, or after and before the reply.

    Counted by label, since events and records are written beside the rest, in no fixed order.
    """

    label: str
    nth: int
    side: str

    def __str__(self) -> str:
        return f"{self.side} {self.label} #{self.nth}"


@dataclass(frozen=True, slots=True)
class Struck:
    """What came of one crash point."""

    scenario: Scenario
    points: tuple[CrashPoint, ...]
    reached: int
    violations: tuple[str, ...]

    def __str__(self) -> str:
        points = " then ".join(map(str, self.points))
        return "\n  ".join([f"{self.scenario}, killed {points}:", *self.violations])


def points_of(writes: Iterable[Call]) -> Iterator[CrashPoint]:
    """Both sides of every write of a run."""
    seen: Counter[str] = Counter()
    for call in writes:
        seen[call.label] += 1
        for side in SIDES:
            yield CrashPoint(call.label, seen[call.label], side)


def distinct_points_of(reference: Reference, *, turned: int = 0) -> Iterator[CrashPoint]:
    """The same without those that leave the world of another one.

    Up to call number `turned` another scenario strikes them: nothing is different until then.
    Dead before a write is committed, or dead after the last one was: the API server holds the same,
    and all that the process knew is lost. Both are struck where other writes were still on their
    way, where more than a moment lies between them in which anybody else did anything, and where
    more lies between them than a start takes.
    """
    writes = reference.writes
    sides = iter(points_of(writes))
    for number, call in enumerate(writes):
        before, after = next(sides), next(sides)
        if call.number <= turned:
            continue
        if not _same_world(writes[:number], call, reference):
            yield before
        yield after


def _same_world(earlier: Sequence[Call], call: Call, reference: Reference) -> bool:
    last_s = max((one.done_at_s for one in earlier), default=-inf)
    if not 0 <= call.at_s - last_s <= START_S:
        return False
    return call.at_s - last_s <= SAME_MOMENT_S or _nobody_else(earlier, call, reference)


def _nobody_else(earlier: Sequence[Call], call: Call, reference: Reference) -> bool:
    """Whether all that changed between two writes would have been seen, and nothing did.

    Versions of one etcd are in the order of its writes, over all kinds, so no watch is too late.
    """
    last = max(one.version for one in earlier)
    last_s = max(one.done_at_s for one in earlier)
    if not 0 < last < call.version:
        return False
    acted = any(last_s <= at_s <= call.at_s for at_s in reference.acted_at_s)
    return not acted and not any(last < one < call.version for one in reference.foreign)


def _route_unrecorded(trial: Trial, crash: Call) -> bool:
    """Whether, of what was committed up to the crash, a route was written after the last status."""
    kinds = (*ROUTE_WRITES, RECORDS)
    calls = trial.proxy.log.writes(trial.began)
    known = [c.label for c in calls if c.label in kinds and c.accepted and c.number <= crash.number]
    return known[-1:] != [RECORDS] and bool(known)


def strike(
    arena: Arena, scenario: Scenario, reference: Reference, points: tuple[CrashPoint, ...]
) -> Struck:
    """Kill the operator at each point in turn, start it again each time, and judge the end."""
    reached: list[Call] = []
    trials: list[Trial] = []

    def arm(trial: Trial, left: tuple[CrashPoint, ...]) -> int:
        point, *rest = left

        def kill(call: Call) -> None:
            reached.append(call)
            trials.append(trial)
            if rest:
                arm(trial, tuple(rest))
            trial.crash()

        action = Before(kill, drop=True) if point.side == "before" else After(kill, drop=True)
        trial.proxy.rules.add(
            Rule(action, where=lambda c: c.write and c.label == point.label, nth=point.nth)
        )
        return len(left)

    crash = Disturbance("crash", before=lambda trial: arm(trial, points))
    told = judged(arena, scenario, reference, crash)
    if any(_route_unrecorded(*one) for one in zip(trials, reached, strict=True)):
        told = [one for one in told if one != TAKEN_FOR_DRIFT]
    return Struck(scenario, points, len(reached), tuple(told))
