"""Who leads: one process at a time by a Lease, measured with this process's own steady clock.

Nobody compares another machine's times with its own. A standby counts the seconds since it last
*saw* the Lease change; a leader counts those since it *sent* its last successful renewal, and stops
earlier than any standby can start. Times as client-go has them (15 / 10 / 2 s), so that operators
of other makes in the same cluster behave alike.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tidegate.adapters.kubernetes.fence import Fence
from tidegate.adapters.kubernetes.leases import LeaseLock, LeaseRecord
from tidegate.ports.clock import Clock
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone

API_TROUBLE = (ApiUnavailable, ApiRefused, Conflict, Gone)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of the game.

    A standby may take over `lease_s` after the last change that it saw; a leader must have stopped
    `renew_within_s` after its last renewal.
    """

    lease_s: float = 15.0
    renew_within_s: float = 10.0
    renew_every_s: float = 2.0
    look_every_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Election:
    """Which Lease, and as whom. An identity is one pod's: two processes must never share it."""

    namespace: str
    name: str
    identity: str


class Elector:
    """Takes, keeps and gives back the Lease of one process."""

    def __init__(
        self,
        lock: LeaseLock,
        fence: Fence,
        clock: Clock,
        highest_epoch: Callable[[], Awaitable[int]],
        times: Times | None = None,
    ) -> None:
        self._lock = lock
        self._fence = fence
        self._clock = clock
        self._highest_epoch = highest_epoch
        self._times = times or Times()
        self._record: LeaseRecord | None = None
        self._mark: tuple[str, str] | None = None
        self._waits_s = 0.0
        self._seen_s: float | None = None
        self._trouble = ""
        fence.close()

    # ------------------------------------------------------------------ taking it

    async def acquire(self) -> None:
        """Return once this process leads, however long that takes."""
        while not await self._tried():
            pause_s = self._times.look_every_s
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 — jitter

    async def _tried(self) -> bool:
        try:
            return await self._try()
        except Conflict:
            return False  # somebody else was faster
        except API_TROUBLE as error:
            if str(error) != self._trouble:  # once, not every second
                logger.warning("%s: %s; trying again", self._lock, error)
                self._trouble = str(error)
            return False

    async def _try(self) -> bool:
        asked_s = self._fence.now_s()
        found = await self._lock.read()
        if not await self._is_free(found, asked_s):
            return False
        highest = await self._highest_epoch()
        sent_s, lease_s = self._fence.now_s(), self._times.lease_s
        if found is None:
            record = await self._lock.create(highest + 1, lease_s, self._clock.now())
        else:
            epoch = max(found.epoch, highest) + 1
            record = await self._lock.take(found, epoch, lease_s, self._clock.now())
        self._lead(record, sent_s)
        logger.info("%s leads, epoch %d", self._lock.identity, record.epoch)
        return True

    async def _is_free(self, found: LeaseRecord | None, asked_s: float) -> bool:
        """Whether nobody else can still believe to hold it.

        Our own name in it means that an earlier process of this pod had it, which is gone: one
        pod's container starts again only after it ended.
        """
        if found is not None and found.holder in ("", self._lock.identity):
            return True
        mark = found.mark if found is not None else None
        if self._seen_s is None or mark != self._mark:
            self._mark = mark
            self._seen_s = self._fence.now_s()  # after the answer: later than what it tells of
            self._waits_s = found.duration_s if found is not None else self._times.lease_s
            if found is None and await self._highest_epoch() == 0:
                return True  # nobody ever led here
        return asked_s - self._seen_s >= self._waits_s

    def _lead(self, record: LeaseRecord, sent_s: float) -> None:
        self._record = record
        self._fence.lead(record.epoch, sent_s + self._times.renew_within_s)

    # ------------------------------------------------------------------ keeping it

    async def renew(self) -> None:
        """Keep the Lease until cancelled; the process ends when that fails for too long."""
        while True:
            await asyncio.sleep(self._times.renew_every_s)
            self._fence.check(f"{self._lock} could not be renewed in time")
            try:
                await self._renew()
            except API_TROUBLE as error:
                logger.warning("%s not renewed: %s; trying again", self._lock, error)

    async def _renew(self) -> None:
        record = self._record
        assert record is not None, "only a leader renews"
        sent_s = self._fence.now_s()
        try:
            self._lead(await self._lock.renew(record, self._clock.now()), sent_s)
        except Gone:
            await self._made_anew(record)
        except Conflict:
            found = await self._lock.read()
            if found is None:
                await self._made_anew(record)
            elif (found.holder, found.epoch) != (record.holder, record.epoch):
                self._fence.lost(f"{self._lock} is held by {found.holder or 'nobody'} now")
            else:
                self._record = found  # a label, say: the next renewal fits again

    async def _made_anew(self, record: LeaseRecord) -> None:
        """Somebody deleted the Lease. Standbys wait as long as if it were held: it is ours."""
        sent_s = self._fence.now_s()
        epoch = max(record.epoch, await self._highest_epoch()) + 1
        try:
            made = await self._lock.create(epoch, self._times.lease_s, self._clock.now())
        except Conflict:
            self._fence.lost(f"{self._lock} was deleted and taken by somebody else")
        logger.warning("%s was deleted; made anew with epoch %d", self._lock, made.epoch)
        self._lead(made, sent_s)

    # ------------------------------------------------------------------ giving it back

    async def release(self) -> None:
        """Leave it to the next one, if we have it. Nothing may be written after this."""
        record, self._record = self._record, None
        held = self._fence.open
        self._fence.close()
        if record is None or not held:
            return
        try:
            await self._release(record)
        except API_TROUBLE as error:
            logger.warning("%s not given back: %s; it runs out by itself", self._lock, error)
        else:
            logger.info("%s given back", self._lock)

    async def _release(self, record: LeaseRecord) -> None:
        """A renewal whose answer was cancelled has changed the Lease: then it is read once more."""
        try:
            await self._lock.release(record, self._clock.now())
        except Conflict:
            found = await self._lock.read()
            if found is None or (found.holder, found.epoch) != (record.holder, record.epoch):
                raise
            await self._lock.release(found, self._clock.now())
