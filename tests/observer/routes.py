"""What a Rollout claims in the routes, read from raw objects by rules of the observer's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.observer.happenings import Body, Key, key_of, part

PODS = "pod-template-hash"
"""Tells the pods of a Deployment's present template."""
REVISION = "tidegate.io/revision"
ALL = 100
ROUTES = frozenset({"VirtualService", "HTTPRoute"})
"""Kinds that have the weights."""
DESTINATIONS = frozenset({"DestinationRule", "Service"})
"""Kinds that say which pods a destination selects."""
ENDS = ("stable", "canary")
"""The roles that every Rollout has."""
HEADER_ROUTE = re.compile(r"tidegate\.(?P<rollout>.+)\.\d+")
"""Names of routes that the operator adds: whose, and for which of its managed routes."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one Rollout moves: routes by the name of their object, and its two destinations.

    `kind` is that of the objects (VirtualService or HTTPRoute), `routes` what the Rollout says of
    each, `rollout` its name. `rule` is (DestinationRule, stable subset, canary subset), `services`
    (stable, canary).
    """

    namespace: str
    kind: str
    routes: dict[str, Body]
    rule: tuple[str, str, str] | None
    services: tuple[str, str] | None
    rollout: str = ""
    managed: Body | None = None
    """What the Rollout says of a route that is made for it."""
    arms: tuple[str, ...] = ()
    """Subsets of the variants of experiments."""

    @property
    def subsets(self) -> tuple[str, ...]:
        """The subsets whose labels it writes."""
        return (*self.rule[1:], *self.arms) if self.rule is not None else ()

    def names(self, kind: str, key: Key) -> bool:
        """Whether that object is one of those it moves."""
        namespace, name = key
        if namespace != self.namespace:
            return False
        match kind:
            case self.kind:
                return name in self.routes
            case "DestinationRule":
                return self.rule is not None and self.rule[0] == name
            case "Service":
                return self.services is not None and name in self.services
            case _:
                return False


@dataclass(frozen=True, slots=True)
class RouteShares:
    """One managed route: the path of its list of destinations, and the weights as they stand."""

    name: str
    entries: tuple[str | int, ...]
    stable_place: int | None
    canary_place: int | None
    weights: tuple[Any, ...]
    percent: bool = True
    """Whether weights must sum to 100 whoever has them; else they are proportions."""
    arm_places: tuple[int, ...] = ()

    @property
    def places(self) -> tuple[int, ...]:
        """Where our destinations stand, stable first; one that is not there has no place."""
        ends = (self.stable_place, self.canary_place)
        return (*(place for place in ends if place is not None), *self.arm_places)

    @property
    def ours(self) -> tuple[Any, ...]:
        """Our weights, stable first."""
        return tuple(self.weights[place] for place in self.places)

    @property
    def shared(self) -> bool:
        """Whether somebody else has weight in it."""
        return any(weight for i, weight in enumerate(self.weights) if i not in self.places)

    def share(self, role: str) -> int:
        """What the destination gets of what is ours, in percent, rounded up; 0 without it."""
        place = self.stable_place if role == "stable" else self.canary_place
        if place is None:
            return 0
        if len(self.weights) == 1:
            return ALL
        found = self.weights[place]
        if not isinstance(found, int):
            return 0
        if self.percent and not self.shared:
            return found
        whole = sum(weight for weight in self.ours if isinstance(weight, int))
        return -(-ALL * found // whole) if whole > 0 else 0


def claim_of(rollout: Body) -> Claim | None:
    """What the Rollout names, or None when it names no routes."""
    istio = part(rollout, "spec", "traffic", "istio")
    gateway = part(rollout, "spec", "traffic", "gatewayApi")
    router = istio or gateway
    if not router:
        return None
    refs = router.get("virtualServices" if istio else "httpRoutes") or ()
    rule, services = router.get("destinationRule"), router.get("services")
    name = key_of(rollout)[1]
    if router.get("managed") is not None:  # what is made has the Rollout's name
        refs = [{"name": name, **({"routes": ["primary"]} if istio else {})}]
        rule = {"name": name} if istio and not services else None
    return Claim(
        namespace=key_of(rollout)[0],
        kind="VirtualService" if istio else "HTTPRoute",
        routes={str(ref.get("name")): ref for ref in refs},
        rule=(
            (
                str(rule.get("name")),
                str(rule.get("stableSubset", "stable")),
                str(rule.get("canarySubset", "canary")),
            )
            if rule
            else None
        ),
        services=(str(services.get("stable")), str(services.get("canary"))) if services else None,
        rollout=name,
        managed=router.get("managed"),
        arms=tuple(
            str(one.get("subset") or one.get("name"))
            for one in part(rollout, "spec", "variants") or ()
        ),
    )


def shares(claim: Claim, routes: Body, rule: Body | None) -> list[RouteShares]:
    """The managed routes of one object; `rule` is the DestinationRule, if one is named."""
    ref = claim.routes.get(key_of(routes)[1], {})
    if claim.kind == "HTTPRoute":
        return _rules(claim, routes, ref)
    wanted = dict(_destinations(claim, rule))
    found = []
    for kind, index, route in _named(routes, ref):
        entries = route.get("route") or []
        places = {
            role: next((i for i, e in enumerate(entries) if _is(e, target, claim)), None)
            for role, target in wanted.items()
        }
        weights = tuple(entry.get("weight", 0) for entry in entries)
        name = str(route.get("name") or f"{kind} {index}")
        path = ("spec", kind, index, "route")
        arms = [place for role, place in places.items() if role not in ENDS and place is not None]
        stable, canary = places.get("stable"), places.get("canary")
        found.append(RouteShares(name, path, stable, canary, weights, arm_places=tuple(arms)))
    return found


def _named(routes: Body, ref: Body) -> Iterator[tuple[str, int, Body]]:
    """(kind, place, route) of what the Rollout names in a VirtualService."""
    every = [
        (kind, index, route)
        for kind in ("http", "tls", "tcp")
        for index, route in enumerate(part(routes, "spec", kind) or [])
        if not HEADER_ROUTE.fullmatch(str(route.get("name")))
    ]
    wanted = {
        "http": [{"name": name} for name in ref.get("routes") or ()],
        "tls": list(ref.get("tlsRoutes") or ()),
        "tcp": list(ref.get("tcpRoutes") or ()),
    }
    if not any(wanted.values()):
        yield from every if len(every) == 1 else ()
        return
    for kind, index, route in every:
        if any(_fits(kind, want, route) for want in wanted[kind]):
            yield kind, index, route


def _fits(kind: str, want: Body, route: Body) -> bool:
    if kind == "http":
        return bool(route.get("name") == want["name"])
    port, hosts = want.get("port"), sorted(want.get("sniHosts") or ())
    return any(
        port in (None, match.get("port")) and hosts in ([], sorted(match.get("sniHosts") or ()))
        for match in route.get("match") or [{}]
    )


def _rules(claim: Claim, routes: Body, ref: Body) -> list[RouteShares]:
    """The managed rules of an HTTPRoute; unnamed, the only one or those with both Services."""
    rules = part(routes, "spec", "rules") or []
    theirs = [one for one in rules if not HEADER_ROUTE.fullmatch(str(one.get("name")))]
    names = ref.get("rules") or ()
    found = []
    for index, rule in enumerate(rules):
        entries = rule.get("backendRefs") or []
        backends = [_backend(entry, claim) for entry in entries]
        stable, canary = (
            backends.index(name) if name in backends else None
            for name in claim.services or ("", "")
        )
        both = stable is not None and canary is not None
        if rule.get("name") in names if names else both or [rule] == theirs:
            weights = tuple(entry.get("weight", 1) for entry in entries)
            name, path = str(rule.get("name") or index), ("spec", "rules", index, "backendRefs")
            found.append(RouteShares(name, path, stable, canary, weights, percent=False))
    return found


def _backend(entry: Body, claim: Claim) -> str:
    """The Service of this namespace that a backendRef names; "" when it is something else."""
    service = (entry.get("kind") or "Service", entry.get("group") or "") == ("Service", "")
    here = (entry.get("namespace") or claim.namespace) == claim.namespace
    return str(entry.get("name")) if service and here else ""


def header_routes(claim: Claim, routes: Body) -> list[tuple[int, Body]]:
    """(place, route) of the Rollout's header routes in one object."""
    listed = part(routes, "spec", "rules" if claim.kind == "HTTPRoute" else "http") or []
    named = ((i, raw, HEADER_ROUTE.fullmatch(str(raw.get("name")))) for i, raw in enumerate(listed))
    return [(i, raw) for i, raw, found in named if found and found["rollout"] == claim.rollout]


def bare(header_route: Body) -> Body:
    """A header route without its name, which only tells whose it is and counts them."""
    return {field: value for field, value in header_route.items() if field != "name"}


def _destinations(claim: Claim, rule: Body | None) -> Iterator[tuple[str, tuple[str, str]]]:
    """(role, (host, subset)) of the two destinations, and of each variant's subset."""
    if claim.rule is not None and rule is not None:
        host = str(part(rule, "spec", "host") or "")
        yield "stable", (host, claim.rule[1])
        yield "canary", (host, claim.rule[2])
        for subset in claim.arms:
            yield f"variant/{subset}", (host, subset)
    elif claim.services is not None:
        yield "stable", (claim.services[0], "")
        yield "canary", (claim.services[1], "")


def _is(entry: Body, target: tuple[str, str], claim: Claim) -> bool:
    destination = entry.get("destination") or {}
    place = (str(destination.get("host", "")), str(destination.get("subset") or ""))
    full = _full(place[0], claim.namespace), place[1]
    return full == (_full(target[0], claim.namespace), target[1])


def _full(host: str, namespace: str) -> str:
    """A host as Istio reads it there."""
    labels = host.split(".")
    match len(labels):
        case 1:
            return f"{host}.{namespace}.svc.cluster.local"
        case 2:
            return f"{host}.svc.cluster.local"
        case 3 if labels[2] == "svc":
            return f"{host}.cluster.local"
    return host


def selected(claim: Claim, role: str, body: Body | None) -> str | None:
    """The revision that a destination selects: `body` is its DestinationRule or Service."""
    if body is None:
        return None
    if claim.rule is not None:
        subset = claim.rule[1] if role == "stable" else claim.rule[2]
        for entry in part(body, "spec", "subsets") or ():
            if entry.get("name") == subset:
                return (entry.get("labels") or {}).get(REVISION)
        return None
    found = part(body, "spec", "selector") or {}
    return found.get(REVISION)
