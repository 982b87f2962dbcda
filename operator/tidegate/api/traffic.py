"""How requests reach the two revisions: Istio, a plain Service, or the Gateway API."""

from typing import ClassVar

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ATOMIC, SET, ApiModel, Rule, keyed_by
from tidegate.api.managed import MANAGED_ROUTE, ManagedHttpRoute, ManagedVirtualService
from tidegate.api.scalars import DnsLabel, DurationS, ObjectName
from tidegate.api.sticky import Sticky

SEVERAL = 2
HAS_HTTP = (
    "!has(self.istio.virtualServices) || "
    "self.istio.virtualServices.exists(v, has(v.routes) && v.routes.size() > 0 || "
    "(!has(v.tlsRoutes) || v.tlsRoutes.size() == 0) && "
    "(!has(v.tcpRoutes) || v.tcpRoutes.size() == 0))"
)
"""CEL of a Traffic with Istio: an HTTP route may be among those that are moved."""


class TlsRoute(ApiModel):
    """Which TLS routes of a VirtualService to weight: those with such a match."""

    port: int | None = Field(
        None, ge=1, le=limits.MAX_PORT, description="Port that the route's match names."
    )
    sni_hosts: tuple[ObjectName, ...] = Field(
        (),
        max_length=limits.MAX_SNI_HOSTS,
        description="SNI hosts that the route's match names; empty means any.",
        json_schema_extra=SET,
    )

    @property
    def any(self) -> bool:
        """Whether it names nothing, and so means the only TLS route."""
        return self.port is None and not self.sni_hosts


class TcpRoute(ApiModel):
    """Which TCP routes of a VirtualService to weight: those with such a match."""

    port: int | None = Field(
        None, ge=1, le=limits.MAX_PORT, description="Port that the route's match names."
    )

    @property
    def any(self) -> bool:
        """Whether it names nothing, and so means the only TCP route."""
        return self.port is None


class VirtualServiceRef(ApiModel):
    """A VirtualService of this namespace whose weights Tidegate writes."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.tlsRoutes) || self.tlsRoutes.size() < 2 || "
            "self.tlsRoutes.all(r, has(r.port) || has(r.sniHosts) && r.sniHosts.size() > 0)",
            message="each of several tlsRoutes must name a port or sniHosts",
            holds=lambda ref: (
                len(ref.tls_routes) < SEVERAL or not any(r.any for r in ref.tls_routes)
            ),
            field=".tlsRoutes",
        ),
        Rule(
            cel="!has(self.tcpRoutes) || self.tcpRoutes.size() < 2 || "
            "self.tcpRoutes.all(r, has(r.port))",
            message="each of several tcpRoutes must name a port",
            holds=lambda ref: (
                len(ref.tcp_routes) < SEVERAL or not any(r.any for r in ref.tcp_routes)
            ),
            field=".tcpRoutes",
        ),
    )

    name: ObjectName = Field(description="Name of the VirtualService in the Rollout's namespace.")
    routes: tuple[ObjectName, ...] = Field(
        (),
        max_length=limits.MAX_ROUTES,
        description="Names of the HTTP routes to weight; when no route of any kind is named, the "
        "VirtualService must have only one.",
        json_schema_extra=SET,
    )
    tls_routes: tuple[TlsRoute, ...] = Field(
        (),
        max_length=limits.MAX_ROUTES,
        description="TLS routes to weight, by port and SNI hosts; {} is the only one.",
        json_schema_extra=ATOMIC,
    )
    tcp_routes: tuple[TcpRoute, ...] = Field(
        (),
        max_length=limits.MAX_ROUTES,
        description="TCP routes to weight, by port; {} is the only one.",
        json_schema_extra=ATOMIC,
    )


class DestinationRuleRef(ApiModel):
    """A DestinationRule of this namespace whose two subsets select the two revisions."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.stableSubset != self.canarySubset",
            message="stableSubset and canarySubset must be two different subsets",
            holds=lambda ref: ref.stable_subset != ref.canary_subset,
            field=".canarySubset",
        ),
    )

    name: ObjectName = Field(description="Name of the DestinationRule in the Rollout's namespace.")
    stable_subset: DnsLabel = Field(
        "stable", description="Subset whose labels select the stable revision (default stable)."
    )
    canary_subset: DnsLabel = Field(
        "canary", description="Subset whose labels select the canary revision (default canary)."
    )


class ServicePair(ApiModel):
    """Two Services of this namespace, one for each revision."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.stable != self.canary",
            message="stable and canary must be two different Services",
            holds=lambda pair: pair.stable != pair.canary,
            field=".canary",
        ),
    )

    stable: ObjectName = Field(description="Service whose selector follows the stable revision.")
    canary: ObjectName = Field(description="Service whose selector follows the canary revision.")


class IstioTraffic(ApiModel):
    """Weights in VirtualServices, towards two subsets of one host or towards two hosts."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.managed) != (has(self.virtualServices) && "
            "self.virtualServices.size() > 0)",
            message="set exactly one of virtualServices (your own) and managed (made for you)",
            holds=lambda istio: (istio.managed is None) == bool(istio.virtual_services),
        ),
        Rule(
            cel="has(self.managed) || has(self.destinationRule) != has(self.services)",
            message="set exactly one of destinationRule (two subsets) and services (two hosts)",
            holds=lambda istio: (
                istio.managed is not None
                or (istio.destination_rule is None) != (istio.services is None)
            ),
        ),
        Rule(
            cel="!has(self.managed) || !has(self.destinationRule)",
            message="managed makes a DestinationRule, too; leave destinationRule out, or name "
            "your virtualServices",
            holds=lambda istio: istio.managed is None or istio.destination_rule is None,
            field=".destinationRule",
        ),
        Rule(
            cel="!has(self.managed) || !has(self.services) || !has(self.managed.service)",
            message="managed.service is one Service for both revisions; leave it or services out",
            holds=lambda istio: (
                istio.managed is None or istio.services is None or istio.managed.service is None
            ),
            field=".managed",
        ),
        Rule(
            cel="!has(self.managed) || !has(self.services) || "
            "has(self.managed.hosts) && self.managed.hosts.size() > 0",
            message="with two Services there is no one host to derive; name managed.hosts",
            holds=lambda istio: (
                istio.managed is None or istio.services is None or bool(istio.managed.hosts)
            ),
            field=".managed",
        ),
    )

    managed: ManagedVirtualService | None = Field(
        None,
        description="A VirtualService and, without services, a DestinationRule that Tidegate "
        "makes; both have the Rollout's name and go with it.",
    )
    virtual_services: tuple[VirtualServiceRef, ...] = Field(
        (),
        max_length=limits.MAX_VIRTUAL_SERVICES,
        description="VirtualServices whose weights follow the phases.",
        json_schema_extra=keyed_by("name"),
    )
    destination_rule: DestinationRuleRef | None = Field(
        None, description="DestinationRule with a subset for each revision (subset level)."
    )
    services: ServicePair | None = Field(
        None, description="Two Services, one for each revision (host level)."
    )

    def routes_of(self, rollout: str) -> tuple[VirtualServiceRef, ...]:
        """The VirtualServices that are moved, the one that is made for the Rollout included."""
        if self.managed is None:
            return self.virtual_services
        return (VirtualServiceRef(name=rollout, routes=(MANAGED_ROUTE,)),)

    @property
    def has_http(self) -> bool:
        """Whether an HTTP route may be among those that are moved."""
        every = self.virtual_services
        return not every or any(v.routes or not (v.tls_routes or v.tcp_routes) for v in every)

    def rule_of(self, rollout: str) -> DestinationRuleRef | None:
        """The DestinationRule that has the subsets, also the one that is made."""
        if self.managed is None or self.services is not None:
            return self.destination_rule
        return DestinationRuleRef(name=rollout)


class ServiceTraffic(ApiModel):
    """Traffic without a mesh: the selector of one Service is the switch (weights 0 and 100)."""

    active: ObjectName = Field(description="Service that users' requests go through.")
    preview: ObjectName | None = Field(
        None, description="Service that always selects the canary revision, for tests."
    )


class HttpRouteRef(ApiModel):
    """An HTTPRoute of this namespace whose backend weights Tidegate writes."""

    name: ObjectName = Field(description="Name of the HTTPRoute in the Rollout's namespace.")
    rules: tuple[ObjectName, ...] = Field(
        (),
        max_length=limits.MAX_HTTP_ROUTE_RULES,
        description="Names of the rules to weight; left out, the only rule, or each that names "
        "both Services.",
        json_schema_extra=SET,
    )


class GatewayApiTraffic(ApiModel):
    """Weights in HTTPRoutes of the Gateway API, towards two Services."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.managed) != (has(self.httpRoutes) && self.httpRoutes.size() > 0)",
            message="set exactly one of httpRoutes (your own) and managed (made for you)",
            holds=lambda gateway: (gateway.managed is None) == bool(gateway.http_routes),
        ),
    )

    managed: ManagedHttpRoute | None = Field(
        None,
        description="An HTTPRoute that Tidegate makes; it has the Rollout's name and goes with it.",
    )
    http_routes: tuple[HttpRouteRef, ...] = Field(
        (),
        max_length=limits.MAX_HTTP_ROUTES,
        description="HTTPRoutes whose backend weights follow the phases.",
        json_schema_extra=keyed_by("name"),
    )
    services: ServicePair = Field(description="The two Services that the routes send to.")

    def routes_of(self, rollout: str) -> tuple[HttpRouteRef, ...]:
        """The HTTPRoutes that are moved, the one that is made for the Rollout included."""
        return self.http_routes if self.managed is None else (HttpRouteRef(name=rollout),)


class Traffic(ApiModel):
    """The router that moves requests, exactly one, and how long it takes to settle."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="[has(self.istio), has(self.service), has(self.gatewayApi)].exists_one(x, x)",
            message="set exactly one of istio, service and gatewayApi",
            holds=lambda t: [t.istio, t.service, t.gateway_api].count(None) == 2,  # noqa: PLR2004 — two of three
        ),
        Rule(
            cel="!has(self.sticky) || has(self.istio)",
            message="sticky needs Istio, whose routes can set a cookie; leave it out, or give each "
            "phase a match with buckets",
            holds=lambda t: t.sticky is None or t.istio is not None,
            field=".sticky",
        ),
        Rule(
            cel=f"!has(self.sticky) || !has(self.istio) || {HAS_HTTP}",
            message="TLS and TCP routes have no cookies; name an HTTP route too, or leave sticky "
            "out",
            holds=lambda t: t.sticky is None or t.istio is None or t.istio.has_http,
            field=".sticky",
        ),
    )

    istio: IstioTraffic | None = Field(None, description="Route with Istio VirtualServices.")
    service: ServiceTraffic | None = Field(None, description="Route with a plain Service.")
    gateway_api: GatewayApiTraffic | None = Field(
        None, description="Route with Gateway API HTTPRoutes."
    )
    sticky: Sticky | None = Field(
        None, description="Keep each user on one revision while a phase shares requests out."
    )
    settle_s: DurationS = Field(
        5.0,
        description="Time proxies get to take up a route before it is relied on (default 5s).",
    )

    @property
    def managed(self) -> bool:
        """Whether Tidegate makes the routes."""
        routers = (self.istio, self.gateway_api)
        return any(router is not None and router.managed is not None for router in routers)
