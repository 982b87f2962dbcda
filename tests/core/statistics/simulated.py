"""Releases made of dice: windows of two sides that fail at given rates."""

import math
import os
import random
from collections.abc import Callable, Iterable, Iterator
from statistics import NormalDist

from tidegate.core.statistics.refused import Refused
from tidegate.core.statistics.sequential import Evidence, Finding, Plan, finding, with_counts
from tidegate.core.statistics.window import Window

FINE_GRID = tuple(NormalDist().inv_cdf(0.51 + at * (0.995 - 0.51) / 59) for at in range(60))
"""Sixty ratios instead of the usual few: the grid that the published vectors were made with."""

RUNS = 4_000 // (20 if os.environ.get("TIDEGATE_QUICK") else 1)
"""Of a test of validity. A quick run takes the first twentieth of them, always the same."""


def poisson(dice: random.Random, mean: float) -> int:
    """One Poisson number, by a product of uniform ones (Knuth); the mean is below 700."""
    end = math.exp(-mean)
    assert end > 0.0, f"{mean} is too much for a product"
    events, product = 0, dice.random()
    while product > end:
        events += 1
        product *= dice.random()
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


def looks(
    plan: Plan, release: Callable[[random.Random], Iterable[Window]], *, runs: int, seed: str
) -> list[int | None]:
    """For each run the look, from 1, at which the claim is shown; None where it never is.

    Every run has dice of its own, so that the first of many runs are those of few.
    """
    return [_look(plan, release(random.Random(f"{seed}/{run}"))) for run in range(runs)]


def _look(plan: Plan, seen: Iterable[Window]) -> int | None:
    evidence = Evidence()
    for look, window in enumerate(seen, start=1):
        evidence = gathered(plan, [window], evidence)
        if evidence.p_least <= plan.alpha:
            return look
    return None


def shown_part(found: list[int | None]) -> float:
    """In how many of the runs the claim was shown."""
    return sum(look is not None for look in found) / len(found)
