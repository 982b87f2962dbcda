"""A run, from the first canary pod to the last phase."""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.api.limits import MAX_PHASES
from tidegate.api.phases import HttpMatch, Phase
from tidegate.api.status import PhaseStatus, Stage
from tidegate.core import deadlines, observing, reasons, shifting
from tidegate.core.cohorts import and_matched
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
from tidegate.core.observation import RouteWeight
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.waiting import let_go, telemetry_trouble


def step(scene: Scene) -> Step:
    """The next move of the run's stage before promotion."""
    assert scene.run is not None, "called only while a run is on"
    if scene.run.stage is Stage.PREPARING:
        return _prepare(scene)
    return deadlines.reminded(scene, _hold_phase(scene))


def _prepare(scene: Scene) -> Step:
    return (
        canary_size_up(scene)
        or weight_to(scene, 0)
        or canary_ready(scene)
        or _answered(scene)
        or _not_paused(scene)
        or canary_pointed(scene)
        or enter(scene, 0 if _to_be_tried(scene) else len(scene.spec.phases))
    )


def _to_be_tried(scene: Scene) -> bool:
    """Whether there are pods to try, and nobody said to leave the phases out."""
    return scene.full > 0 and scene.run is not None and not scene.run.skip_to_end


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
        or shifting.back(scene, phase.weight)
        or weight_down(scene, phase.weight, phase.match)
        or canary_ready(scene)
        or _weight_up(scene, phase)
        or _realised(scene)
        or shifting.shrunk(scene, phase.weight)
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
        revision = scene.canary_revision or run.to_revision
        return Step(scene.status, CreateReplicaSet(revision, scene.canary_pods))
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
    if not scene.full or (scene.canary is not None and scene.canary.ready > 0):
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
    routes, revision = scene.routes, scene.canary_revision
    assert revision is not None, "called only while a run is on"
    assert routes is not None, "an unreadable route is a problem, handled before"
    if routes.canary == revision:
        return None
    if not routes.idle_canary and not scene.switches:
        return weight_to(scene, 0)
    if scene.canary is None or scene.canary.ready == 0:
        return canary_ready(scene)
    if scene.switches:  # a preview is for tests; nobody waits for it to be idle
        return Step(scene.status, PointDestination("canary", revision))
    alone = routes.canary if routes.canary != routes.stable else None
    gone = let_go(scene, Arm("canary", alone), scene.weight_since)
    if gone.free:
        return Step(scene.status, PointDestination("canary", revision))
    return Step(
        scene.status,
        reason=reasons.WAITING_FOR_IDLE,
        message="waiting until no proxy sends to the canary destination before it is re-pointed"
        + telemetry_trouble(scene),
        wake_at=gone.until,
    )


def weight_to(scene: Scene, weight: int, match: tuple[HttpMatch, ...] = ()) -> Step | None:
    """One route write towards that share and those header routes.

    Down at once, up only while nothing speaks against it; a header route that comes is up.
    """
    routes = scene.routes
    assert routes is not None, "an unreadable route is a problem, handled before"
    wrong = next(
        (r for r in routes.weights if r.weight != weight or not r.even or not r.carries(match)),
        None,
    )
    if wrong is None:
        return None
    below = wrong.weight < weight or (weight > 0 and wrong.weight == weight)  # or some route is
    if below or (match and not wrong.carries(match)):
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
        if scene.now < scene.canary_known_at and wrong.weight == 0 and not wrong.matched:
            return not_known_yet(scene)
    return _shift(scene, wrong, weight, match)


def not_known_yet(scene: Scene) -> Step:
    """The first traffic waits until proxies know whom to send it to."""
    return Step(
        scene.status,
        reason=reasons.SETTLING,
        message="the first pods of the new revision are ready; proxies get traffic.settle "
        f"{scene.settle.total_seconds():g}s to know them before traffic goes there",
        wake_at=scene.canary_known_at,
    )


def weight_down(scene: Scene, weight: int, match: tuple[HttpMatch, ...] = ()) -> Step | None:
    """One route write that takes away what the canary has above that share.

    It waits for nothing but a ready pod of stable, where the canary has one.

    Header routes other than those for `match` are above it, too.
    """
    for route in scene.routes.weights if scene.routes else ():
        stray = route.matched and not route.carries(match)
        if route.weight > weight or stray:
            left = route.match if route.match and not stray else ()
            return _shift(scene, route, min(route.weight, weight), left)
    return None


def _shift(scene: Scene, route: RouteWeight, weight: int, match: tuple[HttpMatch, ...]) -> Step:
    less = weight < route.weight or (route.matched and not match)
    if less and not scene.undo and _only_canary_serves(scene):
        message = f"weight stays at {route.weight}: no pod of stable is ready, and the canary's are"
        return Step(scene.status, reason=reasons.WAITING_FOR_PODS, message=message)
    left = match if route.http else ()
    said = f"canary {route.weight} -> {weight} % in {route.title}{and_matched(left)}"
    note = Note(reasons.TRAFFIC_SHIFTED, said)
    return Step(scene.status, SetWeight(route.virtual_service, weight, left), (note,))


def _only_canary_serves(scene: Scene) -> bool:
    """Whether every request that is taken from the canary destination would find nobody."""
    routes = scene.routes
    assert routes is not None, "an unreadable route is a problem, handled before"
    stable, canary = (scene.observed.revision(name) for name in (routes.stable, routes.canary))
    return canary is not None and canary.ready > 0 and (stable is None or stable.ready == 0)


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


def enter(scene: Scene, index: int) -> Step:
    """Move to that phase, or to promotion after the last one; what it was like is not asked."""
    run = scene.run
    assert run is not None, "called only while a run is on"
    run = run.model_copy(update={"reached": _reached(scene)})
    if index >= len(scene.spec.phases):
        message = f"all phases are over; promoting revision {run.to_revision}"
        moved = changed(
            scene.status, run=run.model_copy(update={"stage": Stage.PROMOTING}), phase=None
        )
        moved = note_run(moved, scene.now, "promotion", reasons.PROMOTING, message)
        return Step(moved, notes=(Note(reasons.PROMOTING, message),), reason=reasons.PROMOTING)
    phase = scene.spec.phases[index]
    share = f"{phase.weight} % of traffic{and_matched(phase.match)}"
    message = f"phase {phase.name}: {share}, hold {phase.hold_s:g}s"
    status = changed(
        scene.status,
        run=run.model_copy(update={"stage": Stage.PHASE}),
        phase=PhaseStatus(index=index, name=phase.name, entered_at=scene.now),
        deadline_since=None if phase.deadline_s is None or scene.paused else scene.now,
    )
    status = note_run(status, scene.now, phase.name, reasons.PHASE_STARTED, message)
    return Step(status, notes=(Note(reasons.PHASE_STARTED, message),), reason=reasons.PHASE_STARTED)


def _reached(scene: Scene) -> tuple[datetime, ...]:
    """When the weights of this run's phases were there, with that of the phase that is left."""
    run, left = scene.run, scene.status.phase
    assert run is not None, "called only while a run is on"
    if left is None or left.reached_at is None or left.reached_at in run.reached:
        return run.reached
    return (*run.reached, left.reached_at)[-MAX_PHASES:]


def _skipped(scene: Scene) -> Step | None:
    """A person asked to promote: the remaining phases are left out, the guards are not."""
    if scene.run is None or not scene.run.skip_to_end:
        return None
    return enter(scene, len(scene.spec.phases))


def _weight_up(scene: Scene, asked: Phase) -> Step | None:
    """The phase's weight and header routes; if they were there before, that hold ends first.

    Its end is stored first, or a crash right after the write would leave a hold that looks
    unbroken, though the canary had less than its share. More than its share it loses at once: that
    tried it no less.
    """
    step, phase = weight_to(scene, asked.weight, asked.match), scene.status.phase
    if step is None or step.effect is None or phase is None or phase.started_at is None:
        return step
    share = f"{asked.weight} %{and_matched(asked.match)}"
    message = f"phase {phase.name} lost its weight of {share}; its hold begins anew"
    stopped = changed(scene.status, phase=phase.model_copy(update={"started_at": None}))
    return Step(stopped, reason=reasons.WAITING_FOR_TRAFFIC, message=message)


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
    if scene.switches:
        seen = Seen.SILENT  # no proxy has to take up anything; old connections end with the pods
    elif phase.weight == 100:  # noqa: PLR2004 — all of it: nothing may reach stable any more
        seen = idle(traffic, Arm("stable", scene.status.stable_revision), since)
    else:
        written = scene.routes.written(phase.weight) if scene.routes else None
        matched = bool(phase.match)
        seen = share(
            traffic, run.to_revision, phase.weight, since, written=written, at_least=matched
        )
    settled = since + scene.settle
    if phase.match and scene.now < settled:
        return None  # who has which headers nobody counts: time has to stand in for that part
    if seen is Seen.YES and traffic is not None and not phase.match:
        realised = realised_at(traffic, since)
    elif seen in (Seen.YES, Seen.SILENT) and scene.now >= settled:
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
    name = scene.phase.name if scene.phase else ""
    obstacle = obstacle_to_pass(scene)
    if obstacle:
        message = f"phase {name} waits: {obstacle}"
        return Step(scene.status, reason=reasons.WAITING_FOR_GATES, message=message)
    told = obstacle_to_pass(scene, told=True)
    return (observing.phase_waits(scene, name, told) if told else None) or _not_paused(scene)


def _advance(scene: Scene) -> Step:
    status, phase = scene.status, scene.phase
    assert status.phase is not None, "called only inside a phase"
    assert phase is not None, "called only inside a phase"
    message = f"phase {phase.name} passed at {phase.weight} %"
    passed = note_run(status, scene.now, phase.name, reasons.PHASE_PASSED, message)
    after = enter(
        Scene(scene.rollout, passed, scene.observed, scene.now),
        scene.spec.phases.index(phase) + 1,
    )
    return Step(
        after.status, notes=(Note(reasons.PHASE_PASSED, message), *after.notes), reason=after.reason
    )
