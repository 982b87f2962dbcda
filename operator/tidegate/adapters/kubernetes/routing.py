"""One Rollout's routes and destinations as they were read, and the patches that change them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tidegate.adapters import destinations, weights
from tidegate.adapters.header_routes import HeaderRoutes
from tidegate.adapters.kubernetes.resources import (
    DEPLOYMENTS,
    DESTINATION_RULES,
    HTTP_ROUTES,
    SERVICES,
    VIRTUAL_SERVICES,
    Body,
    Key,
    Resource,
    uid_of,
)
from tidegate.api.rollout import Rollout
from tidegate.api.traffic import DestinationRuleRef, ServicePair
from tidegate.api.variants import destination_of
from tidegate.core.decision import Destination, GiveBackDestination, SetWeight
from tidegate.core.observation import OwnRoute, Problem, RoutesView, ServiceView
from tidegate.ports.cluster import Gone

ROLES: tuple[Destination, ...] = ("stable", "canary")


@dataclass(frozen=True, slots=True)
class Change:
    """One JSON Patch on one object."""

    resource: Resource
    key: Key
    patch: list[dict[str, Any]]


@dataclass(slots=True)
class Routing:
    """What was read in one pass, kept until the next so that a patch fits what was decided on.

    `bodies`, `routes` and `headers` are keyed by the name of the object that has the routes.
    """

    view: RoutesView | None = None
    service: ServiceView | None = None
    pair: weights.Pair | None = None
    problems: list[Problem] = field(default_factory=list)
    route_kind: Resource = VIRTUAL_SERVICES
    bodies: dict[str, Body] = field(default_factory=dict)
    routes: dict[str, list[weights.Route]] = field(default_factory=dict)
    headers: dict[str, HeaderRoutes] = field(default_factory=dict)
    destinations: dict[Destination, Body] = field(default_factory=dict)
    destination_kind: Resource = DESTINATION_RULES
    own: list[OwnRoute] = field(default_factory=list)
    own_body: Body | None = None
    """The Rollout's own route, where there is one: an alignment fits what was read."""

    def destination_objects(self) -> list[Body]:
        """The DestinationRule, or the two Services: each object once."""
        return list({uid_of(body): body for body in self.destinations.values()}.values())


def named(rollout: Rollout) -> list[tuple[Resource, Key]]:
    """Every route and destination that the Rollout writes to, whether or not it is there."""
    traffic, namespace = rollout.spec.traffic, rollout.namespace
    found: list[tuple[Resource, str | None]] = []
    if traffic and traffic.istio:
        istio = traffic.istio
        rule = rule_of(rollout)
        found += [(VIRTUAL_SERVICES, ref.name) for ref in istio.routes_of(rollout.name)]
        found += [(DESTINATION_RULES, rule.name if rule else None)]
        found += _both(istio.services)
    if traffic and traffic.gateway_api:
        found += [(HTTP_ROUTES, ref.name) for ref in traffic.gateway_api.routes_of(rollout.name)]
        found += _both(traffic.gateway_api.services)
    if traffic and traffic.service:
        found += [(SERVICES, traffic.service.active), (SERVICES, traffic.service.preview)]
    workload = rollout.spec.workload_ref
    if workload and workload.kind == DEPLOYMENTS.kind:
        found.append((DEPLOYMENTS, workload.name))
    return [(resource, (namespace, name)) for resource, name in found if name]


def _both(pair: ServicePair | None) -> list[tuple[Resource, str | None]]:
    return [(SERVICES, pair.stable), (SERVICES, pair.canary)] if pair else []


def pod_labels(rollout: Rollout) -> dict[str, str]:
    """The labels that every pod of the Rollout carries, whatever its revision."""
    return dict(rollout.spec.selector.match_labels)


def subset_of(rollout: Rollout, rule: DestinationRuleRef, role: Destination) -> str:
    """The subset of the DestinationRule that plays that role."""
    for variant in rollout.spec.variants:
        if role == destination_of(variant.name):
            return variant.subset_name
    return rule.stable_subset if role == "stable" else rule.canary_subset


def rule_of(rollout: Rollout) -> DestinationRuleRef | None:
    """The DestinationRule whose subsets are the destinations, or None where Services are."""
    istio = rollout.spec.traffic.istio if rollout.spec.traffic else None
    return istio.rule_of(rollout.name) if istio else None


def weight_change(namespace: str, routing: Routing, effect: SetWeight) -> Change:
    """The patch that gives these shares to canary and variants in all routes of one object.

    The same patch leaves exactly the header routes for the effect's `match`; None leaves those that
    are there. Raises Gone when the routing that was read no longer has it, Conflict when no phase
    has that match any more.
    """
    name = effect.virtual_service
    body, routes = routing.bodies.get(name), routing.routes.get(name, ())
    if body is None:
        raise Gone(f"{routing.route_kind.kind} {namespace}/{name} was not read")
    headers = routing.headers.get(name, HeaderRoutes())
    patch = weights.weight_patch(body, routes, effect.weight, effect.variants)
    return Change(routing.route_kind, (namespace, name), patch + headers.patch(effect.match))


def destination_change(
    rollout: Rollout, routing: Routing, destination: Destination, revision: str
) -> Change:
    """The patch that makes a subset or a Service select one revision."""
    body, key = _destination(rollout, routing, destination)
    rule = rule_of(rollout)
    if rule is None:
        return Change(SERVICES, key, destinations.selector_patch(body, revision))
    subset = subset_of(rollout, rule, destination)
    patch = destinations.subset_patch(body, subset, revision, pod_labels(rollout))
    return Change(DESTINATION_RULES, key, patch)


def way_back(rollout: Rollout, routing: Routing, effect: GiveBackDestination) -> Change:
    """The patch that takes our label off a subset or a Service, for the Deployment's pods."""
    body, key = _destination(rollout, routing, effect.destination)
    rule = rule_of(rollout)
    if rule is None:
        return Change(SERVICES, key, destinations.selector_back(body, effect.pods_label))
    subset = subset_of(rollout, rule, effect.destination)
    patch = destinations.subset_back(body, subset, effect.pods_label, pod_labels(rollout))
    return Change(DESTINATION_RULES, key, patch)


def _destination(rollout: Rollout, routing: Routing, destination: Destination) -> tuple[Body, Key]:
    body = routing.destinations.get(destination)
    if body is None:
        raise Gone(f"the {destination} destination of {rollout.name} was not read")
    return body, (rollout.namespace, str(body["metadata"]["name"]))
