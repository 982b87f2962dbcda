"""Reading and changing weights in VirtualServices and subsets in DestinationRules, as JSON Patches.

Only the weights of the named routes and the labels of the two named subsets are ever written.
Every patch tests the version it was made from and the very destinations it is about, so that it
fails rather than lands on something else; both weights go in one patch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tidegate.api.constants import LABEL_REVISION
from tidegate.core import reasons
from tidegate.core.observation import Problem, RouteWeight

Body: TypeAlias = Mapping[str, Any]
Patch: TypeAlias = list[dict[str, Any]]

ALL = 100


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
class Route:
    """Where in the VirtualService the pair stands, and its weights in percent."""

    name: str
    index: int
    stable_index: int
    canary_index: int
    stable: int
    canary: int


def qualified(host: str, namespace: str) -> str:
    """A Service host as Istio reads it in that namespace: short names get its suffix."""
    if "." not in host:
        return f"{host}.{namespace}.svc.cluster.local"
    parts = host.split(".")
    if len(parts) == 2:  # noqa: PLR2004 — name.namespace
        return f"{host}.svc.cluster.local"
    if len(parts) == 3 and parts[2] == "svc":  # noqa: PLR2004 — name.namespace.svc
        return f"{host}.cluster.local"
    return host


def _title(body: Body) -> str:
    meta = body["metadata"]
    return f"VirtualService {meta.get('namespace', '')}/{meta['name']}"


def _display(http: Sequence[Any]) -> str:
    return (
        ", ".join(str(route.get("name") or f"http[{i}]") for i, route in enumerate(http)) or "none"
    )


def find_routes(body: Body, names: Sequence[str], pair: Pair) -> tuple[list[Route], list[Problem]]:
    """The managed HTTP routes of one VirtualService, and what keeps others from being managed."""
    http = body.get("spec", {}).get("http") or []
    title = _title(body)
    if not http:
        return [], [_problem(reasons.ROUTE_NOT_FOUND, f"{title} has no HTTP route; add one")]
    if names:
        chosen = [(i, r) for i, r in enumerate(http) if r.get("name") in names]
        missing = [name for name in names if name not in {r.get("name") for r in http}]
        if missing:
            message = (
                f"{title}: route {missing[0]!r} not found (has: {_display(http)}); name one of "
                "them in spec.traffic.istio.virtualServices[].routes, or add it"
            )
            return [], [_problem(reasons.ROUTE_NOT_FOUND, message)]
    elif len(http) > 1:
        message = (
            f"{title} has several routes ({_display(http)}); name those that the Rollout moves in "
            "spec.traffic.istio.virtualServices[].routes"
        )
        return [], [_problem(reasons.ROUTE_NOT_FOUND, message)]
    else:
        chosen = [(0, http[0])]
    namespace = body["metadata"].get("namespace", "")
    routes: list[Route] = []
    problems: list[Problem] = []
    for index, raw in chosen:
        found = _read_route(title, namespace, index, raw, pair)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            routes.append(found)
    return routes, problems


def _problem(reason: str, message: str) -> Problem:
    return Problem(reason, message)


def _read_route(title: str, namespace: str, index: int, raw: Body, pair: Pair) -> Route | Problem:
    name = str(raw.get("name") or f"http[{index}]")
    entries = raw.get("route") or []
    places = [_target(entry, namespace) for entry in entries]
    for wanted, role in ((pair.stable, "stable"), (pair.canary, "canary")):
        if places.count(wanted) != 1:
            message = (
                f"{title}: route {name} must name the {role} destination {wanted} exactly once "
                f"(found {places.count(wanted)} times); add it, canary with weight 0"
            )
            return _problem(reasons.DESTINATION_NOT_FOUND, message)
    weights = [int(entry.get("weight") or 0) for entry in entries]
    if len(entries) == 1:
        weights = [ALL]
    stable, canary = places.index(pair.stable), places.index(pair.canary)
    foreign = [str(p) for i, p in enumerate(places) if i not in (stable, canary) and weights[i]]
    if foreign:
        message = (
            f"{title}: route {name} gives weight to {foreign[0]}, which is not of this Rollout; "
            "sharing a route with other destinations is not built yet, so give it weight 0"
        )
        return _problem(reasons.FOREIGN_WEIGHT, message)
    return Route(name, index, stable, canary, weights[stable], weights[canary])


def _target(entry: Body, namespace: str) -> Target:
    destination = entry.get("destination") or {}
    host = qualified(str(destination.get("host", "")), namespace)
    return Target(host, str(destination.get("subset") or ""))


def route_weight(name: str, routes: Sequence[Route]) -> RouteWeight:
    """What the routes of one VirtualService give to the canary, as core reads it."""
    canary = max(route.canary for route in routes)
    even = all(r.canary == canary and r.stable + r.canary == ALL for r in routes)
    return RouteWeight(name, min(ALL, max(0, canary)), even)


def weight_patch(body: Body, routes: Sequence[Route], weight: int) -> Patch:
    """The JSON Patch that gives `weight` percent to the canary in all these routes at once."""
    patch: Patch = [_version_test(body)]
    http = body["spec"]["http"]
    for route in routes:
        base = f"/spec/http/{route.index}/route"
        for place, value in ((route.stable_index, ALL - weight), (route.canary_index, weight)):
            destination = http[route.index]["route"][place]["destination"]
            patch.append(
                {"op": "test", "path": f"{base}/{place}/destination", "value": destination}
            )
            patch.append({"op": "add", "path": f"{base}/{place}/weight", "value": value})
    return patch


def _version_test(body: Body) -> dict[str, Any]:
    version = body["metadata"]["resourceVersion"]
    return {"op": "test", "path": "/metadata/resourceVersion", "value": version}


def subset_index(body: Body, name: str) -> int | None:
    """Where the DestinationRule has that subset, or None."""
    subsets = body.get("spec", {}).get("subsets") or []
    return next((i for i, subset in enumerate(subsets) if subset.get("name") == name), None)


def selected_by_subset(body: Body, name: str, pod_labels: Mapping[str, str]) -> str | None:
    """The revision that a subset selects, or None while its labels are not ours.

    Labels that every pod of the Rollout carries may stand beside ours: they change nothing.
    """
    index = subset_index(body, name)
    if index is None:
        return None
    labels = body["spec"]["subsets"][index].get("labels") or {}
    foreign = {k for k, v in labels.items() if k != LABEL_REVISION and pod_labels.get(k) != v}
    return None if foreign else labels.get(LABEL_REVISION)


def subset_patch(body: Body, name: str, revision: str, pod_labels: Mapping[str, str]) -> Patch:
    """The JSON Patch that makes a subset select exactly the pods of one revision."""
    index = subset_index(body, name)
    base = f"/spec/subsets/{index}"
    labels = (body["spec"]["subsets"][index].get("labels") or {}) if index is not None else {}
    kept = {k: v for k, v in labels.items() if pod_labels.get(k) == v}
    return [
        _version_test(body),
        {"op": "test", "path": f"{base}/name", "value": name},
        {"op": "add", "path": f"{base}/labels", "value": {**kept, LABEL_REVISION: revision}},
    ]


def selected_by_service(body: Body) -> str | None:
    """The revision that a Service selects, or None while its selector names none."""
    selector = body.get("spec", {}).get("selector") or {}
    revision = selector.get(LABEL_REVISION)
    return str(revision) if revision else None


def selector_patch(body: Body, revision: str) -> Patch:
    """The JSON Patch that adds the revision to a Service's own selector."""
    path = f"/spec/selector/{LABEL_REVISION.replace('/', '~1')}"
    return [_version_test(body), {"op": "add", "path": path, "value": revision}]
