"""Writes of a run towards what is asked: pods first, then where routes point, then weights."""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.api.phases import Phase
from tidegate.api.status import Stage
from tidegate.api.variants import Shares, and_variants, sum_of
from tidegate.core import freezing, reasons, variants
from tidegate.core.cohorts import and_matched
from tidegate.core.convergence import Arm
from tidegate.core.decision import (
    CreateReplicaSet,
    Note,
    PointDestination,
    ScaleReplicaSet,
    SetWeight,
)
from tidegate.core.measuring import obstacle_to_raise
from tidegate.core.observation import RouteWeight
from tidegate.core.picks import Picks, common, copies_of, kept_share, to_canary, within
from tidegate.core.scene import Scene, Step
from tidegate.core.waiting import let_go, telemetry_trouble

ALL = 100


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
    if scene.routes is not None and scene.routes.idle_canary:
        return None  # users who stay with other arms are no business of its pods
    taken = weight_to(scene, 0, shares=None)
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


def weight_to(
    scene: Scene, weight: int, match: Picks = (), shares: Shares | None = ()
) -> Step | None:
    """One route write towards that share, those header routes and those shares of variants.

    Down at once, up only while nothing speaks against it; a header route that comes is up. With
    None the variants keep what they have.
    """
    routes = scene.routes
    assert routes is not None, "an unreadable route is a problem, handled before"
    wrong = next(
        (
            r
            for r in routes.weights
            if r.weight != weight
            or not r.even
            or not r.carries(match)
            or (shares is not None and r.variants != shares)
        ),
        None,
    )
    if wrong is None:
        return None
    below = wrong.weight < weight or (weight > 0 and wrong.weight == weight)  # or some route is
    more, sends = variants.adds(shares, wrong.variants), weight > 0 or to_canary(match)
    if below or more or (match and not wrong.carries(match)):
        if sends and (scene.canary is None or scene.canary.ready == 0):
            return Step(
                scene.status,
                reason=reasons.WAITING_FOR_PODS,
                message=f"weight stays at {wrong.weight}: no pod of the new revision is ready",
            )
        if scene.paused:
            return not_paused(scene)
        if frozen := freezing.holds(scene, f"weight stays at {wrong.weight}"):
            return frozen
        obstacle = obstacle_to_raise(scene)
        if obstacle:
            message = f"weight stays at {wrong.weight}: {obstacle}"
            return Step(scene.status, reason=reasons.WAITING_FOR_METRICS, message=message)
        first = wrong.weight == 0 and not wrong.matched and sends
        if scene.now < scene.canary_known_at and first:
            return not_known_yet(scene)
        if more and scene.now < variants.known_at(scene, wrong.variants):
            return not_known_yet(scene, variants.known_at(scene, wrong.variants))
    return _shift(scene, wrong, weight, match, wrong.variants if shares is None else shares)


def not_known_yet(scene: Scene, until: datetime | None = None) -> Step:
    """The first traffic waits until proxies know whom to send it to."""
    whose = "the new revision" if until is None else "the variants"
    return Step(
        scene.status,
        reason=reasons.SETTLING,
        message=f"the first pods of {whose} are ready; proxies get traffic.settle "
        f"{scene.settle.total_seconds():g}s to know them before traffic goes there",
        wake_at=until or scene.canary_known_at,
    )


def weight_down(scene: Scene, weight: int, match: Picks = (), shares: Shares = ()) -> Step | None:
    """One route write that takes away what the canary and variants have above those shares.

    It waits for nothing but a ready pod of stable, where the canary has one.

    Header routes that pick somebody whom `match` does not are above it, too. The others stay until
    those for `match` come: who has the new version is not sent back and forth.
    """
    for route in scene.routes.weights if scene.routes else ():
        left = _left(route, weight, match)
        kept = variants.at_most(route.variants, shares)
        if route.weight > weight or left != route.match or kept != route.variants:
            return _shift(scene, route, min(route.weight, weight), left, kept)
    return None


def arms_away(scene: Scene) -> Step | None:
    """Variants that no phase names any more lose their requests at once: nobody watches them.

    It waits for nothing, and the canary keeps what it has.
    """
    return _effective(weight_down(scene, ALL)) if scene.routes and scene.routes.shares else None


def arms_lost(scene: Scene) -> Step | None:
    """What an arm without its subset or a ready pod has goes to stable, whatever else is wrong."""
    run, phase = scene.run, scene.phase
    if run is None or run.stage is not Stage.PHASE or phase is None:
        return None
    if scene.routes is None or not scene.routes.shares:
        return None
    return _effective(weight_down(scene, ALL, *may_stay(scene, phase)))


def may_stay(scene: Scene, phase: Phase) -> tuple[Picks, Shares]:
    """The picks of a phase and the shares of its variants, without those that cannot have any now.

    Users are kept with their arms only while all of these are there; before the first of them is,
    those of the canary stay with it.
    """
    arms = variants.in_place(scene)
    whole = arms in ((), phase.shares)
    kept = kept_share(scene.spec, phase.weight, arms) if whole else ()
    return phase.match + kept + copies_of(phase), arms


def _effective(step: Step | None) -> Step | None:
    return step if step is not None and step.effect is not None else None


def _left(route: RouteWeight, weight: int, match: Picks) -> Picks:
    """The header routes that may stay while that share and those for `match` are asked for."""
    if route.match is not None and within(route.match, match, weight):
        return route.match
    return common(route.match, match)


def _shift(scene: Scene, route: RouteWeight, weight: int, match: Picks, shares: Shares) -> Step:
    total, had = weight + sum_of(shares), route.weight + sum_of(route.variants)
    less = total < had or not within(route.match, match, weight)
    if less and not scene.undo and _only_canary_serves(scene):
        message = f"weight stays at {route.weight}: no pod of stable is ready, and the canary's are"
        return Step(scene.status, reason=reasons.WAITING_FOR_PODS, message=message)
    left = match if route.http else ()
    said = f"canary {route.weight} -> {weight} % in {route.title}{and_matched(left)}"
    note = Note(reasons.TRAFFIC_SHIFTED, said + and_variants(shares))
    return Step(scene.status, SetWeight(route.virtual_service, weight, left, shares), (note,))


def _only_canary_serves(scene: Scene) -> bool:
    """Whether every request that is taken from the canary or a variant would find nobody."""
    routes = scene.routes
    assert routes is not None, "an unreadable route is a problem, handled before"
    stable, others = scene.observed.revision(routes.stable), {*routes.variants.values()}
    views = (scene.observed.revision(name) for name in {routes.canary, *others} - {routes.stable})
    alive = any(view is not None and view.ready > 0 for view in views)
    return alive and (stable is None or stable.ready == 0)


def not_paused(scene: Scene) -> Step | None:
    """Why nothing goes on while a person or a guard has stopped the run."""
    if not scene.paused:
        return None
    pause = scene.status.pause
    by = f"{pause.by}: {pause.reason}" if pause else "spec.paused"
    return Step(scene.status, reason=reasons.PAUSED, message=f"paused by {by}")
