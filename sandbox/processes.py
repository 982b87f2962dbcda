"""Processes known by pid and start time, so that a reused pid is never taken for ours."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.waiting import holds_within

_PR_SET_PDEATHSIG = 1
_TAIL_BYTES = 20_000
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class ProcessId:
    """A process for certain: its pid and the clock tick, since boot, at which it started."""

    pid: int
    start_ticks: int


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the process state on; empty when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    # The command, in parentheses, may hold spaces and parentheses itself: count from the last one.
    return stat.rpartition(")")[2].split()


def start_ticks(pid: int) -> int | None:
    """Return when the process started (ticks since boot); None when it is gone or a zombie."""
    fields = _stat(pid)
    return None if not fields or fields[0] in {"Z", "X"} else int(fields[19])


def is_paused(process: ProcessId) -> bool:
    """Tell whether this very process was stopped by SIGSTOP and not yet continued."""
    return is_alive(process) and _stat(process.pid)[:1] == ["T"]


def identify(pid: int) -> ProcessId | None:
    """Return the process that has this pid now."""
    ticks = start_ticks(pid)
    return None if ticks is None else ProcessId(pid, ticks)


def is_alive(process: ProcessId) -> bool:
    """Tell whether this very process still runs."""
    return start_ticks(process.pid) == process.start_ticks


def send_signal(process: ProcessId, number: int) -> bool:
    """Signal this very process; False when it is gone."""
    if not is_alive(process):
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def stop(process: ProcessId, grace_s: float) -> None:
    """End a process: SIGTERM (and SIGCONT, should it be stopped), then SIGKILL after the grace."""
    if not send_signal(process, signal.SIGTERM):
        return
    send_signal(process, signal.SIGCONT)
    if holds_within(lambda: not is_alive(process), grace_s, 0.02):
        return
    send_signal(process, signal.SIGKILL)
    holds_within(lambda: not is_alive(process), 5, 0.02)


def command_line(pid: int) -> list[str]:
    """Return the arguments a process was started with; empty when it is gone."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [part.decode(errors="replace") for part in raw.split(b"\0") if part]


def all_pids() -> list[int]:
    """Return the pids of all processes to be seen."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def spawn(
    command: Sequence[str], log: Path, env: Mapping[str, str], *, cwd: Path | None = None
) -> "subprocess.Popen[bytes]":
    """Start a server in its own session, its output appended to the log.

    It dies when the calling thread does: call this from a main thread that stays.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 — one thread only; nothing else ties a child to us
        )


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
