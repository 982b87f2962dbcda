"""Comparison with stable: whether a value keeps its distance from the other arm's value.

Both values are of the same window and the same evaluation time, so that what hits both arms alike
favours neither. Without a value of stable there is nothing to compare with, and that never passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Final

from tidegate.api.check_status import Verdict
from tidegate.api.checks import Bound
from tidegate.api.compare import Compare
from tidegate.core.numbers import beside, exact
from tidegate.core.observation import Answer, Reading

PERCENT: Final = 100.0


@dataclass(frozen=True, slots=True)
class Limit:
    """`change` above stable (below, if negative): in the metric's unit, or in percent of stable.

    `upper` tells whether the value must lie at or below that edge, or at or above it.
    """

    upper: bool
    change: float
    percent: bool

    def edge(self, stable: float) -> float | None:
        """The value to keep, in the metric's unit; None where no number can say it.

        A percentage of 0 is 0 whatever was meant, so it says nothing about a rise from 0.
        """
        if self.percent and stable == 0:
            return None
        by = abs(stable) * (self.change / PERCENT) if self.percent else self.change
        edge = stable + by
        return edge if isfinite(edge) else None

    def kept(self, value: float, stable: float) -> bool | None:
        """Whether the value keeps it; None if that cannot be said."""
        edge = self.edge(stable)
        if edge is None:
            return None
        return value <= edge if self.upper else value >= edge

    @property
    def text(self) -> str:
        """As people read it, e.g. `<= stable + 10 %`."""
        sign = "-" if self.change < 0 else "+"
        unit = " %" if self.percent else ""
        far = f" {sign} {exact(abs(self.change))}{unit}" if self.change else ""
        return f"{'<=' if self.upper else '>='} stable{far}"


def limits(compare: Compare) -> tuple[Limit, ...]:
    """What a comparison asks for, one limit for each of its fields that is set."""
    known = (
        (True, compare.max_increase, 1, False),
        (True, compare.max_increase_percent, 1, True),
        (True, compare.min_decrease, -1, False),
        (True, compare.min_decrease_percent, -1, True),
        (False, compare.min_increase, 1, False),
        (False, compare.min_increase_percent, 1, True),
        (False, compare.max_decrease, -1, False),
        (False, compare.max_decrease_percent, -1, True),
    )
    return tuple(
        Limit(upper, sign * change, percent)
        for upper, change, sign, percent in known
        if change is not None
    )


def judge_against(bound: Bound, value: float, stable: Reading | None) -> Verdict:
    """The verdict on a measured value beside stable's; PASS only if every limit is kept.

    A limit that is broken fails, also beside one that cannot be judged.
    """
    if stable is not None and _failed(stable):
        return Verdict.ERROR
    other = _value(stable)
    if stable is None or other is None:
        return Verdict.NODATA
    if _too_few(bound, stable):
        return Verdict.UNDECIDED
    asked = limits(bound.compare) if bound.compare and bound.compare.test is None else ()
    kept = [limit.kept(value, other) for limit in asked]
    if False in kept:
        return Verdict.FAIL
    return Verdict.PASS if kept and None not in kept else Verdict.UNDECIDED


def stable_failed(reading: Reading) -> bool:
    """Whether the question about stable was answered with an error."""
    return reading.stable is not None and _failed(reading.stable)


def _failed(reading: Reading) -> bool:
    return reading.answer in (Answer.ERROR, Answer.REFUSED)


def test_text(compare: Compare) -> str:
    """What a test asks for as people read it, e.g. `<= 1.2 x stable (sequential)`; "" without."""
    if compare.test is None:
        return ""
    return f"<= {compare.margin or 1.0:g} x stable ({compare.test})"


def against(bound: Bound, reading: Reading) -> str:
    """Stable's part of a sentence on the value, e.g. ` against 0.28 of stable`; "" without."""
    other = _value(reading.stable)
    return "" if bound.compare is None or other is None else f" against {other:.4g} of stable"


def levels(bound: Bound, reading: Reading) -> tuple[float | None, ...]:
    """Every number that a value is compared with: its bounds, and those beside stable's value."""
    other = _value(reading.stable)
    compared = limits(bound.compare) if bound.compare is not None and other is not None else ()
    edges = tuple(limit.edge(other) for limit in compared if other is not None)
    return (bound.min, bound.max, bound.warn_min, bound.warn_max, *edges)


def sentence(bound: Bound, reading: Reading) -> str:
    """What a person should know of a comparison, and why it is undecided; "" without one."""
    stable, other = reading.stable, _value(reading.stable)
    if bound.compare is None or reading.value is None or stable is None or other is None:
        return ""
    said = f"{beside(reading.value, levels(bound, reading))}{against(bound, reading)}"
    if _too_few(bound, stable):
        return (
            f"{said}, of which {stable.samples or 0:g} samples are known, not {bound.min_samples}"
        )
    blind = [limit for limit in limits(bound.compare) if limit.edge(other) is None]
    if blind:
        said += f"; {blind[0].text} says nothing of {other:g}: set the limit in the metric's unit"
    return said


def _value(stable: Reading | None) -> float | None:
    """Stable's value if one was measured; infinity and NaN are none."""
    if stable is None or stable.answer is not Answer.OK or stable.value is None:
        return None
    return stable.value if isfinite(stable.value) else None


def _too_few(bound: Bound, stable: Reading) -> bool:
    # NaN is not enough either.
    return bound.min_samples is not None and not (stable.samples or 0.0) >= bound.min_samples
