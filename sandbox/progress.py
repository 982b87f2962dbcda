"""Progress for people: one line each on standard error."""

import sys
import time

_STARTED = time.monotonic()


def say(text: str) -> None:
    """Write one line, with the seconds since the program began."""
    print(f"sandbox {time.monotonic() - _STARTED:6.1f}s  {text}", file=sys.stderr, flush=True)
