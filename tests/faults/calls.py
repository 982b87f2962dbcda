"""One request as the proxy saw it, and the numbered log of all of them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf
from urllib.parse import parse_qs

from sandbox.waiting import wait_until

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
NOT_WRITES = frozenset({"selfsubjectreviews", "selfsubjectaccessreviews", "tokenreviews"})
"""Posted, but nothing is stored."""
VERSION = re.compile(rb'"resourceVersion":"(\d+)"')


def version_in(body: bytes) -> int:
    """The version of the object in an answer or a watch event; 0 if it has none."""
    found = VERSION.search(body)
    return int(found[1]) if found else 0


@dataclass(slots=True)
class Call:
    """One request: what was asked and what came of it.

    `status` is what the client was told (0: it got no answer), `committed` what the API server
    answered (0: it was never asked), and at `done_at_s` (monotonic seconds; endless: never) it had
    answered, with an object of `version` (0: none). `kind` is the plural of the path, e.g.
    `replicasets`.
    """

    number: int
    method: str
    path: str
    query: str
    agent: str
    body: bytes
    namespace: str = ""
    kind: str = ""
    name: str = ""
    subresource: str = ""
    status: int = 0
    committed: int = 0
    at_s: float = field(default_factory=time.monotonic)
    done_at_s: float = inf
    version: int = 0

    @property
    def watch(self) -> bool:
        """Whether it opens a watch."""
        return self.method == "GET" and parse_qs(self.query).get("watch", ["false"])[0] in (
            "true",
            "1",
        )

    @property
    def listing(self) -> bool:
        """Whether it reads a collection."""
        return self.method == "GET" and bool(self.kind) and not self.name and not self.watch

    @property
    def dry(self) -> bool:
        """Whether the API server was asked to keep nothing of it."""
        return "dryRun" in parse_qs(self.query)

    @property
    def write(self) -> bool:
        """Whether it would change what is stored."""
        return self.method in WRITES and not self.dry and self.kind not in NOT_WRITES

    @property
    def accepted(self) -> bool:
        """Whether the API server took it."""
        return 200 <= self.committed < 300

    @property
    def label(self) -> str:
        """What it does, without names that differ from run to run: `PATCH rollouts/status`."""
        part = f"/{self.subresource}" if self.subresource else ""
        return f"{self.method} {self.kind}{part}"

    def __str__(self) -> str:
        told = f"#{self.number} {self.method} {self.path} -> {self.status or 'no answer'}"
        return told if self.status == self.committed else f"{told} (server: {self.committed})"


def call_of(number: int, method: str, path: str, query: str, agent: str, body: bytes) -> Call:
    """A call with its path taken apart (`/apis/GROUP/VERSION[/namespaces/NS]/PLURAL/NAME/SUB`)."""
    call = Call(number, method, path, query, agent, body)
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:] if parts[0] == "apis" else []
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        call.namespace, rest = rest[1], rest[2:]
    call.kind, call.name, call.subresource = [*rest, "", "", ""][:3]
    return call


class RequestLog:
    """All requests so far, in the order in which they came. Safe to read from any thread."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def add(self, method: str, path: str, query: str, agent: str, body: bytes) -> Call:
        """Note down a request; its number counts from 1."""
        with self._lock:
            call = call_of(len(self._calls) + 1, method, path, query, agent, body)
            self._calls.append(call)
            return call

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(tuple(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def answered(self, kind: str = "") -> int:
        """How many writes, of all kinds or of one, the API server has answered.

        While that stays, they changed nothing.
        """
        return sum(
            call.method in WRITES and call.done_at_s < inf and kind in ("", call.kind)
            for call in self
        )

    def since(self, number: int) -> list[Call]:
        """Those after that number."""
        with self._lock:
            return self._calls[number:]

    def writes(self, since: int = 0) -> list[Call]:
        """Those that would change something, whether or not it was accepted."""
        return [call for call in self.since(since) if call.write]

    def await_call(
        self, wanted: Callable[[Call], bool], deadline_s: float, what: str, *, since: int = 0
    ) -> Call:
        """Wait until such a call has come. SandboxError naming `what` when none comes in time."""
        found: list[Call] = []

        def seen() -> bool:
            found[:] = [call for call in self.since(since) if wanted(call)]
            return bool(found)

        wait_until(seen, deadline_s, what, poll_s=0.02)
        return found[0]
