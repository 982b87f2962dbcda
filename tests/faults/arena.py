"""Where trials take place: one cluster, and for each trial a namespace and an operator of its own.

Trials do not see each other, so several can run at the same time: most of a trial is waiting.
"""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any

from demo.operator_process import ACCOUNT, NAMESPACE, OperatorProcess, install_rights, new_token
from sandbox import Cluster
from tests.faults.direct import Direct
from tests.faults.forks import ForkServer
from tests.faults.proxy import ChaosProxy

OPERATOR = "operator-0"


class Arena:
    """A cluster with CRDs and the operator's rights in it."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        install_rights(cluster)
        self.direct = Direct(cluster)
        self.forks = ForkServer()
        self._token = new_token(cluster)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def close(self) -> None:
        """End what it started."""
        self.forks.close()
        self.direct.close()

    def new_namespace(self, what: str) -> str:
        """A fresh namespace in which the operator may keep its Lease."""
        with self._lock:
            name = f"{what}-{next(self._numbers)}"
        self.direct.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for body in lease_rights(name):
            self.direct.create(body)
        return name

    def operator(
        self, proxy: ChaosProxy, namespace: str, prometheus: str = "", identity: str = OPERATOR
    ) -> OperatorProcess:
        """An operator for that namespace behind that proxy, not started yet."""
        made = OperatorProcess(
            self.cluster,
            self.folder / namespace / identity,
            prometheus_url=prometheus,
            identity=identity,
            server_url=proxy.url,
            namespace=namespace,
        )
        made.launch = self.forks.launch
        made.token = self._token
        return made


def lease_rights(namespace: str) -> list[dict[str, Any]]:
    """The chart's rights on the Lease, in another namespace."""
    api, meta = "rbac.authorization.k8s.io", {"name": f"{ACCOUNT}-lease", "namespace": namespace}
    account = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}
    leases = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    rules = [
        {**leases, "resourceNames": [ACCOUNT], "verbs": ["get", "update"]},
        {**leases, "verbs": ["create"]},
    ]
    role = {"apiGroup": api, "kind": "Role", "name": meta["name"]}
    head = {"apiVersion": f"{api}/v1", "metadata": meta}
    return [
        {**head, "kind": "Role", "rules": rules},
        {**head, "kind": "RoleBinding", "roleRef": role, "subjects": [account]},
    ]
