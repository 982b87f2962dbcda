"""The circuit of one provider: its breaker, and the one probe that everybody waits for."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from tidegate.adapters.prometheus.answers import Failure, Vector
from tidegate.adapters.prometheus.breaker import Breaker, Stance
from tidegate.adapters.steady_time import steady_s

logger = logging.getLogger(__name__)

Result = Vector | Failure

PROBE_S_FIRST = 2.0
"""Time for a first probe, and how long a query waits for any; each silence doubles the next's."""


@dataclass(frozen=True, slots=True)
class Unanswered(Failure):
    """Nobody answered at all: no connection, or nothing whole within the time."""


class Circuit:
    """Lets queries through to a provider as long as it answers.

    `name` is the provider's in the settings; `now_s` gives steady seconds. Used from one event
    loop, by every client of the provider.
    """

    def __init__(self, name: str, now_s: Callable[[], float] = steady_s) -> None:
        self._name = name
        self._now_s = now_s
        self._breaker = Breaker()
        self._silence = ""
        self._probe_s = PROBE_S_FIRST
        self._probing: asyncio.Task[None] | None = None

    async def obstacle(self, probe: Callable[[float], Awaitable[Result]]) -> Failure | None:
        """Why no query should be sent now, or None; calls `probe` when it is time for one.

        `probe` is told the seconds that it may take, ever more: a provider that is slower than
        the first few would never be found to answer.
        """
        if self._breaker.stance(self._now_s()) is Stance.PROBE:
            if self._probing is None or self._probing.done():
                self._probing = asyncio.create_task(self._probe(probe))
            with suppress(TimeoutError):
                async with asyncio.timeout(PROBE_S_FIRST if self._breaker.is_open else None):
                    # Shielded: one caller that goes must not take the probe from the others.
                    await asyncio.shield(self._probing)
        now_s = self._now_s()
        if self._breaker.stance(now_s) is Stance.ASK:
            return None
        left_s = max(1, math.ceil(self._breaker.left_s(now_s)))
        return Failure.error(f"{self._silence}; it is asked again in {left_s} s")

    def note(self, result: Result) -> None:
        """Learn from what a query came back with."""
        if isinstance(result, Unanswered):
            self._breaker = self._breaker.unanswered()
            return
        if self._breaker.is_open:
            logger.info("provider %s answers again", self._name)
        self._breaker = self._breaker.answered()
        self._probe_s = PROBE_S_FIRST

    async def close(self) -> None:
        """Cancel a probe that is under way."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)

    async def _probe(self, probe: Callable[[float], Awaitable[Result]]) -> None:
        result = await probe(self._probe_s)
        if not isinstance(result, Unanswered):
            self.note(result)
            return
        if not self._breaker.is_open:
            logger.warning(
                "provider %s does not answer, queries to it fail until it does: %s",
                self._name,
                result.detail,
            )
        self._silence = result.detail
        self._probe_s *= 2
        self._breaker = self._breaker.unproven(self._now_s())
