"""Finding the managed routes of a VirtualService: HTTP routes by name, TLS and TCP by match."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tidegate.adapters.header_routes import Dialect, is_header_route
from tidegate.adapters.istio_headers import header_routes
from tidegate.adapters.weights import Body, Pair, Place, Route, Target
from tidegate.api.traffic import TcpRoute, TlsRoute, VirtualServiceRef
from tidegate.core import reasons
from tidegate.core.observation import Problem
from tidegate.core.shares import ALL, LEAST

KINDS = ("http", "tls", "tcp")
FIELDS = {"http": "routes", "tls": "tlsRoutes", "tcp": "tcpRoutes"}
REFS = "spec.traffic.istio.virtualServices[]"


@dataclass(frozen=True, slots=True)
class Chosen:
    """One route that the Rollout names: its kind (http, tls or tcp) and its place in that list."""

    kind: str
    index: int
    raw: Body

    @property
    def name(self) -> str:
        """As people know it."""
        return display(self.kind, self.index, self.raw)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the Rollout names of one kind; `only` is a wish for the only route of that kind."""

    kind: str
    text: str
    fits: Callable[[Body], bool]
    only: bool = False


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


def display(kind: str, index: int, raw: Body) -> str:
    """A route's name, or its place; with what it matches, for TLS and TCP routes have no name."""
    place = str(raw.get("name") or f"{kind}[{index}]")
    if kind == "http":
        return place
    said = "; ".join(filter(None, (_match_text(match) for match in _matches(raw))))
    return f"{place} ({said})" if said else place


def _match_text(match: Body) -> str:
    port = f"port {match['port']}" if match.get("port") else ""
    hosts = ", ".join(map(str, match.get("sniHosts") or ()))
    return " ".join(filter(None, (port, hosts)))


def find_routes(
    body: Body, ref: VirtualServiceRef, pair: Pair
) -> tuple[list[Route], list[Problem]]:
    """The managed routes of one VirtualService, and what keeps others from being managed.

    A route that cannot be shared out any more is in both: it can still be sent back.
    """
    chosen, problem = _choose(body, ref)
    if problem is not None:
        return [], [problem]
    routes: list[Route] = []
    problems: list[Problem] = []
    for one in chosen:
        found = _read_route(body, one, pair)
        if isinstance(found, Problem):
            problems.append(found)
            continue
        routes.append(found)
        if found.left < LEAST:
            problems.append(_too_little(body, found))
        problems += _without_variants(body, one, found, pair)
    return routes, problems


def _title(body: Body) -> str:
    meta = body["metadata"]
    return f"VirtualService {meta.get('namespace', '')}/{meta['name']}"


def _all_routes(body: Body, kinds: Sequence[str] = KINDS) -> Iterator[Chosen]:
    spec = body.get("spec", {})
    for kind in kinds:
        for index, raw in enumerate(spec.get(kind) or ()):
            if not is_header_route(raw):
                yield Chosen(kind, index, raw)


def _has(body: Body, kinds: Sequence[str] = KINDS) -> str:
    return ", ".join(route.name for route in _all_routes(body, kinds)) or "none"


def _choose(body: Body, ref: VirtualServiceRef) -> tuple[list[Chosen], Problem | None]:
    """The routes that the Rollout names, each once and in written order; or why there are none."""
    if not (ref.routes or ref.tls_routes or ref.tcp_routes):
        return _only_one(body)
    found: dict[tuple[int, int], Chosen] = {}
    for wish in _wishes(ref):
        fitting = [one for one in _all_routes(body, (wish.kind,)) if wish.fits(one.raw)]
        if not fitting:
            return [], _not_found(body, wish)
        if wish.only and len(fitting) > 1:
            return [], _several(body, wish.kind)
        found |= {(KINDS.index(wish.kind), one.index): one for one in fitting}
    return [found[key] for key in sorted(found)], None


def _wishes(ref: VirtualServiceRef) -> Iterator[Wish]:
    for name in ref.routes:
        yield Wish("http", f"route {name!r}", partial(_has_name, name))
    for tls in ref.tls_routes:
        yield Wish("tls", _asked("TLS", tls.port, tls.sni_hosts), partial(_fits_tls, tls), tls.any)
    for tcp in ref.tcp_routes:
        yield Wish("tcp", _asked("TCP", tcp.port), partial(_fits_tcp, tcp), tcp.any)


def _only_one(body: Body) -> tuple[list[Chosen], Problem | None]:
    """The route of a VirtualService that has no other, of whatever kind."""
    every = list(_all_routes(body))
    if len(every) == 1:
        return every, None
    if not every:
        message = f"{_title(body)} has no HTTP, TLS or TCP route; add one"
        return [], Problem(reasons.ROUTE_NOT_FOUND, message)
    return [], _several(body, *{one.kind: None for one in every})


def _several(body: Body, *kinds: str) -> Problem:
    fields = " or ".join(FIELDS[kind] for kind in kinds)
    message = (
        f"{_title(body)} has several routes ({_has(body, kinds)}); name those that the Rollout "
        f"moves in {REFS}.{fields}"
    )
    return Problem(reasons.ROUTE_NOT_FOUND, message)


def _not_found(body: Body, wish: Wish) -> Problem:
    message = (
        f"{_title(body)}: {wish.text} not found (has: {_has(body, (wish.kind,))}); name one of "
        f"them in {REFS}.{FIELDS[wish.kind]}, or add it"
    )
    return Problem(reasons.ROUTE_NOT_FOUND, message)


def _asked(kind: str, port: int | None, sni_hosts: Sequence[str] = ()) -> str:
    at_port = f" with port {port}" if port else ""
    hosts = f" with SNI hosts {', '.join(sni_hosts)}" if sni_hosts else ""
    return f"{kind} route{at_port}{hosts}"


def _has_name(name: str, route: Body) -> bool:
    return bool(route.get("name") == name)


def _fits_tls(want: TlsRoute, route: Body) -> bool:
    """Whether some match has exactly these SNI hosts, and the port; what is left out is any."""
    return any(
        want.port in (None, match.get("port"))
        and (not want.sni_hosts or set(match.get("sniHosts") or ()) == set(want.sni_hosts))
        for match in _matches(route)
    )


def _fits_tcp(want: TcpRoute, route: Body) -> bool:
    return any(want.port in (None, match.get("port")) for match in _matches(route))


def _matches(route: Body) -> Sequence[Body]:
    """The route's matches; without any, all is let in, as by one that says nothing."""
    return route.get("match") or ({},)


def _read_route(body: Body, chosen: Chosen, pair: Pair) -> Route | Problem:
    namespace = str(body["metadata"].get("namespace", ""))
    title, name = _title(body), chosen.name
    if chosen.raw.get("delegate"):
        return _delegated(title, name, namespace, chosen.raw["delegate"])
    entries = chosen.raw.get("route") or []
    targets = [_target(entry, namespace) for entry in entries]
    for wanted, role in ((pair.stable, "stable"), (pair.canary, "canary")):
        if targets.count(wanted) != 1:
            message = (
                f"{title}: route {name} must name the {role} destination {wanted} exactly once "
                f"(found {targets.count(wanted)} times); add it, canary with weight 0, or mend "
                "spec.traffic.istio"
            )
            return Problem(reasons.DESTINATION_NOT_FOUND, message)
    weights = [int(entry.get("weight") or 0) for entry in entries]
    if len(entries) == 1:
        weights = [ALL]
    stable, canary = (targets.index(target) for target in (pair.stable, pair.canary))
    arms = {name: targets.index(t) for name, t in pair.variants if targets.count(t) == 1}
    ours = (stable, canary, *arms.values())
    left = ALL - sum(weight for i, weight in enumerate(weights) if i not in ours)
    return Route(
        name=name,
        entries=f"/spec/{chosen.kind}/{chosen.index}/route",
        stable=_place(entries, weights, stable),
        canary=_place(entries, weights, canary),
        whole=left if left >= LEAST else sum(weights[i] for i in ours),
        left=left,
        listed=f"/spec/{chosen.kind}",
        index=chosen.index,
        raw=chosen.raw,
        variants=tuple((name, _place(entries, weights, i)) for name, i in sorted(arms.items())),
    )


def _without_variants(body: Body, chosen: Chosen, route: Route, pair: Pair) -> Iterator[Problem]:
    """Why a route cannot be shared with variants; it can still be sent back."""
    if not pair.variants:
        return
    title, there = f"{_title(body)}: route {route.name}", {name for name, _ in route.variants}
    if chosen.kind != "http":
        message = f"{title} is no HTTP route, and spec.variants are for those only"
        yield Problem(reasons.DESTINATION_NOT_FOUND, message)
        return
    for name, wanted in pair.variants:
        if name not in there:
            message = (
                f"{title} must name the destination {wanted} of variant {name} exactly once; add "
                "it with weight 0, or mend spec.variants"
            )
            yield Problem(reasons.DESTINATION_NOT_FOUND, message)
    if route.left != ALL:
        message = (
            f"{title} gives {ALL - route.left} of {ALL} to destinations of others; with "
            "spec.variants all of it has to be this Rollout's"
        )
        yield Problem(reasons.FOREIGN_WEIGHT, message)


def _place(entries: Sequence[Any], weights: Sequence[int], index: int) -> Place:
    same = ("/destination", entries[index].get("destination"))
    return Place(index, weights[index], same)


def _delegated(title: str, name: str, namespace: str, delegate: Body) -> Problem:
    """The weights stand in another VirtualService: that one is to be named."""
    there = str(delegate.get("namespace") or namespace)
    message = (
        f"{title}: route {name} delegates to VirtualService {there}/{delegate.get('name')}, which "
        f"has the weights; name {delegate.get('name')} in {REFS} instead"
    )
    if there != namespace:
        message += f", from a Rollout in namespace {there}"
    return Problem(reasons.ROUTE_NOT_FOUND, message)


def _too_little(body: Body, route: Route) -> Problem:
    message = (
        f"{_title(body)}: route {route.name} leaves {max(0, route.left)} of {ALL} for the two "
        f"destinations of this Rollout; leave them {LEAST} at least"
    )
    return Problem(reasons.FOREIGN_WEIGHT, message)


def _target(entry: Body, namespace: str) -> Target:
    destination = entry.get("destination") or {}
    host = qualified(str(destination.get("host", "")), namespace)
    return Target(host, str(destination.get("subset") or ""))


HEADER_ROUTES = Dialect("VirtualService", "/spec/http", header_routes)
