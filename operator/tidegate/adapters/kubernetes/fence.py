"""What keeps a process that is no longer the leader from writing anything.

A Lease is not a lock: a process may be stopped right after it looked. So there are two fences.
This one asks, before each write is sent, whether the Lease was renewed recently enough that nobody
else can hold it yet; if not, the process ends at once. A write that was already on its way is
caught by the other: its precondition, since the next leader touches what is in flight
(`stamping`) before it decides.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import NoReturn

from tidegate.adapters.steady_time import steady_s

LOST_STATUS = 3
"""Exit status of a process that lost the Lease; its supervisor starts it again as a standby."""

logger = logging.getLogger(__name__)


def end_process(why: str) -> NoReturn:
    """Leave at once, without unwinding: nothing that still runs may write."""
    logger.critical("%s; ending the process", why)
    logging.shutdown()
    os._exit(LOST_STATUS)


@dataclass(slots=True)
class Fence:
    """The right to write: an epoch (0 where no Lease is used) and until when it surely holds."""

    epoch: int = 0
    valid_until_s: float = inf
    now_s: Callable[[], float] = steady_s
    lost: Callable[[str], NoReturn] = end_process

    @property
    def open(self) -> bool:
        """Whether a write may be sent now."""
        return self.now_s() < self.valid_until_s

    def close(self) -> None:
        """Give the right up: no write from here on."""
        self.valid_until_s = 0.0

    def lead(self, epoch: int, valid_until_s: float) -> None:
        """Take or renew the right."""
        self.epoch, self.valid_until_s = epoch, valid_until_s

    def check(self, what: str) -> None:
        """End the process unless a write may be sent now."""
        if not self.open:
            self.lost(f"{what}: the Lease of epoch {self.epoch} may be somebody else's by now")
