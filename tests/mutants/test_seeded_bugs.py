"""Does the net catch fish? Bugs that peers once had, put into our source one at a time.

Each must be noticed by the tests that are named beside it, with an assertion of theirs; the same
tests must pass without it. A plain run tries four, `TIDEGATE_FAULTS=all` tries them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Queue

import pytest

from tests.mutants.mutant import SOURCE, Mutant, StaleMutantError, named_in
from tests.mutants.running import Outcome, Runner, runner
from tests.mutants.table import MUTANTS, SEED_VARIABLE, chosen, seed_of_run

SEED = seed_of_run()
CHOSEN = chosen(SEED)
WORKERS = 2
"""Inner runs at once: each is one process that computes."""

each = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)


@dataclass
class Runs:
    """The inner runs, all started at once and awaited one by one."""

    sound: Future[Outcome] | None
    mutated: dict[str, Future[Outcome]]


@pytest.fixture(scope="module")
def idle() -> Iterator[Queue[Runner]]:
    """The runners that have nothing to do; none is started where nothing is to be run."""
    with ExitStack() as stack:
        waiting: Queue[Runner] = Queue()
        for _ in range(WORKERS if CHOSEN else 0):
            waiting.put(stack.enter_context(runner()))
        yield waiting


def run(idle: Queue[Runner], folder: Path, tests, mutant: Mutant | None = None) -> Outcome:
    free = idle.get()
    try:
        return free.run(folder, tests, mutant)
    finally:
        idle.put(free)


@pytest.fixture(scope="module")
def runs(idle: Queue[Runner], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    def folder(name: str) -> Path:
        return tmp_path_factory.mktemp(name)

    print(f"{SEED_VARIABLE}={SEED}")
    named = [test for mutant in CHOSEN for test in mutant.tests]
    with ThreadPoolExecutor(WORKERS) as pool:
        sound = pool.submit(run, idle, folder("sound"), named) if named else None
        mutated = {m.name: pool.submit(run, idle, folder("bug"), m.tests, m) for m in CHOSEN}
        yield Runs(sound, mutated)
        pool.shutdown(cancel_futures=True)


# ---------------------------------------------------------------- the table


@each
def test_a_mutant_still_fits_the_source(mutant: Mutant):
    mutant.applied((SOURCE / "tidegate" / mutant.file).read_text())


@each
def test_the_tests_that_a_mutant_names_exist(mutant: Mutant):
    assert mutant.tests
    for test in mutant.tests:
        path, _, name = test.partition("::")
        assert name in named_in(path)


def test_no_two_mutants_have_one_name_or_are_one_bug():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    bugs = {(mutant.file, mutant.fragment, mutant.replacement) for mutant in MUTANTS}
    assert len(bugs) == len(MUTANTS)


# ---------------------------------------------------------------- the fish


def test_the_named_tests_pass_without_the_bugs(runs: Runs):
    for mutant in CHOSEN:
        assert runs.sound is not None
        outcome = runs.sound.result()
        assert outcome.not_passed_by(mutant.tests) == [], outcome.output


@pytest.mark.parametrize("mutant", CHOSEN, ids=lambda mutant: mutant.name)
def test_a_seeded_bug_is_noticed(runs: Runs, mutant: Mutant):
    outcome = runs.mutated[mutant.name].result()
    missed = outcome.not_noticed_by(mutant.tests)
    assert missed == [], f"{SEED_VARIABLE}={SEED}: {mutant.name} ({mutant.issue})\n{outcome.output}"


# ---------------------------------------------------------------- the net itself

EXAMPLE = Mutant(
    "an example",
    "none",
    "core/capacity.py",
    "PERCENT = 100",
    "PERCENT = 100.0",
    ("tests/core/test_capacity.py::test_pods_for_a_weight_round_up_and_are_at_least_one",),
)


@pytest.mark.parametrize("fragment", ["PERCENT", "no such words"])
def test_a_mutant_that_fits_not_exactly_once_is_stale(fragment: str):
    source = (SOURCE / "tidegate" / EXAMPLE.file).read_text()
    with pytest.raises(StaleMutantError):
        replace(EXAMPLE, fragment=fragment, replacement="x").applied(source)


def test_a_mutant_that_changes_nothing_is_stale():
    source = (SOURCE / "tidegate" / EXAMPLE.file).read_text()
    with pytest.raises(StaleMutantError):
        replace(EXAMPLE, replacement=EXAMPLE.fragment).applied(source)


@pytest.mark.skipif(not CHOSEN, reason="a quick check starts no inner run")
@pytest.mark.parametrize(
    ("replacement", "end"),
    [
        ("PERCENT = 100.0", "passed"),  # it means the same
        ("PERCENT = 50", "assertion"),
        ("PERCENT = None", "other"),  # it breaks, but no test says what is wrong
        ("import no_such_module", "did not run"),
    ],
)
def test_only_an_assertion_of_the_named_test_counts(
    idle: Queue[Runner], tmp_path: Path, replacement: str, end: str
):
    outcome = run(idle, tmp_path, EXAMPLE.tests, replace(EXAMPLE, replacement=replacement))
    expected = [] if end == "assertion" else [f"{EXAMPLE.tests[0]}: {end}"]
    assert outcome.not_noticed_by(EXAMPLE.tests) == expected
