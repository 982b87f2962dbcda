import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import SandboxError, processes
from sandbox.paths import Layout
from sandbox.servers import Servers, ServerSpec
from sandbox.state import State
from sandbox.waiting import wait_until


@pytest.fixture
def servers(state_home: Path):
    owned = Servers(
        Layout.of("one"), State("one", "api", supervisor=processes.identify(os.getpid()))
    )
    yield owned
    owned.stop_all()


def _spec(code: str, flag: Path, *, port: int = 1, deadline_s: float = 10) -> ServerSpec:
    command = (sys.executable, "-c", f"import sys, time; from pathlib import Path\n{code}")
    return ServerSpec("thing", command, flag.exists, {"http": port}, deadline_s=deadline_s)


def _ready(flag: Path) -> str:
    return f"Path({str(flag)!r}).touch(); time.sleep(60)"


def test_a_server_is_recorded_and_stopped(servers: Servers, tmp_path: Path):
    flag = tmp_path / "flag"
    servers.start(lambda: _spec(_ready(flag), flag, port=7))
    record = servers.record.servers["thing"]
    assert record.running()
    assert record.ports == {"http": 7}
    servers.stop("thing")
    assert not processes.is_alive(record.process)
    assert servers.record.servers["thing"].state == "stopped"


def test_a_server_whose_port_was_taken_gets_another(servers: Servers, tmp_path: Path):
    flag, ports = tmp_path / "flag", iter((1, 2))

    def make() -> ServerSpec:
        port = next(ports)
        code = "sys.exit('bind: Address already in use')" if port == 1 else _ready(flag)
        return _spec(code, flag, port=port)

    assert servers.start(make).ports == {"http": 2}


def test_a_server_that_always_finds_its_port_taken_is_an_error(servers: Servers, tmp_path: Path):
    code = "sys.exit('address already in use')"
    with pytest.raises(SandboxError, match="thing: exited with 1"):
        servers.start(lambda: _spec(code, tmp_path / "flag"))


def test_a_server_that_never_gets_ready_is_named_with_its_log(servers: Servers, tmp_path: Path):
    code = "print('thinking', flush=True); time.sleep(60)"
    log = servers.layout.logs / "thing.log"

    def never() -> bool:
        wait_until(lambda: "thinking" in log.read_text(), 30, "it has said something")
        return False

    made = replace(_spec(code, tmp_path / "flag", deadline_s=0.1), ready=never)
    words = r"(?s)thing: not ready within 0.1 s.*command: .*\nthinking"
    with pytest.raises(SandboxError, match=words):
        servers.start(lambda: made)


def test_a_server_that_ends_by_itself_is_noted(servers: Servers, tmp_path: Path):
    flag = tmp_path / "flag"
    servers.start(lambda: _spec(_ready(flag), flag))
    processes.stop(servers.record.servers["thing"].process, grace_s=5)
    assert servers.reap() == ["thing"]
    assert servers.record.servers["thing"].state == "exited"
