"""One question in flight serves everyone who asks the same, and for a moment everyone after.

So the load on Prometheus is bounded by the number of different queries, whatever the number of
Rollouts, and the same query never overlaps itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from tidegate.ports.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Asked(Generic[T]):
    at: datetime
    task: asyncio.Task[T]


@dataclass(frozen=True, slots=True)
class Shared(Generic[T]):
    """What was answered, and the time it was asked for."""

    at: datetime
    result: T


class Sharing(Generic[T]):
    """Answers by key, each asked anew once `max_age_s` seconds have passed since it was asked."""

    def __init__(self, clock: Clock, max_age_s: float) -> None:
        self._clock = clock
        self._max_age_s = max_age_s
        self._asked: dict[Hashable, _Asked[T]] = {}
        self._swept_at: datetime | None = None

    async def get(
        self, key: Hashable, ask: Callable[[datetime], Coroutine[None, None, T]]
    ) -> Shared[T]:
        """The answer to `key`; calls `ask` with the present time when there is none to share."""
        now = self._clock.now()
        self._sweep(now)
        asked = self._asked.get(key)
        if asked is None or not self._serves(asked, now):
            asked = _Asked(now, asyncio.create_task(ask(now)))
            self._asked[key] = asked
        # Shielded: one caller that is cancelled must not take the answer from the others.
        return Shared(asked.at, await asyncio.shield(asked.task))

    async def close(self) -> None:
        """Cancel what is under way and forget everything."""
        tasks = [asked.task for asked in self._asked.values()]
        self._asked.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _serves(self, asked: _Asked[T], now: datetime) -> bool:
        return not asked.task.done() or self._fresh(asked.at, now)

    def _fresh(self, at: datetime, now: datetime) -> bool:
        # A clock that was set back makes an age negative: such an answer is old, not fresh.
        return 0 <= (now - at).total_seconds() < self._max_age_s

    def _sweep(self, now: datetime) -> None:
        """Forget old answers, once per `max_age_s`: each get would make N callers cost N*N."""
        if self._swept_at is not None and self._fresh(self._swept_at, now):
            return
        self._swept_at = now
        self._asked = {key: asked for key, asked in self._asked.items() if self._serves(asked, now)}
