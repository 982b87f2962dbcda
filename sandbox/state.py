"""What a sandbox is and runs, kept in one JSON file so that any process can read it."""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from sandbox.errors import SandboxError
from sandbox.processes import ProcessId, is_alive

Level = Literal["api", "traffic"]
Phase = Literal["starting", "ready", "failed", "stopping", "stopped"]
ServerState = Literal["running", "stopped", "exited"]


@dataclass(frozen=True)
class ServerRecord:
    """One server: who it is, how it was started, where it listens."""

    process: ProcessId
    command: list[str]
    ports: dict[str, int]
    log: str
    state: ServerState = "running"
    exit_code: int | None = None

    def running(self) -> bool:
        """Tell whether the process is there (it may be stopped by SIGSTOP)."""
        return self.state == "running" and is_alive(self.process)


@dataclass
class State:
    """The whole record. `endpoints`: URLs and files by name; `traces`: what outlives processes."""

    name: str
    level: Level
    phase: Phase = "starting"
    error: str = ""
    supervisor: ProcessId | None = None
    servers: dict[str, ServerRecord] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)
    traces: dict[str, str] = field(default_factory=dict)

    def alive(self) -> bool:
        """Tell whether its supervisor runs."""
        return self.supervisor is not None and is_alive(self.supervisor)


def ended(record: State, error: str = "") -> State:
    """Return the record of the same sandbox after its end, in failure if there was an error."""
    servers = {
        name: replace(server, state="stopped") if server.state == "running" else server
        for name, server in record.servers.items()
    }
    phase: Phase = "failed" if error else "stopped"
    return replace(record, phase=phase, error=error, supervisor=None, servers=servers, traces={})


def _process(raw: dict[str, Any] | None) -> ProcessId | None:
    return None if raw is None else ProcessId(int(raw["pid"]), int(raw["start_ticks"]))


def _server(raw: dict[str, Any]) -> ServerRecord:
    process = ProcessId(int(raw["process"]["pid"]), int(raw["process"]["start_ticks"]))
    return ServerRecord(**{**raw, "process": process})


def read(path: Path) -> State | None:
    """Return the record in this file; None when there is none."""
    try:
        raw = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        message = f"{path} is not a sandbox's record: {error}"
        raise SandboxError(message) from error
    servers = {name: _server(server) for name, server in raw.pop("servers").items()}
    return State(**{**raw, "servers": servers, "supervisor": _process(raw["supervisor"])})


def write(path: Path, state: State) -> None:
    """Replace the record as a whole, so that no reader sees half of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    fresh.write_text(json.dumps(asdict(state), indent=1))
    fresh.replace(path)
