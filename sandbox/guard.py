"""The guard: outlives a supervisor that is killed, and clears the containers it could not stop itself.

Servers die with their supervisor, by the kernel's hand; containers, their network and mounts do not.
"""

import os
import subprocess
import sys
from dataclasses import replace

from sandbox import leftovers, state
from sandbox.errors import SandboxError
from sandbox.ownership import sole_owner
from sandbox.paths import SOURCE, Layout
from sandbox.progress import say


def start(layout: Layout) -> None:
    """Start the guard of this process; it sees our end as the end of its standard input."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, False)
    search = os.pathsep.join(filter(None, [str(SOURCE.parent), os.environ.get("PYTHONPATH", "")]))
    with layout.supervisor_log.open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "sandbox", "guard", "--name", layout.name],
            stdin=reading, stdout=log, stderr=log, start_new_session=True, env={**os.environ, "PYTHONPATH": search},
        )  # fmt: skip
    os.close(reading)
    # `writing` stays open, on purpose, until this process ends.


def watch(layout: Layout) -> None:
    """Wait for the supervisor's end, then clear up unless it did so itself or another one took over."""
    sys.stdin.buffer.read()
    try:
        with sole_owner(layout, deadline_s=0):
            found = state.read(layout.state_file)
            if found is None or found.phase in {"stopped", "failed"}:
                return
            say("the supervisor was killed: clearing what it left")
            leftovers.clear(layout)
            state.write(
                layout.state_file,
                replace(found, phase="failed", error="its supervisor was killed", supervisor=None),
            )
            say("cleared")
    except SandboxError:
        return
