"""When to look at a Rollout again: one heap and one task for all of them."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TypeAlias

from tidegate.ports.clock import Clock

Key: TypeAlias = tuple[str, str]
IDLE_WAIT_S = 60.0


class Alarms:
    """At most one alarm a key; setting another replaces it."""

    def __init__(self, clock: Clock, ring: Callable[[Key], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._heap: list[tuple[datetime, Key]] = []
        self._due: dict[Key, datetime] = {}
        self._changed = asyncio.Event()

    def set(self, key: Key, at: datetime | None) -> None:
        """Ring for the key at that time; None takes its alarm away."""
        if at is None:
            self._due.pop(key, None)
            return
        if self._due.get(key) == at:
            return
        self._due[key] = at
        heapq.heappush(self._heap, (at, key))
        self._changed.set()

    def set_no_later(self, key: Key, at: datetime) -> None:
        """Ring at that time unless an earlier alarm is set already."""
        known = self._due.get(key)
        if known is None or at < known:
            self.set(key, at)

    async def run(self) -> None:
        """Ring until cancelled."""
        while True:
            wait_s = self._ring_due()
            self._changed.clear()
            # Not wait_for: in Python 3.11 it may swallow a cancel, and then nobody hands over.
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()

    def _ring_due(self) -> float:
        """Ring all that is due; seconds until the next one."""
        while self._heap:
            at, key = self._heap[0]
            if self._due.get(key) != at:
                heapq.heappop(self._heap)  # replaced or taken away
                continue
            wait_s = (at - self._clock.now()).total_seconds()
            if wait_s > 0:
                return min(wait_s, IDLE_WAIT_S)
            heapq.heappop(self._heap)
            del self._due[key]
            self._ring(key)
        return IDLE_WAIT_S
