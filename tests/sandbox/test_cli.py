import json
from pathlib import Path

import pytest

from sandbox import external, machine
from sandbox.cli import main
from sandbox.errors import SandboxError
from sandbox.state import State, write


@pytest.fixture(autouse=True)
def no_cluster_of_others(state_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLUSTER", raising=False)


def test_a_sandbox_that_never_was_is_named(capsys: pytest.CaptureFixture[str]):
    assert main(["status", "--name", "ghost"]) == 1
    assert "no sandbox ghost" in capsys.readouterr().err


def test_the_variables_of_a_sandbox_that_is_down_are_not_given(state_home: Path, capsys):
    file = state_home / "tidegate" / "sandbox" / "one" / "state.json"
    write(file, State("one", "api", "stopped", endpoints={"kubeconfig": "/old"}))
    assert main(["env", "--name", "one"]) == 1
    assert "is not up" in capsys.readouterr().err


def test_the_status_of_a_failed_start_says_why(state_home: Path, capsys):
    file = state_home / "tidegate" / "sandbox" / "one" / "state.json"
    write(file, State("one", "api", "failed", "etcd: exited with 1"))
    assert main(["status", "--name", "one"]) == 1
    assert "etcd: exited with 1" in capsys.readouterr().out
    assert main(["status", "--name", "one", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["healthy"] is False


def test_down_of_what_is_not_up_is_fine():
    assert main(["down", "--name", "ghost"]) == 0


def test_an_owner_that_is_gone_is_refused(capsys: pytest.CaptureFixture[str]):
    assert main(["up", "--foreground", "--owner-pid", "4194999"]) == 1
    assert "no such process" in capsys.readouterr().err


def test_your_own_cluster_is_taken_by_its_kubeconfig(tmp_path: Path, monkeypatch):
    config = tmp_path / "config"
    config.write_text("{}")
    monkeypatch.setenv("KUBECONFIG", str(config))
    monkeypatch.setenv("GATEWAY_URL", "http://gateway")
    for choice in ("KUBECONFIG", str(config)):
        cluster = external.find(choice, "one")
        assert cluster.kubeconfig == config
        assert cluster.gateway_url == "http://gateway"


def test_a_kubeconfig_that_is_not_there_is_named():
    with pytest.raises(SandboxError, match="/nowhere"):
        external.find("/nowhere", "one")


def test_what_a_machine_lacks_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sandbox.machine.os.geteuid", lambda: 1000)
    monkeypatch.setattr("sandbox.machine.shutil.which", lambda *_, **__: None)
    lacking = "; ".join(machine.traffic_missing())
    assert "root" in lacking
    assert "containerd" in lacking
    assert "python -m sandbox install" in lacking
    monkeypatch.setattr("sandbox.machine.sys.platform", "darwin")
    assert machine.traffic_missing() == ["it needs Linux"]
