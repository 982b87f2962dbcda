"""Keys waiting for a pass: one entry a Rollout, four lanes, one pass a Rollout at a time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from enum import IntEnum
from typing import TypeAlias

Key: TypeAlias = tuple[str, str]


class Lane(IntEnum):
    """What a key waits for, most urgent first."""

    ABORT = 0
    BREACH = 1
    PROGRESS = 2
    STATUS = 3


class KeyQueue:
    """A set of keys with priorities. A key added while its pass runs is served again after it."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, OrderedDict[Key, None]] = {lane: OrderedDict() for lane in Lane}
        self._waiting: dict[Key, Lane] = {}
        self._running: set[Key] = set()
        self._again: dict[Key, Lane] = {}
        self._ready = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._again)

    def add(self, key: Key, lane: Lane) -> None:
        """Ask for a pass; a more urgent wish moves a waiting key to the more urgent lane."""
        if key in self._running:
            self._again[key] = min(lane, self._again.get(key, lane))
            return
        known = self._waiting.get(key)
        if known is not None:
            if known <= lane:
                return
            del self._lanes[known][key]
        self._waiting[key] = lane
        self._lanes[lane][key] = None
        self._ready.set()

    async def take(self) -> Key:
        """The most urgent key; it counts as running until `done`."""
        while True:
            for lane in self._lanes.values():
                if lane:
                    key, _ = lane.popitem(last=False)
                    del self._waiting[key]
                    self._running.add(key)
                    return key
            self._ready.clear()
            await self._ready.wait()

    def done(self, key: Key) -> None:
        """The pass is over; serve the key again if something happened meanwhile."""
        self._running.discard(key)
        lane = self._again.pop(key, None)
        if lane is not None:
            self.add(key, lane)
