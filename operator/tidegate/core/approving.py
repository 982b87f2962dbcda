"""People who say go or no-go: a phase with an approval begins only once enough of them said go.

The door asks for every phase on the way: whoever leaves phases out (skip, promote) does not get
round what others have to approve. Nothing here holds up a revert or an abort.
"""

from __future__ import annotations

from datetime import timedelta

from tidegate.api.actions import Action
from tidegate.api.approvals import ApprovalGiven
from tidegate.api.limits import MAX_APPROVALS
from tidegate.api.phases import Phase
from tidegate.api.status import RunStatus
from tidegate.core import reasons, revert
from tidegate.core.approvals import (
    about,
    ahead,
    awaited,
    counting,
    expires_at,
    kept,
    lost,
    missing,
    tally,
    whose,
)
from tidegate.core.decision import Note
from tidegate.core.journal import note_run
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.whereabouts import in_preflight, preflight_of, title

BEFORE_PODS = -1
"""The place of the pre-flight among the phases, counted from 0."""
CLOCKS_APART_S = 5.0
"""An action is dated by the API server's clock, to the second, and the run by the operator's."""


def obstacle(scene: Scene, index: int) -> Step | None:
    """Why the phase at that place is not entered yet: approvals of it, or of one before it."""
    phase = _lacking(scene, index)
    run = scene.run
    if phase is None or run is None:
        return None
    message = _sentence(scene, run, phase)
    wake_at = expires_at(run, phase, scene.now)
    if kept(run).awaiting == phase.name:
        return Step(scene.status, None, (), reasons.AWAITING_APPROVAL, message, wake_at)
    told = kept(run).model_copy(update={"awaiting": phase.name})
    status = changed(scene.status, run=run.model_copy(update={"approvals": told}))
    status = note_run(status, scene.now, phase.name, reasons.AWAITING_APPROVAL, message)
    note = Note(reasons.AWAITING_APPROVAL, message)
    return Step(status, None, (note,), reasons.AWAITING_APPROVAL, message, wake_at)


def lacking(scene: Scene, index: int) -> str:
    """What still has to be approved before the phase at that place may begin; "" if nothing."""
    phase = _lacking(scene, index)
    return "" if phase is None or scene.run is None else _sentence(scene, scene.run, phase)


def approve(scene: Scene, action: Action) -> Step:
    """Keep a person's approval of a phase that has not begun."""
    phase, run = _meant(scene, action), scene.run
    if isinstance(phase, str) or run is None:
        return _refused(scene, phase if isinstance(phase, str) else "no run is on")
    if why := _unfit(scene, run, action, phase):
        return _refused(scene, why)
    asked_at = action.created_at or scene.now
    given = ApprovalGiven(
        by=action.requested_by or "",
        phase=phase.name,
        at=min(asked_at, scene.now),
        uid=action.uid,
        about=about(phase),
        reason=action.reason,
    )
    others = _others(scene, run, given)
    if len(others) >= MAX_APPROVALS:
        why = f"{MAX_APPROVALS} approvals are kept already; approve once the next phase has begun"
        return _refused(scene, why)
    approvals = kept(run).model_copy(update={"given": (*others, given)})
    approved = run.model_copy(update={"approvals": approvals})
    said = tally(approved, phase, scene.now)
    message = f"{title(phase.name)} of revision {run.to_revision}: {said}"
    return Step(changed(scene.status, run=approved), reason=reasons.APPROVED, message=message)


def reject(scene: Scene, action: Action) -> Step:
    """A no-go: the run is sent back, as by an abort."""
    phase = _meant(scene, action)
    if isinstance(phase, str):
        return _refused(scene, phase)
    message = f"{title(phase.name)} rejected by {action.author}"
    return revert.send_back(scene, reasons.REJECTED, message)


def _lacking(scene: Scene, index: int) -> Phase | None:
    """The first phase up to that place whose approvals are not all there."""
    run, on_the_way = scene.run, scene.spec.phases[: index + 1]
    if in_preflight(scene.status):
        on_the_way = preflight_of(scene.spec) + on_the_way
    if run is None:
        return None
    found = (
        phase
        for phase in ahead(scene.spec, scene.status)
        if phase in on_the_way and missing(run, phase, scene.now)
    )
    return next(found, None)


def _sentence(scene: Scene, run: RunStatus, phase: Phase) -> str:
    at = f"{scene.rollout.name} -n {scene.rollout.namespace} --phase {phase.name}"
    return (
        f"{title(phase.name)} waits for approval, {tally(run, phase, scene.now)}; "
        f"{whose(phase)} may give one: tidegate approve {at}{lost(run, phase, scene.now)}"
    )


def _meant(scene: Scene, action: Action) -> Phase | str:
    """The phase that the action is about, or why there is none."""
    if scene.run is None:
        return f"no run is on, so there is nothing to {action.verb}"
    phases = ahead(scene.spec, scene.status)
    if not phases:
        return f"no phase ahead needs an approval, so there is nothing to {action.verb}"
    if action.phase is not None:
        return _named(scene, action.phase, phases)
    waits = awaited(scene.spec, scene.status, scene.now)
    open_ones = (phase for phase in phases if missing(scene.run, phase, scene.now))
    return waits or next(open_ones, phases[0])


def _named(scene: Scene, name: str, phases: tuple[Phase, ...]) -> Phase | str:
    found = next((phase for phase in phases if phase.name == name), None)
    if found is not None:
        return found
    left = f"those that do are {', '.join(phase.name for phase in phases)}"
    known = {phase.name: phase for phase in preflight_of(scene.spec) + scene.spec.phases}
    if name not in known:
        return f"no phase is named {name!r} that needs an approval; {left}"
    if known[name].approval is None:
        return f"{title(name)} needs no approval; {left}"
    return f"{title(name)} has begun already; what is ahead and needs an approval: {left}"


def _unfit(scene: Scene, run: RunStatus, action: Action, phase: Phase) -> str:
    """Why that approval cannot count; "" if it does."""
    by, approval = action.requested_by, phase.approval
    assert approval is not None, "asked only of a phase that needs one"
    if not by:
        return "requestedBy is empty, and an approval counts only with the name of who gives it"
    if action.revision is None:
        return f"revision is empty; name what is approved, such as {run.to_revision}"
    begun = run.started_at - timedelta(seconds=CLOCKS_APART_S)
    if action.created_at is not None and action.created_at < begun:
        return f"it was asked before run {run.number} began; look at this run, and approve it anew"
    if approval.groups and not set(approval.groups) & set(action.spec.requested_groups):
        return f"{whose(phase)} approve {title(phase.name)}, and requestedGroups names none of them"
    given = counting(run, phase, scene.now)
    if any(one.by == by for one in given):
        return f"{title(phase.name)} is already approved by {by}; one person counts once"
    if not missing(run, phase, scene.now):
        return f"{title(phase.name)} needs no more: {tally(run, phase, scene.now)}"
    return ""


def _others(scene: Scene, run: RunStatus, given: ApprovalGiven) -> tuple[ApprovalGiven, ...]:
    """The approvals that stay beside a new one; where room is short, only those that count."""
    same = (given.by, given.phase)
    others = tuple(one for one in kept(run).given if (one.by, one.phase) != same)
    if len(others) < MAX_APPROVALS:
        return others
    phases = ahead(scene.spec, scene.status)
    counted = [one for phase in phases for one in counting(run, phase, scene.now)]
    return tuple(one for one in others if one in counted)


def _refused(scene: Scene, why: str) -> Step:
    return Step(scene.status, reason=reasons.ACTION_REFUSED, message=why)
