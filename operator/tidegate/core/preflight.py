"""A run before its first pod: its hooks one after the other, its gates all at once, then people.

Nothing of the new revision is there yet, so there is nothing to send back: an abort, a no-go, a
hook or a deadline that reverts only end the run. The same rules as at the doors of phases say what
is waited for. Gates are measured all the while, and all of them pass when the first pod is made.
"""

from __future__ import annotations

from tidegate.api.actions import Action
from tidegate.core import approving, deadlines, freezing, hooks, observing, reasons
from tidegate.core.approvals import past
from tidegate.core.decision import Note
from tidegate.core.journal import note_run
from tidegate.core.measuring import obstacle_to_pass
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.steering import not_paused, weight_to
from tidegate.core.whereabouts import preparing, title


def step(scene: Scene) -> Step:
    """The next move of a run in its pre-flight."""
    return deadlines.reminded(scene, _towards_pods(scene))


def _towards_pods(scene: Scene) -> Step:
    if scene.phase is None:
        held = freezing.holds(scene, "the first pods wait") or not_paused(scene)
        return held or _begins(scene, reasons.PREFLIGHT_PASSED, "the pre-flight is gone from spec")
    return (
        weight_to(scene, 0)
        or freezing.holds(scene, f"{title(scene.phase.name)} waits")
        or not_paused(scene)
        or hooks.before_pods(scene)
        or _measured(scene)
        or approving.obstacle(scene, approving.BEFORE_PODS)
        or _begins(scene, reasons.PREFLIGHT_PASSED, "the pre-flight passed")
    )


def _measured(scene: Scene) -> Step | None:
    """Gates that do not pass are waited for; in mode observe that is only told."""
    assert scene.phase is not None, "asked only of a pre-flight that the spec still has"
    name, obstacle = scene.phase.name, obstacle_to_pass(scene)
    if obstacle:
        message = f"{title(name)} waits: {obstacle}"
        return Step(scene.status, reason=reasons.WAITING_FOR_GATES, message=message)
    told = obstacle_to_pass(scene, told=True)
    return observing.phase_waits(scene, name, told) if told else None


def _begins(scene: Scene, reason: str, why: str) -> Step:
    """On to the first pods: written down before any of them is made."""
    run = scene.run
    assert run is not None, "called only while a run is on"
    stage, phase = preparing(scene.spec, scene.now)
    message = f"{why}; the first pods of revision {run.to_revision} are made"
    status = changed(
        scene.status,
        run=past(run).model_copy(update={"stage": stage}),
        phase=phase,
        deadline_since=None,
    )
    status = note_run(status, scene.now, "preflight", reason, message)
    return Step(status, notes=(Note(reason, message),), reason=reason, message=message)


def skipped(scene: Scene, action: Action) -> Step:
    """A person leaves its hooks and gates out; what others have to approve stays."""
    if action.phase is not None:
        why = (
            f"phase {action.phase} needs pods, and none is made before the pre-flight is over; ask "
            "skip without a phase to leave that out"
        )
        return Step(scene.status, reason=reasons.ACTION_REFUSED, message=why)
    if lacks := approving.lacking(scene, approving.BEFORE_PODS):
        return Step(scene.status, reason=reasons.ACTION_REFUSED, message=lacks)
    status = scene.status
    if status.pause is not None:  # who asks for it means it to go on
        status = changed(status, pause=None, resumed_at=scene.now)
    resumed = Scene(scene.rollout, status, scene.observed, scene.now)
    return _begins(resumed, reasons.PHASE_SKIPPED, f"the pre-flight left out by {action.author}")
