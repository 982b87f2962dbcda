"""Writing down what is seen: the part of the status that reports facts and decides nothing.

Times are stamped when a fact is first *seen*, never when it was wished for. After a crash between
a write and its record the stamp is late, which only makes everything that waits on it wait longer.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tidegate.api.check_status import CheckStatus
from tidegate.api.status import Draining, PhaseStatus, Stage
from tidegate.api.traffic_status import TrafficStatus
from tidegate.api.variants import shares_text
from tidegate.core import blindness, experiments, holding_back, hooks, policing, variants
from tidegate.core.check import Check
from tidegate.core.cohorts import cookie_of, copied_of, match_text
from tidegate.core.deadlines import counted_since
from tidegate.core.draining import kept
from tidegate.core.drift import counted
from tidegate.core.mismatch import dated
from tidegate.core.observation import RevisionView, RoutesView
from tidegate.core.picks import Picks, picks_of
from tidegate.core.proving import gathered, status_of
from tidegate.core.scene import ALWAYS, Scene, changed
from tidegate.core.shares import read_as
from tidegate.core.verdicts import bound_text
from tidegate.core.whereabouts import in_preflight


def understood(scene: Scene) -> Scene:
    """The scene with its routes read as what was asked for, where they stand for several shares."""
    routes = scene.routes
    if routes is None or all(route.stands_for is None for route in routes.weights):
        return scene
    in_phase = scene.run is not None and scene.run.stage is Stage.PHASE and scene.phase is not None
    asked = [scene.phase.weight] if in_phase and scene.phase else []
    known = [scene.status.traffic.weight] if scene.status.traffic else []
    observed = replace(scene.observed, routes=read_as(routes, asked + known))
    return Scene(scene.rollout, scene.status, observed, scene.now)


def record(scene: Scene) -> Scene:
    """The scene with its status brought up to what is observed."""
    scene = Scene(scene.rollout, hooks.recorded(scene), scene.observed, scene.now)
    known = {check.id: check for check in scene.status.checks}
    seen = changed(scene.status, variants=variants.recorded(scene))
    scene = Scene(scene.rollout, seen, scene.observed, scene.now)
    evidence = (*gathered(scene), *experiments.gathered(scene))
    weighed = changed(scene.status, evidence=evidence, phase=_reached(scene))
    scene = Scene(scene.rollout, weighed, scene.observed, scene.now)
    status = changed(
        scene.status,
        traffic=dated(scene, counted(scene, _traffic(_known(scene), scene.routes, scene.now))),
        checks=_checks(scene),
        draining=_still_unused(scene),
    )
    scene = Scene(scene.rollout, status, scene.observed, scene.now)
    status = changed(
        status,
        **_waiting(scene),
        canary_ready_since=_since(status.canary_ready_since, scene.now, holds=_canary_ready(scene)),
        deadline_since=counted_since(scene),
        **blindness.times(scene, known),
    )
    scene = Scene(scene.rollout, status, scene.observed, scene.now)
    scene = Scene(scene.rollout, policing.recorded(scene), scene.observed, scene.now)
    status = changed(holding_back.recorded(scene), experiment=experiments.recorded(scene))
    return Scene(scene.rollout, status, scene.observed, scene.now)


def _known(scene: Scene) -> TrafficStatus | None:
    """What is known of the routes: no time of theirs counts on once one of them is not there."""
    known = scene.status.traffic
    if known is None or not scene.observed.route_missing:
        return known
    return known.model_copy(update={"missing": True, "weight_since": None, "converged": False})


def _traffic(
    known: TrafficStatus | None, routes: RoutesView | None, now: datetime
) -> TrafficStatus | None:
    """The routes with times. A weight counts from when every route has it.

    Header routes that come or go are a change of the weight, too: both send to the canary.
    Routes that have come apart have no common weight: once they agree again, it counts anew.
    """
    if routes is None:
        return known
    agreed = routes.match is not None and all(
        route.even and (route.weight, route.variants) == (routes.weight, routes.shares)
        for route in routes.weights
    )
    weight = routes.weight if agreed or known is None else known.weight
    match, sticky, mirror = _told(routes.match)
    arms = shares_text(routes.shares)
    if not agreed and known is not None:
        match, sticky, mirror, arms = known.match, known.sticky, known.mirror, known.variants
    there = known if known is not None and not known.missing else None
    said = (weight, match, sticky, mirror, arms)
    same = there is not None and _said(there) == said
    held = there.weight_since if there is not None and same else None
    same_stable = there is not None and there.stable == routes.stable
    same_canary = there is not None and there.canary == routes.canary
    return TrafficStatus(
        weight=weight,
        match=match,
        sticky=sticky,
        mirror=mirror,
        variants=arms,
        weight_since=(held or now) if agreed else None,
        stable=routes.stable,
        stable_since=known.stable_since if known and same_stable else now,
        canary=routes.canary,
        canary_since=known.canary_since if known and same_canary else now,
        converged=known.converged if known and held and agreed else False,
    )


def _told(picks: Picks | None) -> tuple[str, str, int | None]:
    """Whom header routes match, the cookie that keeps users, and the share that is copied."""
    return match_text(picks), cookie_of(picks), copied_of(picks) or None


def _said(there: TrafficStatus) -> tuple[int, str, str, int | None, str]:
    """What the routes said when they were last seen alike."""
    return there.weight, there.match, there.sticky, there.mirror, there.variants


def _still_unused(scene: Scene) -> tuple[Draining, ...]:
    """Old revisions that nothing uses still: one that is used again begins its draining anew."""
    in_use = kept(scene)
    return tuple(entry for entry in scene.status.draining if entry.revision not in in_use)


def _checks(scene: Scene) -> tuple[CheckStatus, ...]:
    if scene.run is None:
        return scene.status.checks  # the evidence of the last run stays readable
    known = {check.id: check for check in scene.status.checks}
    return tuple(
        _about(check, status_of(scene, check, _still_about(scene, check, known.get(check.id))))
        for check in scene.checks()
    )


def _about(check: Check, status: CheckStatus) -> CheckStatus:
    """The status with the variant it is of, and the digest of the scorecard, if it is of one."""
    about = check.card.about if check.card is not None else ""
    if (status.variant, status.about) == (check.variant, about):
        return status
    return status.model_copy(update={"variant": check.variant, "about": about})


def _still_about(scene: Scene, check: Check, known: CheckStatus | None) -> CheckStatus | None:
    """What was known of a check, unless its question changed or the canary was re-pointed since."""
    if known is None:
        return None
    asked = (check.bound.metric, bound_text(check.bound), check.card.about if check.card else "")
    since = scene.measured_from(check.variant)
    counts = max(since or ALWAYS, scene.gate_counts_from(check))
    before = known.measured_at is not None and known.measured_at < counts
    return None if before or (known.metric, known.bound, known.about) != asked else known


def _waiting(scene: Scene) -> dict[str, object]:
    """Since when pods are waited for: each that gets ready begins the time anew.

    As a Deployment's progressDeadlineSeconds does (Kubernetes, Deployments, "Progressing
    Deployment"), so that a large release that grows steadily is not sent back. Only more pods than
    ever in this wait count: pods that come and go, again and again, are no progress.
    """
    if not _pods_missing(scene):
        return {"waiting_since": None, "waiting_ready": None}
    status, awaited = scene.status, _awaited(scene)
    ready = (awaited.ready if awaited else 0) + variants.ready_pods(scene)
    if status.waiting_since is None:
        return {"waiting_since": scene.now, "waiting_ready": ready}
    if status.waiting_ready is None or ready <= status.waiting_ready:  # None: an older operator's
        most = ready if status.waiting_ready is None else status.waiting_ready
        return {"waiting_since": status.waiting_since, "waiting_ready": most}
    return {"waiting_since": scene.now, "waiting_ready": ready}


def _awaited(scene: Scene) -> RevisionView | None:
    """Whose pods are waited for: the new revision's in a run, else stable's."""
    if scene.run is None or scene.baking:
        return scene.stable or scene.observed.revision(scene.target)
    return scene.canary


def _pods_missing(scene: Scene) -> bool:
    if in_preflight(scene.status):
        return False  # none is wanted yet
    awaited = _awaited(scene)
    if scene.run is None or scene.baking:
        return awaited is None or awaited.ready < scene.spec.replicas
    if awaited is None or awaited.ready < scene.canary_pods or variants.pods_missing(scene):
        return True
    # Pods that are ready for a moment, again and again, are no progress while nothing is sent.
    unused = scene.routes is not None and scene.routes.idle_canary and scene.canary_pods > 0
    return unused and scene.now < scene.canary_known_at and scene.status.waiting_since is not None


def _canary_ready(scene: Scene) -> bool:
    wanted = scene.run is not None and not in_preflight(scene.status)
    return wanted and scene.canary is not None and scene.canary.ready > 0


def _reached(scene: Scene) -> PhaseStatus | None:
    """The phase with when its weight was first there, where the delay of a guard asks for it.

    Only the first time counts: a weight that somebody keeps changing must not keep a guard off.
    """
    at, phase, traffic = scene.status.phase, scene.phase, scene.status.traffic
    if at is None or phase is None or at.reached_at is not None or traffic is None:
        return at
    match, _, mirror = _told(picks_of(scene.spec, phase))
    wanted = (phase.weight, match, mirror, shares_text(phase.shares))
    found = (traffic.weight, traffic.match, traffic.mirror, traffic.variants)
    if found != wanted or traffic.weight_since is None:
        return at
    if not any(guard.delay_s for _, guard in scene.guards()):
        return at
    return at.model_copy(update={"reached_at": traffic.weight_since})


def _since(known: datetime | None, now: datetime, *, holds: bool) -> datetime | None:
    if not holds:
        return None
    return known or now
