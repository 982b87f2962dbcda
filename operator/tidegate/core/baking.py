"""After the promotion: the new revision serves, the old one stays warm, and the guards stay on.

Stable is the new revision already. The routes go home as after any promotion; then the canary
destination, idle by now, is pointed at the old revision, so that the way back is one route write.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.api.check_status import Verdict
from tidegate.api.scalars import format_duration
from tidegate.api.status import RunStatus, Stage
from tidegate.core import policing, reasons, resting
from tidegate.core.decision import Note
from tidegate.core.journal import noted
from tidegate.core.measuring import obstacle_to_raise
from tidegate.core.proving import forgiven
from tidegate.core.proving import verdict as verdict_of
from tidegate.core.revert import OUTCOME_PROMOTED, end_run
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.steering import canary_pointed, canary_size_up


def begun(scene: Scene, promoted: Step, run: RunStatus) -> Step:
    """The promotion of a run, and with it the beginning of its bake."""
    message = (
        f"run {run.number}: baking for {format_duration(_duration_s(scene))}; guards stay on and "
        f"revision {run.from_revision} stays warm"
    )
    run = run.model_copy(update={"stage": Stage.BAKING, "baking_since": scene.now})
    run = run.model_copy(update={"skip_to_end": False})
    run = noted(run, scene.now, "bake", reasons.BAKING, message)
    ended = {"canary_revision": None, "phase": None}  # nobody is being tried any more
    seen = {"waiting_since": None, "waiting_ready": None, "blind_since": None}
    status = changed(promoted.status, run=run, **ended, **seen)
    notes = (*promoted.notes, Note(reasons.BAKING, message))
    return Step(status, notes=notes, reason=reasons.BAKING)


def wanted(scene: Scene, run: RunStatus) -> bool:
    """Whether a promotion is followed by a bake: not on the way back, nor of nothing."""
    return (
        scene.spec.bake is not None and bool(run.from_revision) and not run.undo and scene.full > 0
    )


def _duration_s(scene: Scene) -> float:
    return scene.spec.bake.duration_s if scene.spec.bake else 0.0


def step(scene: Scene) -> Step:
    """The next move of a bake."""
    return (
        _kept_warm(scene)
        or _weights_home(scene)
        or _passed(scene)
        or (canary_pointed(scene) if scene.canary is not None else None)
        or _held(scene)
    )


def _kept_warm(scene: Scene) -> Step | None:
    """The old revision at full size; if its ReplicaSet was deleted, nothing can bring it back."""
    old, remembered = scene.canary_revision, (scene.target, scene.observed.revivable)
    if old is None or (scene.canary is None and old not in remembered):
        return None
    return canary_size_up(scene)


def _weights_home(scene: Scene) -> Step | None:
    """Home as after any promotion; from the old revision only if nothing speaks for it."""
    routes = scene.routes
    if routes is None or all(r.home for r in routes.weights):
        return None
    obstacle = obstacle_to_raise(scene) if routes.canary != routes.stable else ""
    if obstacle:
        message = f"revision {routes.canary} keeps what somebody sent to it: {obstacle}"
        return Step(scene.status, reason=reasons.WAITING_FOR_METRICS, message=message)
    return resting.weights_home(scene)


def _until(scene: Scene) -> datetime:
    since = scene.run.baking_since if scene.run and scene.run.baking_since else scene.now
    return since + timedelta(seconds=_duration_s(scene))


def _over(scene: Scene) -> bool:
    return scene.now >= _until(scene) or (scene.run is not None and scene.run.skip_to_end)


def _obstacle(scene: Scene) -> str:
    """What keeps a bake whose time is over from ending, or ""."""
    if scene.paused:
        return f"paused by {scene.status.pause.by}" if scene.status.pause else "spec.paused"
    if odd := policing.obstacle(scene):
        return odd
    for check, _ in scene.enforced() if scene.full else ():
        verdict = verdict_of(scene, check)
        if verdict is not Verdict.PASS and not forgiven(scene, check):
            return f"guard {check.name} is {verdict.value}"
    return ""


def _passed(scene: Scene) -> Step | None:
    if not _over(scene) or _obstacle(scene):
        return None
    return ended(scene, reasons.BAKE_PASSED, "the bake is over and every guard passes")


def ended(scene: Scene, reason: str, why: str) -> Step:
    """The run is over, as promoted; routes go home and the old pods drain as any do."""
    run = scene.run
    assert run is not None, "called only while a run is on"
    message = f"run {run.number}: revision {run.to_revision} stays: {why}"
    noted_run = noted(run, scene.now, "bake", reason, message)
    status = changed(scene.status, run=noted_run)
    done = end_run(
        Scene(scene.rollout, status, scene.observed, scene.now), OUTCOME_PROMOTED, reason, message
    )
    return Step(done, notes=(Note(reason, message),), reason=reason, message=message)


def _held(scene: Scene) -> Step:
    run, until = scene.run, _until(scene)
    assert run is not None, "called only while a run is on"
    ready = scene.canary.ready if scene.canary else 0
    message = (
        f"baking revision {run.to_revision} until {until:%Y-%m-%d %H:%M:%S} UTC; revision "
        f"{run.from_revision} is kept with {ready} of {scene.full} pods ready"
    )
    if scene.canary is None:
        message += ", for its ReplicaSet was deleted: nothing can be sent back to it"
    if not _over(scene):
        return Step(scene.status, reason=reasons.BAKING, message=message, wake_at=until)
    message = f"the bake's time is over, and it waits: {_obstacle(scene)}"
    reason = reasons.PAUSED if scene.paused else reasons.WAITING_FOR_METRICS
    return Step(scene.status, reason=reason, message=message)
