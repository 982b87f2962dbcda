"""Keys waiting for a pass: one entry a Rollout, four lanes, one pass a Rollout at a time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from enum import IntEnum
from typing import TypeAlias

from tidegate.adapters.steady_time import steady_s

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
        self._since_s: dict[Key, float] = {}
        self._running: set[Key] = set()
        self._again: dict[Key, Lane] = {}
        self._waiters: list[tuple[Lane, asyncio.Future[None]]] = []

    def __len__(self) -> int:
        return len(self._waiting) + len(self._again)

    def oldest_wait_s(self) -> float:
        """For how long the key that waits longest has been waiting for a worker; 0 if none does."""
        return steady_s() - min(self._since_s.values()) if self._since_s else 0.0

    def add(self, key: Key, lane: Lane) -> None:
        """Ask for a pass; a more urgent wish moves a waiting key to the more urgent lane."""
        if key in self._running:
            self._again[key] = min(lane, self._again.get(key, lane))
            return
        self._since_s.setdefault(key, steady_s())
        known = self._waiting.get(key)
        if known is not None:
            if known <= lane:
                return
            del self._lanes[known][key]
        self._waiting[key] = lane
        self._lanes[lane][key] = None
        self._wake(lane)

    def _wake(self, lane: Lane) -> None:
        """Wake one worker that takes this lane; those that are gone are passed over."""
        for index, (least_urgent, waiter) in enumerate(self._waiters):
            if lane <= least_urgent:
                del self._waiters[index]
                if not waiter.done():
                    waiter.set_result(None)
                    return
                self._wake(lane)
                return

    async def take(self, least_urgent: Lane = Lane.STATUS) -> Key:
        """The most urgent key, waiting for one at least that urgent; it runs until `done`."""
        while True:
            for lane, keys in self._lanes.items():
                if keys and lane <= least_urgent:
                    key, _ = keys.popitem(last=False)
                    del self._waiting[key], self._since_s[key]
                    self._running.add(key)
                    return key
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append((least_urgent, waiter))
            await waiter

    def done(self, key: Key) -> None:
        """The pass is over; serve the key again if something happened meanwhile."""
        self._running.discard(key)
        lane = self._again.pop(key, None)
        if lane is not None:
            self.add(key, lane)
