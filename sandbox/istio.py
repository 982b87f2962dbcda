"""istiod outside the cluster, and the Istio objects that every sandbox has."""

import json

from sandbox import binaries
from sandbox.api_level import http_ok
from sandbox.kube import Api, Object
from sandbox.paths import Layout
from sandbox.ports import free_ports
from sandbox.servers import ServerSpec

_NETWORKING = "/apis/networking.istio.io"
_ENVIRONMENT = {
    "ENABLE_CA_SERVER": "false",
    "PILOT_CERT_PROVIDER": "none",
    "INJECTION_WEBHOOK_CONFIG_NAME": "",
    "VALIDATION_WEBHOOK_CONFIG_NAME": "",
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "CLUSTER_ID": "Kubernetes",
    "POD_NAME": "istiod-0",
    "POD_NAMESPACE": "istio-system",
    "PILOT_DEBOUNCE_AFTER": "20ms",
}


def istiod(layout: Layout) -> ServerSpec:
    """Return how to start istiod."""
    grpc, http, monitoring = free_ports(3)
    mesh = layout.root / "mesh.json"
    mesh.write_text(
        json.dumps(
            {
                "defaultConfig": {"discoveryAddress": f"127.0.0.1:{grpc}"},
                "accessLogFile": "",
                "enablePrometheusMerge": False,
                "defaultProviders": {"metrics": []},
                "enableAutoMtls": False,
                # A failed request has to be seen as one: Istio would try it twice more.
                "defaultHttpRetryPolicy": {"attempts": 0},
            }
        )
    )
    command = (
        str(binaries.path("pilot-discovery")),
        "discovery",
        f"--kubeconfig={layout.kubeconfig('istiod')}",
        f"--meshConfig={mesh}",
        f"--grpcAddr=127.0.0.1:{grpc}",
        "--secureGRPCAddr=",
        f"--httpAddr=127.0.0.1:{http}",
        "--httpsAddr=",
        f"--monitoringAddr=127.0.0.1:{monitoring}",
        "--ctrlz_port=0",
    )
    ports = {"grpc": grpc, "http": http, "monitoring": monitoring}
    return ServerSpec(
        "istiod",
        command,
        lambda: http_ok(f"http://127.0.0.1:{http}/ready"),
        ports,
        env=_ENVIRONMENT,
    )


def create_namespace(api: Api) -> None:
    """Make the namespace in which istiod keeps its things."""
    api.create("/api/v1/namespaces", {"metadata": {"name": "istio-system"}})


def create_objects(api: Api, address: str, gateway_port: int) -> None:
    """Make the Gateway istio-system/gateway and the filter that lets stock Envoy serve it."""
    manager = {
        "filterChain": {
            "filter": _named("envoy.filters.network.http_connection_manager", "istio.alpn")
        }
    }
    patch = {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "ANY", "listener": manager},
        "patch": {"operation": "REMOVE"},
    }
    _create(api, "v1alpha3", "EnvoyFilter", "stock-envoy", {"configPatches": [patch]})
    port = {"number": gateway_port, "name": "http", "protocol": "HTTP"}
    server = {"port": port, "hosts": ["*"], "bind": address}
    _create(
        api,
        "v1",
        "Gateway",
        "gateway",
        {"selector": {"istio": "ingressgateway"}, "servers": [server]},
    )


def _named(name: str, sub_filter: str) -> Object:
    return {"name": name, "subFilter": {"name": sub_filter}}


def _create(api: Api, version: str, kind: str, name: str, spec: Object) -> None:
    item = {
        "apiVersion": f"networking.istio.io/{version}",
        "kind": kind,
        "metadata": {"name": name, "namespace": "istio-system"},
        "spec": spec,
    }
    api.create(f"{_NETWORKING}/{version}/namespaces/istio-system/{kind.lower()}s", item)
