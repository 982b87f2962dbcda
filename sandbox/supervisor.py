"""The supervisor: owns a sandbox's servers from start to stop, and takes requests meanwhile.

One thread only, the main one: the kernel kills each server when the thread that started it ends.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import traceback
from types import FrameType

from sandbox import guard, leftovers, level, processes, state
from sandbox.errors import SandboxError
from sandbox.ownership import sole_owner
from sandbox.paths import Layout
from sandbox.processes import ProcessId
from sandbox.progress import say
from sandbox.servers import Servers
from sandbox.state import State

_TICK_S = 0.25
_REQUEST_LIMIT_BYTES = 10_000
_CLIENT_TIMEOUT_S = 5


class _Ending(BaseException):
    """Somebody wants the sandbox to stop, possibly in the middle of its start."""


def _on_signal(number: int, _frame: FrameType | None) -> None:
    raise _Ending(signal.Signals(number).name)


class Supervisor:
    """Runs one sandbox."""

    def __init__(self, layout: Layout, wanted: state.Level, owner: ProcessId | None) -> None:
        self._record = State(layout.name, wanted, supervisor=processes.identify(os.getpid()))
        self._servers = Servers(layout, self._record)
        self._layout, self._owner = layout, owner
        self._selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Start everything, serve until told to stop, stop everything; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, _on_signal)
        try:
            with sole_owner(self._layout):
                return self._run()
        except SandboxError as error:
            say(str(error))
            return 1

    def _run(self) -> int:
        failed = ""
        try:
            leftovers.clear(self._layout)
            leftovers.remove_files(self._layout)
            self._servers.save()
            if self._record.level == "traffic":
                guard.start(self._layout)
            level.start(self._servers)
            self._record.phase = "ready"
            self._servers.save()
            say(f"sandbox {self._layout.name} is ready")
            self._serve()
        except _Ending as ending:
            say(f"stopping: {ending}")
            if self._record.phase == "starting":
                failed = f"stopped while starting: {ending}"
        except SandboxError as error:
            failed = str(error)
        except Exception:  # noqa: BLE001 — whatever it was, the servers must not stay behind
            failed = traceback.format_exc()
        self._stop(failed)
        return 1 if failed else 0

    def _stop(self, failed: str) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if failed:
            say(f"failed: {failed.splitlines()[0]}")
        self._record.phase = "stopping"
        self._servers.save()
        level.stop(self._servers)
        state.write(self._layout.state_file, state.ended(self._record, failed))
        self._layout.control_socket.unlink(missing_ok=True)
        say("stopped")

    def _serve(self) -> None:
        self._layout.control_socket.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(self._layout.control_socket))
            listener.listen(8)
            self._selector.register(listener, selectors.EVENT_READ)
            while True:
                if self._selector.select(_TICK_S):
                    self._answer(listener)
                for name in self._servers.reap():
                    say(f"{name} ended by itself: see {self._record.servers[name].log}")
                if self._owner and not processes.is_alive(self._owner):
                    raise _Ending(f"process {self._owner.pid}, which wanted it, is gone")

    def _answer(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(_CLIENT_TIMEOUT_S)
            answer = {"error": ""}
            try:
                self._do(json.loads(connection.recv(_REQUEST_LIMIT_BYTES)))
            except (SandboxError, ValueError, KeyError) as error:
                answer["error"] = str(error) or repr(error)
            connection.sendall(json.dumps(answer).encode())

    def _do(self, request: dict[str, str]) -> None:
        match request["do"]:
            case "stop":
                self._servers.stop(request["server"])
            case "start":
                self._servers.restart(request["server"])
            case "signal":
                self._servers.signal(request["server"], int(request["signal"]))
            case unknown:
                raise SandboxError(f"unknown request {unknown}")
