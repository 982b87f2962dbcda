"""Level `api`: etcd, API server, controller manager, scheduler; nothing here needs root."""

import json
import ssl
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox import binaries, credentials
from sandbox.kube import Api
from sandbox.paths import Layout
from sandbox.ports import free_port, free_ports
from sandbox.servers import Servers, ServerSpec

SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
_CERTIFICATE_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "node-0",
)

# Nearly all that lives in their heaps stays: collecting them is a fifth of what a busy API server
# does, and most of it for nothing. The limit keeps a machine with little memory out of trouble.
_RARE_COLLECTION = {"GOGC": "400", "GOMEMLIMIT": "1GiB"}
# Nothing that runs at this level follows endpoints, and no pod here reads a certificate; each
# change of a pod's readiness would be three more writes, and each namespace one.
NOT_AT_API_LEVEL = (
    "endpoints-controller",
    "endpointslice-controller",
    "endpointslice-mirroring-controller",
    "root-ca-certificate-publisher-controller",
)
_WRITES = ["create", "update", "patch", "delete", "deletecollection"]
_READS = ["get", "list", "watch"]
# Reads by the sandbox's own servers and its administrator are the bulk of all requests and tell
# nothing; all writes are kept. Those of the operator and of people come with body and answer: tests
# judge by them.
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "userGroups": ["system:nodes"], "verbs": _READS},
        {"level": "None", "users": ["system:apiserver"]},
        {
            "level": "None",
            "users": [user for user in credentials.USERS if user.startswith("system:")],
            "verbs": _READS,
        },
        # What is no resource stays: the observer tells by such a request how far the log has come.
        {"level": "Metadata", "nonResourceURLs": ["*"]},
        {"level": "None", "users": ["admin"], "verbs": _READS},
        {
            "level": "RequestResponse",
            "userGroups": ["system:serviceaccounts:tidegate-system"],
            "verbs": _WRITES,
            "omitManagedFields": True,
        },
        {
            "level": "RequestResponse",
            "users": [user for user in credentials.USERS if not user.startswith("system:")],
            "verbs": _WRITES,
            "resources": [
                {"group": "tidegate.io"},
                {"group": "networking.istio.io"},
                {"group": "apps", "resources": ["replicasets"]},
                {"group": "", "resources": ["services"]},
            ],
            "omitManagedFields": True,
        },
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True)
class Address:
    """Where the API server listens, and which addresses its certificate is for."""

    host: str
    extra_hosts: tuple[str, ...] = ()


def http_ok(url: str) -> bool:
    """Tell whether a plain HTTP GET answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _etcd(layout: Layout) -> ServerSpec:
    client, peer, metrics = free_ports(3)
    url, peer_url = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    command = (
        str(binaries.path("etcd")),
        f"--data-dir={layout.root / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
        f"--listen-metrics-urls=http://127.0.0.1:{metrics}",
        "--unsafe-no-fsync",  # nothing here outlives the sandbox
        "--quota-backend-bytes=4294967296",
        "--auto-compaction-mode=periodic",
        "--auto-compaction-retention=5m",
        "--log-level=warn",
    )
    ports = {"client": client, "peer": peer, "metrics": metrics}
    return ServerSpec(
        "etcd",
        command,
        lambda: http_ok(f"http://127.0.0.1:{metrics}/health"),
        ports,
        env=_RARE_COLLECTION,
    )


def _apiserver(layout: Layout, address: Address, etcd_port: int, token: str) -> ServerSpec:
    port = free_port(address.host)
    pki, audit_policy = layout.root / "pki", layout.root / "audit-policy.json"
    audit_policy.write_text(json.dumps(_AUDIT_POLICY))
    command = (
        str(binaries.path("kube-apiserver")),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--bind-address={address.host}",
        f"--advertise-address={address.host}",
        f"--secure-port={port}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'kubelet-client.key'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--token-auth-file={layout.root / 'tokens' / 'all.csv'}",
        f"--service-account-key-file={pki / 'service-accounts.key'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        "--max-requests-inflight=2000",
        "--max-mutating-requests-inflight=1000",
        f"--audit-policy-file={audit_policy}",
        f"--audit-log-path={layout.audit_log}",
        "--audit-log-maxsize=500",
        "--audit-log-maxbackup=1",
        "--profiling=false",
        "--v=1",
    )
    api = Api(f"https://{address.host}:{port}", token, pki / "ca.crt")
    return ServerSpec(
        "kube-apiserver",
        command,
        api.answers,
        {"https": port},
        env=_RARE_COLLECTION,
        deadline_s=120,
        grace_s=3,
    )


def _controller_manager(layout: Layout, *, grace_s: int, without: Sequence[str]) -> ServerSpec:
    port, pki = free_port(), layout.root / "pki"
    command = (
        str(binaries.path("kube-controller-manager")),
        f"--kubeconfig={layout.kubeconfig('kube-controller-manager')}",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--service-account-private-key-file={pki / 'service-accounts.key'}",
        "--use-service-account-credentials=false",
        "--leader-elect=false",
        f"--controllers={','.join(['*', *(f'-{name}' for name in without)])}",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--concurrent-gc-syncs=20",
        f"--node-monitor-grace-period={grace_s}s",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={layout.folder('controller-manager')}",
        "--profiling=false",
    )
    return ServerSpec(
        "kube-controller-manager",
        command,
        _TlsHealth(port),
        {"https": port},
        env=_RARE_COLLECTION,
    )


def _scheduler(layout: Layout) -> ServerSpec:
    port = free_port()
    config = layout.root / "scheduler.json"
    config.write_text(
        json.dumps(
            {
                "apiVersion": "kubescheduler.config.k8s.io/v1",
                "kind": "KubeSchedulerConfiguration",
                "clientConnection": {
                    "kubeconfig": str(layout.kubeconfig("kube-scheduler")),
                    "qps": 500,
                    "burst": 1000,
                },
                "leaderElection": {"leaderElect": False},
            }
        )
    )
    command = (
        str(binaries.path("kube-scheduler")),
        f"--config={config}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={layout.folder('scheduler')}",
        "--profiling=false",
    )
    return ServerSpec("kube-scheduler", command, _TlsHealth(port), {"https": port})


@dataclass(frozen=True)
class _TlsHealth:
    """Asks /healthz of a server with a self-made certificate, on loopback: nothing to verify."""

    port: int

    def __call__(self) -> bool:
        context = ssl._create_unverified_context()  # noqa: SLF001 — loopback, self-made certificate
        try:
            with urllib.request.urlopen(
                f"https://127.0.0.1:{self.port}/healthz", timeout=2, context=context
            ) as response:
                return bool(response.status == 200)
        except OSError:
            return False


def start_api_server(servers: Servers, address: Address) -> Api:
    """Start etcd and the API server; write everybody's kubeconfig."""
    layout = servers.layout
    credentials.make_certificates(layout, (address.host, *address.extra_hosts, *_CERTIFICATE_NAMES))
    tokens = credentials.make_tokens(layout)
    etcd = servers.start(lambda: _etcd(layout))
    token = tokens["system:sandbox"]
    spec = servers.start(lambda: _apiserver(layout, address, etcd.ports["client"], token))
    api = Api(
        f"https://{address.host}:{spec.ports['https']}", token, layout.root / "pki" / "ca.crt"
    )
    credentials.write_kubeconfigs(layout, api.url, tokens)
    api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", credentials.VIEWERS)
    servers.record.endpoints |= {
        "api": api.url,
        "kubeconfig": str(layout.kubeconfig()),
        "kubectl": str(binaries.path("kubectl")),
        "audit_log": str(layout.audit_log),
    }
    servers.save()
    return api


def launch_controllers(
    servers: Servers, node_grace_s: int = 50, without: Sequence[str] = ()
) -> None:
    """Start controller manager (`without` some controllers) and scheduler, and do not wait.

    A node whose lease is older than `node_grace_s` loses its readiness, and so do its pods.
    """
    servers.launch(
        lambda: _controller_manager(servers.layout, grace_s=node_grace_s, without=without)
    )
    servers.launch(lambda: _scheduler(servers.layout))
