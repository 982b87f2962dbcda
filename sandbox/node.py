"""The real node: containerd and the kubelet, with all their files in the state folder."""

import json
import shutil
import subprocess

from sandbox import binaries, images
from sandbox.api_level import http_ok
from sandbox.network import PATH, PodNetwork
from sandbox.paths import Layout
from sandbox.ports import free_ports
from sandbox.servers import ServerSpec

NAME = "node-0"
_CONTAINERD_CONFIG = """version = 2
root = "{root}/containerd/root"
state = "{root}/containerd/state"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{cni}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
"""


def containerd(layout: Layout, network: PodNetwork) -> ServerSpec:
    """Return how to start containerd."""
    folder = layout.folder("containerd")
    socket = layout.containerd_socket
    config = folder / "config.toml"
    config.write_text(
        _CONTAINERD_CONFIG.format(
            root=layout.root, socket=socket, pause=images.PAUSE, cni=network.write_cni(layout)
        )
    )
    command = (shutil.which("containerd", path=PATH) or "containerd", "--config", str(config))

    def ready() -> bool:
        check = ["ctr", "--address", str(socket), "--timeout", "2s", "version"]
        return subprocess.run(check, capture_output=True, timeout=10, check=False).returncode == 0

    return ServerSpec("containerd", command, ready, env={"PATH": PATH}, grace_s=10)


def kubelet(layout: Layout, network: PodNetwork, cgroup: str) -> ServerSpec:
    """Return how to start the kubelet; it is ready when its node is."""
    port, health = free_ports(2, network.address)
    pki, config = layout.root / "pki", layout.root / "kubelet.json"
    config.write_text(
        json.dumps(
            {
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "kind": "KubeletConfiguration",
                "address": network.address,
                "port": port,
                "healthzBindAddress": "127.0.0.1",
                "healthzPort": health,
                "tlsCertFile": str(pki / "kubelet.crt"),
                "tlsPrivateKeyFile": str(pki / "kubelet.key"),
                "authentication": {
                    "anonymous": {"enabled": False},
                    "webhook": {"enabled": True},
                    "x509": {"clientCAFile": str(pki / "ca.crt")},
                },
                "authorization": {"mode": "Webhook"},
                "cgroupDriver": "cgroupfs",
                "cgroupRoot": f"/{cgroup}",
                "cgroupsPerQOS": True,
                "enforceNodeAllocatable": [],
                "failSwapOn": False,
                "failCgroupV1": False,
                "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
                "podLogsDir": str(layout.folder("pod-logs")),
                "imageGCHighThresholdPercent": 100,
                "evictionHard": {},
                "makeIPTablesUtilChains": False,
                "clusterDomain": "cluster.local",
                "registerNode": True,
                "maxPods": 200,
                "kubeAPIQPS": 100,
                "kubeAPIBurst": 200,
                "registryPullQPS": 0,
                "syncFrequency": "10s",
                "nodeStatusUpdateFrequency": "5s",
            }
        )
    )
    command = (
        str(binaries.path("kubelet")),
        f"--config={config}",
        f"--kubeconfig={layout.kubeconfig(NAME)}",
        f"--root-dir={layout.folder('kubelet')}",
        f"--cert-dir={layout.folder('kubelet-certs')}",
        f"--hostname-override={NAME}",
        f"--node-ip={network.address}",
        "--v=1",
    )
    return ServerSpec(
        "kubelet",
        command,
        lambda: http_ok(f"http://127.0.0.1:{health}/healthz"),
        {"https": port, "health": health},
        env={"PATH": PATH},
        grace_s=10,
    )
