"""A pytest plugin for the inner runs: which source was imported, and how each test ended.

Loaded with `-p tests.mutants.witness`; the report goes to the file that REPORT_VARIABLE names.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

REPORT_VARIABLE = "TIDEGATE_MUTANT_REPORT"
PASSED, OTHER, ASSERTION = "passed", "other", "assertion"
RANKS = (PASSED, OTHER, ASSERTION)

# That an example fails is all there is to know of it here: making it small takes most of the time.
settings.register_profile(
    "unshrunk",
    phases=(Phase.explicit, Phase.generate),
    derandomize=True,
    deadline=None,
    database=None,
)
settings.load_profile("unshrunk")

_ends: dict[str, str] = {}


def source() -> Path | None:
    """The folder that `tidegate` comes from in this process."""
    found = importlib.util.find_spec("tidegate")
    return Path(found.origin).parents[1] if found is not None and found.origin else None


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Keep the strongest end of a test, over its phases and parameters, by its node id."""
    name = item.nodeid.partition("[")[0]
    end = PASSED if call.excinfo is None else _end_of(call.excinfo.value)
    if end == ASSERTION and call.when != "call":
        end = OTHER  # a fixture's own
    _ends[name] = max(_ends.get(name, PASSED), end, key=RANKS.index)


def _end_of(error: BaseException) -> str:
    """ASSERTION when a test's own assertion says so; OTHER when something merely broke."""
    return ASSERTION if any(map(_is_assertion, _leaves(error))) else OTHER


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _is_assertion(error: BaseException) -> bool:
    """An assertion (or `pytest.raises` that saw nothing) made in a test, not in the product."""
    if not isinstance(error, AssertionError | pytest.fail.Exception):
        return False
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    product = str(source())
    return frame is None or not frame.tb_frame.f_code.co_filename.startswith(product)


def pytest_sessionfinish() -> None:
    """Write the report."""
    where = source()
    report = {"source": str(where) if where else None, "ends": _ends}
    Path(os.environ[REPORT_VARIABLE]).write_text(json.dumps(report))
