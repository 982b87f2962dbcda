"""Releases made of dice: what the canary and stable answer, window by window.

Errors are Poisson, given the rates of the window. All runs have 30 windows; the canary gets a tenth
of the requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tidegate.core.statistics.window import Window

LOOKS = 30
CANARY_PART = 10
"""One request of so many goes to the canary."""
BROKEN_RATE = 0.3


class Shocks(StrEnum):
    """How the rates vary from window to window."""

    NONE = "none"
    SHARED = "shared"
    """Both sides' by one gamma-distributed factor."""
    OWN = "own"
    """Each side's by a factor of its own."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of a table."""

    rate: float
    """Stable's share of requests that fail, in the mean."""
    requests: int
    """Of both sides, in each window."""
    times: float = 1.0
    """The canary's mean rate over stable's; 1 is a release that should go through."""
    shocks: Shocks = Shocks.NONE
    shape: float = 1.0
    """Of the gamma distribution with mean 1 of the shocks; 1 is the wildest."""

    @property
    def canary_rate(self) -> float:
        """The canary's share of requests that fail, in the mean."""
        return min(1.0, self.rate * self.times)

    def windows(self, dice: np.random.Generator) -> Sequence[Window]:
        """One run."""
        few = self.requests // CANARY_PART
        many = self.requests - few
        canary = stable = np.ones(LOOKS)
        if self.shocks is not Shocks.NONE:
            canary = stable = self._factors(dice)
        if self.shocks is Shocks.OWN:
            stable = self._factors(dice)
        bad = np.minimum(few, dice.poisson(few * self.canary_rate * canary)).tolist()
        usual = np.minimum(many, dice.poisson(many * self.rate * stable)).tolist()
        return [Window(a, few, b, many) for a, b in zip(bad, usual, strict=True)]

    def _factors(self, dice: np.random.Generator) -> np.ndarray:
        return dice.gamma(self.shape, 1.0 / self.shape, LOOKS)


def broken(rate: float, requests: int) -> Scenario:
    """A canary that fails three requests of ten."""
    return Scenario(rate, requests, times=BROKEN_RATE / rate)


HARMLESS = tuple(
    Scenario(rate, requests) for rate in (0.01, 0.005, 0.001) for requests in (600, 3_000, 30_000)
)
WORSE = tuple(
    scenario
    for rate in (0.005, 0.0005)
    for requests in (600, 3_000)
    for scenario in (
        *(Scenario(rate, requests, times) for times in (2.0, 3.0, 10.0)),
        broken(rate, requests),
    )
)
SHAPES = ((Shocks.SHARED, 1.0), (Shocks.OWN, 10.0), (Shocks.OWN, 3.0), (Shocks.OWN, 1.0))
SHAKEN = tuple(
    Scenario(0.005, requests, 1.0, shocks, shape)
    for requests in (3_000, 30_000)
    for shocks, shape in SHAPES
)
SHAKEN_WORSE = tuple(Scenario(0.005, 3_000, 3.0, shocks, shape) for shocks, shape in SHAPES)
