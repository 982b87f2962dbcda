"""The operator as a process of this machine, under the rights that the chart gives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import helm_python
import yaml

from sandbox import Cluster
from sandbox.ports import free_ports

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "tidegate"
NAMESPACE = "tidegate-system"
ACCOUNT = "tidegate"
STOP_S = 15.0
PROBE_S = 5.0
RIGHTS = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")

CONFIG = """\
providers:
  default: {{url: "{prometheus}", timeout: 2s}}
telemetry:
  window: 4s
  interval: 1s
  revisionQuery: >-
    sum by (namespace, revision) (
      (http_requests_total - http_requests_total offset {{{{window}}}}) >= 0 or http_requests_total)
"""

NO_PROVIDER = """\
providers: {}
telemetry: {window: 2s, interval: 200ms}
"""


def install_rights(cluster: Cluster) -> None:
    """Apply the chart's service account and roles, exactly as Helm renders them."""
    with helm_python.Chart.load(str(CHART)) as chart:
        rendered = chart.render({}, name=ACCOUNT, namespace=NAMESPACE)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    cluster.apply(namespace)
    for path in sorted(rendered):
        for document in yaml.safe_load_all(rendered[path]) if path.endswith(".yaml") else ():
            if document and document["kind"] in RIGHTS:
                cluster.apply(document)


def install_crds(cluster: Cluster) -> None:
    """Apply our CRDs and wait until they are served."""
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        text = path.read_text()
        cluster.apply(text)
        name = yaml.safe_load(text)["metadata"]["name"]
        cluster.kubectl("wait", "--for=condition=Established", f"crd/{name}", "--timeout=30s")


def new_token(cluster: Cluster) -> str:
    """A token of the operator's service account."""
    words = cluster.kubectl("create", "token", ACCOUNT, "-n", NAMESPACE, "--duration=24h")
    return words.strip()


class Process(Protocol):
    """What is needed of a started process; `subprocess.Popen` is one."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended; subprocess.TimeoutExpired if it does not."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send it a signal; fine when it has ended."""
        ...


Launch = Callable[[Sequence[str], Mapping[str, str], Path], Process]
"""Starts `tidegate ARGUMENTS` with these variables; its words are appended to the file."""


def launch_python(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Process:
    """A Python of its own, as in the operator's image."""
    command = [sys.executable, "-m", "tidegate", *arguments]
    with log.open("ab") as words:
        return subprocess.Popen(command, env=environment, stdout=words, stderr=subprocess.STDOUT)


class OperatorProcess:
    """One running operator: started, killed and started again by tests.

    With `server_url` it reaches the API server there, e.g. through a proxy. With `namespace` it
    serves only that one, and its Lease is there too; else it serves all.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        *,
        prometheus_url: str = "",
        identity: str = "operator-0",
        server_url: str = "",
        namespace: str = "",
    ) -> None:
        self._cluster = cluster
        self.identity = identity
        self.health_port = 0
        self._folder = folder
        self.prometheus_url = prometheus_url
        self.server_url = server_url
        self.namespace = namespace
        self.launch: Launch = launch_python
        self.token = ""
        """The service account's token; made by the first start if it was not set before."""
        self._process: Process | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.log_file = folder / "operator.log"

    @property
    def pid(self) -> int:
        """The process id; RuntimeError when it does not run."""
        if self._process is None:
            raise RuntimeError("the operator is not running")
        return self._process.pid

    def _kubeconfig(self) -> Path:
        """A kubeconfig with the service account's own token in place of the administrator's."""
        if not self.token:
            self.token = new_token(self._cluster)
        config = yaml.safe_load(self._cluster.kubeconfig.read_text())
        config["users"] = [{"name": ACCOUNT, "user": {"token": self.token}}]
        for context in config["contexts"]:
            context["context"]["user"] = ACCOUNT
        if self.server_url:
            for cluster in config["clusters"]:
                cluster["cluster"]["server"] = self.server_url
        path = self._folder / "kubeconfig.yaml"
        path.write_text(yaml.safe_dump(config))
        path.chmod(0o600)
        return path

    def start(self) -> None:
        """Start the operator; returns at once."""
        config = self._folder / "config.yaml"
        providers = CONFIG.format(prometheus=self.prometheus_url)
        config.write_text(providers if self.prometheus_url else NO_PROVIDER)
        self.health_port = free_ports(1)[0]
        arguments = ["operator", "--config", str(config), "--health-port", str(self.health_port)]
        if self.namespace:
            arguments += ["--namespace", self.namespace]
        # As a container of one pod: a restarted one has its predecessor's name in the Lease.
        arguments += ["--lease-namespace", self.namespace or NAMESPACE, "--identity", self.identity]
        environment = os.environ | {"KUBECONFIG": str(self._kubeconfig())}
        self._process = self.launch(arguments, environment, self.log_file)

    def kill(self) -> None:
        """SIGKILL: the crash that nobody sees coming."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(STOP_S)
        self._process = None

    def stop(self) -> int | None:
        """SIGTERM, and SIGKILL if that is not enough; the exit status, or None if it never ran."""
        if self._process is None:
            return None
        self._process.send_signal(signal.SIGTERM)
        try:
            status: int | None = self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            status = None
        self._process = None
        return status

    def signal(self, number: int) -> None:
        """Send it that signal, e.g. SIGSTOP."""
        os.kill(self.pid, number)

    def exit_status(self) -> int | None:
        """How it ended by itself (negative: by that signal); None while it runs or never ran."""
        return self._process.poll() if self._process is not None else None

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def health(self) -> dict[str, Any]:
        """What /readyz answers, ready or not; empty while nobody answers there."""
        url = f"http://127.0.0.1:{self.health_port}/readyz"
        try:
            with urllib.request.urlopen(url, timeout=PROBE_S) as answer:
                told: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                told = json.load(error)
        except OSError:
            return {}
        return told

    def leads(self) -> bool:
        """Whether it says that it leads."""
        return self.health().get("role") == "leader"
