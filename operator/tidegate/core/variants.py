"""The other arms of an experiment: pods first, then their subsets, then requests, and back home.

Each arm has a subset of its own, that selects the stable pods while no phase names the variant. So
the order of writes is that of the canary: an arm's pods are ready before its subset selects them,
proxies know them before they send there, and its requests go to stable before its subset does;
that waits until the arm was seen idle, and only then are its pods nobody's and drain.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from tidegate.api.status import Stage
from tidegate.api.variants import Shares, VariantStatus, destination_of
from tidegate.core import capacity, reasons
from tidegate.core.convergence import Arm, Seen, share_of, some_of
from tidegate.core.decision import CreateReplicaSet, Note, PointDestination, ScaleReplicaSet
from tidegate.core.observation import RevisionView, RoutesView, RouteWeight, TrafficReading
from tidegate.core.picks import picked_arms
from tidegate.core.scene import Scene, Step
from tidegate.core.waiting import let_go, telemetry_trouble


def wanted(scene: Scene) -> Shares:
    """What the phase that is on gives to variants; nothing outside of a phase."""
    run = scene.run
    if run is None or run.stage is not Stage.PHASE or run.skip_to_end or scene.phase is None:
        return ()
    return scene.phase.shares


def in_place(scene: Scene) -> Shares:
    """Of those the ones whose subset selects their own pods, some of them ready."""
    selected = scene.routes.variants if scene.routes else {}
    return tuple(
        (name, weight)
        for name, weight in wanted(scene)
        if selected.get(name) is not None
        and selected[name] == _revision(scene, name)
        and _ready(scene, name) > 0
    )


def at_most(present: Shares, shares: Shares) -> Shares:
    """What is left of present shares when none may be above the others."""
    allowed = dict(shares)
    left = ((name, min(weight, allowed.get(name, 0))) for name, weight in present)
    return tuple((name, weight) for name, weight in left if weight)


def adds(shares: Shares | None, present: Shares) -> bool:
    """Whether writing those shares gives some variant more than it has; None leaves them."""
    had = dict(present)
    return any(weight > had.get(name, 0) for name, weight in shares or ())


def alive(scene: Scene, route: RouteWeight) -> Shares:
    """What a route gives to variants whose subset selects some ready pod."""
    selected = scene.routes.variants if scene.routes else {}
    views = {name: scene.observed.revision(selected.get(name)) for name, _ in route.variants}
    serving = {name for name, view in views.items() if view is not None and view.ready > 0}
    return tuple(one for one in route.variants if one[0] in serving)


def kept_back(present: Shares, room: int) -> Shares:
    """What variants keep of their shares when so many percent cannot go to stable yet."""
    kept = []
    for name, weight in present:
        stays = min(weight, max(0, room))
        room -= stays
        kept += [(name, stays)] if stays else []
    return tuple(kept)


def in_use(scene: Scene) -> frozenset[str | None]:
    """Revisions that a variant's subset selects, or that the phase that is on names."""
    selected = scene.routes.variants.values() if scene.routes else ()
    return frozenset((*selected, *(_revision(scene, name) for name, _ in wanted(scene))))


def all_home(scene: Scene, routes: RoutesView) -> bool:
    """Whether the subset of every variant selects the stable pods."""
    stable = scene.status.stable_revision
    return all(selected == stable for selected in routes.variants.values())


def _revision(scene: Scene, name: str) -> str | None:
    """The revision of a variant; None while it makes no pods of its own."""
    run, every = scene.run, scene.observed.variants
    taken = [scene.status.stable_revision, run.to_revision if run else None]
    taken += [revision for other, revision in every.items() if other != name]
    found = every.get(name)
    return None if not found or found in taken else found


def _view(scene: Scene, name: str) -> RevisionView | None:
    return scene.observed.revision(_revision(scene, name))


def _ready(scene: Scene, name: str) -> int:
    view = _view(scene, name)
    return view.ready if view else 0


def pods_missing(scene: Scene) -> str:
    """Which arm of the phase has too few ready pods, as `2 of 3 pods of variant a`; "" if none."""
    for name, weight in wanted(scene):
        pods, ready = capacity.pods_for_weight(weight, scene.full), _ready(scene, name)
        if ready < pods:
            return f"{ready} of {pods} pods of variant {name}"
    return ""


def ready_pods(scene: Scene) -> int:
    """Ready pods of all arms that the phase names."""
    return sum(_ready(scene, name) for name, _ in wanted(scene))


def prepared(scene: Scene) -> Step | None:
    """Pods of each arm, then their subsets; None once all may get their requests."""
    return _distinct(scene) or _sized_up(scene) or _all_ready(scene) or _all_pointed(scene)


def _distinct(scene: Scene) -> Step | None:
    for name, _ in wanted(scene):
        if _revision(scene, name) is None:
            message = (
                f"variant {name} makes no pods of its own: with its patch the template is stable, "
                "the new revision or another variant; abort, and change spec.variants"
            )
            return Step(scene.status, reason=reasons.VARIANT_NOT_DISTINCT, message=message)
    return None


def _sized_up(scene: Scene) -> Step | None:
    """Enough pods for the share of each arm; never fewer while a phase names it."""
    for name, weight in wanted(scene):
        revision, view = _revision(scene, name), _view(scene, name)
        pods = capacity.pods_for_weight(weight, scene.full)
        if view is None and revision is not None:
            return Step(scene.status, CreateReplicaSet(revision, pods, name))
        if view is not None and view.replicas < pods:
            return Step(scene.status, ScaleReplicaSet(view.name, view.replica_set, view.uid, pods))
    return None


def _all_ready(scene: Scene) -> Step | None:
    missing = pods_missing(scene)
    if not missing:
        return None
    since = scene.status.waiting_since or scene.now
    return Step(
        scene.status,
        reason=reasons.WAITING_FOR_PODS,
        message=f"{missing} are ready",
        wake_at=scene.at(since + timedelta(seconds=scene.spec.progress_deadline_s)),
    )


def _all_pointed(scene: Scene) -> Step | None:
    """Each subset selects its arm's pods; re-pointed only while nobody sends there."""
    selected: Mapping[str, str | None] = scene.routes.variants if scene.routes else {}
    for name, _ in wanted(scene):
        revision = _revision(scene, name)
        if revision is not None and selected.get(name) != revision:
            return _pointed(scene, name, revision)
    return None


def _pointed(scene: Scene, name: str, revision: str) -> Step:
    gone = let_go(scene, Arm(destination_of(name), None), scene.weight_since)
    if gone.free:
        return Step(scene.status, PointDestination(destination_of(name), revision))
    return Step(
        scene.status,
        reason=reasons.WAITING_FOR_IDLE,
        message=f"waiting until no proxy sends to the subset of variant {name} before it is "
        "re-pointed" + telemetry_trouble(scene),
        wake_at=gone.until,
    )


def known_at(scene: Scene, present: Shares) -> datetime:
    """When proxies know the pods of every arm that gets its first requests now."""
    entries = {one.name: one for one in scene.status.variants}
    had = dict(present)
    times = [scene.now - scene.settle]
    for name, _ in wanted(scene):
        if name not in had:
            times.append(entries[name].ready_since or scene.now if name in entries else scene.now)
    return max(times) + scene.settle


def beside(scene: Scene) -> Step | None:
    """An arm that no phase names any more goes home whatever else a run waits for."""
    return home(scene) if scene.run is not None else None


def home(scene: Scene) -> Step | None:
    """The subset of one variant that no phase names selects the stable pods again.

    Once it was seen idle, or after `drain.max`: whoever still sends there is then served by stable.
    """
    routes, stable = scene.routes, scene.stable
    if routes is None or stable is None or stable.ready == 0:
        return None
    named, sent = dict(wanted(scene)), dict(routes.shares)
    if any(route.match is None for route in routes.weights):
        return None  # whom these header routes send there nobody knows
    picked = frozenset().union(*(picked_arms(route.match) for route in routes.weights))
    for name, selected in routes.variants.items():
        if not {name} & {*named, *sent, *picked} and selected != stable.name:
            return _homeward(scene, name, selected, stable.name)
    return None


def _homeward(scene: Scene, name: str, selected: str | None, stable: str) -> Step:
    effect = PointDestination(destination_of(name), stable)
    others = (routes.stable, routes.canary) if (routes := scene.routes) else ()
    alone = selected if selected not in others else None
    gone = let_go(scene, Arm(destination_of(name), alone), scene.weight_since)
    view = scene.observed.revision(selected)
    if gone.free or (selected is not None and (view is None or view.ready == 0)):
        return Step(scene.status, effect)
    entry = next((one for one in scene.status.variants if one.name == name), None)
    pointed = entry.since if entry is not None and entry.since is not None else scene.now
    limit = max(scene.weight_since, pointed) + timedelta(seconds=scene.spec.drain.max_s)
    if scene.now >= limit:
        message = (
            f"the subset of variant {name} was not seen idle within drain.max "
            f"{scene.spec.drain.max_s:g}s; it selects the stable pods now"
        )
        note = Note(reasons.DRAIN_TIMED_OUT, message, warning=True)
        return Step(scene.status, effect, (note,))
    return Step(
        scene.status,
        reason=reasons.WAITING_FOR_IDLE,
        message=f"waiting until no proxy sends to variant {name} any more"
        + telemetry_trouble(scene),
        wake_at=min(gone.until or limit, limit),
    )


def realised(scene: Scene, traffic: TrafficReading | None, since: datetime) -> Seen:
    """Whether each arm of the phase gets its share of the counted requests."""
    seen = [
        share_of(traffic, Arm(destination_of(name), _revision(scene, name)), weight, since)
        for name, weight in wanted(scene)
    ]
    return together(Seen.YES, *seen)


def reached(scene: Scene, traffic: TrafficReading | None, since: datetime) -> Seen:
    """Whether each arm of the phase gets any requests, where whole users are shared out."""
    seen = [
        some_of(traffic, Arm(destination_of(name), _revision(scene, name)), since)
        for name, _ in wanted(scene)
    ]
    return together(Seen.YES, *seen)


def counted(scene: Scene, name: str) -> float:
    """The requests that a variant got in the last window, as far as they are counted."""
    traffic = scene.observed.traffic
    if traffic is not None and traffic.by_subset is not None:
        return traffic.by_subset.get(destination_of(name), 0.0)
    counts = traffic.by_revision if traffic is not None else None
    return (counts or {}).get(_revision(scene, name) or "", 0.0)


def together(*seen: Seen) -> Seen:
    """What several answers say as one: the first of no, unknown and silent that is among them."""
    order = (Seen.NO, Seen.UNKNOWN, Seen.SILENT)
    return next((one for one in order if one in seen), Seen.YES)


def recorded(scene: Scene) -> tuple[VariantStatus, ...]:
    """The variants that are in use or not home yet, with times, as they are seen now."""
    routes = scene.routes
    if routes is None:
        return scene.status.variants
    known = {one.name: one for one in scene.status.variants}
    named, sent = dict(wanted(scene)), dict(routes.shares)
    return tuple(
        _entry(scene, name, selected, sent.get(name, 0), known.get(name))
        for name, selected in sorted(routes.variants.items())
        if name in named or name in sent or selected != scene.status.stable_revision
    )


def _entry(
    scene: Scene, name: str, selected: str | None, weight: int, known: VariantStatus | None
) -> VariantStatus:
    same = known is not None and known.revision == selected
    ready = known.ready_since if known is not None else None
    return VariantStatus(
        name=name,
        weight=weight,
        revision=selected,
        since=(known.since if known is not None and same else None) or scene.now,
        ready_since=(ready or scene.now) if _ready(scene, name) > 0 else None,
    )
