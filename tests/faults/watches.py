"""The watches that are open through the proxy, and what can be done to their events.

Within one watch the order of events never changes, as etcd keeps it. Treatments are set by kind
(the plural of the path; "" is all kinds) and hold for watches opened later, too.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from tests.faults.calls import Call
from tests.faults.rules import status_body


class End(Enum):
    """How a watch can end."""

    CLEAN = "clean"  # as a server does that closes it
    TORN = "torn"  # half an event, and the connection is gone


Item = bytes | End


@dataclass
class Treatment:
    """What happens to the events of one kind."""

    held: bool = False
    silent: bool = False
    doubled: bool = False
    lag_s: float = 0.0


@dataclass(eq=False)
class Stream:
    """One open watch: what came from the API server and was not passed on yet."""

    call: Call
    waiting: asyncio.Queue[Item] = field(default_factory=asyncio.Queue)
    passed: int = 0


class Watches:
    """All open watches. Its methods belong to the proxy's event loop; `ChaosProxy` calls them."""

    def __init__(self) -> None:
        self._streams: list[Stream] = []
        self._treatments: dict[str, Treatment] = {}
        self._changed = asyncio.Condition()
        self.opened: Counter[str] = Counter()
        self.unsaid: list[bytes] = []
        """What silence has swallowed, in order."""
        self.versions: set[int] = set()
        """Of all objects that events told of, whether or not they were passed on."""

    # ------------------------------------------------------------------ what a test asks for

    async def treat(self, kind: str, **changes: bool | float) -> None:
        """Set fields of the treatment of that kind."""
        async with self._changed:
            treatment = self._treatments.setdefault(kind, Treatment())
            for name, value in changes.items():
                setattr(treatment, name, value)
            self._changed.notify_all()

    async def heal(self) -> None:
        """Treat all kinds as if nothing were wrong; what was held comes through, in order."""
        async with self._changed:
            self._treatments.clear()
            self._changed.notify_all()

    async def say(self, kind: str, line: bytes) -> int:
        """Put an event of our own into every open watch of that kind; returns into how many."""
        return self._put(kind, line)

    async def fail(self, kind: str, code: int) -> int:
        """Put an ERROR event into every open watch of that kind; returns into how many."""
        event = {"type": "ERROR", "object": status_body(code, f"injected fault {code}")}
        return self._put(kind, json.dumps(event).encode() + b"\n")

    async def end(self, kind: str, how: End) -> int:
        """End every open watch of that kind; returns how many."""
        return self._put(kind, how)

    async def count(self, kind: str) -> int:
        """How many watches of that kind are open."""
        return sum(1 for _ in self._of(kind))

    def _put(self, kind: str, item: Item) -> int:
        streams = list(self._of(kind))
        for stream in streams:
            stream.waiting.put_nowait(item)
        return len(streams)

    def _of(self, kind: str) -> Iterator[Stream]:
        return (stream for stream in self._streams if kind in ("", stream.call.kind))

    # ------------------------------------------------------------------ what the proxy does

    def open(self, call: Call) -> Stream:
        """Note down a watch."""
        stream = Stream(call)
        self._streams.append(stream)
        self.opened[call.kind] += 1
        return stream

    def close(self, stream: Stream) -> None:
        """Forget a watch."""
        self._streams.remove(stream)

    async def next_of(self, stream: Stream) -> tuple[Item, int]:
        """The next thing to pass on, and how many times (0: it is swallowed)."""
        item = await stream.waiting.get()
        async with self._changed:
            await self._changed.wait_for(lambda: not self._any(stream, "held"))
        if lag_s := max((one.lag_s for one in self._treating(stream)), default=0.0):
            await asyncio.sleep(lag_s)
        if isinstance(item, End):
            return item, 1
        if self._any(stream, "silent"):
            self.unsaid.append(item)
            return item, 0
        stream.passed += 1
        return item, 2 if self._any(stream, "doubled") else 1

    def _treating(self, stream: Stream) -> Iterator[Treatment]:
        kinds = ("", stream.call.kind)
        return (self._treatments[kind] for kind in kinds if kind in self._treatments)

    def _any(self, stream: Stream, name: str) -> bool:
        return any(getattr(one, name) for one in self._treating(stream))
