"""Real servers, level api: needs the binaries (python -m sandbox build) but no root."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import Sandbox, SandboxError, processes
from sandbox.waiting import wait_until

pytestmark = pytest.mark.api

PODS_S = 60

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "any"}]},
        },
    },
}


@pytest.fixture(autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path_factory.mktemp("s")
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    return home


@pytest.fixture
def up():
    started = []

    def start(name: str, **options):
        started.append(Sandbox(name))
        return Sandbox.up("api", name, owner_pid=os.getpid(), progress=False, **options)

    yield start
    for sandbox in started:
        sandbox.down()


def _ready_pods(sandbox: Sandbox, label: str = "app=web") -> int:
    pods = sandbox.get("pods", "-l", label)["items"]
    conditions = [one for pod in pods for one in pod["status"].get("conditions", [])]
    return sum(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def test_two_sandboxes_run_side_by_side_and_know_nothing_of_each_other(up):
    one, other = up("one"), up("other")
    one.apply(DEPLOYMENT)
    wait_until(lambda: _ready_pods(one) == 3, PODS_S, "pods ready", 0.2)
    assert other.get("pods", "-A")["items"] == []
    ports = [
        server.ports for sandbox in (one, other) for server in sandbox.state().servers.values()
    ]
    flat = [port for group in ports for port in group.values()]
    assert len(flat) == len(set(flat))
    one.down()
    assert other.get("nodes")["items"]


def test_a_pod_that_asks_for_it_never_gets_ready(up):
    sandbox = up("one")
    never = {**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"]}}
    never["spec"]["template"] = {
        **DEPLOYMENT["spec"]["template"],
        "metadata": {"labels": {"app": "web", "sandbox.tidegate.io/ready": "never"}},
    }
    sandbox.apply(never)
    running = ["pods", "--field-selector", "status.phase=Running"]
    wait_until(lambda: len(sandbox.get(*running)["items"]) == 3, PODS_S, "pods running", 0.2)
    assert _ready_pods(sandbox) == 0


def test_killing_the_supervisor_takes_its_servers_down_and_up_works_again(up):
    sandbox = up("one")
    before = sandbox.state()
    os.kill(before.supervisor.pid, signal.SIGKILL)
    for name, server in before.servers.items():
        wait_until(lambda server=server: not processes.is_alive(server.process), 30, f"{name} dead")
    again = up("one")
    assert again.state().supervisor != before.supervisor
    assert again.get("nodes")["items"]


def test_the_sandbox_ends_with_its_owner(state_home: Path):
    code = (
        "import os, sys; from sandbox import Sandbox;"
        "sb = Sandbox.up('api', 'owned', owner_pid=os.getpid(), progress=False);"
        "print(sb.state().supervisor.pid, flush=True); sys.stdin.read()"
    )
    root = str(Path(__file__).resolve().parents[2])
    owner = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )
    with owner:
        supervisor = processes.identify(int(owner.stdout.readline()))
        owner.kill()
    wait_until(lambda: not processes.is_alive(supervisor), 60, "the supervisor gone")
    recorded = Sandbox("owned").state()
    assert recorded.phase == "stopped"
    assert not any(server.running() for server in recorded.servers.values())


def test_a_failed_start_names_the_server_and_its_last_words(up, tmp_path: Path, monkeypatch):
    fake = tmp_path / "etcd"
    fake.write_text("#!/bin/sh\necho the disk is on fire\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("TIDEGATE_SANDBOX_ETCD", str(fake))
    with pytest.raises(SandboxError, match=r"(?s)etcd: exited with 3.*the disk is on fire"):
        up("one")
    assert Sandbox("one").state().phase == "failed"


def test_a_server_can_be_stopped_and_started_with_the_same_ports(up):
    sandbox = up("one")
    before = sandbox.state().servers["kube-scheduler"]
    sandbox.stop_server("kube-scheduler")
    assert sandbox.state().servers["kube-scheduler"].state == "stopped"
    sandbox.start_server("kube-scheduler")
    after = sandbox.state().servers["kube-scheduler"]
    assert after.running()
    assert after.ports == before.ports
    with pytest.raises(SandboxError, match="no server nonsense"):
        sandbox.stop_server("nonsense")


def test_writes_are_in_the_audit_log_and_the_servers_own_reads_are_not(up):
    sandbox = up("one")
    sandbox.apply(DEPLOYMENT)
    wait_until(lambda: '"name":"web"' in sandbox.audit_log.read_text(), 30, "the write is logged")
    text = sandbox.audit_log.read_text()
    assert '"username":"admin"' in text
    assert not any(
        '"verb":"list"' in line and '"username":"system:kube' in line for line in text.splitlines()
    )


def test_service_account_tokens_work(up):
    sandbox = up("one")
    token = sandbox.kubectl("create", "token", "default").strip()
    who = sandbox.kubectl("auth", "whoami", "-o", "json", "--token", token)
    assert "system:serviceaccount:default:default" in who


def test_a_viewer_reads_and_does_not_write(up):
    sandbox = up("one")
    assert sandbox.kubectl("get", "pods", user="viewer") == ""
    with pytest.raises(SandboxError, match="forbidden"):
        sandbox.kubectl("create", "namespace", "mine", user="viewer")
    with pytest.raises(SandboxError, match="forbidden"):
        sandbox.kubectl("get", "pods", user="anna")
