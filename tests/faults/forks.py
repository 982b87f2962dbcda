"""Operators forked from one parent (`fork_server`), in the hands of a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from demo.operator_process import ROOT
from sandbox.waiting import holds_within

POLL_S = 0.01
STOP_S = 10.0


class ForkServer:
    """Starts operators at a tenth of the cost of a new Python; its `launch` is a `Launch`."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.fork_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._lock = threading.Lock()

    def launch(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Forked:
        """Start `tidegate ARGUMENTS`."""
        order = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "log": str(log),
        }
        return Forked(self, self.order(order))

    def order(self, order: Mapping[str, Any]) -> Any:
        """Send one order and return its answer."""
        assert self._parent.stdin is not None, "a pipe"
        assert self._parent.stdout is not None, "a pipe"
        with self._lock:
            self._parent.stdin.write(json.dumps(order) + "\n")
            self._parent.stdin.flush()
            return json.loads(self._parent.stdout.readline())

    def close(self) -> None:
        """End the parent; children are the tests' to end before."""
        for pipe in (self._parent.stdin, self._parent.stdout):
            assert pipe is not None, "a pipe"
            pipe.close()
        self._parent.wait(STOP_S)


class Forked:
    """One forked operator; has what tests use of `subprocess.Popen`."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self._server = server
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        """Its exit status (negative: the signal that ended it), or None while it runs."""
        if self._status is None:
            self._status = self._server.order({"pid": self.pid})
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        limit_s = STOP_S if timeout is None else timeout
        if not holds_within(lambda: self.poll() is not None, limit_s, POLL_S):
            raise subprocess.TimeoutExpired(f"operator {self.pid}", limit_s)
        assert self._status is not None, "it has ended"
        return self._status

    def send_signal(self, sig: int) -> None:
        """Send a signal; a child that has ended keeps its pid until it was asked for."""
        if self._status is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, sig)
