import os
from pathlib import Path

import pytest

from sandbox import state
from sandbox.errors import SandboxError
from sandbox.ownership import sole_owner
from sandbox.paths import Layout
from sandbox.processes import ProcessId, identify
from sandbox.state import ServerRecord, State


@pytest.fixture
def layout(state_home: Path) -> Layout:
    return Layout.of("one")


def test_what_is_written_is_read_again(layout: Layout):
    server = ServerRecord(ProcessId(7, 8), ["etcd"], {"client": 1}, "/log", "exited", 2)
    record = State(
        "one",
        "traffic",
        "ready",
        "",
        ProcessId(1, 2),
        {"etcd": server},
        {"api": "u"},
        {"bridge": "b"},
    )
    state.write(layout.state_file, record)
    assert state.read(layout.state_file) == record


def test_no_record_is_no_state(layout: Layout):
    assert state.read(layout.state_file) is None


def test_a_broken_record_is_named(layout: Layout):
    layout.folder("logs")
    layout.state_file.write_text("{")
    with pytest.raises(SandboxError, match=r"state\.json"):
        state.read(layout.state_file)


def test_a_sandbox_lives_as_long_as_its_supervisor():
    assert State("one", "api", supervisor=identify(os.getpid())).alive()
    assert not State("one", "api", supervisor=ProcessId(os.getpid(), 1)).alive()
    assert not State("one", "api").alive()


def test_only_one_owns_a_sandbox(layout: Layout):
    with sole_owner(layout), pytest.raises(SandboxError, match="up already"), sole_owner(layout, 0):
        pass
    with sole_owner(layout, 0):
        pass


@pytest.mark.parametrize("name", ["", "-a", "A", "a/b", "..", "x" * 40])
def test_names_that_are_no_folder_names_are_refused(name: str):
    with pytest.raises(SandboxError, match="sandbox name"):
        Layout.of(name)


def test_a_state_folder_too_deep_for_sockets_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/" + "deep/" * 20)
    with pytest.raises(SandboxError, match="too long a path"):
        Layout.of("one")
