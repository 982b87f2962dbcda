"""What a person at a real terminal gets: colours, and a picture that goes with Ctrl-C."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.fake_api import FakeApi
from tests.views.bodies import IN_PHASE, body


class Terminal:
    """A command with a terminal for its output."""

    def __init__(self, *words: str) -> None:
        self.output = b""
        self._screen, inside = pty.openpty()
        environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"}
        environment.pop("NO_COLOR", None)
        command = [sys.executable, "-m", "tidegate", *words]
        self.process = subprocess.Popen(command, stdout=inside, stderr=inside, env=environment)
        os.close(inside)

    def read_until(self, words: bytes, within_s: float = 20.0) -> None:
        deadline = time.monotonic() + within_s
        while words not in self.output:
            assert time.monotonic() < deadline, self.output
            if select.select([self._screen], [], [], 0.1)[0]:
                self.output += os.read(self._screen, 65536)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._screen)


@pytest.fixture
def config(api: FakeApi, tmp_path: Path) -> str:
    api.put("rollouts", body(IN_PHASE))
    return str(tmp_path / "config")


def test_a_terminal_gets_colours(config: str):
    terminal = Terminal("status", "web", "--kubeconfig", config)
    terminal.read_until(b"history")
    assert terminal.process.wait(20) == 0
    assert b"\x1b[33mProgressing" in terminal.output
    terminal.close()


def test_the_picture_follows_changes_until_ctrl_c(api: FakeApi, config: str):
    terminal = Terminal("status", "web", "-w", "--kubeconfig", config)
    terminal.read_until(b"phase half: holding")
    api.put("rollouts", body(IN_PHASE | {"message": "now something else"}))
    terminal.read_until(b"now something else")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.process.wait(20) == 130
    assert b"Traceback" not in terminal.output
    terminal.close()
