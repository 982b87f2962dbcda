"""Weights of two destinations that stand in one list of a route, whatever router the route is of.

Only the weights of the two are ever written. Every patch tests the version it was made from and
the very destinations it is about, so that it fails rather than lands on something else; both
weights of all routes of one object go in one patch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

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
    """The two destinations whose weights are ours."""

    stable: Target
    canary: Target


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
    there, and `raw` the route as it was read.
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

    @property
    def even(self) -> bool:
        """Whether the two have together what they should."""
        return self.stable.weight + self.canary.weight == self.whole


def version_test(body: Body) -> dict[str, Any]:
    """The JSON Patch operation that fails on any other version of the object."""
    version = body["metadata"]["resourceVersion"]
    return {"op": "test", "path": "/metadata/resourceVersion", "value": version}


def route_weight(kind: str, name: str, routes: Sequence[Route]) -> RouteWeight:
    """What the routes of one object give to the canary, as core reads it."""
    spans = [shares_for(route.whole, route.canary.weight) for route in routes]
    weight, highest = max(low for low, _ in spans), min(high for _, high in spans)
    even = all(r.even and canary_part(r.whole, weight) == r.canary.weight for r in routes)
    whole = all(route.whole == ALL for route in routes)
    return RouteWeight(
        virtual_service=name,
        weight=weight,
        even=even,
        stands_for=(weight, highest) if even and not whole else None,
        written=None if whole else _written(routes),
        kind=kind,
    )


def _written(routes: Sequence[Route]) -> tuple[float, float]:
    shares = [ALL * route.canary.weight / route.whole for route in routes if route.whole]
    return min(shares, default=0.0), max(shares, default=0.0)


def raises(routes: Sequence[Route], share: int) -> bool:
    """Whether writing that share (percent) gives the canary more than it has in any route."""
    return any(canary_part(route.whole, share) > route.canary.weight for route in routes)


def weight_patch(body: Body, routes: Sequence[Route], share: int) -> Patch:
    """The JSON Patch that gives that share (percent) to the canary in all these routes at once."""
    patch: Patch = [version_test(body)]
    for route in routes:
        canary = canary_part(route.whole, share)
        for place, weight in ((route.stable, route.whole - canary), (route.canary, canary)):
            path = f"{route.entries}/{place.index}"
            below, value = place.same
            patch.append({"op": "test", "path": path + below, "value": value})
            patch.append({"op": "add", "path": f"{path}/weight", "value": weight})
    return patch
