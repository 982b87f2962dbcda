"""The table of a peer's scenarios names tests that exist, and leaves no scenario without a word."""

import ast
import re
from functools import cache

import pytest

from tests.house.tree import ROOT

TABLE = ROOT / "docs" / "reference" / "scenarios.md"
SCENARIOS = 146
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
REASON = re.compile(r"not (?:applicable|built): (?=\S)")
HEADING = re.compile(r"^## .+ \((\d+)\)$", re.MULTILINE)


def _rows(text: str) -> list[list[str]]:
    """The cells of each row that is no head of a table."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [cells for cells in rows if cells[0] not in {"theirs", "---"}]


@cache
def _tests_in(file: str) -> frozenset[str]:
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    nodes = ast.walk(ast.parse(path.read_text()))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in nodes if isinstance(node, kinds))


def _complaints(row: list[str]) -> list[str]:
    """What is wrong with one row."""
    if len(row) != 3 or not all(row):
        return [f"{row[0]}: three cells, none of them empty"]
    name, _, ours = row
    named = NAMED.findall(ours)
    missing = [f"{file}::{test}" for file, test in named if test not in _tests_in(file)]
    if ours.count("::") != len(named):
        missing.append("a name that cannot be read")
    if not named and not REASON.match(ours):
        return [f"{name}: neither a test nor a reason"]
    return [f"{name}: {test} does not exist" for test in missing]


def test_every_scenario_has_a_test_that_exists_or_a_reason():
    assert [text for row in _rows(TABLE.read_text()) for text in _complaints(row)] == []


def test_every_test_that_the_text_names_beside_the_rows_exists():
    text = TABLE.read_text()
    named = NAMED.findall(text)
    assert [f"{file}::{test}" for file, test in named if test not in _tests_in(file)] == []
    assert text.count("`tests/") - text.count("`tests/house/test_scenarios.py`") == len(named)


def test_every_scenario_has_one_row_and_the_text_counts_them_right():
    text = TABLE.read_text()
    rows = _rows(text)
    names = [row[0] for row in rows]
    assert len(names) == SCENARIOS
    assert len(set(names)) == SCENARIOS
    assert sum(map(int, HEADING.findall(text))) == SCENARIOS
    starts = ("`", "not built", "not applicable")
    counted = [sum(row[2].startswith(start) for row in rows) for start in starts]
    told = re.search(r"(\d+) rows have tests; (\d+) are not built yet.*; (\d+) do not apply", text)
    assert told is not None
    assert f"{SCENARIOS} end-to-end scenarios" in text
    assert [int(number) for number in told.groups()] == counted


@pytest.mark.parametrize(
    "row",
    [
        "| Name | about | `tests/house/test_scenarios.py::test_that_is_not_there` |",
        "| Name | about | `tests/house/no_such_file.py::test_x` |",
        "| Name | about | tests/house/test_scenarios.py::test_without_quotes |",
        "| Name | about | later |",
        "| Name | about | not built: |",
        "| Name | about | |",
        "| Name | not built: only two cells |",
    ],
)
def test_a_row_that_proves_nothing_is_seen(row: str):
    assert _complaints(_rows(row)[0])


def test_a_row_with_a_test_or_a_reason_passes():
    here = "`tests/house/test_scenarios.py::test_a_row_with_a_test_or_a_reason_passes`"
    for ours in (here, f"{here}, {here}", "not built: `spec.x`", f"not applicable: no x, {here}"):
        assert _complaints(_rows(f"| Name | about | {ours} |")[0]) == []
