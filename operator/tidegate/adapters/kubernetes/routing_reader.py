"""Reading what a Rollout's `traffic` names, through the watched copies of users' objects."""

from __future__ import annotations

from dataclasses import replace

from tidegate.adapters import (
    destinations,
    gateway_api,
    gateway_headers,
    header_routes,
    istio,
    weights,
)
from tidegate.adapters.kubernetes.own_routes import alignment
from tidegate.adapters.kubernetes.replica_sets import owned_by
from tidegate.adapters.kubernetes.resources import (
    DESTINATION_RULES,
    HTTP_ROUTES,
    SERVICES,
    VIRTUAL_SERVICES,
    Body,
    Resource,
)
from tidegate.adapters.kubernetes.routing import ROLES, Routing, pod_labels, rule_of, subset_of
from tidegate.adapters.kubernetes.watched import Watched
from tidegate.api.rollout import Rollout
from tidegate.api.traffic import (
    DestinationRuleRef,
    GatewayApiTraffic,
    HttpRouteRef,
    IstioTraffic,
    ServicePair,
    ServiceTraffic,
    VirtualServiceRef,
)
from tidegate.api.validation import template_labels
from tidegate.api.variants import destination_of
from tidegate.core import reasons
from tidegate.core.decision import Destination
from tidegate.core.observation import (
    OwnRoute,
    Problem,
    RoutesView,
    RouteWeight,
    ServiceView,
)
from tidegate.core.picks import picks_of
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Gone, NotServed

NOT_FOUND = {
    VIRTUAL_SERVICES: reasons.VIRTUAL_SERVICE_NOT_FOUND,
    DESTINATION_RULES: reasons.DESTINATION_RULE_NOT_FOUND,
    HTTP_ROUTES: reasons.HTTP_ROUTE_NOT_FOUND,
    SERVICES: reasons.SERVICE_NOT_FOUND,
}
FIELDS = {
    VIRTUAL_SERVICES: "spec.traffic.istio.virtualServices",
    DESTINATION_RULES: "spec.traffic.istio.destinationRule",
    HTTP_ROUTES: "spec.traffic.gatewayApi.httpRoutes",
}
ROUTERS = {
    VIRTUAL_SERVICES.group: "Istio",
    HTTP_ROUTES.group: "the Gateway API",
}


class RoutingReader:
    """Reads routes, DestinationRules and Services through their watched copies."""

    def __init__(self, watched: dict[Resource, Watched]) -> None:
        self._watched = watched

    async def read(self, rollout: Rollout) -> Routing:
        """All that the Rollout's `traffic` names, or the problems with it."""
        reading = _Reading(rollout, self._watched)
        traffic = rollout.spec.traffic
        if traffic is not None and traffic.istio is not None:
            await reading.istio(traffic.istio)
        elif traffic is not None and traffic.gateway_api is not None:
            await reading.gateway_api(traffic.gateway_api)
        elif traffic is not None and traffic.service is not None:
            await reading.service(traffic.service)
        return reading.routing  # of what is not said, the spec's own problems tell


class _Reading:
    """One Rollout's reading; what is found goes into `routing`."""

    def __init__(self, rollout: Rollout, watched: dict[Resource, Watched]) -> None:
        self.routing = Routing()
        self._rollout = rollout
        self._watched = watched
        self._managed = ""
        every = (picks_of(rollout.spec, phase) for phase in rollout.spec.phases)
        self._picks = [picks for picks in every if picks]

    async def istio(self, traffic: IstioTraffic) -> None:
        """VirtualServices, towards subsets or Services."""
        self._managed = "spec.traffic.istio.managed" if traffic.managed else ""
        rule = traffic.rule_of(self._rollout.name)
        await self._istio_routes(traffic, rule)
        if traffic.managed is not None and rule is not None:
            await self._service_of_all(traffic.managed.host(self._rollout.name))

    async def _istio_routes(self, traffic: IstioTraffic, rule: DestinationRuleRef | None) -> None:
        if rule is not None:
            await self._subsets(rule)
        elif traffic.services is not None:
            await self._services(traffic.services, "spec.traffic.istio.services")
        if self.routing.pair is None:
            return
        for ref in traffic.routes_of(self._rollout.name):
            await self._virtual_service(ref, self.routing.pair)
        self._finish()

    async def gateway_api(self, traffic: GatewayApiTraffic) -> None:
        """HTTPRoutes, towards Services."""
        self.routing.route_kind = HTTP_ROUTES
        self._managed = "spec.traffic.gatewayApi.managed" if traffic.managed else ""
        await self._services(traffic.services, "spec.traffic.gatewayApi.services")
        if self.routing.pair is None:
            return
        for ref in traffic.routes_of(self._rollout.name):
            await self._http_route(ref, self.routing.pair)
        self._finish()

    async def service(self, traffic: ServiceTraffic) -> None:
        """The Service that is the switch, and the preview beside it."""
        preview = traffic.preview or traffic.active
        pair = ServicePair(stable=traffic.active, canary=preview)
        await self._services(pair, "spec.traffic.service")
        found = self.routing.destinations
        if found:
            selects = {role: destinations.selected_by_service(found[role]) for role in ROLES}
            has_preview = traffic.preview is not None
            self.routing.service = ServiceView(
                traffic.active, selects["stable"], selects["canary"], has_preview
            )

    def _finish(self) -> None:
        """The view of what was found; also beside problems: what can be read can be sent back."""
        routing = self.routing
        found = tuple(self._route_weight(name) for name in routing.bodies)
        if found and self._picks and not routing.problems and not any(r.http for r in found):
            message = (
                "a phase has match, mirror or sticky, and the Rollout names no HTTP route: TLS and "
                "TCP have no headers; leave them out, or name an HTTP route"
            )
            routing.problems.append(Problem(reasons.HEADER_ROUTE_NOT_POSSIBLE, message))
        if found:
            stable, canary = (self._selected(role) for role in ROLES)
            arms = {
                variant.name: self._selected(destination_of(variant.name))
                for variant in self._rollout.spec.variants
                if destination_of(variant.name) in routing.destinations
            }
            routing.view = RoutesView(found, stable, canary, arms)

    def _route_weight(self, name: str) -> RouteWeight:
        kind, headers = self.routing.route_kind.kind, self.routing.headers[name]
        routes = self.routing.routes[name]
        read = weights.route_weight(kind, name, routes) if routes else RouteWeight(name, 0)
        return replace(read, kind=kind, match=headers.match, http=headers.http)

    async def _subsets(self, ref: DestinationRuleRef) -> None:
        namespace, routing = self._rollout.namespace, self.routing
        body = await self._get(DESTINATION_RULES, ref.name, FIELDS[DESTINATION_RULES])
        if body is None or self._of_another_service(body):
            return
        for name, subset in (
            ("stableSubset", ref.stable_subset),
            ("canarySubset", ref.canary_subset),
        ):
            if destinations.subset_index(body, subset) is None:
                has = [s.get("name") for s in body.get("spec", {}).get("subsets") or ()]
                message = (
                    f"DestinationRule {namespace}/{ref.name} has no subset {subset!r} "
                    f"(has: {', '.join(map(str, has)) or 'none'}); add `- name: {subset}`, or mend "
                    f"{FIELDS[DESTINATION_RULES]}.{name}"
                )
                routing.problems.append(Problem(reasons.SUBSET_NOT_FOUND, message))
        if routing.problems:
            return
        routing.destinations = {"stable": body, "canary": body}
        host = istio.qualified(str(body["spec"].get("host", "")), namespace)
        routing.pair = weights.Pair(
            weights.Target(host, ref.stable_subset),
            weights.Target(host, ref.canary_subset),
            self._variants(body, ref, host),
        )

    def _variants(
        self, body: Body, ref: DestinationRuleRef, host: str
    ) -> tuple[tuple[str, weights.Target], ...]:
        """The subset of each variant; one that is missing is said, and its weight still read."""
        targets = []
        for index, variant in enumerate(self._rollout.spec.variants):
            subset = variant.subset_name
            targets.append((variant.name, weights.Target(host, subset)))
            self.routing.destinations[destination_of(variant.name)] = body
            if destinations.subset_index(body, subset) is None:
                message = (
                    f"DestinationRule {self._rollout.namespace}/{ref.name} has no subset "
                    f"{subset!r} for variant {variant.name}; add `- name: {subset}`, or mend "
                    f"spec.variants[{index}].subset"
                )
                self.routing.problems.append(Problem(reasons.SUBSET_NOT_FOUND, message))
        return tuple(targets)

    async def _services(self, pair: ServicePair, field: str) -> None:
        namespace, routing = self._rollout.namespace, self.routing
        stable = await self._get(SERVICES, pair.stable, field)
        canary = await self._get(SERVICES, pair.canary, field)
        if stable is None or canary is None:
            return
        for body in (stable, canary):
            if not body.get("spec", {}).get("selector"):
                message = (
                    f"Service {namespace}/{body['metadata']['name']} has no selector; "
                    "give it the labels of the Rollout's pods"
                )
                routing.problems.append(Problem(reasons.SERVICE_NOT_FOUND, message))
        routing.destination_kind = SERVICES
        routing.destinations = {"stable": stable, "canary": canary}
        hosts = [destinations.service_host(name, namespace) for name in (pair.stable, pair.canary)]
        routing.pair = weights.Pair(weights.Target(hosts[0]), weights.Target(hosts[1]))

    async def _virtual_service(self, ref: VirtualServiceRef, pair: weights.Pair) -> None:
        body = await self._get(VIRTUAL_SERVICES, ref.name, FIELDS[VIRTUAL_SERVICES])
        if body is not None:
            self._align(VIRTUAL_SERVICES, body)
            routes, problems = istio.find_routes(body, ref, pair)
            self._keep(body, routes, problems, istio.HEADER_ROUTES)

    async def _http_route(self, ref: HttpRouteRef, pair: weights.Pair) -> None:
        body = await self._get(HTTP_ROUTES, ref.name, FIELDS[HTTP_ROUTES])
        if body is not None:
            self._align(HTTP_ROUTES, body)
            routes, problems = gateway_api.find_rules(body, ref, pair)
            self._keep(body, routes, problems, gateway_headers.HEADER_RULES)

    def _keep(
        self,
        body: Body,
        routes: list[weights.Route],
        problems: list[Problem],
        dialect: header_routes.Dialect,
    ) -> None:
        """What was found in one object; header routes of ours also where nothing else is."""
        headers, impossible = header_routes.read(
            body, routes, self._rollout.name, self._picks, dialect
        )
        self.routing.problems += problems + impossible
        if routes or headers.present:
            name = str(body["metadata"]["name"])
            self.routing.bodies[name] = body
            self.routing.routes[name] = routes
            self.routing.headers[name] = headers

    async def _get(self, resource: Resource, name: str, field: str) -> Body | None:
        namespace = self._rollout.namespace
        user = (namespace, self._rollout.name)
        try:
            body = await self._watched[resource].get((namespace, name), user)
        except NotServed:
            self._not_installed(resource)
            return None
        except (ApiUnavailable, ApiRefused, Gone) as error:
            message = f"{resource.kind} {namespace}/{name} cannot be read: {error}"
            self.routing.problems.append(Problem(NOT_FOUND[resource], message))
            return None
        if self._managed and resource is not SERVICES:
            return self._own(resource, name, body)
        if body is None:
            message = (
                f"{resource.kind} {namespace}/{name} not found; create it, or mend its "
                f"name in {field}"
            )
            self.routing.problems.append(Problem(NOT_FOUND[resource], message))
        return body

    def _own(self, resource: Resource, name: str, body: Body | None) -> Body | None:
        """The Rollout's own object; None while it is to be made, or another one is in its place."""
        if body is None:
            self.routing.own.append(OwnRoute(resource.kind, name))
            return None
        if owned_by(body, self._rollout.uid):
            return body  # one that a finalizer holds while it goes can be sent back on, too
        message = (
            f"{resource.kind} {self._rollout.namespace}/{name} exists and is not this Rollout's, "
            f"which would make one of that name for {self._managed}; delete it, or name it in "
            f"{FIELDS[resource]} instead of managed"
        )
        self.routing.problems.append(Problem(reasons.ROUTE_NOT_OURS, message))
        return None

    def _align(self, resource: Resource, body: Body) -> None:
        """Note that the Rollout's own route is not as the spec has it."""
        if not self._managed:
            return
        self.routing.own_body = body
        if alignment(self._rollout, resource, body):
            name = str(body["metadata"]["name"])
            self.routing.own.append(OwnRoute(resource.kind, name, missing=False))

    async def _service_of_all(self, name: str) -> None:
        """Say what is wrong with the Service that a route is made for: it needs all pods."""
        field = "spec.traffic.istio.managed.service"
        body = await self._get(SERVICES, name, field)
        if body is None:
            return
        labels = template_labels(self._rollout.spec.template or {})
        selector = body.get("spec", {}).get("selector") or {}
        narrow = [f"{k}={v}" for k, v in sorted(selector.items()) if labels.get(k) != v]
        if narrow or not selector:
            selects = f"selects only {', '.join(narrow)}" if narrow else "has no selector"
            message = (
                f"Service {self._rollout.namespace}/{name} {selects}; give it labels that every "
                f"pod of the Rollout has, or name another one in {field}"
            )
            self.routing.problems.append(Problem(reasons.SERVICE_NOT_FOUND, message))

    def _of_another_service(self, body: Body) -> bool:
        """Whether the Rollout's own DestinationRule was made for a Service that is not named now.

        The API server refuses to change the name, but not to take `managed` out and back in.
        """
        traffic, namespace = self._rollout.spec.traffic, self._rollout.namespace
        managed = traffic.istio.managed if traffic and traffic.istio else None
        if managed is None:
            return False
        host, wanted = str(body["spec"].get("host", "")), managed.host(self._rollout.name)
        if istio.qualified(host, namespace) == istio.qualified(wanted, namespace):
            return False
        name = body["metadata"]["name"]
        message = (
            f"DestinationRule {namespace}/{name} is about {host}, and {self._managed}.service "
            f"says {wanted}; put {host} back, or delete DestinationRule and VirtualService {name}: "
            "both are made anew"
        )
        self.routing.problems.append(Problem(reasons.ROUTE_NOT_OURS, message))
        return True

    def _not_installed(self, resource: Resource) -> None:
        router = ROUTERS.get(resource.group, resource.group)
        message = (
            f"this cluster has no {resource.kind} ({resource.api_version}): {router} is not "
            "installed; install it, or route spec.traffic another way"
        )
        problem = Problem(reasons.ROUTER_NOT_INSTALLED, message)
        if problem not in self.routing.problems:
            self.routing.problems.append(problem)

    def _selected(self, role: Destination) -> str | None:
        body = self.routing.destinations[role]
        rule = rule_of(self._rollout)
        if rule is None:
            return destinations.selected_by_service(body)
        return destinations.selected_by_subset(
            body, subset_of(self._rollout, rule, role), pod_labels(self._rollout)
        )
