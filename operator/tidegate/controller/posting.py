"""Events for people, posted beside the loop: never in its way, bounded, lost rather than late."""

from __future__ import annotations

import asyncio
import logging

from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.resources import EVENTS
from tidegate.api.rollout import Rollout
from tidegate.core.decision import Note
from tidegate.ports.clock import Clock
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone
from tidegate.views.events import event

QUEUE_EVENTS_MAX = 1000

logger = logging.getLogger(__name__)


class Poster:
    """Posts notes as events in the order they were made."""

    def __init__(self, api: Api, clock: Clock, instance: str) -> None:
        self._api = api
        self._clock = clock
        self._instance = instance
        self._queue: asyncio.Queue[tuple[Rollout, Note]] = asyncio.Queue(QUEUE_EVENTS_MAX)

    def post(self, rollout: Rollout, notes: tuple[Note, ...]) -> None:
        """Queue events; when the queue is full they are only logged: the loop never waits."""
        for note in notes:
            level = logging.WARNING if note.warning else logging.INFO
            name = f"{rollout.namespace}/{rollout.name}"
            logger.log(level, "%s: %s: %s", name, note.reason, note.message)
            try:
                self._queue.put_nowait((rollout, note))
            except asyncio.QueueFull:
                logger.warning("%s: event %s not posted, the queue is full", name, note.reason)

    async def run(self) -> None:
        """Post until cancelled."""
        while True:
            rollout, note = await self._queue.get()
            body = event(note, rollout, instance=self._instance, now=self._clock.now())
            try:
                await self._api.request("POST", EVENTS.path(rollout.namespace), body=body)
            except (ApiUnavailable, ApiRefused, Conflict, Gone) as error:
                logger.warning("event %s not posted: %s", note.reason, error)
