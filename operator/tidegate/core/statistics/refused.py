"""What no test can judge: a value with its reason, not an exception."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

VALUE_MOST = 1e50
"""Values beyond this are refused: their fourth power has to stay a finite number."""
VALUES_MOST = 500
"""Windows a side. Pairs of values are compared, so this bounds the work."""


@dataclass(frozen=True, slots=True)
class Refused:
    """No verdict, and why: words for people, that name what is wrong."""

    why: str


def refused_number(name: str, value: float, *, least: float, most: float) -> Refused | None:
    """Why this number cannot be used, or None when it can."""
    if not math.isfinite(value):
        return Refused(f"{name} is {value}, which is no number to test with.")
    if not least <= value <= most:
        return Refused(f"{name} is {value:g}; it has to be from {least:g} to {most:g}.")
    return None


def refused_values(name: str, values: Sequence[float], *, least: int) -> Refused | None:
    """Why these values of one side cannot be used, or None when they can."""
    if len(values) < least:
        return Refused(f"{name} has {len(values)} values; the test needs {least} or more.")
    if len(values) > VALUES_MOST:
        return Refused(f"{name} has {len(values)} values; the test takes {VALUES_MOST} at most.")
    checks = (
        refused_number(f"value {at} of {name}", value, least=-VALUE_MOST, most=VALUE_MOST)
        for at, value in enumerate(values, start=1)
    )
    return next((found for found in checks if found is not None), None)
