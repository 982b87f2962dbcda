"""Numbers as people read them: bounds exactly, values as exactly as their bounds ask for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SHORT_DIGITS: Final = 4
"""Significant digits of a measured value that lies near no bound."""
EXACT_DIGITS: Final = 17
"""Significant digits that tell any two doubles apart (IEEE 754, binary64)."""
_BOUND_DIGITS: Final = 6


def exact(number: float) -> str:
    """The shortest text, of six digits or more where needed, that reads back as that number."""
    texts = (f"{number:.{digits}g}" for digits in range(_BOUND_DIGITS, EXACT_DIGITS))
    return next((text for text in texts if float(text) == number), f"{number:.{EXACT_DIGITS}g}")


def beside(value: float, bounds: Iterable[float | None]) -> str:
    """A value to four digits, or to as many as put its text on its own side of each bound.

    0.010004 beside a bound of 0.01 is not "0.01".
    """
    near = [bound for bound in bounds if bound is not None]
    for digits in range(SHORT_DIGITS, EXACT_DIGITS):
        text = f"{value:.{digits}g}"
        if all(_side(float(text), bound) == _side(value, bound) for bound in near):
            return text
    return f"{value:.{EXACT_DIGITS}g}"


def _side(value: float, bound: float) -> int:
    return (value > bound) - (value < bound)
