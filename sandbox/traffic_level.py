"""Level `traffic`: real pods on a real node, istiod, an Envoy gateway, Prometheus. Needs root."""

import secrets

from sandbox import api_level, cgroups, definitions, envoy, images, istio, kwok, node, prometheus
from sandbox.api_level import Address
from sandbox.errors import SandboxError
from sandbox.kube import Api, Object
from sandbox.network import PodNetwork
from sandbox.ports import free_port
from sandbox.progress import say
from sandbox.servers import Servers
from sandbox.waiting import holds_within, wait_until

_READY_DEADLINE_S = 90
_PODS_GONE_DEADLINE_S = 20
_GATEWAY_TRIES = 3


def start(servers: Servers) -> None:
    """Start everything and wait until pods can run and requests can flow."""
    layout, record = servers.layout, servers.record
    layout.check_socket()
    network = PodNetwork.create()
    cgroup = f"tidegate-{secrets.token_hex(4)}"
    record.traces = {"bridge": network.bridge, "subnet": str(network.subnet), "cgroup": cgroup}
    servers.save()
    cgroups.create(cgroup)
    say("starting containerd, etcd and the API server")
    servers.launch(lambda: node.containerd(layout, network))
    api = api_level.start_api_server(
        servers, Address(network.address, (api_level.API_SERVICE_ADDRESS,))
    )
    network.open_api_service(int(api.url.rpartition(":")[2]))
    api_level.launch_controllers(servers)
    servers.await_ready("containerd")
    say("starting the kubelet, istiod, Envoy and Prometheus")
    servers.launch(lambda: node.kubelet(layout, network, cgroup))
    names = definitions.install(api, definitions.ISTIO)
    istio.create_namespace(api)
    images.load_own(layout.containerd_socket, layout.root)
    wait_until(
        lambda: definitions.established(api, names),
        _READY_DEADLINE_S,
        "Istio's definitions",
        0.1,
    )
    _start_gateway(servers, api, network)
    _start_prometheus(servers, api, network)
    for name in ("kube-controller-manager", "kube-scheduler", "kubelet"):
        servers.await_ready(name)
    wait_until(
        lambda: _node_usable(api),
        _READY_DEADLINE_S,
        f"node {node.NAME} ready (log: kubelet.log)",
        0.1,
    )


def _start_gateway(servers: Servers, api: Api, network: PodNetwork) -> None:
    istiod = servers.start(lambda: istio.istiod(servers.layout))
    gateway_port = free_port(network.address)
    istio.create_objects(api, network.address, gateway_port)
    xds_port = istiod.ports["grpc"]
    gateway = servers.start(lambda: envoy.spec(servers.layout, network.address, xds_port))
    admin_url = f"http://{network.address}:{gateway.ports['admin']}"
    wait_until(
        lambda: envoy.listens(admin_url, gateway_port),
        _READY_DEADLINE_S,
        f"Envoy listening on {gateway_port}",
        0.1,
    )
    servers.record.endpoints |= {
        "gateway": f"http://{network.address}:{gateway_port}",
        "envoy_admin": admin_url,
        "istiod_monitoring": f"http://127.0.0.1:{istiod.ports['monitoring']}",
    }
    servers.save()


def _start_prometheus(servers: Servers, api: Api, network: PodNetwork) -> None:
    admin_url = servers.record.endpoints["envoy_admin"]
    servers.start(lambda: prometheus.pod_targets(servers.layout, api.url))
    started = servers.start(lambda: prometheus.spec(servers.layout, network.address, admin_url))
    servers.record.endpoints["prometheus"] = f"http://{network.address}:{started.ports['http']}"
    servers.save()


def _node_usable(api: Api) -> bool:
    try:
        found = api.get(f"/api/v1/nodes/{node.NAME}")
    except SandboxError:
        return False
    has_account = api.answers("/api/v1/namespaces/default/serviceaccounts/default")
    return kwok.is_ready(found) and not found["spec"].get("taints") and has_account


def stop(servers: Servers) -> None:
    """End the pods while there is a kubelet to end them; then stop the servers."""
    for name in ("kube-controller-manager", "kube-scheduler"):
        if servers.running(name):
            servers.stop(name)
    if (
        servers.running("kubelet")
        and servers.running("kube-apiserver")
        and "api" in servers.record.endpoints
    ):
        _end_pods(servers)
    servers.stop_all()


def _end_pods(servers: Servers) -> None:
    token = (servers.layout.root / "tokens" / "sandbox").read_text()
    api = Api(servers.record.endpoints["api"], token, servers.layout.root / "pki" / "ca.crt")
    try:
        for pod in _pods(api):
            place = (
                f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
            )
            api.delete(place, grace_s=1)
        if not holds_within(lambda: not _pods(api), _PODS_GONE_DEADLINE_S, 0.1):
            say("some pods did not end in time: their processes are killed")
    except SandboxError as error:
        say(f"pods could not be deleted, their processes are killed: {error}")


def _pods(api: Api) -> list[Object]:
    found: list[Object] = api.get(f"/api/v1/pods?fieldSelector=spec.nodeName%3D{node.NAME}")[
        "items"
    ]
    return found
