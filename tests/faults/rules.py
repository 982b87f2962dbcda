"""What the proxy does to which requests.

An action wraps the request as a middleware does: it may wait, answer by itself, ask the API server
and keep the answer for itself, or call the test. `Drop` closes the connection without an answer.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.faults.calls import Call

REASONS = {
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Drop(Exception):
    """The client gets no answer: its connection is closed."""


Proceed = Callable[[], Awaitable[Answer]]


class Action(Protocol):
    """What a rule does with a call; `proceed` asks the API server (or the next rule)."""

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        """Return what the client is told, or raise Drop."""
        ...


def status_body(code: int, message: str) -> dict[str, Any]:
    """A Kubernetes Status, as the API server words its refusals."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": REASONS.get(code, "Unknown"),
        "code": code,
    }


@dataclass(frozen=True, slots=True)
class Delay:
    """Let it through after some time."""

    seconds: float

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        """Wait, then proceed."""
        await asyncio.sleep(self.seconds)
        return await proceed()


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an error; the API server is not asked."""

    status: int
    retry_after_s: int | None = None

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        """The refusal, as a Status."""
        body = json.dumps(status_body(self.status, f"injected fault {self.status}")).encode()
        headers = {"Content-Type": "application/json"}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        return Answer(self.status, body, headers)


@dataclass(frozen=True, slots=True)
class Hang:
    """Accept it and never answer; with `seconds`, drop it after that time."""

    seconds: float = 3600.0

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        """Wait, then drop."""
        await asyncio.sleep(self.seconds)
        raise Drop


@dataclass(frozen=True, slots=True)
class DropBefore:
    """Lost on the way there: nothing is stored, and the client never knows."""

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        """Drop."""
        raise Drop


@dataclass(frozen=True, slots=True)
class DropAfter:
    """Lost on the way back: stored, but the client never knows."""

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        """Proceed, then drop."""
        await proceed()
        raise Drop


@dataclass(frozen=True, slots=True)
class Before:
    """Call the test before the API server is asked; `drop` if it ended the client."""

    function: Callable[[Call], object]
    drop: bool = False

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        """The test's function runs in a thread of its own, so it may block."""
        await asyncio.to_thread(self.function, call)
        if self.drop:
            raise Drop
        return await proceed()


@dataclass(frozen=True, slots=True)
class After:
    """Call the test once the API server has answered and before the client knows."""

    function: Callable[[Call], object]
    drop: bool = False

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        """The test's function runs in a thread of its own, so it may block."""
        answer = await proceed()
        await asyncio.to_thread(self.function, call)
        if self.drop:
            raise Drop
        return answer


@dataclass(eq=False)
class Rule:
    """Which requests (each empty field fits all) get which treatment.

    `method` and `path` are regular expressions (`path` is searched for, `method` has to fit
    wholly); `kind` is a plural. `nth` counts fitting requests from 1; `times` is for how many of
    them from there on, None for ever.
    """

    action: Action
    method: str = ""
    path: str = ""
    kind: str = ""
    subresource: str | None = None
    writes: bool | None = None
    watch: bool | None = None
    where: Callable[[Call], bool] | None = None
    nth: int = 1
    times: int | None = 1
    seen: int = 0
    applied: int = 0

    def fits(self, call: Call) -> bool:
        """Whether the call is one of those meant."""
        return (
            (not self.method or re.fullmatch(self.method, call.method) is not None)
            and (not self.path or re.search(self.path, call.path) is not None)
            and (not self.kind or call.kind == self.kind)
            and (self.subresource is None or call.subresource == self.subresource)
            and (self.writes is None or call.write == self.writes)
            and (self.watch is None or call.watch == self.watch)
            and (self.where is None or self.where(call))
        )

    def takes(self, call: Call) -> bool:
        """Count a fitting call, and tell whether it is one to be treated."""
        if not self.fits(call):
            return False
        self.seen += 1
        due = self.seen >= self.nth and (self.times is None or self.applied < self.times)
        self.applied += due
        return due


class Rules:
    """The rules in force. The first that takes a call treats it. Safe from any thread."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def add(self, rule: Rule) -> Rule:
        """Put a rule in force; returns it, for its counts and for `remove`."""
        with self._lock:
            self._rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        """Take a rule out of force; fine if it is not."""
        with self._lock:
            self._rules = [one for one in self._rules if one is not rule]

    def clear(self) -> None:
        """Heal everything."""
        with self._lock:
            self._rules.clear()

    def action_for(self, call: Call) -> Action | None:
        """The treatment of this call; counts it in every rule up to the one that takes it."""
        with self._lock:
            return next((rule.action for rule in self._rules if rule.takes(call)), None)
