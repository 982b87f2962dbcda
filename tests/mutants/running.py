"""Running named tests against a copy of the operator, and what they say of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.fork_server import Job, as_line
from tests.mutants.mutant import ROOT, Mutant, copy_with

PASSED, ASSERTION = "passed", "assertion"
"""How a test ended, as `witness` reports it; anything else merely broke."""
WORDS_MAX = 4000
"""Characters of an inner run's output that are shown when it went wrong."""
STOP_S_MAX = 10.0
"""Time-out for a fork server that was told to end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the named tests of one copy ended, by node id, and their words."""

    ends: dict[str, str]
    output: str

    def not_noticed_by(self, tests: Iterable[str]) -> list[str]:
        """Those of the tests that did not fail with an assertion of their own."""
        return [f"{test}: {self._end(test)}" for test in tests if self._end(test) != ASSERTION]

    def not_passed_by(self, tests: Iterable[str]) -> list[str]:
        """Those of the tests that did not pass."""
        return [f"{test}: {self._end(test)}" for test in tests if self._end(test) != PASSED]

    def _end(self, test: str) -> str:
        return self.ends.get(test, "did not run")


class Runner:
    """One fork server, which runs one job after another."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self._server = server

    def run(self, folder: Path, tests: Iterable[str], mutant: Mutant | None = None) -> Outcome:
        """Run the tests against a copy of the operator made in `folder`.

        Raises RuntimeError when the tests did not import that very copy: then they say nothing.
        """
        copy = copy_with(folder, mutant)
        report, output = folder / "report.json", folder / "output.txt"
        job = Job(str(copy), tuple(dict.fromkeys(tests)), str(report), str(output))
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(as_line(job))
        self._server.stdin.flush()
        status = self._server.stdout.readline().strip()
        words = output.read_text(errors="replace")[-WORDS_MAX:] if output.is_file() else ""
        if not report.is_file():
            raise RuntimeError(f"the inner run made no report (wait status {status}):\n{words}")
        said = json.loads(report.read_text())
        if said["source"] is not None and Path(said["source"]) != copy:
            raise RuntimeError(f"the tests imported {said['source']} instead of the copy {copy}")
        return Outcome(said["ends"], words)


@contextmanager
def runner() -> Iterator[Runner]:
    """A runner while the block runs."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "TIDEGATE_QUICK": "1"}
    for name in ("TIDEGATE_EXAMPLES", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "tests.mutants.fork_server"]
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Runner(server)
    finally:
        assert server.stdin is not None
        server.stdin.close()
        try:
            server.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        assert server.stdout is not None
        server.stdout.close()
