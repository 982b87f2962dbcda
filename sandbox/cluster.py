"""Any cluster that tests and the demo can use: a kubeconfig, kubectl, and two URLs."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.errors import SandboxError

_KUBECTL_TIMEOUT_S = 120


class Cluster:
    """What every kind of cluster offers; the properties are each kind's own."""

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        raise NotImplementedError

    @property
    def kubectl_path(self) -> Path:
        """A kubectl that fits the API server."""
        raise NotImplementedError

    def endpoint(self, name: str) -> str:
        """Return a URL by name (prometheus, gateway, …); SandboxError when there is none."""
        raise NotImplementedError

    def down(self) -> None:
        """Stop or remove the cluster, if it is ours."""
        raise NotImplementedError

    def kubeconfig_of(self, user: str) -> Path:
        """Return another user's kubeconfig; only a sandbox has other users."""
        if user != "admin":
            raise SandboxError(f"this cluster has no user {user}")
        return self.kubeconfig

    @property
    def prometheus_url(self) -> str:
        """Prometheus, reachable from this machine and from pods (level traffic)."""
        return self.endpoint("prometheus")

    @property
    def gateway_url(self) -> str:
        """The proxy that serves the Istio Gateway istio-system/gateway (level traffic)."""
        return self.endpoint("gateway")

    def environment(self) -> dict[str, str]:
        """Return the variables that point programs to this cluster; PATH puts its kubectl first."""
        found = {"KUBECONFIG": str(self.kubeconfig)}
        for variable, name in (
            ("TIDEGATE_PROMETHEUS_URL", "prometheus"),
            ("GATEWAY_URL", "gateway"),
        ):
            try:
                found[variable] = self.endpoint(name)
            except SandboxError:
                continue
        found["PATH"] = (
            f"{self.kubectl_path.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        )
        return found

    def kubectl(
        self,
        *arguments: str,
        stdin: str | None = None,
        check: bool = True,
        user: str = "admin",
        timeout_s: float = _KUBECTL_TIMEOUT_S,
    ) -> str:
        """Run kubectl and return what it prints.

        SandboxError with its words when it fails and `check` is set.
        """
        command = [
            str(self.kubectl_path),
            "--kubeconfig",
            str(self.kubeconfig_of(user)),
            *arguments,
        ]
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise SandboxError(
                f"kubectl {' '.join(arguments)}: no end after {timeout_s:g} s"
            ) from error
        if check and done.returncode != 0:
            raise SandboxError(
                f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """Return `kubectl get ARGUMENTS -o json`, parsed."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def apply(self, manifest: str | Mapping[str, Any]) -> str:
        """Apply a manifest server-side: YAML or JSON text, or one object."""
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        return self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)
