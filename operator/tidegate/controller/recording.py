"""RolloutRuns written beside the loop: a record for people must never delay a release."""

from __future__ import annotations

import asyncio
import logging

from tidegate.adapters.kubernetes.resources import Key
from tidegate.adapters.kubernetes.runs import RunJournal
from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone

AGAIN_S = 5.0
"""Wait after a record could not be written, before it is tried again."""

logger = logging.getLogger(__name__)


class Recorder:
    """Writes the newest state of each run; what is overtaken while it waits is not written."""

    def __init__(self, journal: RunJournal) -> None:
        self._journal = journal
        self._wanted: dict[Key, tuple[Rollout, RolloutStatus]] = {}
        self._due = asyncio.Event()

    def record(self, rollout: Rollout, status: RolloutStatus) -> None:
        """Ask for the current or last run to be written down."""
        if status.run is None and status.last_run is None:
            return
        self._wanted[(rollout.namespace, rollout.name)] = (rollout, status)
        self._due.set()

    def forget(self, key: Key) -> None:
        """A Rollout is gone."""
        self._wanted.pop(key, None)
        self._journal.forget(key)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            failed = False
            for key in tuple(self._wanted):
                rollout, status = self._wanted.pop(key, (None, None))
                if rollout is not None and status is not None:
                    failed |= not await self._write(key, rollout, status)
            if failed:
                await asyncio.sleep(AGAIN_S)
                self._due.set()

    async def _write(self, key: Key, rollout: Rollout, status: RolloutStatus) -> bool:
        try:
            await self._journal.write(rollout, status)
        except ApiUnavailable as error:
            logger.warning("%s/%s: run not recorded yet: %s", *key, error)
            self._wanted.setdefault(key, (rollout, status))
            return False
        except (ApiRefused, Conflict, Gone) as error:
            logger.warning("%s/%s: run not recorded: %s", *key, error)
        return True
