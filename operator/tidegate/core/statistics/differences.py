"""The asymptotic confidence sequence: is the mean of many windows above zero, at whatever look?

It asks nothing of single requests, only that windows are alike and many. So it judges where errors
come in bursts, and pays with a late first answer.

Radius at window t: s * sqrt(2 (t q + 1) / (t^2 q) * ln(sqrt(t q + 1) / alpha)), two-sided, with s
the spread of the windows and q a tuning constant that makes it narrowest at one chosen t
(Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, arXiv 2103.06476).
"""

import math
from dataclasses import dataclass

BURN_IN_WINDOWS = 10
"""Before this many windows the sequence says nothing: its promise is one of large numbers."""
WINDOWS_PLANNED = 30
"""The window at which the sequence is narrowest, unless another is chosen."""
_WINDOWS_FORESEEN = 1_000_000
"""Nobody waits for more; with a window every ten seconds this is four months."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Count, mean and squared deviations of the differences so far (Welford's recurrence)."""

    windows: int = 0
    mean: float = 0.0
    squares: float = 0.0


def with_difference(before: Differences, value: float) -> Differences:
    """Add the difference of one window."""
    windows = before.windows + 1
    mean = before.mean + (value - before.mean) / windows
    squares = before.squares + (value - before.mean) * (value - mean)
    return Differences(windows, mean, max(0.0, squares))


def tuning(alpha: float, windows_planned: float) -> float:
    """The constant q that makes a two-sided radius of 1 - alpha narrowest; alpha below 1."""
    log = -2.0 * math.log(alpha)
    return (log + math.log(log + 1.0)) / windows_planned


def radius(windows: int, spread: float, *, alpha: float, windows_planned: float) -> float:
    """Half the width of the two-sided sequence, in the unit of the spread; one window or more."""
    scaled = windows * tuning(alpha, windows_planned)
    return spread * math.sqrt(
        2.0 * (scaled + 1.0) / (windows * scaled) * math.log(math.sqrt(scaled + 1.0) / alpha)
    )


def p_above_zero(found: Differences, *, alpha: float, windows_planned: float) -> float:
    """The least one-sided alpha at which the whole sequence lies above zero now; 1 is no evidence.

    The radius solved for alpha, the tuning held; half of that, for one side is asked about.
    """
    if found.windows < BURN_IN_WINDOWS or found.mean <= 0.0:
        return 1.0
    variance = found.squares / (found.windows - 1)
    if variance <= 0.0:
        return 1.0  # windows that are all the same tell nothing about chance
    scaled = found.windows * tuning(2.0 * alpha, windows_planned)
    errors = found.mean / math.sqrt(variance)
    signal = 0.5 * found.windows * errors * errors * scaled / (scaled + 1.0)
    return min(1.0, 0.5 * math.exp(0.5 * math.log1p(scaled) - signal))


def windows_needed(found: Differences, *, alpha: float, windows_planned: float) -> int | None:
    """Windows in all until the mean is above zero, if it and the spread stay; None when never."""
    if found.windows <= 1 or found.mean <= 0.0 or found.squares <= 0.0:
        return None
    variance = found.squares / (found.windows - 1)

    def enough(windows: int) -> bool:
        there = Differences(windows, found.mean, variance * (windows - 1))
        return p_above_zero(there, alpha=alpha, windows_planned=windows_planned) <= alpha

    most = max(found.windows, BURN_IN_WINDOWS)
    least = most - 1
    while not enough(most):
        least, most = most, 2 * most
        if most > _WINDOWS_FORESEEN:
            return None
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if enough(middle) else (middle, most)
    return most
