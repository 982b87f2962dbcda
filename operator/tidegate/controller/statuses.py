"""Writing statuses: what was decided, what failed, and what cannot be read.

The epoch in a status says who took the Rollout over. Only who has done so may write it: everything
else keeps the one that is stored.
"""

from __future__ import annotations

import logging

from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.resources import Body
from tidegate.api.limits import MAX_MESSAGE_CHARS
from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus, State
from tidegate.controller.memory import Memory
from tidegate.controller.neighbours import Neighbours
from tidegate.controller.recording import Recorder
from tidegate.core import reasons
from tidegate.core.scene import changed
from tidegate.core.storing import intent_changed, worth_writing
from tidegate.ports.clock import Clock
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone
from tidegate.views.conditions import conditions, unreadable

FAILURES_UNSAID = 3
"""Passes in a row that may fail for want of an answer before people are told; some 2 s."""

logger = logging.getLogger(__name__)


class Statuses:
    """Stores statuses under compare-and-set, and keeps each memory true to what is stored."""

    def __init__(
        self, cluster: KubernetesCluster, clock: Clock, recorder: Recorder, neighbours: Neighbours
    ) -> None:
        self._cluster = cluster
        self._neighbours = neighbours
        self._clock = clock
        self._recorder = recorder

    async def store(
        self, rollout: Rollout, memory: Memory, status: RolloutStatus, *, claimed: bool = True
    ) -> None:
        """Write it; `claimed` says that this leader has taken the Rollout over, or need not.

        The end of a run takes the place of the one before: that one's record is waited for.
        """
        key, last, new = (rollout.namespace, rollout.name), memory.stored.last_run, status.last_run
        if last is not None and new is not None and new.number != last.number:
            await self._recorder.settled(key, last.number)
        epoch = self._cluster.epoch if claimed else memory.stored.epoch
        await self._write(key, memory, changed(status, epoch=epoch))

    async def _write(self, key: tuple[str, str], memory: Memory, status: RolloutStatus) -> None:
        before = memory.stored
        try:
            memory.version = await self._cluster.write_status(key, memory.version, status)
        except (ApiRefused, Conflict, Gone):
            self._neighbours.refused(key)
            raise
        memory.stored = memory.working = status
        self._neighbours.stored(key, before, status)

    async def store_failed(
        self,
        rollout: Rollout,
        memory: Memory,
        status: RolloutStatus,
        error: Exception,
        *,
        claimed: bool = True,
    ) -> bool:
        """A write failed: what was decided is stored in any case, and why it is not done yet.

        Whether something was decided, so that its events are due.
        """
        decided = intent_changed(memory.stored, status)
        now = self._clock.now()
        lasting = isinstance(error, ApiRefused) or memory.failures >= FAILURES_UNSAID
        if lasting:
            message, reason = _write_failure(error)
            status = changed(status, message=message[:MAX_MESSAGE_CHARS])
            status = changed(status, conditions=conditions(rollout, status, reason, now))
        if decided or (lasting and worth_writing(memory.stored, status, now)):
            await self.store(rollout, memory, status, claimed=claimed)
        else:
            memory.working = status  # facts are kept, stored or not
        return decided

    async def say_unreadable(
        self, key: tuple[str, str], body: Body, memory: Memory, error: str
    ) -> None:
        """A spec that cannot be read moves nothing; the status says which field and why."""
        generation = int(body["metadata"].get("generation", 0))
        now = self._clock.now()
        message = error[:MAX_MESSAGE_CHARS]
        status = changed(
            memory.working,
            state=State.INVALID,
            message=message,
            observed_generation=generation,
            conditions=unreadable(memory.working, generation, message, now),
        )
        if worth_writing(memory.stored, status, now):
            await self._write(key, memory, status)

    async def say_poisonous(self, key: tuple[str, str], memory: Memory, error: Exception) -> None:
        """People see it on the object, too; its traffic stays as it is."""
        if memory.parsed is None:
            return
        message = (
            f"the operator cannot work on this Rollout ({type(error).__name__}); traffic stays as "
            "it is. This is a bug: please report it with the operator's log"
        )
        status = changed(memory.stored, state=State.INVALID, message=message)
        now = self._clock.now()
        found = conditions(memory.parsed, status, reasons.INTERNAL_ERROR, now)
        status = changed(status, conditions=found)
        if not worth_writing(memory.stored, status, now):
            return
        try:
            await self._write(key, memory, status)
        except (ApiUnavailable, ApiRefused, Conflict, Gone) as trouble:
            logger.warning("%s/%s: %s", *key, trouble)


def _write_failure(error: Exception) -> tuple[str, str]:
    """A sentence and a reason for a write that does not get through."""
    if isinstance(error, ApiRefused):
        return f"the API server refuses a write: {error}", reasons.WRITE_REFUSED
    return f"the API server keeps failing a write, trying again: {error}", reasons.WRITE_FAILING
