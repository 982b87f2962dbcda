"""The way back, move by move: pods, the canary destination, all traffic, and stable last."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tidegate.core import going_back, promotion, reasons, resting, revert
from tidegate.core.decision import Note, PointDestination
from tidegate.core.scene import Scene, Step
from tidegate.core.steering import (
    canary_alive,
    canary_pointed,
    canary_size_up,
    not_known_yet,
    weight_down,
)


def step(scene: Scene) -> Step:
    """The next move of a run back to a proven revision; metrics may be dark."""
    return (
        _lost(scene)
        or canary_size_up(scene)
        or _pointed(scene)
        or canary_alive(scene)
        or _waits_for_pods(scene)
        or _waits_for_proxies(scene)
        or promotion.stable_let_go(scene)
    )


def _lost(scene: Scene) -> Step | None:
    """Its ReplicaSet was deleted: nobody but that object knows its pod template."""
    run = scene.run
    assert run is not None, "called only while a run is on"
    if scene.canary is not None or run.to_revision in (scene.target, scene.observed.revivable):
        return None
    why = f"the ReplicaSet of revision {run.to_revision} was deleted"
    return revert.send_back(scene, reasons.ABORTED, why)


def _pointed(scene: Scene) -> Step | None:
    """The canary destination selects the old revision, once nothing is sent there any more."""
    routes = scene.routes
    if routes is None or routes.canary == scene.canary_revision:
        return None
    return (
        (resting.settling(scene) or weight_down(scene, 0) if not scene.switches else None)
        or _waits_for_pods(scene)
        or _canary_pointed(scene)
    )


def _canary_pointed(scene: Scene) -> Step | None:
    """Seen idle, or without weight for `drain.max`: metrics may be dark just when this is needed.

    Whoever still sends there is served by the old revision's ready pods from then on.
    """
    step, revision = canary_pointed(scene), scene.canary_revision
    if step is None or step.effect is not None or revision is None:
        return step
    limit = scene.weight_since + timedelta(seconds=scene.spec.drain.max_s)
    if scene.now < limit:
        return replace(step, wake_at=min(step.wake_at or limit, limit))
    message = (
        "the canary destination was not seen idle, and had no weight for drain.max "
        f"{scene.spec.drain.max_s:g}s; it selects revision {revision} now"
    )
    note = Note(reasons.DRAIN_TIMED_OUT, message, warning=True)
    return Step(scene.status, PointDestination("canary", revision), (note,))


def _waits_for_pods(scene: Scene) -> Step | None:
    """Enough of its pods to take all traffic, before anything is moved towards them."""
    if going_back.carried(scene) == going_back.ALL:
        return None
    known_at = scene.canary_known_at if scene.status.canary_ready_since else None
    ready = scene.canary.ready if scene.canary else 0
    since = scene.status.waiting_since or scene.now
    return Step(
        scene.status,
        reason=reasons.WAITING_FOR_PODS,
        message=f"going back to revision {scene.canary_revision}: {ready} of {scene.full} of its "
        "pods are ready; it takes all traffic when half of them are",
        wake_at=(known_at and scene.at(known_at))
        or scene.at(since + timedelta(seconds=scene.spec.progress_deadline_s)),
    )


def _waits_for_proxies(scene: Scene) -> Step | None:
    routes = scene.routes
    if routes is None or not scene.full or scene.now >= scene.canary_known_at:
        return None
    return not_known_yet(scene) if any(r.weight == 0 for r in routes.weights) else None


def sends(scene: Scene) -> Step | None:
    """All traffic, or as much of it as the ready pods carry: whatever else is wrong meanwhile."""
    effect = going_back.write(scene) if scene.undo else None
    if effect is None:
        return None
    notes = going_back.shift_note(scene, effect)
    return Step(scene.status, effect, notes, reasons.REVERTED, _message(scene))


def _message(scene: Scene) -> str:
    run = scene.run
    return f"going back to revision {run.to_revision}: {run.undo}" if run else ""
