"""A shop behind an HTTPRoute: istiod's own Gateway API tells the sandbox's Envoy what it holds.

https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/#manual-deployment
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from demo.manifests import App, Object, Shop
from sandbox import Cluster, definitions
from sandbox.ports import free_port
from sandbox.waiting import wait_until
from tests.cluster.direct import administrator

GATEWAY = "gateway-api"
PLACE = {"name": GATEWAY, "namespace": "istio-system"}
LISTENER_PORT = 80
ESTABLISHED_S = 30.0


@dataclass(frozen=True)
class HttpRouteShop(Shop):
    """A shop with two Services, whose HTTPRoute is the only one to choose between them."""

    route_kind: str = "httproute"

    def base(self) -> list[Object]:
        """Namespace, the two Services and the HTTPRoute."""
        pair = [self._backend("stable", 100), self._backend("canary", 0)]
        spec = {
            "hostnames": [self.host],
            "parentRefs": [PLACE],
            "rules": [{"name": "primary", "backendRefs": pair}],
        }
        route = self._object("gateway.networking.k8s.io/v1", "HTTPRoute", spec)
        services = [self._object("v1", "Service", self._service()) for _ in pair]
        for service, backend in zip(services, pair, strict=True):
            service["metadata"]["name"] = backend["name"]
        return [super().base()[0], *services, route]

    def rollout(self, app: App) -> Object:
        """The Rollout that moves the HTTPRoute."""
        body = super().rollout(app)
        services = {role: f"{self.name}-{role}" for role in ("stable", "canary")}
        body["spec"]["traffic"] = {
            "settle": self.settle,
            "gatewayApi": {"httpRoutes": [{"name": self.name}], "services": services},
        }
        return body

    def _backend(self, role: str, weight: int) -> dict[str, Any]:
        return {"name": f"{self.name}-{role}", "port": 80, "weight": weight}


def open_gateway(cluster: Cluster) -> str:
    """Install the definitions and bind a Gateway to the running Envoy; return its URL.

    A Gateway whose address is a host name makes no proxy of its own: it belongs to the proxies
    behind that Service, and listens on the Service's target port.
    """
    api = administrator(cluster)
    names = definitions.install(api, definitions.GATEWAY_API)
    wait_until(
        lambda: definitions.established(api, names), ESTABLISHED_S, "the Gateway API's definitions"
    )
    address = cluster.gateway_url.removeprefix("http://").rpartition(":")[0]
    port = free_port(address)
    ports = [{"name": "http", "port": LISTENER_PORT, "targetPort": port}]
    service = {"selector": {"istio": "ingressgateway"}, "ports": ports}
    host = f"{GATEWAY}.{PLACE['namespace']}.svc.cluster.local"
    listener = {
        "name": "http",
        "port": LISTENER_PORT,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    gateway = {
        "gatewayClassName": "istio",
        "addresses": [{"type": "Hostname", "value": host}],
        "listeners": [listener],
    }
    for version, kind, spec in (
        ("v1", "Service", service),
        ("gateway.networking.k8s.io/v1", "Gateway", gateway),
    ):
        cluster.apply({"apiVersion": version, "kind": kind, "metadata": dict(PLACE), "spec": spec})
    return f"http://{address}:{port}"
