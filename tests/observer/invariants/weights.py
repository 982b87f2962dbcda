"""I1: what the managed weights add up to."""

from __future__ import annotations

from collections.abc import Iterator

from tests.observer.happenings import Change
from tests.observer.routes import ALL, ROUTES, RouteShares
from tests.observer.world import World

LEAST = 2
"""What others must leave for two destinations to share."""


def weights_add_up(change: Change, world: World) -> Iterator[str]:
    """I1: after a write of the operator each managed route's weights are 0..100 and add up to 100.

    Those of an HTTPRoute are proportions: ours add up to 100 where nobody else has any.

    Others may write what they like, for the bare CRD does not stop them; a write of the operator
    that leaves the spec as it was (the mark of a takeover) says nothing about their weights.
    """
    if change.kind not in ROUTES or not change.by_operator or change.after is None:
        return
    if change.before is not None and change.before.get("spec") == change.after.get("spec"):
        return
    for _, claim in world.claims_on(change.kind, change.key):
        for route in world.shares_known_in(claim, change.after):
            yield from _of_route(route)


def _of_route(route: RouteShares) -> Iterator[str]:
    if route.stable_place is None:
        yield f"route {route.name} does not name the stable destination any more"
    odd = [w for w in route.weights if not isinstance(w, int) or isinstance(w, bool)]
    if odd:
        yield f"route {route.name} has the weight {odd[0]!r}, which is no integer"
        return
    if not route.percent:
        yield from _of_proportions(route)
        return
    if any(not 0 <= weight <= ALL for weight in route.weights):
        yield f"route {route.name} has the weights {list(route.weights)}, outside of 0..100"
    if sum(route.weights) - sum(route.ours) > ALL - LEAST:
        return  # others took all of it: what the canary had goes to stable, and no sum is right
    if len(route.weights) > 1 and sum(route.weights) != ALL:
        yield f"route {route.name}: {list(route.weights)} add up to {sum(route.weights)}"


def _of_proportions(route: RouteShares) -> Iterator[str]:
    if any(weight < 0 for weight in route.weights):
        yield f"rule {route.name} has the weights {list(route.weights)}, below 0"
    if not route.shared and sum(route.ours) != ALL:
        yield f"rule {route.name}: {list(route.ours)} add up to {sum(route.ours)}"
