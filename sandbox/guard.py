"""The guard: outlives a supervisor that is killed, and clears what that one could not.

Servers die with their supervisor, by the kernel's hand; containers, their network and their
mounts do not.
"""

import os
import subprocess
import sys

from sandbox import leftovers, processes, state
from sandbox.errors import SandboxError
from sandbox.ownership import sole_owner
from sandbox.paths import Layout, python_environment
from sandbox.progress import say

_LOCK_DEADLINE_S = 5


def start(layout: Layout) -> None:
    """Start the guard of this process; it sees our end as the end of its standard input."""
    reading, _writing = os.pipe()
    with layout.supervisor_log.open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "sandbox", "guard", "--name", layout.name],
            stdin=reading,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=python_environment(),
        )
    os.close(reading)
    # `_writing` stays open, on purpose, until this process ends.


def watch(layout: Layout) -> None:
    """Wait for the supervisor's end; clear up unless it did so itself or another took over."""
    watched = processes.identify(os.getppid())
    sys.stdin.buffer.read()
    try:
        # The kernel may close our pipe a moment before it lets go of the dead one's lock.
        with sole_owner(layout, deadline_s=_LOCK_DEADLINE_S):
            found = state.read(layout.state_file)
            if found is None or found.supervisor is None or found.supervisor != watched:
                return
            say("the supervisor was killed: clearing what it left")
            leftovers.clear(layout)
            leftovers.remove_data(layout)
            state.write(layout.state_file, state.ended(found, "its supervisor was killed"))
            say("cleared")
    except SandboxError:
        return
