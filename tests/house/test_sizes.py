"""Small files, small functions."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import python_files, short

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70


def _long_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{short(path)}:{node.lineno} {node.name}: {lines} lines"


def test_every_file_fits_in_one_sitting():
    sizes = {short(path): len(path.read_text().splitlines()) for path in python_files()}
    assert "operator/tidegate/core/decide.py" in sizes, "the tree was not found"
    assert {name: lines for name, lines in sizes.items() if lines > FILE_LINES_MAX} == {}


def test_every_function_fits_on_one_screen():
    assert [found for path in python_files() for found in _long_functions(path)] == []
