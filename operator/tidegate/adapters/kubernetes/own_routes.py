"""Making the Rollout's own routes and keeping them as the spec has them, one request each.

A creation's precondition is its name: an object that is there already is looked at, and decided
on anew. One that another owner has is never touched (`routing_reader` says whose it is not).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.adapters import managed
from tidegate.adapters.kubernetes.api import Api, patched
from tidegate.adapters.kubernetes.replica_sets import owner_reference, rollout_label
from tidegate.adapters.kubernetes.resources import (
    DESTINATION_RULES,
    HTTP_ROUTES,
    VIRTUAL_SERVICES,
    Body,
    Resource,
)
from tidegate.adapters.kubernetes.routing import rule_of
from tidegate.adapters.kubernetes.watched import Watched
from tidegate.adapters.weights import Patch
from tidegate.api.constants import LABEL_ROLLOUT
from tidegate.api.rollout import Rollout
from tidegate.core.decision import AlignRoute, MakeDestinations, MakeRoute
from tidegate.ports.cluster import ApiRefused, Conflict, Gone

BY_KIND = {resource.kind: resource for resource in (VIRTUAL_SERVICES, HTTP_ROUTES)}


def alignment(rollout: Rollout, resource: Resource, body: Body) -> Patch:
    """What the Rollout's own route lacks of what the spec says; empty when nothing."""
    traffic = rollout.spec.traffic
    if resource is VIRTUAL_SERVICES and traffic and traffic.istio and traffic.istio.managed:
        ends = (rule_of(rollout), traffic.istio.services)
        return managed.virtual_service_patch(body, traffic.istio.managed, rollout.name, *ends)
    if resource is HTTP_ROUTES and traffic and traffic.gateway_api and traffic.gateway_api.managed:
        gateway = traffic.gateway_api
        return managed.http_route_patch(body, traffic.gateway_api.managed, gateway.services)
    return []


class OwnRouteWriter:
    """Writes them and keeps the watched copies up to date with the answers."""

    def __init__(self, api: Api, watched: Mapping[Resource, Watched]) -> None:
        self._api = api
        self._watched = watched

    async def apply(
        self,
        rollout: Rollout,
        effect: MakeDestinations | MakeRoute | AlignRoute,
        body: Body | None,
    ) -> None:
        """Carry out one effect; `body` is the route as it was read.

        Raises Conflict and Gone; ApiRefused also when what was written does not stay.
        """
        match effect:
            case MakeDestinations():
                await self._make_destinations(rollout, effect)
            case MakeRoute():
                await self._make_route(rollout, effect)
            case AlignRoute():
                await self._align(rollout, effect, body)

    async def _make_destinations(self, rollout: Rollout, effect: MakeDestinations) -> None:
        """Create the DestinationRule. Raises Conflict when there is one by now."""
        istio = rollout.spec.traffic.istio if rollout.spec.traffic else None
        rule = rule_of(rollout)
        if istio is None or istio.managed is None or rule is None:
            raise Conflict(f"Rollout {rollout.name} makes no DestinationRule any more")
        revisions = (effect.stable, effect.canary)
        spec = managed.destination_rule_spec(istio.managed, rollout.name, rule, *revisions)
        await self._create(rollout, DESTINATION_RULES, effect.name, spec)

    async def _make_route(self, rollout: Rollout, effect: MakeRoute) -> None:
        """Create the VirtualService or HTTPRoute. Raises Conflict when there is one by now."""
        spec = _route_spec(rollout, effect)
        await self._create(rollout, BY_KIND[effect.kind], effect.name, spec)

    async def _align(self, rollout: Rollout, effect: AlignRoute, body: Body | None) -> None:
        """Patch what the spec says otherwise, if it is as it was read."""
        resource, key = BY_KIND[effect.kind], (rollout.namespace, effect.name)
        if body is None:
            raise Gone(f"{effect.kind} {rollout.namespace}/{effect.name} was not read")
        patch = alignment(rollout, resource, body)
        watched = self._watched[resource]
        if patch:
            answer = await patched(self._api, resource.path(*key), patch, watched.learn)
            watched.put(answer)
            if alignment(rollout, resource, answer):
                # Else it would be written again and again, as fast as the API server answers.
                raise ApiRefused(
                    f"{effect.kind} {'/'.join(key)}: what was written as spec.traffic says came "
                    "back otherwise; look for an admission webhook that changes it"
                )

    async def _create(
        self, rollout: Rollout, resource: Resource, name: str, spec: dict[str, Any]
    ) -> None:
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {
                "name": name,
                "namespace": rollout.namespace,
                "labels": {LABEL_ROLLOUT: rollout_label(rollout)},
                "ownerReferences": [owner_reference(rollout)],
            },
            "spec": spec,
        }
        watched = self._watched[resource]
        try:
            answer = await self._api.request("POST", resource.path(rollout.namespace), body=body)
        except Conflict:
            await watched.refresh((rollout.namespace, name))
            raise
        watched.put(answer)


def _route_spec(rollout: Rollout, effect: MakeRoute) -> dict[str, Any]:
    traffic = rollout.spec.traffic
    istio = traffic.istio if traffic else None
    gateway = traffic.gateway_api if traffic else None
    if effect.kind == VIRTUAL_SERVICES.kind and istio and istio.managed:
        ends = (rule_of(rollout), istio.services)
        return managed.virtual_service_spec(istio.managed, rollout.name, *ends, effect.weight)
    if effect.kind == HTTP_ROUTES.kind and gateway and gateway.managed:
        return managed.http_route_spec(gateway.managed, gateway.services, effect.weight)
    raise Conflict(f"Rollout {rollout.name} makes no {effect.kind} any more")
