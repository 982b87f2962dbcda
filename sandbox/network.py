"""The pod network of one sandbox: its own bridge and subnet, and the way to the API server."""

import fcntl
import ipaddress
import json
import os
import re
import secrets
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.api_level import API_SERVICE_ADDRESS
from sandbox.errors import SandboxError
from sandbox.paths import Layout, state_root
from sandbox.ports import free_subnet, used_networks

_TIMEOUT_S = 15
_CNI_RESULTS = Path("/var/lib/cni/results")
_NAMESPACE = re.compile(r"/netns/(cni-[0-9a-f-]+)")
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def run(*command: str, check: bool = True) -> str:
    """Run a system command; SandboxError with its own words when it fails."""
    environment = {**os.environ, "PATH": PATH}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, env=environment
    )
    if check and done.returncode != 0:
        raise SandboxError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


@dataclass(frozen=True)
class PodNetwork:
    """A bridge and its subnet; API server and Prometheus listen at the bridge's address."""

    bridge: str
    subnet: ipaddress.IPv4Network

    @property
    def address(self) -> str:
        """The bridge's own address."""
        return str(self.subnet.network_address + 1)

    @property
    def cni_name(self) -> str:
        """The network's name for CNI, which keeps files by it."""
        return f"tidegate-{self.bridge}"

    @classmethod
    def create(cls) -> "PodNetwork":
        """Make a bridge with a free subnet."""
        state_root().mkdir(parents=True, exist_ok=True)
        with (state_root() / ".network.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = cls(f"tg-{secrets.token_hex(4)}", free_subnet(used_networks()))
            run("ip", "link", "add", made.bridge, "type", "bridge")
            run("ip", "addr", "add", f"{made.address}/{made.subnet.prefixlen}", "dev", made.bridge)
            run("ip", "link", "set", made.bridge, "up")
        return made

    def write_cni(self, layout: Layout) -> Path:
        """Write the CNI configuration; return its folder."""
        folder = layout.folder("cni")
        ranges = [[{"subnet": str(self.subnet)}]]
        ipam = {
            "type": "host-local",
            "ranges": ranges,
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(layout.folder("cni-addresses")),
        }
        plugin = {
            "type": "bridge",
            "bridge": self.bridge,
            # The bridge has its address already; as a gateway the plugin would also turn on IP
            # forwarding for the whole machine, and nobody would turn it off again.
            "isGateway": False,
            "ipMasq": False,
            "ipam": ipam,
        }
        content = {"cniVersion": "0.4.0", "name": self.cni_name, "plugins": [plugin]}
        (folder / "10-bridge.conflist").write_text(json.dumps(content))
        return folder

    def _api_rule(self, api_port: int) -> Sequence[str]:
        return (
            "-i", self.bridge, "-d", API_SERVICE_ADDRESS, "-p", "tcp", "--dport", "443",
            "-m", "comment", "--comment", self.cni_name,
            "-j", "DNAT", "--to-destination", f"{self.address}:{api_port}",
        )  # fmt: skip

    def open_api_service(self, api_port: int) -> None:
        """Let pods reach the API server by Service `kubernetes`: there is no kube-proxy."""
        run("iptables", "-w", "10", "-t", "nat", "-A", "PREROUTING", *self._api_rule(api_port))

    def remove(self) -> None:
        """Remove the bridge, the rule, the pods' network namespaces and CNI's notes about them."""
        listed = run("iptables", "-w", "10", "-t", "nat", "-S", "PREROUTING", check=False)
        for line in listed.splitlines():
            if self.cni_name in line:
                rule = line.replace("-A ", "-D ", 1).replace('"', "").split()
                run("iptables", "-w", "10", "-t", "nat", *rule, check=False)
        self._remove_namespaces()
        if Path(f"/sys/class/net/{self.bridge}").exists():
            run("ip", "link", "delete", self.bridge)

    def _remove_namespaces(self) -> None:
        """CNI's cached results tell which network namespaces belong to pods of this network."""
        texts = (
            {path: _read(path) for path in _CNI_RESULTS.glob("*")} if _CNI_RESULTS.is_dir() else {}
        )
        ours = {
            path: text for path, text in texts.items() if path.name.startswith(f"{self.cni_name}-")
        }
        for path, text in ours.items():
            for namespace in set(_NAMESPACE.findall(text)):
                run("ip", "netns", "delete", namespace, check=False)
            container = path.name.removeprefix(f"{self.cni_name}-").partition("-")[0]
            for note in (path, _CNI_RESULTS / f"cni-loopback-{container}-lo"):
                note.unlink(missing_ok=True)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
