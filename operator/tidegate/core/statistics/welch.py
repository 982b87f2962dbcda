"""Welch's test: do two sides with unequal spread have one mean?

The values are means of windows (a latency, a ratio), never single requests: requests of one window
are not independent of each other. The test is for one look. Asked again at every window, it finds
a difference in the end where none is; `sequential` is for that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.core.statistics.refused import Refused, refused_values
from tidegate.core.statistics.tails import student_tail

VALUES_LEAST = 2
"""A spread needs two values. Five a side and more make the test worth asking."""


@dataclass(frozen=True, slots=True)
class Welch:
    """Canary less stable, in the values' own unit, and how surprising that is."""

    difference: float
    t: float
    df: float
    p_greater: float
    """Chance of at least this `t`, were the means equal."""
    p_two_sided: float


@dataclass(frozen=True, slots=True)
class MeanRatio:
    """How much larger the canary's mean is, as a part of stable's: 0.1 is 10 % more."""

    excess: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class _Side:
    mean: float
    squared_error: float
    """Variance of the mean."""
    count: int


def welch(canary: Sequence[float], stable: Sequence[float]) -> Welch | Refused:
    """Compare the means of two sides.

    t = (m_c - m_b) / sqrt(A + B) with A, B the variances of the means, and Satterthwaite's
    df = (A + B)^2 / (A^2 / (n_c - 1) + B^2 / (n_b - 1)) (Welch 1947).
    """
    sides = _sides(canary, stable)
    if isinstance(sides, Refused):
        return sides
    a, b = sides
    both = a.squared_error + b.squared_error
    if both <= 0.0:
        return Refused("Neither side varies, so nothing says how large a difference is by chance.")
    part = a.squared_error / both
    df = 1.0 / (part * part / (a.count - 1) + (1.0 - part) * (1.0 - part) / (b.count - 1))
    difference = a.mean - b.mean
    t = difference / math.sqrt(both)
    p = student_tail(t, df)
    return Welch(difference, t, df, p, min(1.0, 2.0 * student_tail(abs(t), df)))


def mean_ratio(canary: Sequence[float], stable: Sequence[float]) -> MeanRatio | Refused:
    """m_c / m_b - 1 with its standard error by the delta method.

    Var = s_c^2 / (n_c m_b^2) + m_c^2 s_b^2 / (n_b m_b^4). Stable's mean has to be positive.
    """
    sides = _sides(canary, stable)
    if isinstance(sides, Refused):
        return sides
    a, b = sides
    if b.mean <= 0.0:
        return Refused(f"stable's mean is {b.mean:g}; a ratio to it needs it to be above 0.")
    ratio = a.mean / b.mean
    own, others = math.sqrt(a.squared_error) / b.mean, math.sqrt(b.squared_error) / b.mean
    error = math.hypot(own, ratio * others)
    if not math.isfinite(ratio) or not math.isfinite(error):
        return Refused(f"stable's mean is {b.mean:g}, too small to take a ratio to.")
    return MeanRatio(ratio - 1.0, error)


def _sides(canary: Sequence[float], stable: Sequence[float]) -> tuple[_Side, _Side] | Refused:
    for name, values in (("canary", canary), ("stable", stable)):
        if (refused := refused_values(name, values, least=VALUES_LEAST)) is not None:
            return refused
    return _side(canary), _side(stable)


def _side(values: Sequence[float]) -> _Side:
    count = len(values)
    mean = math.fsum(values) / count
    squares = math.fsum((value - mean) * (value - mean) for value in values)
    return _Side(mean, squares / (count - 1) / count, count)
