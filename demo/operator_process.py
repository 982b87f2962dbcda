"""The operator as a process of this machine, under the rights that the chart gives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import helm_python
import yaml

from sandbox import Cluster
from sandbox.ports import free_ports

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "tidegate"
NAMESPACE = "tidegate-system"
ACCOUNT = "tidegate"
STOP_S = 15.0
RIGHTS = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding")

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


class OperatorProcess:
    """One running operator: started, killed and started again by tests."""

    def __init__(self, cluster: Cluster, folder: Path, *, prometheus_url: str = "") -> None:
        self._cluster = cluster
        self._folder = folder
        self.prometheus_url = prometheus_url
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
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
        token = self._cluster.kubectl("create", "token", ACCOUNT, "-n", NAMESPACE, "--duration=24h")
        config = yaml.safe_load(self._cluster.kubeconfig.read_text())
        config["users"] = [{"name": ACCOUNT, "user": {"token": token.strip()}}]
        for context in config["contexts"]:
            context["context"]["user"] = ACCOUNT
        path = self._folder / "kubeconfig.yaml"
        path.write_text(yaml.safe_dump(config))
        path.chmod(0o600)
        return path

    def start(self) -> None:
        """Start the operator; returns at once."""
        config = self._folder / "config.yaml"
        providers = CONFIG.format(prometheus=self.prometheus_url)
        config.write_text(providers if self.prometheus_url else NO_PROVIDER)
        command = [sys.executable, "-m", "tidegate", "operator", "--config", str(config)]
        command += ["--liveness-port", str(free_ports(1)[0])]
        environment = os.environ | {"KUBECONFIG": str(self._kubeconfig())}
        self._log = self.log_file.open("ab")
        self._process = subprocess.Popen(
            command, env=environment, stdout=self._log, stderr=subprocess.STDOUT
        )

    def kill(self) -> None:
        """SIGKILL: the crash that nobody sees coming."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_S)
        self._close()

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
        self._close()
        return status

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def _close(self) -> None:
        self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None
