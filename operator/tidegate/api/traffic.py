"""How requests reach the two revisions: Istio, a plain Service, or the Gateway API."""

from typing import ClassVar

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ATOMIC, SET, ApiModel, Rule, keyed_by
from tidegate.api.scalars import DnsLabel, DurationS, ObjectName


class TlsRoute(ApiModel):
    """Which TLS routes of a VirtualService to weight."""

    port: int | None = Field(
        None, ge=1, le=limits.MAX_PORT, description="Port that the route's match names."
    )
    sni_hosts: tuple[ObjectName, ...] = Field(
        (),
        max_length=limits.MAX_SNI_HOSTS,
        description="SNI hosts that the route's match names; empty means any.",
        json_schema_extra=SET,
    )


class TcpRoute(ApiModel):
    """Which TCP routes of a VirtualService to weight."""

    port: int | None = Field(
        None, ge=1, le=limits.MAX_PORT, description="Port that the route's match names."
    )


class VirtualServiceRef(ApiModel):
    """A VirtualService of this namespace whose weights Tidegate writes."""

    name: ObjectName = Field(description="Name of the VirtualService in the Rollout's namespace.")
    routes: tuple[ObjectName, ...] = Field(
        (),
        max_length=limits.MAX_ROUTES,
        description="Names of the HTTP routes to weight; may be left out when there is only one.",
        json_schema_extra=SET,
    )
    tls_routes: tuple[TlsRoute, ...] = Field(
        (),
        max_length=limits.MAX_ROUTES,
        description="TLS routes to weight, by port and SNI hosts.",
        json_schema_extra=ATOMIC,
    )
    tcp_routes: tuple[TcpRoute, ...] = Field(
        (),
        max_length=limits.MAX_ROUTES,
        description="TCP routes to weight, by port.",
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
            cel="has(self.destinationRule) != has(self.services)",
            message="set exactly one of destinationRule (two subsets) and services (two hosts)",
            holds=lambda istio: (istio.destination_rule is None) != (istio.services is None),
        ),
    )

    virtual_services: tuple[VirtualServiceRef, ...] = Field(
        min_length=1,
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


class ServiceTraffic(ApiModel):
    """Traffic without a mesh: the selector of one Service is the switch (weights 0 and 100)."""

    active: ObjectName = Field(description="Service that users' requests go through.")
    preview: ObjectName | None = Field(
        None, description="Service that always selects the canary revision, for tests."
    )


class HttpRouteRef(ApiModel):
    """An HTTPRoute of this namespace whose backend weights Tidegate writes."""

    name: ObjectName = Field(description="Name of the HTTPRoute in the Rollout's namespace.")


class GatewayApiTraffic(ApiModel):
    """Weights in HTTPRoutes of the Gateway API, towards two Services."""

    http_routes: tuple[HttpRouteRef, ...] = Field(
        min_length=1,
        max_length=limits.MAX_HTTP_ROUTES,
        description="HTTPRoutes whose backend weights follow the phases.",
        json_schema_extra=keyed_by("name"),
    )
    services: ServicePair = Field(description="The two Services that the routes send to.")


class Traffic(ApiModel):
    """The router that moves requests, exactly one, and how long it takes to settle."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="[has(self.istio), has(self.service), has(self.gatewayApi)].exists_one(x, x)",
            message="set exactly one of istio, service and gatewayApi",
            holds=lambda t: [t.istio, t.service, t.gateway_api].count(None) == 2,  # noqa: PLR2004 — two of three
        ),
    )

    istio: IstioTraffic | None = Field(None, description="Route with Istio VirtualServices.")
    service: ServiceTraffic | None = Field(None, description="Route with a plain Service.")
    gateway_api: GatewayApiTraffic | None = Field(
        None, description="Route with Gateway API HTTPRoutes."
    )
    settle_s: DurationS = Field(
        5.0,
        description="Time proxies get to take up a route before it is relied on (default 5s).",
    )
