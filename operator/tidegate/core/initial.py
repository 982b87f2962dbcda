"""The first deployment: nothing is stable yet, so pods first, then destinations, then routes."""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.core import adopting, making, reasons
from tidegate.core.decision import (
    CreateReplicaSet,
    Destination,
    Note,
    PointDestination,
    ScaleReplicaSet,
    SetWeight,
)
from tidegate.core.scene import Scene, Step, changed


def step(scene: Scene) -> Step:
    """The next move of a Rollout that has no stable revision."""
    return (
        adopting.begin(scene)
        or _found(scene)
        or _pods(scene)
        or _destinations(scene)
        or _deployed(scene)
    )


def _found(scene: Scene) -> Step | None:
    """A stable destination that already selects one of our revisions names the stable one.

    So a status that was lost (a restore from backup, an object re-created) is found again.
    """
    routes = scene.routes
    view = scene.observed.revision(routes.stable) if routes else None
    if view is None or view.name == scene.target:
        return None
    return Step(
        changed(scene.status, stable_revision=view.name),
        notes=(Note(reasons.DEPLOYED, f"revision {view.name} found serving; it is stable"),),
        reason=reasons.DEPLOYED,
    )


def _pods(scene: Scene) -> Step | None:
    view = scene.observed.revision(scene.target)
    if view is None:
        return Step(scene.status, CreateReplicaSet(scene.target, scene.full))
    if view.replicas != scene.full:
        effect = ScaleReplicaSet(view.name, view.replica_set, view.uid, scene.full)
        return Step(scene.status, effect)
    if view.ready >= scene.full:
        return None
    late = _late(scene)
    message = f"{view.ready} of {scene.full} pods of the first revision are ready"
    if late:
        message += "; progressDeadline is over: look at the pods' events, then change the template"
    return Step(
        scene.status,
        reason=reasons.PROGRESS_DEADLINE_EXCEEDED if late else reasons.WAITING_FOR_PODS,
        message=message,
        wake_at=_deadline(scene),
    )


def _late(scene: Scene) -> bool:
    since = scene.status.waiting_since
    limit = timedelta(seconds=scene.spec.progress_deadline_s)
    return since is not None and scene.now - since >= limit


def _deadline(scene: Scene) -> datetime | None:
    since = scene.status.waiting_since or scene.now
    return scene.at(since + timedelta(seconds=scene.spec.progress_deadline_s))


def _destinations(scene: Scene) -> Step | None:
    own, routes = making.step(scene), scene.routes
    if own is not None:
        return own
    if routes is None:
        return Step(scene.status, reason=reasons.INITIALIZING, message="routes cannot be read")
    pairs: tuple[tuple[Destination, str | None], ...] = (
        ("stable", routes.stable),
        ("canary", routes.canary),
    )
    for destination, selected in pairs:
        if selected != scene.target:
            return Step(scene.status, PointDestination(destination, scene.target))
    for route in routes.weights:
        if not route.home:
            return Step(scene.status, SetWeight(route.virtual_service, 0))
    return None


def _deployed(scene: Scene) -> Step:
    message = f"revision {scene.target} serves all traffic"
    return Step(
        changed(scene.status, stable_revision=scene.target),
        notes=(Note(reasons.DEPLOYED, message),),
        reason=reasons.DEPLOYED,
        message=message,
    )
