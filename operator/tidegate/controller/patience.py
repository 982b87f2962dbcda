"""Asking an API server that may not be there yet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tidegate.adapters.steady_time import steady_s
from tidegate.ports.cluster import ApiRefused, ApiUnavailable

logger = logging.getLogger(__name__)

AGAIN_MIN_S = 0.5
AGAIN_MAX_S = 5.0
REFUSED_S_MAX = 15.0
"""A fresh API server knows no roles yet, and refuses everybody for some seconds."""

_Answer = TypeVar("_Answer")


async def patiently(
    ask: Callable[[], Awaitable[_Answer]],
    *,
    now_s: Callable[[], float] = steady_s,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> _Answer:
    """The answer, asked for again for as long as the API server is away.

    ApiRefused when it has refused for REFUSED_S_MAX seconds without a break: those are counted
    from its first refusal, however long it was away before.
    """
    wait_s = AGAIN_MIN_S
    refused_since_s: float | None = None
    while True:
        try:
            return await ask()
        except ApiUnavailable as error:
            refused_since_s = None
            logger.warning("%s; trying again in %g s", error, wait_s)
        except ApiRefused as error:
            refused_since_s = now_s() if refused_since_s is None else refused_since_s
            if now_s() - refused_since_s >= REFUSED_S_MAX:
                raise
            logger.warning("%s; trying again in %g s", error, wait_s)
        await sleep(wait_s)
        wait_s = min(AGAIN_MAX_S, wait_s * 2)
