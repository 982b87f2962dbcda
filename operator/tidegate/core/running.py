"""A run, from the first canary pod to the last phase."""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.api.status import PhaseStatus, Stage
from tidegate.core import reasons
from tidegate.core.convergence import Arm, Seen, idle, realised_at, share
from tidegate.core.decision import (
    CreateReplicaSet,
    Note,
    PointDestination,
    ScaleReplicaSet,
    SetWeight,
)
from tidegate.core.journal import note_run
from tidegate.core.measuring import obstacle_to_pass, obstacle_to_raise, unanswered
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.waiting import let_go, telemetry_trouble


def step(scene: Scene) -> Step:
    """The next move of the run's stage before promotion."""
    assert scene.run is not None, "called only while a run is on"
    if scene.run.stage is Stage.PREPARING:
        return _prepare(scene)
    return _hold_phase(scene)


def _prepare(scene: Scene) -> Step:
    return (
        canary_size_up(scene)
        or weight_to(scene, 0)
        or canary_ready(scene)
        or _answered(scene)
        or _not_paused(scene)
        or canary_pointed(scene)
        or _enter(scene, 0 if scene.full else len(scene.spec.phases))  # no pods: nothing to try
    )


def _hold_phase(scene: Scene) -> Step:
    skipped = _skipped(scene)
    if skipped is not None:
        return skipped
    phase = scene.phase
    if phase is None:
        return canary_alive(scene) or _phase_gone(scene)
    return (
        canary_size_up(scene)
        or canary_alive(scene)
        or canary_pointed(scene)
        or weight_down(scene, phase.weight)
        or canary_ready(scene)
        or weight_to(scene, phase.weight)
        or _realised(scene)
        or _held(scene)
        or _measured(scene)
        or _advance(scene)
    )


def _phase_gone(scene: Scene) -> Step:
    name = scene.status.phase.name if scene.status.phase else ""
    return Step(
        scene.status,
        reason=reasons.INVALID_SPEC,
        message=f"phase {name!r} of this run is gone from spec; put it back, abort or promote",
    )


def canary_size_up(scene: Scene) -> Step | None:
    """Enough canary pods for what comes next; never fewer while a run is on."""
    run, view = scene.run, scene.canary
    assert run is not None, "called only while a run is on"
    if view is None:
        return Step(scene.status, CreateReplicaSet(run.to_revision, scene.canary_pods))
    if view.replicas < scene.canary_pods:
        effect = ScaleReplicaSet(view.name, view.replica_set, view.uid, scene.canary_pods)
        return Step(scene.status, effect)
    return None


def canary_ready(scene: Scene) -> Step | None:
    """Pods ready before traffic. Traffic that they already have stays."""
    ready = scene.canary.ready if scene.canary else 0
    if ready >= scene.canary_pods:
        return None
    since = scene.status.waiting_since or scene.now
    return Step(
        scene.status,
        reason=reasons.WAITING_FOR_PODS,
        message=f"{ready} of {scene.canary_pods} pods of the new revision are ready",
        wake_at=scene.at(since + timedelta(seconds=scene.spec.progress_deadline_s)),
    )


def canary_alive(scene: Scene) -> Step | None:
    """A canary without any ready pod gets no traffic; it gets it back when pods are ready."""
    if scene.canary is not None and scene.canary.ready > 0:
        return None
    taken = weight_to(scene, 0)
    if taken is None or taken.effect is None:
        return None
    note = Note(
        reasons.TRAFFIC_SHIFTED,
        "no canary pod is ready; its traffic goes to stable until one is",
        warning=True,
    )
    return Step(taken.status, taken.effect, (note,), reasons.WAITING_FOR_PODS, note.message)


def canary_pointed(scene: Scene) -> Step | None:
    """The canary destination selects the new revision; re-pointed only while nothing uses it."""
    run, routes = scene.run, scene.routes
    assert run is not None, "called only while a run is on"
    assert routes is not None, "an unreadable route is a problem, handled before"
    if routes.canary == run.to_revision:
        return None
    if routes.weight > 0:
        return weight_to(scene, 0)
    if scene.canary is None or scene.canary.ready == 0:
        return canary_ready(scene)
    alone = routes.canary if routes.canary != routes.stable else None
    gone = let_go(scene, Arm("canary", alone), scene.weight_since)
    if gone.free:
        return Step(scene.status, PointDestination("canary", run.to_revision))
    return Step(
        scene.status,
        reason=reasons.WAITING_FOR_IDLE,
        message="waiting until no proxy sends to the canary destination before it is re-pointed"
        + telemetry_trouble(scene),
        wake_at=gone.until,
    )


def weight_to(scene: Scene, weight: int) -> Step | None:
    """One route write towards that share; down at once, up only while nothing speaks against it."""
    routes = scene.routes
    assert routes is not None, "an unreadable route is a problem, handled before"
    wrong = next((r for r in routes.weights if r.weight != weight or not r.even), None)
    if wrong is None:
        return None
    if wrong.weight < weight or (weight > 0 and wrong.weight == weight):  # or some route is below
        if scene.canary is None or scene.canary.ready == 0:
            return Step(
                scene.status,
                reason=reasons.WAITING_FOR_PODS,
                message=f"weight stays at {wrong.weight}: no pod of the new revision is ready",
            )
        if scene.paused:
            return _not_paused(scene)
        obstacle = obstacle_to_raise(scene)
        if obstacle:
            message = f"weight stays at {wrong.weight}: {obstacle}"
            return Step(scene.status, reason=reasons.WAITING_FOR_METRICS, message=message)
    note = Note(
        reasons.TRAFFIC_SHIFTED,
        f"canary {wrong.weight} -> {weight} % in VirtualService {wrong.virtual_service}",
    )
    return Step(scene.status, SetWeight(wrong.virtual_service, weight), (note,))


def weight_down(scene: Scene, weight: int) -> Step | None:
    """One route write that takes away what the canary has above that share; never waits."""
    routes = scene.routes
    over = next((r for r in routes.weights if r.weight > weight), None) if routes else None
    if over is None:
        return None
    note = Note(
        reasons.TRAFFIC_SHIFTED,
        f"canary {over.weight} -> {weight} % in VirtualService {over.virtual_service}",
    )
    return Step(scene.status, SetWeight(over.virtual_service, weight), (note,))


def _answered(scene: Scene) -> Step | None:
    obstacle = unanswered(scene)
    if not obstacle:
        return None
    return Step(scene.status, reason=reasons.WAITING_FOR_METRICS, message=obstacle)


def _not_paused(scene: Scene) -> Step | None:
    if not scene.paused:
        return None
    pause = scene.status.pause
    by = f"{pause.by}: {pause.reason}" if pause else "spec.paused"
    return Step(scene.status, reason=reasons.PAUSED, message=f"paused by {by}")


def _enter(scene: Scene, index: int) -> Step:
    """Move to that phase, or to promotion after the last one."""
    run = scene.run
    assert run is not None, "called only while a run is on"
    if index >= len(scene.spec.phases):
        message = f"all phases passed; promoting revision {run.to_revision}"
        moved = changed(
            scene.status, run=run.model_copy(update={"stage": Stage.PROMOTING}), phase=None
        )
        moved = note_run(moved, scene.now, "promotion", reasons.PROMOTING, message)
        return Step(moved, notes=(Note(reasons.PROMOTING, message),), reason=reasons.PROMOTING)
    phase = scene.spec.phases[index]
    message = f"phase {phase.name}: {phase.weight} % of traffic, hold {phase.hold_s:g}s"
    status = changed(
        scene.status,
        run=run.model_copy(update={"stage": Stage.PHASE}),
        phase=PhaseStatus(index=index, name=phase.name, entered_at=scene.now),
    )
    status = note_run(status, scene.now, phase.name, reasons.PHASE_STARTED, message)
    return Step(status, notes=(Note(reasons.PHASE_STARTED, message),), reason=reasons.PHASE_STARTED)


def _skipped(scene: Scene) -> Step | None:
    """A person asked to promote: the remaining phases are left out, the guards are not."""
    if scene.run is None or not scene.run.skip_to_end:
        return None
    return _enter(scene, len(scene.spec.phases))


def _realised(scene: Scene) -> Step | None:
    """Start the phase's clock when the proxies send what the routes say."""
    status = scene.status
    if status.phase is None:
        return None
    started = status.phase.started_at
    if started is not None and started >= scene.weight_since:
        return None  # a weight that changed since then starts the clock anew
    started = _realised_since(scene)
    if started is None:
        converged = changed(status, traffic=_converged(scene, converged=False))
        return Step(
            converged,
            reason=reasons.WAITING_FOR_TRAFFIC,
            message="waiting until the proxies send the share that the routes ask for"
            + telemetry_trouble(scene),
            wake_at=scene.at(scene.weight_since + scene.settle),
        )
    phase = status.phase.model_copy(update={"started_at": started})
    return Step(
        changed(status, phase=phase, traffic=_converged(scene, converged=True)),
        reason=reasons.WAITING_FOR_HOLD,
    )


def _converged(scene: Scene, *, converged: bool) -> object:
    traffic = scene.status.traffic
    return traffic.model_copy(update={"converged": converged}) if traffic else None


def _realised_since(scene: Scene) -> datetime | None:
    phase, run, traffic = scene.phase, scene.run, scene.observed.traffic
    assert phase is not None, "called only inside a phase"
    assert run is not None, "called only while a run is on"
    entered = scene.status.phase.entered_at if scene.status.phase else scene.now
    since = scene.weight_since
    if phase.weight == 100:  # noqa: PLR2004 — all of it: nothing may reach stable any more
        seen = idle(traffic, Arm("stable", scene.status.stable_revision), since)
    else:
        seen = share(traffic, run.to_revision, phase.weight, since)
    settled = since + scene.settle
    if seen is Seen.YES and traffic is not None:
        realised = realised_at(traffic, since)
    elif seen is Seen.SILENT and scene.now >= settled:
        realised = settled
    else:
        return None
    # A phase that left the weight as it was begins when its pods are there too: now.
    return realised if since >= entered else scene.now


def _held(scene: Scene) -> Step | None:
    status, phase = scene.status, scene.phase
    assert phase is not None, "called only inside a phase"
    if status.phase is None or status.phase.started_at is None:
        return None
    until = status.phase.started_at + timedelta(seconds=phase.hold_s)
    if scene.now >= until:
        return None
    message = f"phase {phase.name}: holding {phase.weight} % until {until:%H:%M:%S} UTC"
    return Step(status, reason=reasons.WAITING_FOR_HOLD, message=message, wake_at=until)


def _measured(scene: Scene) -> Step | None:
    obstacle = obstacle_to_pass(scene)
    if not obstacle:
        return _not_paused(scene)
    phase = scene.phase
    name = phase.name if phase else ""
    return Step(
        scene.status, reason=reasons.WAITING_FOR_GATES, message=f"phase {name} waits: {obstacle}"
    )


def _advance(scene: Scene) -> Step:
    status, phase = scene.status, scene.phase
    assert status.phase is not None, "called only inside a phase"
    assert phase is not None, "called only inside a phase"
    message = f"phase {phase.name} passed at {phase.weight} %"
    passed = note_run(status, scene.now, phase.name, reasons.PHASE_PASSED, message)
    after = _enter(
        Scene(scene.rollout, passed, scene.observed, scene.now),
        scene.spec.phases.index(phase) + 1,
    )
    return Step(
        after.status, notes=(Note(reasons.PHASE_PASSED, message), *after.notes), reason=after.reason
    )
