"""A seeded bug: one place in the operator's source, made wrong in the way a peer once was."""

from __future__ import annotations

import ast
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "operator"


class StaleMutantError(Exception):
    """A mutant does not fit the source any more: the table has to follow."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """`fragment` of `file` (below operator/tidegate) becomes `replacement`; `tests` must notice.

    `issue` names the public report of the bug that it is modelled on, or the research that asks
    for it. Each of `tests` is a pytest node id without parameters; every one of them has to fail.
    """

    name: str
    issue: str
    file: str
    fragment: str
    replacement: str
    tests: tuple[str, ...]

    def applied(self, source: str) -> str:
        """The source with the bug in it. Raises StaleMutantError unless it fits exactly once."""
        found = source.count(self.fragment)
        if found != 1:
            raise StaleMutantError(f"{self.name}: its fragment is {found} times in {self.file}")
        mutated = source.replace(self.fragment, self.replacement)
        if mutated == source:
            raise StaleMutantError(f"{self.name}: it changes nothing in {self.file}")
        ast.parse(mutated)
        return mutated


def copy_with(folder: Path, mutant: Mutant | None) -> Path:
    """A copy of the operator's source root in `folder`, with the bug in it if one is given."""
    copy = folder / "operator"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    if mutant is not None:
        place = copy / "tidegate" / mutant.file
        place.write_text(mutant.applied(place.read_text()))
    return copy


@cache
def named_in(path: str) -> frozenset[str]:
    """The names of the test functions of a file, as pytest writes them after `::`."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(_named(tree, ""))


def _named(scope: ast.Module | ast.ClassDef, prefix: str) -> list[str]:
    found = []
    for node in scope.body:
        if isinstance(node, ast.ClassDef):
            found += _named(node, f"{prefix}{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(prefix + node.name)
    return [name for name in found if name.rpartition("::")[2].startswith("test_")]
