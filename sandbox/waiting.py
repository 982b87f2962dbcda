"""Waiting for a condition, always with a deadline."""

import time
from collections.abc import Callable

from sandbox.errors import SandboxError

POLL_S = 0.05


def holds_within(condition: Callable[[], bool], deadline_s: float, poll_s: float = POLL_S) -> bool:
    """Tell whether the condition came true before the deadline (seconds from now)."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(poll_s)
    return True


def wait_until(
    condition: Callable[[], bool], deadline_s: float, what: str, poll_s: float = POLL_S
) -> None:
    """Return when the condition holds; SandboxError naming `what` when it does not in time."""
    if not holds_within(condition, deadline_s, poll_s):
        message = f"{what}: not within {deadline_s:g} s"
        raise SandboxError(message)
