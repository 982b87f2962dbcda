"""What each level starts, and how it is stopped and cleared."""

import shutil

from sandbox import api_level, istio_crds, kwok, leftovers, traffic_level
from sandbox.api_level import Address
from sandbox.kube import Api
from sandbox.paths import Layout
from sandbox.progress import say
from sandbox.servers import Servers
from sandbox.waiting import wait_until

_READY_DEADLINE_S = 60


def start(servers: Servers) -> None:
    """Start the servers of the record's level and wait until all is usable."""
    if servers.record.level == "traffic":
        traffic_level.start(servers)
    else:
        _start_api(servers)


def _start_api(servers: Servers) -> None:
    say("starting etcd and the API server")
    api = api_level.start_api_server(servers, Address("127.0.0.1"))
    api_level.launch_controllers(servers)
    kwok.launch(servers, api)
    definitions = istio_crds.install(api)
    for name in ("kube-controller-manager", "kube-scheduler", "kwok"):
        servers.await_ready(name)
    wait_until(
        lambda: istio_crds.established(api, definitions),
        _READY_DEADLINE_S,
        "Istio's definitions",
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


def clear_leftovers(layout: Layout) -> None:
    """Clear what earlier runs left behind, their files too; keep the supervisor's log and lock."""
    leftovers.clear(layout)
    kept = {layout.lock_file, layout.supervisor_log, layout.logs}
    for path in [*layout.root.iterdir(), *layout.folder("logs").iterdir()]:
        if path in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
