"""Writing down what is seen: the part of the status that reports facts and decides nothing.

Times are stamped when a fact is first *seen*, never when it was wished for. After a crash between
a write and its record the stamp is late, which only makes everything that waits on it wait longer.
"""

from __future__ import annotations

from datetime import datetime

from tidegate.api.status import CheckStatus, Stage, TrafficStatus, Verdict
from tidegate.core.observation import RoutesView
from tidegate.core.scene import Check, Scene, changed
from tidegate.core.verdicts import bound_text, check_status


def record(scene: Scene) -> Scene:
    """The scene with its status brought up to what is observed."""
    status = changed(
        scene.status,
        traffic=_traffic(scene.status.traffic, scene.routes, scene.now),
        checks=_checks(scene),
    )
    scene = Scene(scene.rollout, status, scene.observed, scene.now)
    status = changed(
        status,
        waiting_since=_since(status.waiting_since, scene.now, holds=_pods_missing(scene)),
        blind_since=_since(status.blind_since, scene.now, holds=_blind(scene)),
    )
    return Scene(scene.rollout, status, scene.observed, scene.now)


def _traffic(
    known: TrafficStatus | None, routes: RoutesView | None, now: datetime
) -> TrafficStatus | None:
    """The routes with times. A weight counts from when every route has it."""
    if routes is None:
        return known
    agreed = all(route.even and route.weight == routes.weight for route in routes.weights)
    weight = routes.weight if agreed or known is None else known.weight
    same_weight = known is not None and known.weight == weight
    same_stable = known is not None and known.stable == routes.stable
    same_canary = known is not None and known.canary == routes.canary
    return TrafficStatus(
        weight=weight,
        weight_since=known.weight_since if known and same_weight else now,
        stable=routes.stable,
        stable_since=known.stable_since if known and same_stable else now,
        canary=routes.canary,
        canary_since=known.canary_since if known and same_canary else now,
        converged=known.converged if known and same_weight else False,
    )


def _checks(scene: Scene) -> tuple[CheckStatus, ...]:
    if scene.run is None:
        return scene.status.checks  # the evidence of the last run stays readable
    known = {check.id: check for check in scene.status.checks}
    return tuple(
        check_status(
            check.id,
            check.bound,
            scene.readings(check),
            _still_about(scene, check, known.get(check.id)),
            scene.now,
        )
        for check in scene.checks()
    )


def _still_about(scene: Scene, check: Check, known: CheckStatus | None) -> CheckStatus | None:
    """What was known of a check, unless its question changed or the canary was re-pointed since."""
    if known is None:
        return None
    asked = (check.bound.metric, bound_text(check.bound))
    since = scene.canary_since
    before = since is not None and known.measured_at is not None and known.measured_at < since
    return None if before or (known.metric, known.bound) != asked else known


def _pods_missing(scene: Scene) -> bool:
    if scene.run is None:
        stable = scene.stable or scene.observed.revision(scene.target)
        return stable is None or stable.ready < scene.spec.replicas
    return scene.canary is None or scene.canary.ready < scene.canary_pods


def _blind(scene: Scene) -> bool:
    """Whether a guard that must watch traffic now has nothing to look at."""
    if scene.run is None or scene.run.stage is Stage.PREPARING:
        return False
    if scene.routes is None or scene.routes.weight == 0:
        return False
    blind = (Verdict.NODATA, Verdict.ERROR)
    return any(check.kind == "guard" and check.verdict in blind for check in scene.status.checks)


def _since(known: datetime | None, now: datetime, *, holds: bool) -> datetime | None:
    if not holds:
        return None
    return known or now
