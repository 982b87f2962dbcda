"""The layer contracts bite: a forbidden import, of ours or of the standard library, is caught."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.tree import ROOT

FLOORS = ("cli", "controller", "adapters", "rehearsal", "views", "ports", "core", "api")


def lint(tmp_path: Path, *, module: str, line: str) -> subprocess.CompletedProcess[str]:
    """Run our contracts over an empty house that has one line in one module."""
    for floor in FLOORS:
        (tmp_path / "tidegate" / floor).mkdir(parents=True)
        (tmp_path / "tidegate" / floor / "__init__.py").touch()
    (tmp_path / "tidegate" / "__init__.py").touch()
    (tmp_path / "tidegate" / module).write_text(line + "\n")
    ours = (ROOT / "pyproject.toml").read_text()
    assert "importlinter" in tomllib.loads(ours)["tool"]
    (tmp_path / "pyproject.toml").write_text(ours)
    program = "import sys; sys.path.insert(0, '.'); from importlinter.cli import *; "
    command = [sys.executable, "-c", program + "lint_imports_command()", "--no-cache"]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)


def test_an_empty_house_keeps_the_contracts(tmp_path: Path):
    done = lint(tmp_path, module="core/phases.py", line="from tidegate import api")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("core/phases.py", "import time"),
        ("core/phases.py", "from random import random"),
        ("core/phases.py", "import asyncio"),
        ("core/phases.py", "import logging"),
        ("api/rollout.py", "import kopf"),
        ("api/rollout.py", "import kubernetes.client"),
        ("core/phases.py", "from aiohttp import ClientSession"),
        ("api/rollout.py", "from tidegate import core"),
        ("core/phases.py", "from tidegate import ports"),
        ("ports/cluster.py", "from tidegate import adapters"),
        ("views/events.py", "from tidegate import adapters"),
        ("views/events.py", "from tidegate import rehearsal"),
        ("rehearsal/world.py", "from tidegate import adapters"),
        ("rehearsal/playing.py", "import random"),
        ("adapters/istio.py", "from tidegate import controller"),
        ("controller/loop.py", "from tidegate import cli"),
    ],
)
def test_a_forbidden_import_is_caught(tmp_path: Path, module: str, line: str):
    done = lint(tmp_path, module=module, line=line)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout
