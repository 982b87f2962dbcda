"""Real pods, istiod, Envoy and Prometheus: needs root and the packages of `sandbox install`."""

import json
import os
import signal
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from sandbox import Load, Sandbox, SandboxError, leftovers, traffic_missing
from sandbox.waiting import wait_until

pytestmark = [
    pytest.mark.traffic,
    pytest.mark.skipif(bool(traffic_missing()), reason="; ".join(traffic_missing())),
]

APP = (Path(__file__).parent / "web.yaml").read_text()


@pytest.fixture(scope="module")
def sandbox():
    started = Sandbox.up("traffic", f"test-{os.getpid()}", owner_pid=os.getpid(), progress=False)
    started.apply(APP)
    for revision in ("r1", "r2"):
        started.kubectl("rollout", "status", f"deployment/web-{revision}", "--timeout=120s")
    wait_until(lambda: _served(started), 60, "the gateway serves the app")
    yield started
    started.down()


def _served(sandbox: Sandbox) -> bool:
    """Whether an app answers through the gateway, which learns of both a moment after us."""
    request = urllib.request.Request(sandbox.gateway_url, headers={"Host": "web.example"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.headers["x-version"] in ("r1", "r2")
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False


def _set_weights(sandbox: Sandbox, stable: int, canary: int) -> None:
    patch = [
        {"op": "replace", "path": f"/spec/http/0/route/{index}/weight", "value": weight}
        for index, weight in enumerate((stable, canary))
    ]
    sandbox.kubectl("patch", "virtualservice", "web", "--type=json", "-p", json.dumps(patch))


def _share(sandbox: Sandbox, file: Path, duration_s: float = 1) -> float:
    """Return r2's share of the requests; all of them must have been answered by an app."""
    load = Load(
        sandbox.gateway_url, file, rate_per_s=200, host="web.example", duration_s=duration_s
    )
    summary = load.start().wait(duration_s + 30)
    assert set(summary.versions) <= {"r1", "r2"}
    found = summary.versions.get("r2")
    return found.requests / summary.requests if found else 0.0


def _query(sandbox: Sandbox, query: str) -> list[dict]:
    url = f"{sandbox.prometheus_url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=5) as response:
        return json.load(response)["data"]["result"]


def test_requests_follow_the_weights(sandbox: Sandbox, tmp_path: Path):
    for canary in (20, 70, 0):
        _set_weights(sandbox, 100 - canary, canary)
        wait_until(
            lambda canary=canary: abs(_share(sandbox, tmp_path / "r") * 100 - canary) < 12,
            30,
            "share",
        )


def test_without_istiod_the_routes_stay_until_it_is_back(sandbox: Sandbox, tmp_path: Path):
    _set_weights(sandbox, 100, 0)
    wait_until(lambda: _share(sandbox, tmp_path / "r") == 0, 30, "all to r1")
    sandbox.signal("istiod", signal.SIGSTOP)
    try:
        _set_weights(sandbox, 0, 100)
        assert _share(sandbox, tmp_path / "r", 2) == 0
    finally:
        sandbox.signal("istiod", signal.SIGCONT)
    wait_until(lambda: _share(sandbox, tmp_path / "r") == 1, 30, "all to r2")


def test_prometheus_knows_each_revision_and_each_subset(sandbox: Sandbox, tmp_path: Path):
    _set_weights(sandbox, 50, 50)
    _share(sandbox, tmp_path / "r")
    by_pod = 'sum by (revision) (http_requests_total{namespace="default"}) > 0'
    wait_until(lambda: len(_query(sandbox, by_pod)) == 2, 30, "both revisions scraped", 0.5)
    cluster = 'cluster_name="outbound|80|canary|web.default.svc.cluster.local"'
    for metric in ("rq", "rq_total", "rq_completed", "rq_time_bucket"):
        query = f"envoy_cluster_upstream_{metric}{{{cluster}}}"
        wait_until(lambda query=query: bool(_query(sandbox, query)), 30, query, 0.5)


def test_prometheus_is_back_with_its_data_after_a_stop(sandbox: Sandbox):
    sandbox.stop_server("prometheus")
    with pytest.raises(OSError, match="refused"):
        _query(sandbox, "up")
    sandbox.start_server("prometheus")
    assert _query(sandbox, "max_over_time(up[5m])")


def test_logs_and_exec_reach_pods(sandbox: Sandbox):
    assert "version r1" in sandbox.kubectl("logs", "deployment/web-r1")
    with pytest.raises(SandboxError, match="graceful or abrupt"):
        sandbox.kubectl("exec", "deployment/web-r1", "--", "/app", "-exit=nonsense")


def test_a_killed_supervisor_leaves_nothing_behind(sandbox: Sandbox):
    # The last test of the file: it takes the sandbox down.
    found = sandbox.state()
    os.kill(found.supervisor.pid, signal.SIGKILL)
    wait_until(lambda: sandbox.state().phase == "failed", 90, "the guard has cleared up")
    assert not any(server.running() for server in found.servers.values())
    assert not Path(f"/sys/class/net/{found.traces['bridge']}").exists()
    assert not leftovers.mounts_below(sandbox.layout.root)
    assert not list(Path("/sys/fs/cgroup").glob(f"**/{found.traces['cgroup']}"))
    namespaces = Path("/run/netns")
    assert not _ours(namespaces, found.traces["bridge"])


def _ours(namespaces: Path, bridge: str) -> list[Path]:
    """Return the pods' network namespaces that CNI's notes ascribe to our bridge."""
    notes = Path("/var/lib/cni/results").glob(f"tidegate-{bridge}-*")
    texts = [note.read_text() for note in notes]
    return [path for path in namespaces.glob("cni-*") if any(path.name in text for text in texts)]
