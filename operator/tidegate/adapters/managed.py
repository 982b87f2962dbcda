"""The routes that Tidegate makes: their first bodies, and the patches that follow the spec.

A patch never touches a weight: where the entries stand, and what else a user has put beside them,
stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tidegate.adapters.header_routes import is_header_route
from tidegate.adapters.weights import Body, Patch, version_test
from tidegate.api.constants import LABEL_REVISION
from tidegate.api.managed import MANAGED_ROUTE, ManagedHttpRoute, ManagedVirtualService
from tidegate.api.traffic import DestinationRuleRef, ServicePair
from tidegate.core.shares import ALL

Spec = dict[str, Any]


def virtual_service_spec(
    managed: ManagedVirtualService,
    rollout: str,
    rule: DestinationRuleRef | None,
    services: ServicePair | None,
    weight: int,
) -> Spec:
    """The VirtualService with one HTTP route, towards two subsets of a Service or two Services."""
    destinations = _destinations(managed, rollout, rule, services)
    port = _istio_port(managed)
    route = [
        {"destination": {**destination, **port}, "weight": share}
        for destination, share in zip(destinations, (ALL - weight, weight), strict=True)
    ]
    http = [{"name": MANAGED_ROUTE, "route": route}]
    return {**_istio_fields(managed, rollout), "http": http}


def _destinations(
    managed: ManagedVirtualService,
    rollout: str,
    rule: DestinationRuleRef | None,
    services: ServicePair | None,
) -> list[dict[str, str]]:
    """Where stable and canary requests go, without a port."""
    if services is not None:
        return [{"host": services.stable}, {"host": services.canary}]
    assert rule is not None, "without two Services there is a DestinationRule"
    host = managed.host(rollout)
    return [{"host": host, "subset": name} for name in (rule.stable_subset, rule.canary_subset)]


def destination_rule_spec(
    managed: ManagedVirtualService,
    rollout: str,
    rule: DestinationRuleRef,
    stable: str,
    canary: str,
) -> Spec:
    """The DestinationRule whose two subsets select those revisions."""
    pairs = ((rule.stable_subset, stable), (rule.canary_subset, canary))
    subsets = [{"name": name, "labels": {LABEL_REVISION: revision}} for name, revision in pairs]
    return {"host": managed.host(rollout), "subsets": subsets}


def http_route_spec(managed: ManagedHttpRoute, services: ServicePair, weight: int) -> Spec:
    """The HTTPRoute with one rule for the two Services."""
    pairs = ((services.stable, ALL - weight), (services.canary, weight))
    refs = [{"name": name, "port": managed.port, "weight": share} for name, share in pairs]
    rule = {"name": MANAGED_ROUTE, "backendRefs": refs}
    return {**_gateway_fields(managed), "rules": [rule]}


def virtual_service_patch(
    body: Body,
    managed: ManagedVirtualService,
    rollout: str,
    rule: DestinationRuleRef | None,
    services: ServicePair | None,
) -> Patch:
    """What the VirtualService lacks of the hosts, gateways and port; empty when nothing.

    The port is that of stable and canary: other destinations keep their own.
    """
    ours = _destinations(managed, rollout, rule, services)
    fields = {"gateways": None, **_istio_fields(managed, rollout)}
    changes = list(_field_changes(body, fields))
    port = _istio_port(managed).get("port")
    for place, route in enumerate(_spec(body).get("http") or ()):
        for index, entry in enumerate(route.get("route") or ()):
            destination = entry.get("destination") or {}
            path = f"/spec/http/{place}/route/{index}/destination/port"
            to = {name: destination[name] for name in ("host", "subset") if name in destination}
            if to in ours and (route.get("name") == MANAGED_ROUTE or is_header_route(route)):
                changes += _change(path, destination.get("port"), port)
    return [version_test(body), *changes] if changes else []


def http_route_patch(body: Body, managed: ManagedHttpRoute, services: ServicePair) -> Patch:
    """What the HTTPRoute lacks of the hostnames, Gateways and port; empty when nothing.

    The API server fills in what a reference leaves out; that is no difference. The port is that of
    stable and canary: other backends keep their own.
    """
    ours = (services.stable, services.canary)
    wanted = {"hostnames": None, **_gateway_fields(managed)}
    parents = _spec(body).get("parentRefs") or ()
    if _same_parents(parents, wanted["parentRefs"] or ()):
        del wanted["parentRefs"]
    changes = list(_field_changes(body, wanted))
    for place, rule in enumerate(_spec(body).get("rules") or ()):
        for index, ref in enumerate(rule.get("backendRefs") or ()):
            path = f"/spec/rules/{place}/backendRefs/{index}/port"
            named = rule.get("name") in (None, MANAGED_ROUTE) or is_header_route(rule)
            if named and ref.get("name") in ours:
                changes += _change(path, ref.get("port"), managed.port)
    return [version_test(body), *changes] if changes else []


def _istio_fields(managed: ManagedVirtualService, rollout: str) -> Spec:
    hosts = list(managed.hosts) or [managed.host(rollout)]
    gateways = {"gateways": list(managed.gateways)} if managed.gateways else {}
    return {"hosts": hosts, **gateways}


def _istio_port(managed: ManagedVirtualService) -> dict[str, Any]:
    return {} if managed.port is None else {"port": {"number": managed.port}}


def _gateway_fields(managed: ManagedHttpRoute) -> Spec:
    hostnames = {"hostnames": list(managed.hostnames)} if managed.hostnames else {}
    return {"parentRefs": [ref.as_dict() for ref in managed.parent_refs], **hostnames}


def _spec(body: Body) -> Mapping[str, Any]:
    found = body.get("spec")
    return found if isinstance(found, Mapping) else {}


def _field_changes(body: Body, wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, value in wanted.items():
        yield from _change(f"/spec/{name}", _spec(body).get(name) or None, value)


def _change(path: str, present: object, wanted: object) -> Iterator[dict[str, Any]]:
    if present == wanted:
        return
    if wanted is None:
        yield {"op": "remove", "path": path}
    else:
        yield {"op": "add", "path": path, "value": wanted}


def _same_parents(present: Sequence[Body], wanted: Sequence[Body]) -> bool:
    if len(present) != len(wanted):
        return False
    pairs = zip(present, wanted, strict=True)
    return all(_fits(there, asked) for there, asked in pairs)


def _fits(there: Body, asked: Body) -> bool:
    named = ("name", "namespace", "sectionName")
    return all(there.get(field) == asked.get(field) for field in named)
