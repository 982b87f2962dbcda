"""Routes of the Rollout's own: made when they are not there, and kept as the spec has them.

They are made once pods are ready to serve, destinations first. One that was deleted by hand is
made again at the weight that the status has of it, as far as pods and guards allow; header routes
come back by the rules of their phase. That it was missing is stored first: a time that was stamped
before must not stand for what proxies know of a route that is new to them.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.core import reasons
from tidegate.core.capacity import weight_left_on_canary
from tidegate.core.decision import AlignRoute, Effect, MakeDestinations, MakeRoute, Note
from tidegate.core.measuring import obstacle_to_raise
from tidegate.core.observation import OwnRoute, Problem
from tidegate.core.scene import Scene, Step

ELSEWHERE = frozenset(
    {
        reasons.TEMPLATE_REFUSED,
        reasons.QUERY_REFUSED,
        reasons.CONTENT_NOT_FOUND,
        reasons.CONTENT_UNREADABLE,
    }
)
"""Reasons of problems that say nothing about the routes, where they lead, or how many pods."""


def step(scene: Scene) -> Step | None:
    """The next write to an object of the Rollout's own; None when all are as they should be."""
    own = next(iter(scene.observed.own_routes), None)
    if own is None:
        return None
    if not own.missing:
        message = f"{own.title} follows spec.traffic; its weights stay as they are"
        note = Note(reasons.ROUTE_ALIGNED, message)
        return Step(scene.status, AlignRoute(own.kind, own.name), (note,))
    effect, said = _made(scene, own)
    again = scene.status.traffic is not None
    message = f"{own.title} {'was missing and is made again' if again else 'is made'}: {said}"
    note = Note(reasons.ROUTE_MADE, message, warning=again)
    return Step(scene.status, effect, (note,), reasons.ROUTE_MADE, message)


def again(scene: Scene, problems: Sequence[Problem]) -> Step | None:
    """A route that is gone, made again beside problems that are not about routes.

    A template or a query that is refused may stay so for days, and requests find no way meanwhile.
    """
    own = next(iter(scene.observed.own_routes), None)
    if own is None or not own.missing or scene.status.traffic is None:
        return None
    if scene.status.stable_revision is None or any(p.reason not in ELSEWHERE for p in problems):
        return None
    return step(scene)


def _made(scene: Scene, own: OwnRoute) -> tuple[Effect, str]:
    if own.kind == "DestinationRule":
        stable, canary = _selected(scene)
        said = f"stable selects revision {stable}, canary {canary}"
        return MakeDestinations(own.name, stable, canary), said
    weight = _weight(scene)
    revision = scene.status.traffic.canary if scene.status.traffic else None
    return MakeRoute(own.kind, own.name, weight, revision), f"the canary gets {weight} %"


def _selected(scene: Scene) -> tuple[str, str]:
    """What the two destinations selected when they were last seen, as far as it can serve."""
    traffic = scene.status.traffic
    stable = scene.status.stable_revision or scene.target
    if traffic is None:
        return stable, stable
    stable = traffic.stable if traffic.stable and _ready(scene, traffic.stable) else stable
    canary = traffic.canary if traffic.canary and _ready(scene, traffic.canary) else stable
    return stable, canary


def _weight(scene: Scene) -> int:
    """The share in percent that the canary had, or what stable's ready pods cannot carry of it."""
    traffic = scene.status.traffic
    if traffic is None or scene.status.stable_revision is None:
        return 0
    canary_ready = _ready(scene, traffic.canary)
    if canary_ready and _wanted(scene):
        return traffic.weight
    return weight_left_on_canary(
        traffic.weight,
        stable_ready=scene.stable.ready if scene.stable else 0,
        canary_ready=canary_ready,
        full=scene.full,
    )


def _wanted(scene: Scene) -> bool:
    """Whether a run sends to that canary still, and nothing speaks against it."""
    traffic = scene.status.traffic
    if scene.run is None or traffic is None or traffic.canary != scene.canary_revision:
        return False
    return scene.undo or not obstacle_to_raise(scene)


def _ready(scene: Scene, revision: str | None) -> int:
    view = scene.observed.revision(revision)
    return view.ready if view else 0
