"""Starting a detached supervisor and following it until the sandbox is ready."""

import atexit
import subprocess
import sys
import time

from sandbox import processes, state
from sandbox.errors import SandboxError
from sandbox.paths import Layout, python_environment
from sandbox.processes import ProcessId
from sandbox.state import Level

START_DEADLINE_S = 300
_POLL_S = 0.05

# Supervisors this process started: kept, so that they are not taken for forgotten children, and
# reaped when they have ended.
_started: list["subprocess.Popen[bytes]"] = []


@atexit.register
def _reap() -> None:
    """Take note of those that have ended: they are not left running."""
    for child in _started:
        child.poll()


class Launch:
    """A supervisor being started, watched by whoever asked for it."""

    def __init__(self, layout: Layout, level: Level, owner_pid: int | None) -> None:
        self._layout = layout
        layout.folder("logs")
        self._log_from = (
            layout.supervisor_log.stat().st_size if layout.supervisor_log.exists() else 0
        )
        owner = [] if owner_pid is None else [f"--owner-pid={owner_pid}"]
        wanted = [f"--level={level}", f"--name={layout.name}", *owner]
        with layout.supervisor_log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sandbox", "up", "--foreground", *wanted],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**python_environment(), "CLUSTER": ""},
            )

        _started[:] = [child for child in _started if child.poll() is None]
        _started.append(self._process)

    def follow(self, *, progress: bool) -> None:
        """Pass its progress on until the sandbox is ready; take it down when that fails."""
        identity = processes.identify(self._process.pid)
        end = time.monotonic() + START_DEADLINE_S
        try:
            while not self._ready(identity):
                self._relay(progress=progress)
                self._check(end)
                time.sleep(_POLL_S)
        except BaseException:
            self._process.terminate()
            raise
        self._relay(progress=progress)

    def _check(self, end: float) -> None:
        if self._process.poll() is not None:
            raise SandboxError(self._why())
        if time.monotonic() > end:
            log = self._layout.supervisor_log
            raise SandboxError(f"not ready in {START_DEADLINE_S} s: see {log}")

    def _ready(self, identity: ProcessId | None) -> bool:
        found = state.read(self._layout.state_file)
        return found is not None and found.phase == "ready" and found.supervisor == identity

    def _why(self) -> str:
        found = state.read(self._layout.state_file)
        if found is not None and found.phase == "failed":
            return found.error
        return processes.tail(self._layout.supervisor_log, 20) or "the supervisor ended at once"

    def _relay(self, *, progress: bool) -> None:
        with self._layout.supervisor_log.open("rb") as log:
            log.seek(self._log_from)
            fresh = log.read()
        self._log_from += len(fresh)
        if progress and fresh:
            sys.stderr.write(fresh.decode(errors="replace"))
            sys.stderr.flush()
