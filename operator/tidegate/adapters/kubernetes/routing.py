"""One Rollout's routes and destinations: reading them, and the patches that change them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tidegate.adapters import istio
from tidegate.adapters.kubernetes.resources import (
    DESTINATION_RULES,
    SERVICES,
    VIRTUAL_SERVICES,
    Body,
    Key,
    Resource,
)
from tidegate.adapters.kubernetes.watched import Watched
from tidegate.api.rollout import Rollout
from tidegate.api.traffic import IstioTraffic, VirtualServiceRef
from tidegate.core import reasons
from tidegate.core.decision import Destination
from tidegate.core.observation import Problem, RoutesView, RouteWeight
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Gone


@dataclass(frozen=True, slots=True)
class Change:
    """One JSON Patch on one object."""

    resource: Resource
    key: Key
    patch: list[dict[str, Any]]


@dataclass(slots=True)
class Routing:
    """What was read in one pass, kept until the next so that a patch fits what was decided on."""

    view: RoutesView | None = None
    pair: istio.Pair | None = None
    problems: list[Problem] = field(default_factory=list)
    bodies: dict[str, Body] = field(default_factory=dict)
    routes: dict[str, list[istio.Route]] = field(default_factory=dict)
    destinations: dict[Destination, Body] = field(default_factory=dict)


class RoutingReader:
    """Reads VirtualServices, DestinationRules and Services through their watched copies."""

    def __init__(self, watched: dict[Resource, Watched]) -> None:
        self._watched = watched

    async def read(self, rollout: Rollout) -> Routing:
        """All that the Rollout's `traffic.istio` names, or the problems with it."""
        routing = Routing()
        traffic = rollout.spec.traffic.istio if rollout.spec.traffic else None
        if traffic is None:
            return routing  # said by the spec's own problems
        routing.pair = await self._pair(rollout, traffic, routing)
        if routing.pair is None:
            return routing
        weights = [
            weight
            for ref in traffic.virtual_services
            if (weight := await self._weight(rollout, ref, routing)) is not None
        ]
        selected = [self._selected(rollout, traffic, role, routing) for role in ROLES]
        if weights:  # also beside problems: what can be read can be sent back
            routing.view = RoutesView(tuple(weights), selected[0], selected[1])
        return routing

    async def _pair(
        self, rollout: Rollout, traffic: IstioTraffic, routing: Routing
    ) -> istio.Pair | None:
        if traffic.destination_rule is not None:
            return await self._subsets(rollout, traffic, routing)
        return await self._services(rollout, traffic, routing)

    async def _subsets(
        self, rollout: Rollout, traffic: IstioTraffic, routing: Routing
    ) -> istio.Pair | None:
        ref = traffic.destination_rule
        assert ref is not None, "the caller looked"
        body = await self._get(DESTINATION_RULES, rollout, ref.name, routing)
        if body is None:
            return None
        for subset in (ref.stable_subset, ref.canary_subset):
            if istio.subset_index(body, subset) is None:
                has = [s.get("name") for s in body.get("spec", {}).get("subsets") or ()]
                message = (
                    f"DestinationRule {rollout.namespace}/{ref.name} has no subset {subset!r} "
                    f"(has: {', '.join(map(str, has)) or 'none'}); add `- name: {subset}`"
                )
                routing.problems.append(Problem(reasons.SUBSET_NOT_FOUND, message))
        if routing.problems:
            return None
        routing.destinations = {"stable": body, "canary": body}
        host = istio.qualified(str(body["spec"].get("host", "")), rollout.namespace)
        return istio.Pair(
            istio.Target(host, ref.stable_subset), istio.Target(host, ref.canary_subset)
        )

    async def _services(
        self, rollout: Rollout, traffic: IstioTraffic, routing: Routing
    ) -> istio.Pair | None:
        pair = traffic.services
        if pair is None:
            return None  # the spec's own problems say so
        stable = await self._get(SERVICES, rollout, pair.stable, routing)
        canary = await self._get(SERVICES, rollout, pair.canary, routing)
        if stable is None or canary is None:
            return None
        for body in (stable, canary):
            if not body.get("spec", {}).get("selector"):
                message = (
                    f"Service {rollout.namespace}/{body['metadata']['name']} has no selector; "
                    "give it the labels of the Rollout's pods"
                )
                routing.problems.append(Problem(reasons.SERVICE_NOT_FOUND, message))
        routing.destinations = {"stable": stable, "canary": canary}
        hosts = [istio.qualified(name, rollout.namespace) for name in (pair.stable, pair.canary)]
        return istio.Pair(istio.Target(hosts[0]), istio.Target(hosts[1]))

    async def _weight(
        self, rollout: Rollout, ref: VirtualServiceRef, routing: Routing
    ) -> RouteWeight | None:
        body = await self._get(VIRTUAL_SERVICES, rollout, ref.name, routing)
        if body is None or routing.pair is None:
            return None
        routes, problems = istio.find_routes(body, ref.routes, routing.pair)
        routing.problems += problems
        if problems or not routes:
            return None
        routing.bodies[ref.name] = body
        routing.routes[ref.name] = routes
        return istio.route_weight(ref.name, routes)

    async def _get(
        self, resource: Resource, rollout: Rollout, name: str, routing: Routing
    ) -> Body | None:
        user = (rollout.namespace, rollout.name)
        try:
            body = await self._watched[resource].get((rollout.namespace, name), user)
        except (ApiUnavailable, ApiRefused, Gone) as error:
            message = f"{resource.kind} {rollout.namespace}/{name} cannot be read: {error}"
            routing.problems.append(Problem(NOT_FOUND[resource], message))
            return None
        if body is None:
            message = (
                f"{resource.kind} {rollout.namespace}/{name} not found; create it, or mend its "
                f"name in {FIELDS[resource]}"
            )
            routing.problems.append(Problem(NOT_FOUND[resource], message))
        return body

    def _selected(
        self, rollout: Rollout, traffic: IstioTraffic, role: Destination, routing: Routing
    ) -> str | None:
        body = routing.destinations.get(role)
        if body is None:
            return None
        ref = traffic.destination_rule
        if ref is None:
            return istio.selected_by_service(body)
        subset = ref.stable_subset if role == "stable" else ref.canary_subset
        return istio.selected_by_subset(body, subset, pod_labels(rollout))


ROLES: tuple[Destination, ...] = ("stable", "canary")
NOT_FOUND = {
    VIRTUAL_SERVICES: reasons.VIRTUAL_SERVICE_NOT_FOUND,
    DESTINATION_RULES: reasons.DESTINATION_RULE_NOT_FOUND,
    SERVICES: reasons.SERVICE_NOT_FOUND,
}
FIELDS = {
    VIRTUAL_SERVICES: "spec.traffic.istio.virtualServices",
    DESTINATION_RULES: "spec.traffic.istio.destinationRule",
    SERVICES: "spec.traffic.istio.services",
}


def pod_labels(rollout: Rollout) -> dict[str, str]:
    """The labels that every pod of the Rollout carries, whatever its revision."""
    return dict(rollout.spec.selector.match_labels)


def weight_change(namespace: str, name: str, routing: Routing, weight: int) -> Change:
    """The patch that gives `weight` percent to the canary in one VirtualService.

    Raises Gone when the routing that was read no longer has it.
    """
    body, routes = routing.bodies.get(name), routing.routes.get(name, ())
    if body is None:
        raise Gone(f"VirtualService {namespace}/{name} was not read")
    patch = istio.weight_patch(body, routes, weight)
    return Change(VIRTUAL_SERVICES, (namespace, name), patch)


def destination_change(
    rollout: Rollout, routing: Routing, destination: Destination, revision: str
) -> Change:
    """The patch that makes a subset or a Service select one revision."""
    traffic = rollout.spec.traffic.istio if rollout.spec.traffic else None
    body = routing.destinations.get(destination)
    if traffic is None or body is None:
        raise Gone(f"the {destination} destination of {rollout.name} was not read")
    key = (rollout.namespace, str(body["metadata"]["name"]))
    ref = traffic.destination_rule
    if ref is None:
        return Change(SERVICES, key, istio.selector_patch(body, revision))
    subset = ref.stable_subset if destination == "stable" else ref.canary_subset
    return Change(
        DESTINATION_RULES, key, istio.subset_patch(body, subset, revision, pod_labels(rollout))
    )
