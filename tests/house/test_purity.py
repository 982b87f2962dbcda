"""core and api decide from their arguments alone.

import-linter keeps the modules out that could wait, ask or guess. Here is what an import cannot
show: calls that read a clock or the surroundings through something harmless.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, python_files, short

PURE = (ROOT / "operator/tidegate/core", ROOT / "operator/tidegate/api")
GENERATOR = ROOT / "operator/tidegate/api/generate.py"  # a command: it writes crds/
CLOCKS = {"now", "utcnow", "today"}
BUILT_IN_EFFECTS = {"__import__", "breakpoint", "eval", "exec", "input", "open", "print"}


def impurities(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                yield f"line {node.lineno}: waits"
            case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCKS:
                yield f"line {node.lineno}: reads a clock with {name}()"
            case ast.Call(func=ast.Name(id=name)) if name in BUILT_IN_EFFECTS:
                yield f"line {node.lineno}: calls {name}()"
            case ast.Global():
                yield f"line {node.lineno}: keeps state in a global"


@pytest.mark.parametrize(
    "path",
    [path for path in python_files() if path != GENERATOR and set(PURE) & set(path.parents)],
    ids=short,
)
def test_the_decider_is_pure(path: Path):
    assert list(impurities(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime, UTC\nat = datetime.now(UTC)",
        "import datetime\nat = datetime.datetime.utcnow()",
        "import datetime\nday = datetime.date.today()",
        "async def decide(): ...",
        "print('deciding')",
        "def f():\n    global seen\n    seen = 1",
    ],
)
def test_an_impure_line_is_seen(source: str):
    assert list(impurities(ast.parse(source)))
