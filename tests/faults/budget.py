"""How much is run, chosen by which seed, and what came of it.

`TIDEGATE_FAULTS=slice` (as in `make test`) runs a part that changes with the seed, `all` (as in
`make faults`) runs everything once but only some of the combinations, `nightly` (as in
`make faults SCOPE=nightly`) every combination, too. `TIDEGATE_SEED` repeats a choice; left out, it
is the day's.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

SCOPE = os.environ.get("TIDEGATE_FAULTS", "slice")
EVERYTHING = SCOPE in ("all", "nightly")
SEED = int(os.environ.get("TIDEGATE_SEED") or datetime.now(UTC).toordinal())
PARALLEL = 4
"""Trials at the same time; most of a trial is waiting."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def dice(purpose: str) -> random.Random:
    """Randomness for one purpose: the same for the same seed, whatever else is drawn."""
    return random.Random(f"{SEED}:{purpose}")


def chosen(
    items: Iterable[_Item], count: int, purpose: str, *, count_of_all: int | None = None
) -> list[_Item]:
    """In a slice so many of them, in their order; else all, or of combinations `count_of_all`."""
    everything = list(items)
    if EVERYTHING:
        whole = SCOPE == "nightly" or count_of_all is None
        count = len(everything) if whole or count_of_all is None else count_of_all
    if count >= len(everything):
        return everything
    picked = sorted(dice(purpose).sample(range(len(everything)), count))
    return [everything[number] for number in picked]


def side_by_side(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Do it for all items, some at the same time."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(work, items))


class Tally:
    """What was run, for the summary at the end."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, what: str, number: int = 1) -> None:
        """Count."""
        with self._lock:
            self._counts[what] += number

    def counted(self) -> dict[str, int]:
        """Everything so far."""
        return dict(self._counts)

    def lines(self) -> list[str]:
        """One line for all, and how to repeat it."""
        if not self._counts:
            return []
        told = ", ".join(f"{what} {number}" for what, number in sorted(self._counts.items()))
        return [f"faults ({SCOPE}): {told}", f"repeat with TIDEGATE_SEED={SEED}"]


TALLY = Tally()
