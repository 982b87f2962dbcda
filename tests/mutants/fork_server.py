"""Starts inner test runs from a process that has everything imported but our own code.

Most of a short run is importing pytest, hypothesis and the API client; a fork has them already.
`tidegate` and `tests` are imported anew in each fork, from the copy that the job names.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

import pytest

READY_MADE = (
    "aiohttp.web",
    "hypothesis.core",
    "hypothesis.strategies",
    "jsonpatch",
    "kopf",
    "kubernetes.aio.client",
    "kubernetes.aio.config",
    "pydantic",
    "pytest_asyncio",
    "rich.console",
    "typer",
    "yaml",
)
OURS = ("tidegate", "tests", "demo", "sandbox")
RUN_S_MAX = 120
"""Seconds of one inner run, after which it is ended; the slowest takes two on an idle machine."""


@dataclass(frozen=True, slots=True)
class Job:
    """One inner run: the copy to import, the tests, and where report and output go."""

    source: str
    tests: tuple[str, ...]
    report: str
    output: str


def serve() -> None:
    """Run the jobs of standard input, one JSON object a line; answer each with its wait status."""
    for name in READY_MADE:
        importlib.import_module(name)
    ours = [name for name in sys.modules if name.partition(".")[0] in OURS and name != __name__]
    for name in ours:
        del sys.modules[name]
    for line in sys.stdin:
        job = Job(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            _run(job)
        _, status = os.waitpid(pid, 0)
        print(status, flush=True)


def _run(job: Job) -> NoReturn:
    """In the fork: never returns."""
    signal.alarm(RUN_S_MAX)
    with Path(job.output).open("wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.path.insert(0, job.source)
    os.environ["TIDEGATE_MUTANT_REPORT"] = job.report
    options = ["-q", "--tb=short", "-p", "no:cacheprovider", "-p", "tests.mutants.witness"]
    # Plugins that were imported before pytest looked; their own assertions are not the point.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    code = 70  # something broke before pytest could say so
    try:
        code = int(pytest.main([*options, *job.tests]))
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def as_line(job: Job) -> str:
    """The job as the server reads it."""
    return json.dumps(asdict(job)) + "\n"


if __name__ == "__main__":
    serve()
