"""One process at a time starts, runs or clears a sandbox."""

import contextlib
import fcntl
from collections.abc import Iterator

from sandbox.errors import SandboxError
from sandbox.paths import Layout
from sandbox.waiting import holds_within

_DEADLINE_S = 15


@contextlib.contextmanager
def sole_owner(layout: Layout, deadline_s: float = _DEADLINE_S) -> Iterator[None]:
    """Hold the sandbox's lock; SandboxError when somebody else keeps it past the deadline."""
    layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with layout.lock_file.open("a") as lock:

        def free() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not holds_within(free, deadline_s):
            message = f"sandbox {layout.name} is up already, or on its way up or down"
            raise SandboxError(message)
        yield
