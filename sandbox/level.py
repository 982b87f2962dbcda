"""What each level starts, and how it is stopped."""

from sandbox import api_level, definitions, kwok, leftovers, traffic_level
from sandbox.api_level import Address
from sandbox.kube import Api
from sandbox.progress import say
from sandbox.servers import Servers
from sandbox.waiting import wait_until

_READY_DEADLINE_S = 60
# A simulated node's lease is late when the machine is busy, which must not unready all its pods.
_NODE_GRACE_S = 300


def start(servers: Servers) -> None:
    """Start the servers of the record's level and wait until all is usable."""
    if servers.record.level == "traffic":
        traffic_level.start(servers)
    else:
        _start_api(servers)


def _start_api(servers: Servers) -> None:
    say("starting etcd and the API server")
    api = api_level.start_api_server(servers, Address("127.0.0.1"))
    api_level.launch_controllers(servers, _NODE_GRACE_S, api_level.NOT_AT_API_LEVEL)
    kwok.launch(servers, api)
    names = definitions.install(api, *definitions.ALL)
    for name in ("kube-controller-manager", "kube-scheduler", "kwok"):
        servers.await_ready(name)
    wait_until(
        lambda: definitions.established(api, names),
        _READY_DEADLINE_S,
        "the routers' definitions",
        0.1,
    )
    wait_until(lambda: kwok.nodes_ready(api), _READY_DEADLINE_S, "the simulated node ready", 0.1)
    wait_until(lambda: _default_account(api), _READY_DEADLINE_S, "the default service account", 0.1)


def _default_account(api: Api) -> bool:
    return api.answers("/api/v1/namespaces/default/serviceaccounts/default")


def stop(servers: Servers) -> None:
    """Stop everything that start() started, and clear what servers leave on the machine."""
    if servers.record.level == "traffic":
        traffic_level.stop(servers)
    else:
        servers.stop_all()
    leftovers.clear(servers.layout)
    leftovers.remove_data(servers.layout)
