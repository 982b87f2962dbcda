"""Seconds that neither a clock change nor a suspended process can bend."""

from __future__ import annotations

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_s() -> float:
    """Seconds since some fixed moment; goes on while the process is stopped or the host sleeps."""
    return time.clock_gettime(_CLOCK)
