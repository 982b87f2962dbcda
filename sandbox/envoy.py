"""Stock Envoy as the ingress gateway, told its routes by istiod."""

import json
import urllib.request
from typing import Any

from sandbox import binaries
from sandbox.api_level import http_ok
from sandbox.paths import Layout
from sandbox.ports import free_port
from sandbox.servers import ServerSpec

_PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
# Tags turn Envoy's dotted names into one metric with labels: without them each cluster is a
# metric of its own.
_STATS_TAGS = [
    {"tag_name": "cluster_name", "regex": r"^cluster\.((.+?);?\.)(?:external\.)?upstream_"},
    {"tag_name": "response_code", "regex": r"_rq(_(\d{3}))$"},
    # A class counter keeps a name of its own (…_rq_xx): else a sum over …_rq would count each
    # request twice.
    {"tag_name": "response_code_class", "regex": r"_rq_((\d))xx$"},
    {"tag_name": "http_conn_manager_prefix", "regex": r"^http\.((.+?);?\.)downstream_"},
]


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _bootstrap(node_ip: str, admin_port: int, xds_port: int) -> dict[str, Any]:
    ads: dict[str, Any] = {"ads": {}, "resource_api_version": "V3"}
    endpoint = {"endpoint": {"address": _address("127.0.0.1", xds_port)}}
    xds = {
        "name": "xds-grpc",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            _PROTOCOL_OPTIONS: {
                "@type": f"type.googleapis.com/{_PROTOCOL_OPTIONS}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": "xds-grpc",
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
    return {
        "node": {
            "id": f"router~{node_ip}~gateway-0.istio-system~istio-system.svc.cluster.local",
            "cluster": "gateway.istio-system",
            "metadata": {
                "LABELS": {"istio": "ingressgateway"},
                "NAMESPACE": "istio-system",
                "ISTIO_VERSION": "1.31.0",
                "CLUSTER_ID": "Kubernetes",
                "NAME": "gateway-0",
                "INSTANCE_IPS": node_ip,
                "UNPRIVILEGED_POD": "true",
            },
        },
        "admin": {"address": _address(node_ip, admin_port)},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}],
            },
            "cds_config": ads,
            "lds_config": ads,
        },
        "static_resources": {"clusters": [xds]},
        "stats_config": {"use_all_default_tags": False, "stats_tags": _STATS_TAGS},
    }


def spec(layout: Layout, node_ip: str, xds_port: int) -> ServerSpec:
    """Return how to start Envoy; it is ready when istiod has told it what to listen on."""
    admin = free_port(node_ip)
    config = layout.root / "envoy.json"
    config.write_text(json.dumps(_bootstrap(node_ip, admin, xds_port)))
    command = (
        str(binaries.envoy()),
        *("--config-path", str(config)),
        "--disable-hot-restart",  # two Envoys on one machine would share memory otherwise
        *("--concurrency", "2"),
        *("--log-level", "warning"),
    )
    return ServerSpec(
        "envoy",
        command,
        lambda: http_ok(f"http://{node_ip}:{admin}/ready"),
        {"admin": admin},
        grace_s=3,
    )


def listens(admin_url: str, port: int) -> bool:
    """Tell whether Envoy has a listener on this port."""
    try:
        with urllib.request.urlopen(f"{admin_url}/listeners?format=json", timeout=2) as response:
            listeners = json.loads(response.read()).get("listener_statuses", [])
    except OSError:
        return False
    return any(one["local_address"]["socket_address"]["port_value"] == port for one in listeners)
