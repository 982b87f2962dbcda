"""Who may move what: two Rollouts on one route, destination or set of pods would fight for ever.

The older claim stands (creation time, then uid, so that every observer says the same); the younger
Rollout is told whose it is and moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tidegate.adapters.kubernetes.resources import Body, uid_of
from tidegate.core.observation import Problem
from tidegate.core.reasons import CONFLICT

Thing: TypeAlias = tuple[str, ...]
"""An object's kind and name, and then which part of it, each word of that narrower."""

ANY = "*"


@dataclass(frozen=True, slots=True)
class Claim:
    """What one Rollout moves, as text people recognise, and the seniority of the claim."""

    rollout: str
    age: tuple[str, str]
    things: frozenset[Thing]
    selector: tuple[tuple[str, str], ...]
    pod_labels: tuple[tuple[str, str], ...]


def claim_of(body: Body) -> Claim:
    """The claims of a Rollout's body, read leniently: a broken Rollout still holds its claims."""
    meta, spec = body["metadata"], _mapping(body.get("spec"))
    traffic = _mapping(spec.get("traffic"))
    labels = _mapping(_mapping(_mapping(spec.get("template")).get("metadata")).get("labels"))
    selector = _pairs(_mapping(_mapping(spec.get("selector")).get("matchLabels")))
    return Claim(
        rollout=str(meta["name"]),
        age=(str(meta.get("creationTimestamp", "")), uid_of(body)),
        things=frozenset(
            (
                *_istio_things(traffic, spec.get("variants")),
                *_gateway_things(traffic),
                *_managed_things(traffic, str(meta["name"])),
                *_switch_things(traffic),
                *_workload_things(spec),
            )
        ),
        selector=selector,
        pod_labels=_pairs(labels) or selector,  # a Deployment's pods carry at least these
    )


def _istio_things(traffic: Mapping[str, Any], variants: object) -> Iterator[Thing]:
    istio = _mapping(traffic.get("istio"))
    for ref in map(_mapping, _list(istio.get("virtualServices"))):
        title = f"VirtualService {ref.get('name')}"
        named = [*_route_things(title, ref)]
        yield from named or [(title, ANY, ANY, ANY)]
    rule = _mapping(istio.get("destinationRule"))
    for subset in ("stable", "canary"):
        if rule.get("name"):
            yield (
                f"DestinationRule {rule['name']}",
                f"subset {rule.get(f'{subset}Subset', subset)}",
            )
    for variant in map(_mapping, _list(variants)) if rule.get("name") else ():
        subset = variant.get("subset", variant.get("name"))
        yield (f"DestinationRule {rule['name']}", f"subset {subset}")
    yield from _service_things(istio)


def _route_things(title: str, ref: Mapping[str, Any]) -> Iterator[Thing]:
    """One thing a route that is named, by what tells it apart: name, or port and SNI hosts."""
    for name in _list(ref.get("routes")):
        yield (title, "route", str(name), ANY)
    for tls in map(_mapping, _list(ref.get("tlsRoutes"))):
        hosts = " ".join(sorted(map(str, _list(tls.get("sniHosts")))))
        yield (title, "TLS route", str(tls.get("port", ANY)), hosts or ANY)
    for tcp in map(_mapping, _list(ref.get("tcpRoutes"))):
        yield (title, "TCP route", str(tcp.get("port", ANY)), ANY)


def _switch_things(traffic: Mapping[str, Any]) -> Iterator[Thing]:
    service = _mapping(traffic.get("service"))
    for role in ("active", "preview"):
        if service.get(role):
            yield (f"Service {service[role]}",)


def _gateway_things(traffic: Mapping[str, Any]) -> Iterator[Thing]:
    gateway = _mapping(traffic.get("gatewayApi"))
    for ref in map(_mapping, _list(gateway.get("httpRoutes"))):
        title = f"HTTPRoute {ref.get('name')}"
        named = [(title, "rule", str(rule)) for rule in _list(ref.get("rules"))]
        yield from named or [(title, ANY, ANY)]
    yield from _service_things(gateway)


def _managed_things(traffic: Mapping[str, Any], rollout: str) -> Iterator[Thing]:
    """What is made for the Rollout has its name; a DestinationRule only where nothing else is."""
    istio = _mapping(traffic.get("istio"))
    if istio.get("managed") is not None:
        yield (f"VirtualService {rollout}", ANY, ANY, ANY)
        if not istio.get("services"):
            yield (f"DestinationRule {rollout}", ANY)
    if _mapping(traffic.get("gatewayApi")).get("managed") is not None:
        yield (f"HTTPRoute {rollout}", ANY, ANY)


def _service_things(router: Mapping[str, Any]) -> Iterator[Thing]:
    services = _mapping(router.get("services"))
    for role in ("stable", "canary"):
        if services.get(role):
            yield (f"Service {services[role]}",)


def _workload_things(spec: Mapping[str, Any]) -> Iterator[Thing]:
    ref = _mapping(spec.get("workloadRef"))
    if ref.get("name"):
        yield (f"{ref.get('kind')} {ref['name']}",)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _pairs(labels: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(k), str(v)) for k, v in labels.items()))


def conflicts(mine: Claim, others: Iterable[Claim]) -> tuple[Problem, ...]:
    """What an older Rollout of the same namespace already moves."""
    found = []
    for other in others:
        if other.age >= mine.age:
            continue
        shared = sorted(_overlap(mine.things, other.things))
        if shared:
            message = (
                f"{shared[0]} is already moved by Rollout {other.rollout}; "
                "give this Rollout its own, or delete the other one"
            )
            found.append(Problem(CONFLICT, message))
        elif _same_pods(mine, other):
            message = (
                f"spec.selector matches the pods of Rollout {other.rollout} (or the other way "
                "round); give the pods of each a label of their own"
            )
            found.append(Problem(CONFLICT, message))
    return tuple(found)


def _overlap(mine: frozenset[Thing], theirs: frozenset[Thing]) -> Iterator[str]:
    """Things in both, as text; what is not named stands for any."""
    titles = {thing[0] for thing in mine} & {thing[0] for thing in theirs}
    for ours in mine:
        for other in theirs if ours[0] in titles else ():
            if all(a == b or ANY in (a, b) for a, b in zip(ours, other, strict=False)):
                words = (a if b == ANY else b for a, b in zip(ours, other, strict=False))
                yield " ".join(word for word in words if word != ANY)


def _same_pods(mine: Claim, other: Claim) -> bool:
    return _matches(mine.selector, other.pod_labels) or _matches(other.selector, mine.pod_labels)


def _matches(selector: tuple[tuple[str, str], ...], labels: tuple[tuple[str, str], ...]) -> bool:
    return bool(selector) and set(selector) <= set(labels)
