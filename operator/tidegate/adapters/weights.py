"""Weights of two destinations that stand in one list of a route, whatever router the route is of.

Only the weights of the two are ever written. Every patch tests the version it was made from and
the very destinations it is about, so that it fails rather than lands on something else; both
weights of all routes of one object go in one patch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tidegate.api.variants import Shares
from tidegate.core.observation import RouteWeight
from tidegate.core.shares import ALL, canary_part, shares_for

Body: TypeAlias = Mapping[str, Any]
Patch: TypeAlias = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Target:
    """One destination as a route names it: fully qualified host, and subset ("" at host level)."""

    host: str
    subset: str = ""

    def __str__(self) -> str:
        return f"{self.host} subset {self.subset}" if self.subset else self.host


@dataclass(frozen=True, slots=True)
class Pair:
    """The two destinations whose weights are ours, and those of variants by their names."""

    stable: Target
    canary: Target
    variants: tuple[tuple[str, Target], ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """One destination in its list: where, its weight, and what a patch must find unchanged.

    `same` is a JSON Pointer below the entry ("" for all of it) and the value it has.
    """

    index: int
    weight: int
    same: tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """One managed route: the JSON Pointer of its list of destinations, and our two in it.

    `whole` is what the two weights must sum to; the canary's share is a share of that. `left` is
    what others leave for them: where it is too little to share, the whole stays what it was.
    `listed` is the JSON Pointer of the list that the route itself stands in, `index` its place
    there, and `raw` the route as it was read. `variants` are those of an experiment's other arms,
    by name, which share the whole with the two.
    """

    name: str
    entries: str
    stable: Place
    canary: Place
    whole: int = ALL
    left: int = ALL
    listed: str = ""
    index: int = 0
    raw: Body = field(default_factory=dict)
    variants: tuple[tuple[str, Place], ...] = ()

    @property
    def even(self) -> bool:
        """Whether ours have together what they should."""
        others = sum(place.weight for _, place in self.variants)
        return self.stable.weight + self.canary.weight + others == self.whole

    @property
    def shares(self) -> Shares:
        """What variants have, as it is written; those that have nothing are left out."""
        return tuple((name, place.weight) for name, place in self.variants if place.weight)


def version_test(body: Body) -> dict[str, Any]:
    """The JSON Patch operation that fails on any other version of the object."""
    version = body["metadata"]["resourceVersion"]
    return {"op": "test", "path": "/metadata/resourceVersion", "value": version}


def route_weight(kind: str, name: str, routes: Sequence[Route]) -> RouteWeight:
    """What the routes of one object give to the canary, as core reads it."""
    spans = [shares_for(route.whole, route.canary.weight) for route in routes]
    weight, highest = max(low for low, _ in spans), min(high for _, high in spans)
    even = all(r.even and canary_part(r.whole, weight) == r.canary.weight for r in routes)
    even = even and all(route.shares == routes[0].shares for route in routes)
    whole = all(route.whole == ALL for route in routes)
    return RouteWeight(
        virtual_service=name,
        weight=weight,
        even=even,
        stands_for=(weight, highest) if even and not whole else None,
        written=None if whole else _written(routes),
        kind=kind,
        variants=_highest(routes),
    )


def _highest(routes: Sequence[Route]) -> Shares:
    most: dict[str, int] = {}
    for name, share in (pair for route in routes for pair in route.shares):
        most[name] = max(share, most.get(name, 0))
    return tuple(sorted(most.items()))


def _written(routes: Sequence[Route]) -> tuple[float, float]:
    shares = [ALL * route.canary.weight / route.whole for route in routes if route.whole]
    return min(shares, default=0.0), max(shares, default=0.0)


def raises(routes: Sequence[Route], share: int, variants: Shares = ()) -> bool:
    """Whether writing these shares (percent) gives the canary or a variant more in any route."""
    if any(canary_part(route.whole, share) > route.canary.weight for route in routes):
        return True
    return any(
        weight > dict(route.shares).get(name, 0) for route in routes for name, weight in variants
    )


def weight_patch(body: Body, routes: Sequence[Route], share: int, variants: Shares = ()) -> Patch:
    """The JSON Patch that gives these shares (percent) in all these routes at once.

    The canary gets `share`, each variant its own, and stable the rest.
    """
    patch: Patch = [version_test(body)]
    for route in routes:
        for place, weight in _parts(route, share, variants):
            path = f"{route.entries}/{place.index}"
            below, value = place.same
            patch.append({"op": "test", "path": path + below, "value": value})
            patch.append({"op": "add", "path": f"{path}/weight", "value": weight})
    return patch


def _parts(route: Route, share: int, variants: Shares) -> list[tuple[Place, int]]:
    """What each of our destinations gets of a route, in whole numbers."""
    canary = canary_part(route.whole, share)
    wanted = dict(variants)
    left, parts = route.whole - canary, []
    for name, place in route.variants:
        weight = min(left, wanted.get(name, 0))
        left -= weight
        parts.append((place, weight))
    return [(route.stable, left), (route.canary, canary), *parts]
