import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import processes
from sandbox.processes import ProcessId
from sandbox.waiting import holds_within


@pytest.fixture
def sleeper():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield child
    child.kill()
    child.wait(5)


def test_a_process_is_known_by_pid_and_start_time(sleeper):
    identity = processes.identify(sleeper.pid)
    assert identity is not None
    assert processes.is_alive(identity)


def test_another_process_with_the_same_pid_is_not_ours(sleeper):
    stranger = ProcessId(sleeper.pid, 1)
    assert not processes.is_alive(stranger)
    assert not processes.send_signal(stranger, signal.SIGKILL)
    processes.stop(stranger, grace_s=1)
    assert sleeper.poll() is None


def test_a_zombie_counts_as_gone(sleeper):
    identity = processes.identify(sleeper.pid)
    sleeper.kill()
    assert holds_within(lambda: not processes.is_alive(identity), 5)


def test_a_stopped_process_can_be_ended(sleeper):
    identity = processes.identify(sleeper.pid)
    processes.send_signal(identity, signal.SIGSTOP)
    processes.stop(identity, grace_s=5)
    assert sleeper.wait(5) == -signal.SIGTERM


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path):
    code = (
        "import signal, time; signal.signal(15, signal.SIG_IGN);"
        "print(1, flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"1\n"
    processes.stop(processes.identify(child.pid), grace_s=0.2)
    child.stdout.close()
    assert child.wait(5) == -signal.SIGKILL


def test_a_spawned_server_dies_with_its_parent(tmp_path: Path):
    code = (
        "import os, time; from pathlib import Path; from sandbox import processes;"
        f"child = processes.spawn(['sleep', '60'], Path({str(tmp_path / 'log')!r}), os.environ);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    root = str(Path(__file__).resolve().parents[2])
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": root, "PATH": "/usr/bin:/bin"},
    )
    child = processes.identify(int(parent.stdout.readline()))
    assert processes.is_alive(child)
    parent.kill()
    parent.stdout.close()
    parent.wait(5)
    assert holds_within(lambda: not processes.is_alive(child), 5)


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(10_000)))
    assert processes.tail(log, 2) == "line 9998\nline 9999"
    assert processes.tail(tmp_path / "missing") == ""
