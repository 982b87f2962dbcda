"""Whether the loop itself still gets on, for probes: a process that only looks alive is worse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from tidegate.adapters.steady_time import steady_s

BEAT_S = 1.0
BEAT_STALE_S = 20.0
"""Without a beat for so long the event loop was blocked or starved."""
WAIT_S_MAX = 180.0
"""A key that waited longer for a worker: all of them are stuck."""
PASS_S_MAX = 90.0
"""A pass that takes longer is cancelled; each of its requests has a time-out far below."""


@dataclass(slots=True)
class Progress:
    """Marks that the loop leaves as it goes; all times by the steady clock."""

    now_s: Callable[[], float] = steady_s
    beat_s: float = field(init=False)
    passes: dict[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.beat_s = self.now_s()

    async def beat(self) -> None:
        """Beat until cancelled."""
        while True:
            self.beat_s = self.now_s()
            await asyncio.sleep(BEAT_S)

    def complaint(self, oldest_wait_s: float) -> str:
        """What is wrong, in one sentence; "" while the loop gets on."""
        now_s = self.now_s()
        silent_s = now_s - self.beat_s
        if silent_s > BEAT_STALE_S:
            return f"the event loop has not turned for {silent_s:.0f} s"
        if oldest_wait_s > WAIT_S_MAX:
            return f"a Rollout has been waiting for a worker for {oldest_wait_s:.0f} s"
        for key, began_s in self.passes.items():
            if now_s - began_s > PASS_S_MAX + BEAT_STALE_S:
                return f"a pass of {'/'.join(key)} has been running for {now_s - began_s:.0f} s"
        return ""
