"""When a status is worth a write: at once for what was decided, rarely for numbers that wander."""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.api.status import CheckStatus, RolloutStatus

REFRESH_S = 10.0
"""Measured values alone are written no more often than this; a verdict that flips is at once."""

INTENT = (
    "run",
    "phase",
    "stable_revision",
    "canary_revision",
    "reverted_revision",
    "pause",
    "resumed_at",
    "last_action",
    "last_run",
    "draining",
)


def intent_changed(stored: RolloutStatus, status: RolloutStatus) -> bool:
    """Whether something was decided that must be stored before anything acts on it."""
    return any(getattr(stored, name) != getattr(status, name) for name in INTENT)


def worth_writing(stored: RolloutStatus, status: RolloutStatus, now: datetime) -> bool:
    """Whether the stored status says something else, or its numbers are old enough to refresh."""
    if status == stored:
        return False
    if _without_numbers(stored) != _without_numbers(status):
        return True
    shown = [check.measured_at for check in stored.checks if check.measured_at is not None]
    return not shown or now - max(shown) >= timedelta(seconds=REFRESH_S)


def _without_numbers(status: RolloutStatus) -> RolloutStatus:
    checks = tuple(_without_value(check) for check in status.checks)
    return status.model_copy(update={"checks": checks})


def _without_value(check: CheckStatus) -> CheckStatus:
    wandering = {"value": None, "samples": None, "measured_at": None, "detail": ""}
    return check.model_copy(update=wandering)
