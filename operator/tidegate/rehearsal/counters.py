"""What the simulated proxies count, and what a provider that scrapes them can say of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

from tidegate.core.observation import Answer, Reading
from tidegate.rehearsal.setting import ScriptedMetric, Setting

REACH_S: Final = 3700.0
"""How far back scrapes are kept: the longest window of telemetry, and a bit."""
NORMAL_FROM: Final = 50.0
"""Expected events from which a binomial count is drawn as a rounded normal one."""

Destination = tuple[str, str]
"""(`stable` or `canary`, revision)"""
Sums = dict[tuple[str, str], tuple[float, float]]
"""By (metric, revision): requests that were measured, and the sum of their values."""


class Dice(Protocol):
    """Where chance comes from; `random.Random` is one."""

    def random(self) -> float:
        """Give a number from 0 to below 1."""
        ...

    def gauss(self, mu: float, sigma: float, /) -> float:
        """Give a number around `mu`."""
        ...


def binomial(dice: Dice, count: int, share: float) -> int:
    """How many of `count` independent requests fail, each with the chance `share`."""
    if share > 0.5:  # noqa: PLR2004 — the rarer side is the shorter to draw
        return count - binomial(dice, count, 1.0 - share)
    if share <= 0.0 or count <= 0:
        return 0
    mean = count * share
    if mean >= NORMAL_FROM:
        drawn = round(dice.gauss(mean, (mean * (1.0 - share)) ** 0.5))
        return min(count, max(0, drawn))
    return sum(dice.random() < share for _ in range(count))


class Counters:
    """Counters since the beginning, and their values at each scrape."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._requests: dict[Destination, float] = {}
        self._sums: Sums = {}
        self._scrapes: deque[tuple[float, dict[Destination, float], Sums]] = deque([(0.0, {}, {})])
        self._rest = 0.0

    # ------------------------------------------------------------ counting

    def count(
        self, destination: str, revision: str, requests: float, values: Mapping[str, float | None]
    ) -> None:
        """Count requests of one destination, with the value that each metric has for them."""
        dice = self._setting.dice
        if dice is not None:
            whole = int(requests + self._rest)
            self._rest += requests - whole
            requests = float(whole)
        key = (destination, revision)
        self._requests[key] = self._requests.get(key, 0.0) + requests
        for name, value in values.items():
            if value is None:
                continue
            count, total = self._sums.get((name, revision), (0.0, 0.0))
            by_lot = dice is not None and self._setting.metrics[name].share
            if by_lot and dice is not None and 0.0 <= value <= 1.0:
                total += binomial(dice, int(requests), value)
            else:
                total += value * requests
            self._sums[name, revision] = (count + requests, total)

    def next_scrape_s(self, now_s: float) -> float:
        """When the counters are scraped next."""
        every_s = self._setting.scrape_s
        return (now_s // every_s + 1) * every_s

    def scraped(self, now_s: float) -> None:
        """Keep the values if a scrape is due now."""
        if now_s < self._scrapes[-1][0] + self._setting.scrape_s:
            return
        self._scrapes.append((now_s, dict(self._requests), dict(self._sums)))
        while len(self._scrapes) > 1 and self._scrapes[0][0] < now_s - REACH_S:
            self._scrapes.popleft()

    # ------------------------------------------------------------ asking

    def requests(self, now_s: float, window_s: float) -> dict[Destination, float]:
        """Requests that the scrapes of the last window show, by destination and revision."""
        _, after, _ = self._scrapes[-1]
        _, before, _ = self._before(now_s - window_s)
        return {key: count - before.get(key, 0.0) for key, count in after.items()}

    def read(
        self, about: ScriptedMetric, revision: str, at: datetime, now_s: float, window_s: float
    ) -> Reading:
        """The mean value of a window, weighted by requests, with the number of them."""
        key = (about.name, revision)
        count, total = self._scrapes[-1][2].get(key, (0.0, 0.0))
        count_before, total_before = self._before(now_s - window_s)[2].get(key, (0.0, 0.0))
        count -= count_before
        if count < 1.0:
            return self.no_data(at, window_s)
        samples = count if about.sampled else None
        value = count / window_s if about.rate else (total - total_before) / count
        return Reading(at, Answer.OK, value=value, samples=samples)

    @staticmethod
    def of_pods(at: datetime, value: float | None, pods: int, window_s: float) -> Reading:
        """A metric of containers, which need no requests."""
        if value is None or not pods:
            detail = f"no containers of the revision in the last {window_s:g} s"
            return Reading(at, Answer.NODATA, samples=0.0, detail=detail)
        return Reading(at, Answer.OK, value=value, samples=float(pods))

    @staticmethod
    def no_data(at: datetime, window_s: float) -> Reading:
        """No request was measured."""
        detail = f"no requests in the last {window_s:g} s"
        return Reading(at, Answer.NODATA, samples=0.0, detail=detail)

    def _before(self, at_s: float) -> tuple[float, dict[Destination, float], Sums]:
        """The scrape at or before that second, or the first there is."""
        for scrape in reversed(self._scrapes):
            if scrape[0] <= at_s:
                return scrape
        return self._scrapes[0]
