"""The cluster of the fault tests, their references, and the line that says what was run."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.operator_process import install_crds
from sandbox import Sandbox
from tests.faults.arena import Arena
from tests.faults.budget import EVERYTHING, TALLY, chosen
from tests.faults.judging import References
from tests.observer.observer import Observer, watching

HERE = Path(__file__).parent
REVERT_BUDGET_S = 45.0
"""A revert may have to wait for an outage to end and for the next leader (F53 under faults)."""

IN_A_SLICE = {
    "test_api_faults.py": 1,
    "test_crash_points.py": 3,
    "test_leaders.py": 3,
    "test_restarts.py": 2,
    "test_stale_views.py": 2,
    "test_wall_clocks.py": 1,
}
"""Of these files, so many tests in a slice, others every day; one asked for by name always runs."""

LONG = ("test_api_faults.py", "test_crash_points.py")
"""Their tests take minutes each: with several workers they go first, or one works on alone."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the long ones first, and leave out what is not of today's slice."""
    if EVERYTHING:
        items.sort(key=_by_length)
    if config.option.keyword or any("::" in argument for argument in config.args):
        return
    left_out: set[str] = set()
    for file, count in IN_A_SLICE.items():
        there = [
            item.nodeid for item in items if (item.path.parent, item.path.name) == (HERE, file)
        ]
        left_out |= set(there) - set(chosen(there, count, file))
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left_out])
    items[:] = [item for item in items if item.nodeid not in left_out]


def _by_length(item: pytest.Item) -> int:
    mine = item.path.parent == HERE and item.path.name in LONG
    return LONG.index(item.path.name) if mine else len(LONG)


@pytest.fixture(scope="session")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """A cluster of their own: they stop and start its servers."""
    sandbox = Sandbox.up("api", f"tests-faults-{os.getpid()}", owner_pid=os.getpid())
    install_crds(sandbox)
    made = Arena(sandbox, tmp_path_factory.mktemp("faults"))
    yield made
    made.close()
    folder = sandbox.layout.root
    sandbox.down()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def references(arena: Arena) -> References:
    """What undisturbed runs do."""
    return References(arena)


@pytest.fixture(scope="session")
def _observer(arena: Arena, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observer]:
    """An observer of all trials, straight at the API server."""
    folder = tmp_path_factory.mktemp("observer")
    with watching(
        arena.cluster, folder, revert_budget_s=REVERT_BUDGET_S, events_are_due=False
    ) as observer:
        yield observer


@pytest.fixture
def observer(_observer: Observer, request: pytest.FixtureRequest) -> Iterator[Observer]:
    """Every invariant holds in whatever the test did."""
    _observer.mark()
    yield _observer
    _observer.check(request.node.name)
    TALLY.add("tests under the observer")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Say at once what failed: the end of all may be twenty minutes away."""
    worker = "PYTEST_XDIST_WORKER" in os.environ
    if EVERYTHING and report.failed and not worker and sys.__stderr__ is not None:
        print(f"\n{report.nodeid}\n{report.longreprtext}", file=sys.__stderr__, flush=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of several sends what it counted to the one that tells it."""
    output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["tally"] = TALLY.counted()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take in what a worker counted; one that crashed has no output."""
    for what, number in getattr(node, "workeroutput", {}).get("tally", {}).items():
        TALLY.add(what, number)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Crash points, faults, seed, violations."""
    for line in TALLY.lines():
        terminalreporter.write_line(line)
