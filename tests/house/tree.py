"""The files of this repository, as its own rules see them.

Everything that Git tracks, and everything new that it would track, belongs to the tree. Without
Git (an unpacked archive) the folder is walked, less what the tools leave behind.
"""

import io
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON_TREES = ("operator", "sandbox", "demo", "bench", "build", "tests")
LEFT_BY_TOOLS = {".git", ".venv", "__pycache__", "dist", "htmlcov"}


@cache
def files() -> tuple[Path, ...]:
    """Every file of the tree that exists now, in a stable order."""
    listed = _listed_by_git() or _walked()
    return tuple(sorted(path for path in listed if path.is_file() and not path.is_symlink()))


@cache
def python_files() -> tuple[Path, ...]:
    """Every Python file we write ourselves."""
    return tuple(
        path
        for path in files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PYTHON_TREES
    )


def short(path: Path) -> str:
    """The path as a person in the repository would type it."""
    return path.relative_to(ROOT).as_posix()


def text(path: Path) -> str | None:
    """The file as text, or None when it is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """Each comment with its line number; what stands in strings is not a comment."""
    source = io.StringIO(path.read_text(encoding="utf-8"))
    for token in tokenize.generate_tokens(source.readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _listed_by_git() -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


def _walked() -> list[Path]:
    return [
        path
        for path in ROOT.rglob("*")
        if not LEFT_BY_TOOLS & set(path.relative_to(ROOT).parts) and not path.name.startswith(".")
    ]
