"""Time that all operators agree on and that no change of a machine's clock can bend."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from tidegate.adapters.steady_time import steady_s

SKEW_S_MAX = 3.0
"""Further than this from the API server's time, this machine's clock is not believed.

The server says whole seconds, and the answer takes a moment; clocks that NTP keeps are far closer.
"""


class SteadyClock:
    """UTC that was read once and then only counted on.

    A hold that was begun by one machine's clock must not end early by another's, nor because
    somebody set the clock in the middle of it.
    """

    def __init__(
        self, wall_s: Callable[[], float] = time.time, steady: Callable[[], float] = steady_s
    ) -> None:
        self._wall_s = wall_s
        self._steady_s = steady
        self._zero_s = wall_s() - steady()

    def now(self) -> datetime:
        """The current time."""
        return datetime.fromtimestamp(self._zero_s + self._steady_s(), UTC)

    def agree_with(self, server: datetime) -> float:
        """Read the time anew, from this machine if it agrees with the server, else from the server.

        Returns how far this machine's clock is ahead of the server's, in seconds. To be called
        right after the server said its time, and only before anything is decided.
        """
        wall_s = self._wall_s()
        ahead_s = wall_s - server.timestamp()
        trusted_s = wall_s if abs(ahead_s) <= SKEW_S_MAX else server.timestamp()
        self._zero_s = trusted_s - self._steady_s()
        return ahead_s
