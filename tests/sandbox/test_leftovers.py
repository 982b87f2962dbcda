import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import SandboxError, leftovers, processes, state
from sandbox.network import PodNetwork
from sandbox.paths import Layout
from sandbox.processes import ProcessId
from sandbox.state import ServerRecord, State


@pytest.fixture
def layout(state_home: Path) -> Layout:
    return Layout.of("one")


def _sleep(*arguments: str):
    return subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)", *arguments],
        executable=sys.executable,
    )


def _record(*processes_of_ours: ProcessId) -> State:
    servers = {
        f"server-{number}": ServerRecord(process, [], {}, "")
        for number, process in enumerate(processes_of_ours)
    }
    return State("one", "api", servers=servers)


def test_recorded_servers_are_stopped_and_strangers_are_not(layout: Layout):
    ours, stranger = _sleep(), _sleep()
    try:
        reused = ProcessId(stranger.pid, 1)
        state.write(layout.state_file, _record(processes.identify(ours.pid), reused))
        leftovers.clear(layout)
        assert ours.wait(5) != 0
        assert stranger.poll() is None
    finally:
        for child in (ours, stranger):
            child.kill()
            child.wait(5)


def test_a_shim_is_known_by_our_socket(layout: Layout):
    state.write(layout.state_file, _record())
    code = "import time; time.sleep(60)"

    def shim(folder: Path):
        arguments = ["containerd-shim-runc-v2", "-c", code]
        socket = str(folder / "containerd.sock")
        return subprocess.Popen([*arguments, "-address", socket], executable=sys.executable)

    ours, stranger = shim(layout.root), shim(layout.root.parent / "other")
    try:
        leftovers.clear(layout)
        assert ours.wait(5) != 0
        assert stranger.poll() is None
    finally:
        for child in (ours, stranger):
            child.kill()
            child.wait(5)


def test_a_new_start_begins_with_an_empty_folder_but_keeps_the_log(layout: Layout):
    (layout.folder("etcd") / "data").write_text("old")
    layout.folder("logs")
    (layout.logs / "etcd.log").write_text("old")
    layout.supervisor_log.write_text("story")
    layout.lock_file.touch()
    leftovers.remove_files(layout)
    assert sorted(path.name for path in layout.root.iterdir()) == ["lock", "logs"]
    assert [path.name for path in layout.logs.iterdir()] == ["supervisor.log"]


def test_after_the_end_the_record_and_the_logs_stay(layout: Layout):
    (layout.folder("etcd") / "data").write_text("old")
    (layout.folder("logs") / "etcd.log").write_text("story")
    state.write(layout.state_file, _record())
    layout.audit_log.touch()
    leftovers.remove_data(layout)
    assert sorted(path.name for path in layout.root.iterdir()) == [
        "audit.log",
        "logs",
        "state.json",
    ]


def test_nothing_is_removed_while_something_is_mounted_there(layout: Layout, monkeypatch):
    (layout.folder("etcd") / "data").write_text("old")
    monkeypatch.setattr(leftovers, "mounts_below", lambda _: ["/mounted"])
    with pytest.raises(SandboxError, match="still mounted"):
        leftovers.remove_files(layout)
    assert (layout.root / "etcd" / "data").exists()


def test_mounts_below_lists_the_deepest_first(layout: Layout, tmp_path: Path):
    assert leftovers.mounts_below(tmp_path / "nothing") == []
    found = leftovers.mounts_below(Path("/sys"))
    assert found == sorted(found, key=len, reverse=True)


def test_networks_of_two_sandboxes_have_different_names():
    one, other = (PodNetwork(f"tg-{n}", None) for n in (1, 2))
    assert one.cni_name != other.cni_name
