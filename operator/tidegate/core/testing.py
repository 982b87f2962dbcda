"""What all statistical tests of a run share: their part of alpha, and which windows are new.

A window counts once and alone. The question of a test is asked over its own `interval`, so that
one query serves many Rollouts; a reading counts only if its window begins where the last counted
one ended, or later. What falls between two windows is lost power, never counted twice: increases
are differences of a counter's values at the two ends (`adapters/prometheus/counting.py`).

Only the evidence is kept, in the status: a process that starts anew goes on with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tidegate.api.check_status import Verdict
from tidegate.api.checks import Bound, Gate
from tidegate.api.compare import Compare
from tidegate.api.evidence import CheckEvidence
from tidegate.core.observation import Reading
from tidegate.core.statistics.refused import Refused
from tidegate.core.statistics.sequential import alpha_each

CONFIDENCE_DEFAULT: Final = 0.95


@dataclass(frozen=True, slots=True)
class Trial:
    """One guard or gate that a test judges.

    `about` is a digest of all that its evidence belongs to; `tests` is how many share the run's
    chance of a mistake, 1 - confidence. `variant` is the arm of an experiment that it is about.
    """

    id: str
    about: str
    bound: Bound
    compare: Compare
    tests: int
    variant: str = ""

    @property
    def gate(self) -> bool:
        """Whether it has to show that the canary is not worse; a guard has to show that it is."""
        return isinstance(self.bound, Gate)

    @property
    def margin(self) -> float:
        """Times stable's value that still counts as equal."""
        return self.compare.margin or 1.0

    @property
    def alpha(self) -> float | Refused:
        """Its part of the chance to show by mistake what is not so, over the whole run."""
        return alpha_each(1.0 - (self.compare.confidence or CONFIDENCE_DEFAULT), self.tests)


@dataclass(frozen=True, slots=True)
class Judged:
    """What the evidence says now, as a verdict and in words."""

    verdict: Verdict
    text: str


def tested(bound: Bound) -> bool:
    """Whether a test judges it, not the last value by itself."""
    return bound.compare is not None and bound.compare.test is not None


def ends(reading: Reading) -> datetime:
    """When the later of the two arms' windows ended: a user's queries are asked one by one."""
    return max(reading.at, reading.stable.at) if reading.stable is not None else reading.at


def is_new(trial: Trial, reading: Reading, since: datetime, known: CheckEvidence | None) -> bool:
    """Whether the windows of both arms began at `since` or later, and after all counted ones."""
    first = min(reading.at, reading.stable.at) if reading.stable is not None else reading.at
    after = since if known is None else max(since, known.until)
    return first - timedelta(seconds=trial.bound.interval_s) >= after
