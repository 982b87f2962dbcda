"""A Deployment that runs already: its pods go only once ours serve, and nobody notices.

Our finalizer first, then the takeover is written down, and only then is anything made: pods of
ours, as many as the Deployment has; the destinations (`initial`); and when no proxy can still send
to the Deployment's pods, its size is set to 0. Its template stays the one that is released.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.api.takeover import WorkloadDrift, WorkloadStage, WorkloadStatus
from tidegate.core import reasons
from tidegate.core.convergence import PROOF_REQUESTS, SHARE_SLACK, Seen
from tidegate.core.decision import HoldRollout, Note, ScaleWorkload
from tidegate.core.observation import Problem, TrafficReading, WorkloadView
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.waiting import silent_drain, telemetry_trouble

MIN_IDLE_S = 10.0
"""Seconds that its pods stay even when they are seen idle, where `drain.min` says nothing."""


def problems(scene: Scene) -> tuple[Problem, ...]:
    """What keeps a takeover from beginning, or from going on."""
    taken, ref = scene.status.workload, scene.spec.workload_ref
    if taken is not None and (ref is None or ref.name != taken.name):
        message = (
            f"spec.workloadRef: Deployment {taken.name} was taken over; name it again, or delete "
            "the Rollout, which gives it back"
        )
        return (Problem(reasons.WORKLOAD_CHANGED, message),)
    workload = scene.observed.workload
    if taken is not None or workload is None or scene.spec.replicas >= workload.replicas:
        return ()
    message = (
        f"spec.replicas: is {scene.spec.replicas}, but Deployment {workload.name} has "
        f"{workload.replicas} pods to be replaced; ask for at least as many"
    )
    return (Problem(reasons.WORKLOAD_LARGER, message),)


def begin(scene: Scene) -> Step | None:
    """Held and written down before anything is made: a deletion then waits for the way back."""
    workload, taken = scene.observed.workload, scene.status.workload
    if workload is None and taken is None:
        return None
    if not scene.rollout.held:
        return Step(scene.status, HoldRollout())
    if workload is None or taken is not None:
        return None
    started = WorkloadStatus(
        name=workload.name, stage=WorkloadStage.TAKING_OVER, replicas=workload.replicas
    )
    message = f"Deployment {workload.name} with {workload.replicas} pods is being taken over"
    note = Note(reasons.TAKEOVER_STARTED, message)
    status = changed(scene.status, workload=started)
    return Step(status, None, (note,), reasons.TAKEOVER_STARTED, message)


def step(scene: Scene) -> Step | None:
    """At rest: begin, or let the Deployment's pods go, or put it back to none; None when done."""
    return begin(scene) or _taken_over(scene) or _drifted(scene)


def taking_over(scene: Scene) -> bool:
    """Whether the Deployment's own pods may still get requests."""
    taken = scene.status.workload
    return taken is not None and taken.stage is WorkloadStage.TAKING_OVER


def in_flight(scene: Scene) -> bool:
    """Whether a write of ours to the Deployment's size may be under way."""
    taken = scene.status.workload
    if taken is None:
        return False
    drifting = taken.drift is WorkloadDrift.PUTTING_BACK
    return taking_over(scene) or drifting or scene.rollout.deleting


def ours_unused(scene: Scene) -> bool:
    """Whether a Deployment that is given back gets all requests, by its own pods' label."""
    taken, routes, workload = scene.status.workload, scene.routes, scene.observed.workload
    if taken is None or taken.stage is not WorkloadStage.GIVEN_BACK:
        return False
    if routes is None or workload is None or not workload.pods_label:
        return False
    return routes.stable == routes.canary == workload.pods_label


def _taken_over(scene: Scene) -> Step | None:
    taken, workload = scene.status.workload, scene.observed.workload
    if taken is None or workload is None or taken.stage is not WorkloadStage.TAKING_OVER:
        return None
    if workload.replicas > 0:
        return _let_go(scene, workload)
    message = (
        f"Deployment {workload.name} is taken over: it has no pods any more, and a change of its "
        "template starts a release"
    )
    done = taken.model_copy(update={"stage": WorkloadStage.TAKEN_OVER})
    note = Note(reasons.TAKEN_OVER, message)
    return Step(changed(scene.status, workload=done), None, (note,), reasons.TAKEN_OVER, message)


def _let_go(scene: Scene, workload: WorkloadView) -> Step:
    """Remove the Deployment's pods once no proxy sends to them, or `drain.max` is over."""
    ready = scene.stable.ready if scene.stable else 0
    if ready < scene.full:
        message = f"{ready} of {scene.full} pods that replace Deployment {workload.name} are ready"
        return Step(scene.status, reason=reasons.WAITING_FOR_PODS, message=message)
    since = _pointed_at(scene)
    settled, limit = since + scene.settle, since + timedelta(seconds=scene.spec.drain.max_s)
    free_at = _free_at(scene, since, settled)
    effect = ScaleWorkload(workload.name, workload.uid, 0)
    if free_at is not None and scene.now >= free_at:
        message = f"Deployment {workload.name} is idle; its pods go now"
        return Step(scene.status, effect, (Note(reasons.OLD_PODS_REMOVED, message),))
    if scene.now >= max(limit, settled):
        message = (
            f"Deployment {workload.name} was not seen idle within drain.max "
            f"{scene.spec.drain.max_s:g}s; its pods go now"
        )
        return Step(scene.status, effect, (Note(reasons.DRAIN_TIMED_OUT, message, warning=True),))
    message = f"waiting until no proxy sends to the pods of Deployment {workload.name} any more"
    return Step(
        scene.status,
        reason=reasons.WAITING_FOR_IDLE,
        message=message + telemetry_trouble(scene),
        wake_at=min(time for time in (free_at, max(limit, settled)) if time is not None),
    )


def _pointed_at(scene: Scene) -> datetime:
    """Since when the routes and both destinations are as they shall be."""
    traffic = scene.status.traffic
    times = (traffic.stable_since, traffic.canary_since) if traffic else ()
    return max(scene.weight_since, *(time or scene.now for time in times))


def _free_at(scene: Scene, since: datetime, settled: datetime) -> datetime | None:
    """When its pods may go, as far as is known now; None while it is not known at all."""
    if scene.now < settled:
        return None
    seen = _all_reach_us(scene.observed.traffic, scene.status.stable_revision, settled)
    if seen is Seen.YES:
        said = scene.spec.drain.min_s
        return max(settled, since + timedelta(seconds=MIN_IDLE_S if said is None else said))
    return max(settled, since + silent_drain(scene)) if seen is Seen.SILENT else None


def _all_reach_us(traffic: TrafficReading | None, stable: str | None, since: datetime) -> Seen:
    """Whether all requests that proxies sent in a whole window are counted at our pods.

    The Deployment's pods carry no revision to count them by. But what they get is missing in the
    count of ours; both counts are needed, and they are scraped at different times. When ours get
    more than was sent, others send to them around the proxies, and nothing is proven.
    """
    if traffic is None or traffic.at < since:
        return Seen.UNKNOWN
    if traffic.by_subset is None or traffic.by_revision is None or stable is None:
        return Seen.UNKNOWN if traffic.error else Seen.SILENT
    sent, reached = sum(traffic.by_subset.values()), traffic.by_revision.get(stable, 0.0)
    if sent < PROOF_REQUESTS or reached > (1 + SHARE_SLACK) * sent:
        return Seen.SILENT
    return Seen.YES if reached >= (1 - SHARE_SLACK) * sent else Seen.NO


def _drifted(scene: Scene) -> Step | None:
    """Put pods that somebody gave it again back to none, once; then only say it.

    No destination selects them, so they are in nobody's way, and whoever writes the size in a
    loop would win in the end.
    """
    taken, workload = scene.status.workload, scene.observed.workload
    if taken is None or workload is None or taken.stage is not WorkloadStage.TAKEN_OVER:
        return None
    up, what = workload.replicas > 0, f"Deployment {workload.name} got {workload.replicas} pods"
    match taken.drift:
        case None if up:
            message = f"{what} again, which get no requests; it is put back to 0 once"
            return _marked(scene, taken, WorkloadDrift.PUTTING_BACK, message)
        case WorkloadDrift.PUTTING_BACK if up:
            return Step(scene.status, ScaleWorkload(workload.name, workload.uid, 0))
        case WorkloadDrift.PUTTING_BACK:
            return _marked(scene, taken, WorkloadDrift.PUT_BACK)
        case WorkloadDrift.PUT_BACK if up:
            message = (
                f"{what} once more, which get no requests and are left alone; take `replicas` out "
                "of its manifest, point its autoscaler at the Rollout, and scale it to 0"
            )
            return _marked(scene, taken, WorkloadDrift.LEFT_ALONE, message)
        case WorkloadDrift.LEFT_ALONE if not up:
            return _marked(scene, taken, None)
    return None


def _marked(
    scene: Scene, taken: WorkloadStatus, drift: WorkloadDrift | None, message: str = ""
) -> Step:
    notes = (Note(reasons.WORKLOAD_DRIFT, message, warning=True),) if message else ()
    drifted = taken.model_copy(update={"drift": drift})
    return Step(changed(scene.status, workload=drifted), None, notes)
