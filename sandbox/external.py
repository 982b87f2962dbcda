"""Clusters that are not ours: kind (with Docker), or the user's own by KUBECONFIG.

CLUSTER=kind makes a kind cluster with the routers' definitions in it, no more: no istiod, no
gateway, no Prometheus. CLUSTER=KUBECONFIG, or CLUSTER=/path/to/kubeconfig, takes what is there and
changes nothing. For both the user says where Prometheus and the gateway are:
TIDEGATE_PROMETHEUS_URL and GATEWAY_URL.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sandbox import binaries, definitions
from sandbox.cluster import Cluster
from sandbox.errors import SandboxError
from sandbox.paths import Layout
from sandbox.progress import say

_KIND = "sigs.k8s.io/kind@v0.33.0"
_KIND_TIMEOUT_S = 900
_URLS = {"prometheus": "TIDEGATE_PROMETHEUS_URL", "gateway": "GATEWAY_URL"}


@dataclass(frozen=True)
class OwnCluster(Cluster):
    """A cluster the user has: we never start or stop it."""

    config: Path

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig the user named."""
        return self.config

    @property
    def kubectl_path(self) -> Path:
        """The kubectl on PATH; else ours, if it was built."""
        found = shutil.which("kubectl")
        return Path(found) if found else binaries.path("kubectl")

    def endpoint(self, name: str) -> str:
        """Return the URL that the user gave in the environment."""
        variable = _URLS.get(name, "")
        if not os.environ.get(variable):
            raise SandboxError(
                f"this cluster has no known {name}: set {variable or 'nothing, it has none'}"
            )
        return os.environ[variable]

    def down(self) -> None:
        """Leave the user's cluster alone."""


@dataclass(frozen=True)
class KindCluster(OwnCluster):
    """A kind cluster that we made."""

    name: str

    def down(self) -> None:
        """Delete the kind cluster."""
        _kind("delete", "cluster", "--name", self.name)


def _kind(*arguments: str) -> None:
    installed = shutil.which("kind")
    command = [installed] if installed else [binaries.go(), "run", _KIND]
    try:
        done = subprocess.run([*command, *arguments], timeout=_KIND_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"kind {arguments[0]} did not end in {_KIND_TIMEOUT_S} s") from error
    if done.returncode != 0:
        raise SandboxError(
            f"kind {' '.join(arguments)} failed with {done.returncode}: its words are above"
        )


def find(choice: str, name: str) -> OwnCluster:
    """Return the cluster that CLUSTER names, up or not; SandboxError when it cannot be."""
    if choice == "kind":
        return KindCluster(Layout.of(name).root / "kind.kubeconfig", f"tidegate-{name}")
    config = os.environ.get("KUBECONFIG", "") if choice == "KUBECONFIG" else choice
    if not config or not Path(config).is_file():
        raise SandboxError(f"CLUSTER={choice}: there is no kubeconfig file {config!r}")
    return OwnCluster(Path(config))


def up(choice: str, name: str) -> OwnCluster:
    """Make the kind cluster when it is missing, or check that the user's own answers."""
    found = find(choice, name)
    if isinstance(found, KindCluster):
        if shutil.which("docker") is None:
            raise SandboxError(
                "CLUSTER=kind needs Docker; without CLUSTER the sandbox needs neither"
            )
        found.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        if not found.kubeconfig.exists():
            _kind(
                "create",
                "cluster",
                "--name",
                found.name,
                "--kubeconfig",
                str(found.kubeconfig),
                "--wait",
                "120s",
            )
        for definition in definitions.ensure(*definitions.ALL):
            found.apply(definition)
        say(
            "kind is up with the definitions of Istio and the Gateway API;"
            " istiod, a gateway and Prometheus are for you to install"
        )
    found.kubectl("version", timeout_s=30)
    say(f"the cluster of {found.kubeconfig} answers")
    return found
