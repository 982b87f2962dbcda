"""Approvals as people see them: who gave which, and what still needs one."""

from __future__ import annotations

from datetime import datetime

from tidegate.api.approvals import ApprovalGiven
from tidegate.api.phases import Phase
from tidegate.api.rollout import RolloutSpec
from tidegate.api.status import RolloutStatus
from tidegate.core.approvals import ahead, awaited, counting, kept, tally, whose
from tidegate.core.whereabouts import title
from tidegate.views.amounts import age


def awaiting(spec: RolloutSpec, status: RolloutStatus, now: datetime) -> str:
    """What the run waits for, as a sentence; "" while it waits for no approval."""
    phase = awaited(spec, status, now)
    if phase is None or status.run is None:
        return ""
    said = tally(status.run, phase, now)
    name = title(phase.name)
    return f"{name[0].upper()}{name[1:]} waits for approval, {said}; {whose(phase)} may give one."


def needed(phase: Phase, spec: RolloutSpec, status: RolloutStatus, now: datetime) -> str:
    """What a phase that has not begun needs; "" for one that needs nobody, or has begun."""
    if phase.approval is None:
        return ""
    if status.run is None:
        one = phase.approval.required == 1
        return f"needs {phase.approval.required} {'approval' if one else 'approvals'}"
    return tally(status.run, phase, now) if phase in ahead(spec, status) else ""


def given(spec: RolloutSpec | None, status: RolloutStatus, now: datetime) -> tuple[str, ...]:
    """One line for each approval of the run that is on, oldest first."""
    run = status.run
    if run is None:
        return ()
    open_ones = ahead(spec, status) if spec is not None else ()
    void = [
        one
        for phase in open_ones
        for one in kept(run).given
        if one.phase == phase.name and one not in counting(run, phase, now)
    ]
    return tuple(_line(one, now, counts=one not in void) for one in kept(run).given)


def _line(one: ApprovalGiven, now: datetime, *, counts: bool) -> str:
    why = f": {one.reason}" if one.reason else ""
    void = "" if counts else " (counts no more)"
    return f"{one.phase} by {one.by}, {age(one.at, now)}{void}{why}"
