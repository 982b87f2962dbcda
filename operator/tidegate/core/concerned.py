"""One bad pod told apart from a bad release: which pods a value comes from, and how many."""

from __future__ import annotations

from typing import Final

from tidegate.api.checks import Bound, Guard
from tidegate.core.observation import Reading

NAMES_MAX: Final = 3
"""Pods that are named; of the others only the number is said."""


def spared(bound: Bound, reading: Reading) -> bool:
    """Whether fewer pods are concerned than `minPods` asks for, so that the guard is kept."""
    least = bound.min_pods if isinstance(bound, Guard) else None
    return least is not None and reading.concerned is not None and reading.concerned.pods < least


def least_text(bound: Bound) -> str:
    """What `minPods` asks for as people read it, e.g. `minPods 2`; "" without."""
    least = bound.min_pods if isinstance(bound, Guard) else None
    return "" if least is None else f"minPods {least}"


def pods_text(bound: Bound, reading: Reading) -> str:
    """The pods concerned, e.g. `pods a, b, c and 2 more`; "" where nothing is known or amiss."""
    concerned = reading.concerned
    if concerned is None or not concerned.pods:
        return ""
    named = ", ".join(concerned.names)
    rest = concerned.pods - len(concerned.names)
    more = f" and {rest} more" if rest else ""
    said = f"{'pod' if concerned.pods == 1 else 'pods'} {named}{more}"
    return f"{said}, fewer than {least_text(bound)}" if spared(bound, reading) else said
