"""Releases made of dice: windows of two sides that fail at given rates."""

import math
import random
from collections.abc import Iterable, Iterator
from statistics import NormalDist

from tidegate.core.statistics.refused import Refused
from tidegate.core.statistics.sequential import Evidence, Finding, Plan, finding, with_counts
from tidegate.core.statistics.window import Window

FINE_GRID = tuple(NormalDist().inv_cdf(0.51 + at * (0.995 - 0.51) / 59) for at in range(60))
"""Sixty ratios instead of the usual few: the grid that the published vectors were made with."""


def poisson(dice: random.Random, mean: float) -> int:
    """One Poisson number, by counting exponential waits."""
    events, waited = 0, dice.expovariate(1.0)
    while waited < mean:
        events += 1
        waited += dice.expovariate(1.0)
    return events


def windows(
    dice: random.Random,
    *,
    rates: Iterable[tuple[float, float]],
    requests: Iterable[tuple[int, int]],
) -> Iterator[Window]:
    """A window for each pair of error rates and of request counts, canary first."""
    for (bad, usual), (few, many) in zip(rates, requests, strict=False):
        canary = min(few, poisson(dice, bad * few))
        yield Window(canary, few, min(many, poisson(dice, usual * many)), many)


def gathered(plan: Plan, seen: Iterable[Window], start: Evidence | None = None) -> Evidence:
    """The evidence after all these windows."""
    evidence = start or Evidence()
    for window in seen:
        after = with_counts(plan, evidence, window)
        assert not isinstance(after, Refused), after.why
        evidence = after
    return evidence


def told(plan: Plan, evidence: Evidence) -> Finding:
    """What is found, which is not a refusal."""
    found = finding(plan, evidence)
    assert not isinstance(found, Refused), found.why
    return found


def allowed(alpha: float, runs: int) -> float:
    """The rate of mistakes up to which a simulation does not speak against alpha: 3 errors more."""
    return alpha + 3.0 * math.sqrt(alpha * (1.0 - alpha) / runs)
