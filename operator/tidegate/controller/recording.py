"""RolloutRuns written beside the loop: a record for people must never delay a release."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from tidegate.adapters.kubernetes.resources import Key
from tidegate.adapters.kubernetes.runs import RunJournal
from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone

AGAIN_S = 5.0
"""Wait after a record could not be written, before it is tried again."""
SETTLED_S = 2.0
"""How long the end of a run waits at most for the record of the run before it."""

logger = logging.getLogger(__name__)


class Recorder:
    """Writes the newest state of each run; what is overtaken while it waits is not written."""

    def __init__(self, journal: RunJournal) -> None:
        self._journal = journal
        self._wanted: dict[tuple[Key, int], tuple[Rollout, RolloutStatus]] = {}
        self._ended: dict[Key, int] = {}
        self._due = asyncio.Event()
        self._writing: tuple[Key, int] | None = None
        self._written = asyncio.Condition()

    def record(self, rollout: Rollout, status: RolloutStatus) -> None:
        """Ask for the current or last run to be written down."""
        run = status.run or status.last_run
        if run is None:
            return
        key = (rollout.namespace, rollout.name)
        if status.run is not None and status.run.undo and status.last_run is not None:
            self._end_of_a_bake(key, rollout, status)
        self._wanted[key, run.number] = (rollout, status)
        self._due.set()

    def _end_of_a_bake(self, key: Key, rollout: Rollout, status: RolloutStatus) -> None:
        """A bake that is sent back ends in the very status that begins the way back."""
        run, last = status.run, status.last_run
        if run is None or last is None or self._ended.get(key) == last.number:
            return
        self._ended[key] = last.number
        self._wanted[key, last.number] = (rollout, status.model_copy(update={"run": None}))

    async def settled(self, key: Key, number: int) -> None:
        """Return once the record of that run is written, or SETTLED_S have passed.

        A status tells of one run that is over. When the next one ends in it, a process that died
        before the record was written would have left it `Running` for ever.
        """
        wanted = (key, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLED_S), self._written:
                await self._written.wait_for(
                    lambda: wanted not in self._wanted and self._writing != wanted
                )

    def forget(self, key: Key) -> None:
        """A Rollout is gone."""
        for wanted in [wanted for wanted in self._wanted if wanted[0] == key]:
            del self._wanted[wanted]
        self._ended.pop(key, None)
        self._journal.forget(key)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            failed: set[Key] = set()
            for wanted in sorted(self._wanted, key=lambda wanted: wanted[1]):
                if wanted[0] in failed:
                    continue  # the end of a run is written before anything of the next one
                rollout, status = self._wanted.pop(wanted, (None, None))
                if rollout is None or status is None:
                    continue
                if not await self._write(wanted, rollout, status):
                    failed.add(wanted[0])
            if failed:
                await asyncio.sleep(AGAIN_S)
                self._due.set()

    async def _write(
        self, wanted: tuple[Key, int], rollout: Rollout, status: RolloutStatus
    ) -> bool:
        key, _ = wanted
        self._writing = wanted
        try:
            await self._journal.write(rollout, status)
        except (ApiUnavailable, Conflict) as error:
            logger.warning("%s/%s: run not recorded yet: %s", *key, error)
            self._wanted.setdefault(wanted, (rollout, status))
            return False
        except (ApiRefused, Gone) as error:
            logger.warning("%s/%s: run not recorded: %s", *key, error)
        finally:
            self._writing = None
            async with self._written:
                self._written.notify_all()
        return True
