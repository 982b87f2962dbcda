"""Brings what the watches and the audit log say into one order, and asks the invariants.

Versions of one etcd are in the order of its writes, over all kinds. Each thing waits for LAG_S, so
that what happened before it and whose it is can still be told; then it is judged once.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.observer.happenings import Body, Change, Key, Write, key_of, uid_of, version_of
from tests.observer.history import History
from tests.observer.invariants.journal import decisions_are_told
from tests.observer.invariants.scope import STRANGER
from tests.observer.invariants.table import ON_CHANGE, ON_WRITE
from tests.observer.watches import Told
from tests.observer.world import World

LAG_S = 2.0
BEFORE, AT, AFTER = range(3)
"""A write stands before the change it made, and what made none after all that was there."""
WRITES_KEPT_S = 60.0
"""How long a write waits for the change that it made: a watch may have to start anew."""


@dataclass(frozen=True, slots=True)
class Objection:
    """What an invariant has against something that happened."""

    invariant: str
    text: str
    at_s: float
    namespace: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.text}"


@dataclass
class Docket:
    """One order for all; no I/O and no clock of its own."""

    world: World = field(default_factory=World)
    history: History = field(default_factory=History)
    objections: list[Objection] = field(default_factory=list)
    events_are_due: bool = True
    """Whether every decision must be told by an Event: not where a proxy swallows requests."""
    judged: int = 0
    _heap: list[tuple[int, int, int, int, Told | Write]] = field(default_factory=list)
    _count: Iterator[int] = field(default_factory=itertools.count)
    _eras: dict[str, int] = field(default_factory=dict)
    _highest: dict[str, int] = field(default_factory=dict)
    _at: tuple[int, int] = (0, 0)
    _writes: dict[int, Write] = field(default_factory=dict)
    _deletes: dict[str, Write] = field(default_factory=dict)
    _last_version: int = 0

    # ------------------------------------------------------------ taking in

    def tell(self, told: Told) -> None:
        """Something that a watch said."""
        kind = told.kind.kind
        if told.what == "listed" and told.version < self._highest.get(kind, 0):
            self._eras[kind] = self._eras.get(kind, 0) + 1  # etcd itself was set back
            self._highest[kind] = told.version
        self._highest[kind] = max(self._highest.get(kind, 0), told.version)
        self._push(self._eras.get(kind, 0), told.version, AT, told)

    def log(self, write: Write) -> None:
        """Something that the audit log says; what made no version stands after what did."""
        if write.accepted:
            if write.version:
                self._last_version = write.version
                self._writes[write.version] = write
            elif write.verb == "delete" and write.uid:
                self._deletes[write.uid] = write
        era = max(self._eras.values(), default=0)
        if write.accepted and write.version:
            self._push(era, write.version, BEFORE, write)
        else:
            self._push(era, self._last_version, AFTER, write)

    def _push(self, era: int, version: int, rank: int, item: Told | Write) -> None:
        heapq.heappush(self._heap, (era, version, rank, next(self._count), item))

    # ------------------------------------------------------------ judging

    def judge(self, until_s: float, now_s: float) -> None:
        """Judge, in order, whatever was told before `until_s`."""
        while self._heap and self._heap[0][4].at_s <= until_s:
            era, version, _, _, item = heapq.heappop(self._heap)
            late = (era, version) < self._at
            self._at = max(self._at, (era, version))
            self.judged += 1
            if isinstance(item, Write):
                self._judge_write(item)
            else:
                self._judge_told(item, late=late)
        for text in decisions_are_told(min(until_s, now_s), self.world):
            if self.events_are_due:
                self._object("I14", text, until_s, text.partition("/")[0])
        self._forget(now_s)

    def _judge_write(self, write: Write) -> None:
        self.world.now_s = write.at_s
        texts = [
            (name, text)
            for name, judges in ON_WRITE.items()
            for judge in judges
            for text in judge(write, self.world)
        ]
        self.history.note_write(write, [f"{name}: {text}" for name, text in texts])
        for name, text in texts:
            self._object(name, text, write.at_s, write.namespace)
        self.world.take_write(write)

    def _judge_told(self, told: Told, *, late: bool) -> None:
        if told.what == "listed":
            self._close_list(told)
            return
        assert told.body is not None, "only the end of a list has no object"
        kind, key = told.kind.kind, key_of(told.body)
        before, after = self.world.get(kind, key), told.body if told.what == "there" else None
        if before is not None and uid_of(before) != uid_of(told.body):  # made anew unseen
            self._judge_change(_vanished(told, key, before))
            before = None
        if before is None and after is None:
            return
        if before is not None and after is not None and version_of(before) == told.version:
            return
        change = Change(
            version=told.version,
            at_s=told.at_s,
            kind=kind,
            key=key,
            before=before,
            after=after,
            gap=late or told.again,
            write=self._write_behind(told),
        )
        self._judge_change(change)

    def _write_behind(self, told: Told) -> Write | None:
        write = self._writes.get(told.version)
        if write is None and told.what == "gone" and told.body is not None:
            write = self._deletes.get(uid_of(told.body))
        if write is None or write.plural != told.kind.plural:  # versions of a time set back
            return None
        return write

    def _close_list(self, told: Told) -> None:
        """What a list did not have any more is gone; when, nobody was told."""
        if told.again:
            self.history.note_gap(told.at_s, told.kind)
        for body in self.world.all(told.kind.kind):
            key = key_of(body)
            if key not in told.listed and version_of(body) <= told.version:
                self._judge_change(_vanished(told, key, body))

    def _judge_change(self, change: Change) -> None:
        self.world.now_s = change.at_s
        texts = [
            (name, text)
            for name, judges in ON_CHANGE.items()
            for judge in judges
            for text in judge(change, self.world)
        ]
        self.history.note_change(change, [f"{name}: {text}" for name, text in texts])
        for name, text in texts:
            where = f"{change.kind} {'/'.join(change.key)}: {text}"
            self._object(name, where, change.at_s, change.key[0])
        self.world.take(change)

    def explained(self, objection: Objection) -> bool:
        """Whether a watch that lagged behind the audit log has told since what it missed."""
        known = objection.namespace in self.world.memory.namespaces
        return known and objection.text.endswith(STRANGER)

    def _object(self, name: str, text: str, at_s: float, namespace: str) -> None:
        self.objections.append(Objection(name, text, at_s, namespace))

    def _forget(self, now_s: float) -> None:
        old = now_s - WRITES_KEPT_S
        for version in [v for v, write in self._writes.items() if write.at_s < old]:
            del self._writes[version]
        for uid in [u for u, write in self._deletes.items() if write.at_s < old]:
            del self._deletes[uid]


def _vanished(told: Told, key: Key, body: Body) -> Change:
    """An object that is not there any more, by an event that nobody was told."""
    return Change(
        version=told.version,
        at_s=told.at_s,
        kind=told.kind.kind,
        key=key,
        before=body,
        after=None,
        gap=True,
    )
