"""The system clock behind the port."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Wall-clock time of this machine, in UTC."""

    def now(self) -> datetime:
        """The current time."""
        return datetime.now(UTC)
