"""What goes on around a release while it is judged: 30 windows, with a canary at a given ratio.

The ratio of the two sides' mean rates is the same in every window. In `bursts` the rates of one
window are not: there each side has luck of its own, and the promise of the counts does not hold.
"""

import math
import random
from collections.abc import Callable, Iterator

from tests.core.statistics.simulated import poisson, windows
from tidegate.core.statistics.window import Window

LOOKS = 30
RATE = 0.01
"""Stable's part of requests that fail, in the mean."""
REQUESTS = 3_000
"""Of both sides, in a window of usual length."""
TENTH = (300, 2_700)

Regime = Callable[[random.Random, float], Iterator[Window]]
"""From dice and the true ratio to the windows of one run."""


def no_change(dice: random.Random, ratio: float) -> Iterator[Window]:
    """All windows alike."""
    return windows(dice, rates=[(RATE * ratio, RATE)] * LOOKS, requests=[TENTH] * LOOKS)


def rare_errors(dice: random.Random, ratio: float) -> Iterator[Window]:
    """A tenth of the errors: three in a window of 3,000 requests."""
    rates = [(RATE / 10 * ratio, RATE / 10)] * LOOKS
    return windows(dice, rates=rates, requests=[TENTH] * LOOKS)


def weight_changes(dice: random.Random, ratio: float) -> Iterator[Window]:
    """From 5 to 20 to 50 percent."""
    shares = [_split(REQUESTS, weight) for weight in (0.05, 0.2, 0.5) for _ in range(LOOKS // 3)]
    return windows(dice, rates=[(RATE * ratio, RATE)] * LOOKS, requests=shares)


def diurnal(dice: random.Random, ratio: float) -> Iterator[Window]:
    """A day and a quarter: five times the traffic at noon, errors with it, weights meanwhile."""
    day = [1.0 + 2.0 / 3.0 * math.sin(2.0 * math.pi * at / 24.0) for at in range(LOOKS)]
    weights = [weight for weight in (0.05, 0.2, 0.5) for _ in range(LOOKS // 3)]
    shares = [_split(round(REQUESTS * level), w) for level, w in zip(day, weights, strict=True)]
    return windows(dice, rates=[(RATE * ratio * lv, RATE * lv) for lv in day], requests=shares)


def shared_shocks(dice: random.Random, ratio: float) -> Iterator[Window]:
    """Rates that are gamma, with shape 1, and one on both sides: a database that stumbles."""
    usual = [min(0.2, RATE * dice.gammavariate(1.0, 1.0)) for _ in range(LOOKS)]
    return windows(dice, rates=[(ratio * rate, rate) for rate in usual], requests=[TENTH] * LOOKS)


FAIR = {
    "no change": no_change,
    "rare errors": rare_errors,
    "weight changes": weight_changes,
    "diurnal": diurnal,
    "shared shocks": shared_shocks,
}
"""Where requests fail independently of each other within a window."""


def bursts(shape: float, *, rate: float = RATE) -> Regime:
    """Rates that are gamma with this shape, on each side by itself; 1 is the wildest."""

    def regime(dice: random.Random, ratio: float) -> Iterator[Window]:
        for _ in range(LOOKS):
            bad, usual = (rate * dice.gammavariate(shape, 1.0 / shape) for _ in range(2))
            few, many = TENTH
            canary = min(few, poisson(dice, few * bad * ratio))
            yield Window(canary, few, min(many, poisson(dice, many * usual)), many)

    return regime


def _split(requests: int, weight: float) -> tuple[int, int]:
    canary = round(requests * weight)
    return canary, requests - canary
