"""The servers of one sandbox: started, watched, stopped and started again by their owner."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sandbox import processes, state
from sandbox.errors import SandboxError
from sandbox.paths import Layout
from sandbox.processes import ProcessId
from sandbox.progress import say
from sandbox.state import ServerRecord, State

_PORT_TRIES = 3
_PORT_TAKEN = "address already in use"
_POLL_S = 0.03


@dataclass(frozen=True)
class ServerSpec:
    """How to start one server and how to tell that it is ready."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    ports: Mapping[str, int] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    deadline_s: float = 60
    grace_s: float = 5


class Servers:
    """Owns the processes. For the main thread only: children die with the thread that made them."""

    def __init__(self, layout: Layout, record: State) -> None:
        self.layout = layout
        self.record = record
        self._makers: dict[str, Callable[[], ServerSpec]] = {}
        self._specs: dict[str, ServerSpec] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def save(self) -> None:
        """Write the record down."""
        state.write(self.layout.state_file, self.record)

    def start(self, make: Callable[[], ServerSpec]) -> ServerSpec:
        """Start a server and wait until it is ready."""
        return self.await_ready(self.launch(make).name)

    def launch(self, make: Callable[[], ServerSpec]) -> ServerSpec:
        """Start a server without waiting for it; `make` chooses its ports."""
        spec = make()
        self._makers[spec.name] = make
        self._spawn(spec)
        return spec

    def _spawn(self, spec: ServerSpec) -> None:
        log = self.layout.logs / f"{spec.name}.log"
        child = processes.spawn(spec.command, log, {**os.environ, **spec.env})
        identity = processes.identify(child.pid) or ProcessId(child.pid, 0)
        self._specs[spec.name], self._children[spec.name] = spec, child
        self.record.servers[spec.name] = ServerRecord(
            identity, list(spec.command), dict(spec.ports), str(log)
        )
        self.save()

    def await_ready(self, name: str) -> ServerSpec:
        """Return when the server is ready; SandboxError with its command and log when it is not.

        If one of its ports was taken between choice and use, it is started again with others.
        """
        for _ in range(_PORT_TRIES - 1):
            try:
                self._await(name)
            except SandboxError as error:
                if _PORT_TAKEN not in str(error).lower():
                    raise
                say(f"{name}: a port was taken meanwhile, choosing again")
                if self.running(name):
                    self.stop(name)
                self._spawn(self._makers[name]())
            else:
                return self._specs[name]
        self._await(name)
        return self._specs[name]

    def _await(self, name: str) -> None:
        spec, child = self._specs[name], self._children[name]
        end = time.monotonic() + spec.deadline_s
        while not spec.ready():
            if child.poll() is not None:
                self.reap()
                raise SandboxError(
                    self._complaint(name, f"exited with {child.returncode} while starting")
                )
            if time.monotonic() > end:
                raise SandboxError(self._complaint(name, f"not ready within {spec.deadline_s:g} s"))
            time.sleep(_POLL_S)

    def _complaint(self, name: str, what: str) -> str:
        record = self.record.servers[name]
        tail = processes.tail(Path(record.log))
        command = " ".join(record.command)
        return f"{name}: {what}\n  command: {command}\n  log: {record.log}, its end:\n{tail}"

    def running(self, name: str) -> bool:
        """Tell whether the server's process is there."""
        child = self._children.get(name)
        return child is not None and child.poll() is None

    def stop(self, name: str) -> None:
        """Stop one server; fine when it does not run."""
        if name not in self._specs:
            known = ", ".join(sorted(self._specs))
            raise SandboxError(f"no server {name}; there are: {known}")
        child, record = self._children[name], self.record.servers[name]
        if child.poll() is None:
            processes.stop(record.process, self._specs[name].grace_s)
            child.wait(10)
        self.record.servers[name] = replace(record, state="stopped", exit_code=child.returncode)
        self.save()

    def restart(self, name: str) -> None:
        """Start a stopped server as it was: same command, same ports, same data."""
        if self.running(name):
            return
        if name not in self._specs:
            self.stop(name)
        self._spawn(self._specs[name])
        self._await(name)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to one server."""
        record = self.record.servers.get(name)
        if record is None or not processes.send_signal(record.process, number):
            raise SandboxError(f"{name} does not run")

    def reap(self) -> list[str]:
        """Note down servers that ended by themselves; return their names."""
        ended = []
        for name, child in self._children.items():
            record = self.record.servers[name]
            if record.state == "running" and child.poll() is not None:
                self.record.servers[name] = replace(
                    record, state="exited", exit_code=child.returncode
                )
                ended.append(name)
        if ended:
            self.save()
        return ended

    def stop_all(self) -> None:
        """Stop what runs, the last started first."""
        for name in reversed(list(self._specs)):
            if self.running(name):
                self.stop(name)
