"""Prometheus: scrapes the gateway and every pod that asks for it, every two seconds."""

import json
import shutil
import sys

from sandbox.api_level import http_ok
from sandbox.network import PATH
from sandbox.paths import Layout, python_environment
from sandbox.ports import free_port
from sandbox.servers import ServerSpec

_SCRAPE_INTERVAL = "2s"


def pod_targets(layout: Layout, api_url: str) -> ServerSpec:
    """Return how to start the server that finds the pods for Prometheus."""
    file = layout.folder("prometheus-targets") / "pods.json"
    files = (layout.root / "tokens" / "prometheus", layout.root / "pki" / "ca.crt", file)
    command = (sys.executable, "-m", "sandbox.pod_targets", api_url, *map(str, files))
    return ServerSpec("pod-targets", command, file.exists, env=python_environment(), grace_s=2)


def spec(layout: Layout, address: str, envoy_admin: str) -> ServerSpec:
    """Return how to start Prometheus."""
    port = free_port(address)
    envoy_target = [{"targets": [envoy_admin.removeprefix("http://")]}]
    pod_files = [str(layout.root / "prometheus-targets" / "*.json")]
    config = layout.root / "prometheus.json"
    config.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": _SCRAPE_INTERVAL, "scrape_timeout": "1900ms"},
                "scrape_configs": [
                    {
                        "job_name": "envoy",
                        "metrics_path": "/stats/prometheus",
                        "static_configs": envoy_target,
                    },
                    {
                        "job_name": "pods",
                        "file_sd_configs": [{"files": pod_files, "refresh_interval": "10s"}],
                    },
                ],
            }
        )
    )
    command = (
        shutil.which("prometheus", path=PATH) or "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={layout.folder('prometheus')}",
        "--storage.tsdb.retention.time=6h",
        "--storage.tsdb.retention.size=1GB",
        f"--web.listen-address={address}:{port}",
        "--log.level=warn",
    )
    url = f"http://{address}:{port}"
    return ServerSpec(
        "prometheus", command, lambda: http_ok(f"{url}/-/ready"), {"http": port}, grace_s=10
    )
