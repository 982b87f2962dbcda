"""What a person at a real terminal gets: colours, and a picture that goes with Ctrl-C."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from tests.cli.fake_api import FakeApi
from tests.views.bodies import IN_PHASE, body


def _hear_ctrl_c() -> None:
    """As a shell at a terminal starts it: what runs in its background ignores SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Terminal:
    """A command with a terminal for its output."""

    def __init__(self, *words: str) -> None:
        self.output = b""
        self._screen, inside = pty.openpty()
        environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"}
        environment.pop("NO_COLOR", None)
        command = [sys.executable, "-m", "tidegate", *words]
        self.process = subprocess.Popen(
            command,
            stdout=inside,
            stderr=inside,
            env=environment,
            preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 — one call, safe between fork and exec
        )
        os.close(inside)

    def read_until(self, words: bytes, within_s: float = 20.0) -> None:
        deadline = time.monotonic() + within_s
        while words not in self.output:
            assert time.monotonic() < deadline, self.output
            self._read()

    def exit_status(self, within_s: float = 20.0) -> int:
        """Its exit status; a terminal that nobody reads is full soon, and then it would hang."""
        deadline = time.monotonic() + within_s
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"no end after {within_s} s: {self.output!r}"
            self._read()
        self._read()
        assert self.process.returncode is not None
        return self.process.returncode

    def _read(self) -> None:
        if select.select([self._screen], [], [], 0.1)[0]:
            with suppress(OSError):  # nobody holds the other end any more
                self.output += os.read(self._screen, 65536)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._screen)


@pytest.fixture
def config(api: FakeApi, tmp_path: Path) -> str:
    api.put("rollouts", body(IN_PHASE))
    return str(tmp_path / "config")


def test_a_terminal_gets_colours(config: str):
    with Terminal("status", "web", "--kubeconfig", config) as terminal:
        terminal.read_until(b"history")
        assert terminal.exit_status() == 0
        assert b"\x1b[33mProgressing" in terminal.output


def test_the_picture_follows_changes_until_ctrl_c(api: FakeApi, config: str):
    with Terminal("status", "web", "-w", "--kubeconfig", config) as terminal:
        terminal.read_until(b"phase half: holding")
        api.put("rollouts", body(IN_PHASE | {"message": "now something else"}))
        terminal.read_until(b"now something else")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.exit_status() == 130
        assert b"Traceback" not in terminal.output
