"""Small files, small functions."""

import ast
from pathlib import Path

import pytest

from tests.house.tree import python_files, short

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

each_file = pytest.mark.parametrize("path", python_files(), ids=short)


@each_file
def test_a_file_fits_in_one_sitting(path: Path):
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX


@each_file
def test_a_function_fits_on_one_screen(path: Path):
    long = [
        f"{node.name} at line {node.lineno}: {lines} lines"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert long == []
