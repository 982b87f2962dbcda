"""The run's own record: what happened, when and why, bounded, oldest first."""

from __future__ import annotations

from datetime import datetime

from tidegate.api.limits import MAX_HISTORY
from tidegate.api.runs import RunEntry
from tidegate.api.status import RolloutStatus, RunStatus
from tidegate.core.scene import changed


def noted(run: RunStatus, now: datetime, what: str, reason: str, message: str) -> RunStatus:
    """The run with one more entry; when full, the oldest but the first entry gives way."""
    entry = RunEntry(at=now, what=what, reason=reason, message=message)
    history = (*run.history, entry)
    if len(history) > MAX_HISTORY:
        history = (history[0], *history[2:])
    return run.model_copy(update={"history": history})


def note_run(
    status: RolloutStatus, now: datetime, what: str, reason: str, message: str
) -> RolloutStatus:
    """The status whose run, if there is one, has one more entry."""
    if status.run is None:
        return status
    return changed(status, run=noted(status.run, now, what, reason, message))
