"""The Rollout is being deleted: the Deployment it took over serves again before it is let go.

The Deployment gets its pods; once they are ready the destinations select them, by the label that
tells them from ours; our pods go when they are seen idle; and the destinations lose that label,
which then changes nothing. Each stage is written down before it is acted on.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.api.rollout import RolloutSpec
from tidegate.api.takeover import WorkloadStage, WorkloadStatus
from tidegate.core import draining, reasons, resting
from tidegate.core.adopting import MIN_IDLE_S, ours_unused
from tidegate.core.decision import (
    Destination,
    GiveBackDestination,
    Note,
    ReleaseRollout,
    ScaleWorkload,
    SetWeight,
)
from tidegate.core.observation import RoutesView, WorkloadView
from tidegate.core.scene import Scene, Step, changed

ENOUGH_READY = 2
"""Once it serves, one in so many of its pods has to be ready to keep all requests with it."""


def give_back_s_max(spec: RolloutSpec) -> float:
    """Seconds after the deletion was asked for until the Rollout is let go in any case.

    One `progressDeadline` for a template to be put right, one for pods, and `drain.max`.
    """
    return 2 * spec.progress_deadline_s + spec.drain.max_s


def step(scene: Scene) -> Step | None:
    """The next move towards giving back; None for a Rollout that took nothing over."""
    taken = scene.status.workload
    if taken is None:
        held_for_it = scene.spec.workload_ref is not None and scene.status.stable_revision is None
        return _released("nothing was taken over yet", scene) if held_for_it else None
    if scene.observed.workload_missing:
        return _destinations(scene, "") or _released("there is no Deployment to give back", scene)
    if scene.now >= _limit(scene):
        return _destinations(scene, "") or _too_late(scene, taken)
    workload = scene.observed.workload
    if workload is None:
        return _waiting(scene, "its Deployment cannot be read")
    match taken.stage:
        case WorkloadStage.TAKING_OVER | WorkloadStage.TAKEN_OVER:
            return _home(scene) or _begun(scene, taken, workload)
        case WorkloadStage.GIVING_BACK:
            return _home(scene) or _pods(scene, taken, workload)
        case WorkloadStage.GIVEN_BACK:
            if scene.routes is None:
                return _waiting(scene, "its routes cannot be read")
            return _let_go(scene, taken, workload, scene.routes)


def _home(scene: Scene) -> Step | None:
    """Until the Deployment serves, stable does, and as at rest.

    A deletion in the foreground takes our ReplicaSets at once; making them anew would only hold
    up the Deployment.
    """
    if scene.stable is None:
        return None
    found = (
        resting.stable_size_up(scene) or resting.stable_home(scene) or resting.routes_home(scene)
    )
    if found is None or found.effect is not None:
        return found
    return _waiting(scene, found.message, found.wake_at)


def _begun(scene: Scene, taken: WorkloadStatus, workload: WorkloadView) -> Step:
    whole = taken.stage is WorkloadStage.TAKEN_OVER
    if whole and _ours_ready(scene) and scene.target != scene.status.stable_revision:
        asked = scene.rollout.deleted_at or scene.now
        until = asked + timedelta(seconds=scene.spec.progress_deadline_s)
        if scene.now < until:
            why = (
                f"the template of Deployment {workload.name} is revision {scene.target}, not the "
                f"stable {scene.status.stable_revision}; put it back (kubectl rollout undo)"
            )
            return _waiting(scene, why, until)
    size = scene.spec.replicas if whole else workload.replicas or scene.spec.replicas
    begun = taken.model_copy(update={"stage": WorkloadStage.GIVING_BACK, "replicas": size})
    message = f"Deployment {workload.name} is given back with {size} pods"
    note = Note(reasons.GIVING_BACK, message)
    status = changed(scene.status, workload=begun)
    return Step(status, None, (note,), reasons.GIVING_BACK, message)


def _pods(scene: Scene, taken: WorkloadStatus, workload: WorkloadView) -> Step:
    if workload.replicas < taken.replicas:
        return Step(scene.status, ScaleWorkload(workload.name, workload.uid, taken.replicas))
    serves = workload.pods_label and workload.labelled_ready >= taken.replicas
    if not serves and _ours_ready(scene):
        why = (
            f"{workload.labelled_ready} of {taken.replicas} pods of Deployment {workload.name} "
            "are ready"
        )
        return _waiting(scene, why)
    given = taken.model_copy(update={"stage": WorkloadStage.GIVEN_BACK})
    return Step(changed(scene.status, workload=given), reason=reasons.GIVING_BACK)


def _ours_ready(scene: Scene) -> bool:
    """Whether there is anything that serves until the Deployment does."""
    return any(view.ready for view in scene.observed.revisions)


def _let_go(
    scene: Scene, taken: WorkloadStatus, workload: WorkloadView, routes: RoutesView
) -> Step:
    """Requests to the Deployment's pods, ours away, and then the label that told them apart."""
    if all(view.replicas == view.ready == 0 for view in scene.observed.revisions):
        dying = _dying(scene, taken) if ours_unused(scene) else None
        return (
            dying
            or _destinations(scene, "")
            or _released(
                f"Deployment {workload.name} serves again, {workload.labelled_ready} of "
                f"{taken.replicas} pods are ready",
                scene,
            )
        )
    for route in routes.weights:
        if route.weight > 0 or not route.even:
            return Step(scene.status, SetWeight(route.virtual_service, 0))
    if not _carries(taken, workload, routes):
        # Whoever is ready takes them, ours among them: better than those that are not.
        why = f"{workload.labelled_ready} of {taken.replicas} pods of it are ready"
        return _destinations(scene, "") or _waiting(scene, why)
    pointed = _destinations(scene, workload.pods_label)
    if pointed is not None:
        return pointed
    drained = draining.step(scene)
    if drained is not None and (drained.effect is not None or drained.status != scene.status):
        return drained
    why = f"Deployment {workload.name} serves; the Rollout's pods go when they are idle"
    return _waiting(scene, why, drained.wake_at if drained else None)


def _dying(scene: Scene, taken: WorkloadStatus) -> Step | None:
    """Pods that were just removed are endpoints for a moment: until then the label stays."""
    if taken.emptied_at is None:
        empty = taken.model_copy(update={"emptied_at": scene.now})
        return Step(changed(scene.status, workload=empty), reason=reasons.GIVING_BACK)
    said = scene.spec.drain.min_s
    least = timedelta(seconds=MIN_IDLE_S if said is None else said)
    until = taken.emptied_at + max(scene.settle, least)
    if scene.now >= until:
        return None
    return _waiting(scene, "the Rollout's last pods leave the endpoints", until)


def _carries(taken: WorkloadStatus, workload: WorkloadView, routes: RoutesView) -> bool:
    if not workload.pods_label:
        return False
    there = workload.pods_label in (routes.stable, routes.canary)
    least = -(-taken.replicas // ENOUGH_READY) if there else taken.replicas
    return workload.labelled_ready >= least


def _destinations(scene: Scene, label: str) -> Step | None:
    """The next destination that selects other pods than it shall ("": as before the takeover)."""
    routes = scene.routes
    if routes is None:
        return None
    pairs: tuple[tuple[Destination, str | None], ...] = (
        ("canary", routes.canary),
        ("stable", routes.stable),
    )
    service = scene.observed.service
    if service is not None:
        preview = service.preview if service.has_preview else label or None  # there is none
        pairs = (("canary", preview), ("stable", service.active))
    for destination, selected in pairs:
        if (selected or "") != label:
            return Step(scene.status, GiveBackDestination(destination, label))
    return None


def _released(why: str, scene: Scene) -> Step:
    message = f"{why}; the Rollout is let go"
    note = Note(reasons.GIVEN_BACK, message)
    return Step(scene.status, ReleaseRollout(), (note,), reasons.DELETED, message)


def _too_late(scene: Scene, taken: WorkloadStatus) -> Step:
    message = (
        f"let go {give_back_s_max(scene.spec):g}s after its deletion; Deployment {taken.name} was "
        "not seen to serve: look at its pods"
    )
    note = Note(reasons.GIVEN_BACK, message, warning=True)
    return Step(scene.status, ReleaseRollout(), (note,), reasons.DELETED, message)


def _limit(scene: Scene) -> datetime:
    asked = scene.rollout.deleted_at or scene.now
    return asked + timedelta(seconds=give_back_s_max(scene.spec))


def _waiting(scene: Scene, why: str, wake_at: datetime | None = None) -> Step:
    times = [time for time in (wake_at, _limit(scene)) if time is not None and time > scene.now]
    return Step(
        scene.status,
        reason=reasons.DELETED,
        message=f"being deleted: {why}",
        wake_at=min(times, default=None),
    )
