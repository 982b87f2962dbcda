"""No run is on: bring routes and destinations home to stable, then start what is new.

At rest the routes say what Git holds (stable 100, canary 0) and both destinations select the
stable pods, so that a stray weight harms nobody.
"""

from __future__ import annotations

from datetime import timedelta

from tidegate.api.status import RunStatus, Stage
from tidegate.api.waits import WaitStatus
from tidegate.core import adopting, observing, policing, reasons, turns, variants
from tidegate.core.beginning import begun
from tidegate.core.capacity import PERCENT, weight_left_on_canary
from tidegate.core.convergence import Arm
from tidegate.core.decision import (
    CreateReplicaSet,
    HoldRollout,
    Note,
    PointDestination,
    ReleaseRollout,
    ScaleReplicaSet,
)
from tidegate.core.hook_places import left_to_do
from tidegate.core.revert import away
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.waiting import let_go, telemetry_trouble
from tidegate.core.whereabouts import beginning


def at_rest(scene: Scene) -> bool:
    """Whether the routes are as Git holds them and both destinations select stable."""
    routes = scene.routes
    return (
        routes is not None
        and routes.stable == routes.canary == scene.status.stable_revision
        and all(route.home for route in routes.weights)
        and variants.all_home(scene, routes)
    )


def in_flight(scene: Scene) -> bool:
    """Whether a write of ours may be under way: anything but a Rollout at rest.

    A status that was never written has nothing behind it.
    """
    status = scene.status
    if status.observed_generation < 0:
        return False
    if adopting.in_flight(scene):
        return True
    return status.run is not None or bool(status.draining) or not at_rest(scene)


def step(scene: Scene) -> Step:
    """The next move towards rest, or the start of a run, or nothing to do."""
    return (
        stable_size_up(scene)
        or stable_home(scene)
        or routes_home(scene)
        or adopting.step(scene)
        or _stable_size_down(scene)
        or _start(scene)
        or _released(scene)
        or _settled(scene)
    )


def routes_home(scene: Scene) -> Step | None:
    """Weights first, then the destinations of canary and variants; None once all are home."""
    return weights_home(scene) or _canary_home(scene) or variants.home(scene)


def stable_size_up(scene: Scene) -> Step | None:
    """Stable is never short of pods: it is what everything goes back to."""
    revision = scene.status.stable_revision
    if revision is None:
        return None
    stable = scene.stable
    if stable is None:
        if revision not in (scene.target, scene.observed.revivable):
            return None  # `lost.stable_lost` says so
        return Step(scene.status, CreateReplicaSet(revision, scene.full))
    if stable.replicas >= scene.stable_pods:
        return None
    effect = ScaleReplicaSet(revision, stable.replica_set, stable.uid, scene.stable_pods)
    message = "scaling up to the new size"
    if scene.shifts:
        message = f"stable gets {scene.stable_pods} pods, for the traffic it has or gets back"
    return Step(scene.status, effect, reason=reasons.SCALING, message=message)


def size_grown(scene: Scene) -> Step | None:
    """Remember the largest size that the run has had: what was needed may be needed again.

    Only once its pods are ready, so that a size by mistake is not kept.
    """
    run, stable = scene.run, scene.stable
    if run is None or stable is None or scene.spec.replicas <= run.min_replicas:
        return None
    if stable.ready < scene.stable_pods:
        return None
    grown = run.model_copy(update={"min_replicas": scene.spec.replicas})
    return Step(changed(scene.status, run=grown))


def stable_home(scene: Scene) -> Step | None:
    """Put the stable destination right when somebody re-pointed it; it carries the traffic.

    The promotion's own write never comes here: `promotion.commit` reads it first.
    """
    routes, stable = scene.routes, scene.stable
    if routes is None or stable is None or routes.stable == stable.name:
        return None
    if scene.switches and _others_carry(scene, routes.stable):
        message = (
            f"stable has {stable.ready} of {scene.full} pods ready; all requests stay with "
            f"revision {routes.stable} until half of them are"
        )
        return Step(scene.status, reason=reasons.WAITING_FOR_PODS, message=message)
    if stable.ready == 0:
        return None
    note = Note(
        reasons.TRAFFIC_DRIFT,
        f"the stable destination selected {routes.stable or 'other pods'}; put back to "
        f"revision {stable.name}",
        warning=True,
    )
    return Step(scene.status, PointDestination("stable", stable.name), (note,))


def _others_carry(scene: Scene, revision: str | None) -> bool:
    """Whether stable has too few ready pods to take everything from a revision that has some."""
    other = scene.observed.revision(revision)
    left = weight_left_on_canary(
        PERCENT,
        stable_ready=scene.stable.ready if scene.stable else 0,
        canary_ready=other.ready if other else 0,
        full=scene.full,
    )
    return left > 0


def settling(scene: Scene) -> Step | None:
    """Proxies must know the new stable pods before weights go home to them."""
    routes, traffic = scene.routes, scene.status.traffic
    if routes is None or routes.weight == 0 or routes.canary != routes.stable:
        return None
    if traffic is None or traffic.stable_since is None:
        return None
    settled = traffic.stable_since + scene.settle
    if scene.now >= settled:
        return None
    return Step(
        scene.status,
        reason=reasons.SETTLING,
        message="stable was re-pointed; waiting for proxies before weights go home",
        wake_at=settled,
    )


def weights_home(scene: Scene) -> Step | None:
    """All routes at stable 100, as far as its ready pods carry it."""
    routes = scene.routes
    if routes is None or all(route.home for route in routes.weights):
        return None
    waits = settling(scene)
    if waits is not None:
        return waits
    effect = away(scene)
    if effect is not None:
        return Step(scene.status, effect, reason=reasons.REVERTED, message="traffic goes to stable")
    ready = scene.stable.ready if scene.stable else 0
    return Step(
        scene.status,
        reason=reasons.WAITING_FOR_PODS,
        message=f"stable has {ready} of {scene.full} pods ready; more traffic follows them",
    )


def _canary_home(scene: Scene) -> Step | None:
    routes, stable = scene.routes, scene.status.stable_revision
    if routes is None or stable is None or routes.canary == stable:
        return None
    nobody_there = scene.switches or _has_no_pods(scene, routes.canary)
    if not nobody_there and (scene.stable is None or scene.stable.ready == 0):
        return Step(
            scene.status,
            reason=reasons.WAITING_FOR_PODS,
            message=f"stable revision {stable} has no ready pod, so the canary keeps what it has",
        )
    gone = let_go(scene, Arm("canary", routes.canary), scene.weight_since)
    home = PointDestination("canary", stable)
    if gone.free or nobody_there:
        return Step(scene.status, home)
    # Whoever still sends there is served by stable from then on: the bound can only help.
    traffic = scene.status.traffic
    pointed = traffic.canary_since if traffic and traffic.canary_since else scene.now
    limit = max(scene.weight_since, pointed) + timedelta(seconds=scene.spec.drain.max_s)
    if scene.now >= limit:
        message = (
            "the canary destination was not seen idle within drain.max "
            f"{scene.spec.drain.max_s:g}s; it selects the stable pods now"
        )
        return Step(scene.status, home, (Note(reasons.DRAIN_TIMED_OUT, message, warning=True),))
    return Step(
        scene.status,
        reason=reasons.WAITING_FOR_IDLE,
        message="waiting until no proxy sends to the canary any more" + telemetry_trouble(scene),
        wake_at=min(gone.until or limit, limit),
    )


def _has_no_pods(scene: Scene, revision: str | None) -> bool:
    """A destination without any ready pod can serve nobody: leaving it there helps no request."""
    view = scene.observed.revision(revision)
    return revision is not None and (view is None or view.ready == 0)


def _stable_size_down(scene: Scene) -> Step | None:
    stable = scene.stable
    if stable is None or stable.replicas <= scene.full:
        return None
    effect = ScaleReplicaSet(stable.name, stable.replica_set, stable.uid, scene.full)
    return Step(
        scene.status, effect, reason=reasons.SCALING, message="scaling down to the new size"
    )


def _start(scene: Scene) -> Step | None:
    """Begin a run: written down before anything acts on it."""
    target, status = scene.target, scene.status
    if target in (status.stable_revision, status.reverted_revision) or not at_rest(scene):
        return None
    if scene.paused:
        return Step(status, reason=reasons.PAUSED, message=f"paused before revision {target}")
    if odd := policing.obstacle(scene):
        message = f"revision {target} waits: {odd}"
        return Step(status, reason=reasons.POLICY_INVALID, message=message)
    if status.wait is not None:
        message = f"revision {target} waits: {status.wait.message}"
        return Step(status, reason=status.wait.reason, message=message)
    if left := left_to_do(scene):
        message = f"revision {target} waits for hook {left.name} of run {left.run} to end"
        return Step(status, reason=reasons.WAITING_FOR_HOOK, message=message)
    if not scene.rollout.held:
        return Step(status, HoldRollout())
    number, fast = status.last_run_number + 1, _fast(scene)
    stage, phase = beginning(scene.spec, scene.now, fast=fast)
    run = RunStatus(
        number=number,
        from_revision=status.stable_revision,
        to_revision=target,
        started_at=scene.now,
        stage=stage,
        skip_to_end=fast,
        min_replicas=scene.full,
    )
    message = f"run {number}: revision {status.stable_revision} to {target}"
    if run.skip_to_end:
        message += "; it was stable before, so its phases are left out (spec.fastTrack)"
    elif stage is Stage.PREFLIGHT:
        message += "; the pre-flight comes before its first pod"
    started = begun(scene, status, run, message, phase)
    told = _told(
        Scene(scene.rollout, started, scene.observed, scene.now), turns.others(scene, told=True)
    )
    notes = (Note(reasons.RUN_STARTED, message), *told.notes)
    return Step(told.status, notes=notes, reason=reasons.RUN_STARTED)


def _told(scene: Scene, wait: WaitStatus | None) -> Step:
    """The run that begins, with what policies that only tell would have had it wait for."""
    if wait is None or scene.run is None:
        return Step(scene.status)
    what = f"{wait.reason}/{wait.policy}"
    message = f"run {scene.run.number} would have waited: {wait.message}"
    said = observing.overlooked(scene, what, reasons.WOULD_HOLD, message, warning=False)
    return said or Step(scene.status)


def _fast(scene: Scene) -> bool:
    """Whether the template is among the last revisions that proved themselves."""
    fast = scene.spec.fast_track
    return fast is not None and scene.target in scene.status.proven_revisions[: fast.revisions]


def _released(scene: Scene) -> Step | None:
    """At rest a deletion has nothing to put back, so nothing should have to wait for us.

    Unless there is a Deployment to give back.
    """
    if not scene.rollout.held or not at_rest(scene) or scene.status.workload is not None:
        return None
    return Step(scene.status, ReleaseRollout())


def _settled(scene: Scene) -> Step:
    status = scene.status
    if status.reverted_revision is not None and status.reverted_revision == scene.target:
        why = status.last_run.message if status.last_run else ""
        message = (
            f"revision {scene.target} was sent back: {why}. Stable {status.stable_revision} serves "
            "all traffic; change the template, or ask retry"
        )
        return Step(status, reason=reasons.REVERTED, message=message, wake_at=scene.kept_until)
    cleared = changed(status, reverted_revision=None, pause=None)
    ready = scene.stable.ready if scene.stable else 0
    if ready < scene.spec.replicas:
        message = f"{ready} of {scene.spec.replicas} pods of the stable revision are ready"
        return Step(cleared, reason=reasons.WAITING_FOR_PODS, message=message)
    message = f"revision {status.stable_revision} serves all traffic"
    until = scene.kept_until
    if until is not None:
        message += f"; the smaller size of {scene.spec.replicas} waits until {until:%H:%M:%S} UTC"
    return Step(cleared, reason=reasons.HEALTHY, message=message, wake_at=until)
