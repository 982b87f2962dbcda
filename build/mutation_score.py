"""The mutation score of `core`: how many small changes of its source the core tests notice.

mutmut makes the changes and runs `tests/core` on each. It expects a `src` folder and leaves its own
files about, so it works on a copy. `make mutants` runs this; on an idle machine with two cores all
of it takes about half an hour, and `--sample 400` five minutes.

    python build/mutation_score.py [--sample N] [--keep FOLDER] [module …]

A sample is drawn from TIDEGATE_SEED, which is printed. With `--keep`, what was found out about
functions that have not changed since is not found out again.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = "src/tidegate/core/**/*.py"
SCORE_LEAST = 90.0
"""Percent of the changes that have to be noticed."""
WORKERS = 2

NOTICED = {1: "killed", 3: "killed", -24: "timeout", 24: "timeout", 36: "timeout", 152: "timeout"}
"""Exit codes of mutmut for a change that a test failed on, or never came back from."""
UNNOTICED = {0: "survived", 5: "no tests", 33: "no tests"}


@dataclass(frozen=True, slots=True)
class Score:
    """How the changes fared, and the names of those that nothing noticed."""

    counts: Counter[str]
    survivors: tuple[str, ...]

    @property
    def percent(self) -> float:
        """Those noticed, of all that were tried."""
        noticed = sum(self.counts[word] for word in set(NOTICED.values()))
        return 100.0 * noticed / (self.counts.total() or 1)

    def __str__(self) -> str:
        words = ", ".join(f"{n} {word}" for word, n in sorted(self.counts.items()))
        return f"{self.counts.total()} changes: {words}; score {self.percent:.1f} %"


def lay_out(folder: Path) -> None:
    """Copy what mutmut needs into the folder; what it kept there from before stays."""
    for name, source in (("src/tidegate", "operator/tidegate"), ("tests/core", "tests/core")):
        shutil.rmtree(folder / name, ignore_errors=True)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / source, folder / name, ignore=ignored)
    shutil.rmtree(folder / "mutants" / "tests", ignore_errors=True)
    shutil.copy(ROOT / "pyproject.toml", folder)


def mutmut(folder: Path, *arguments: str) -> None:
    """Run mutmut there."""
    # The tests, too, have to come from there: they are compared with the page beside them.
    subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=folder,
        env=os.environ | {"TIDEGATE_QUICK": "1", "PYTHONPATH": str(folder)},
        check=True,
    )


def results(folder: Path) -> dict[str, int | None]:
    """The exit code that mutmut kept of each change; None for those that were not tried."""
    found: dict[str, int | None] = {}
    for path in sorted((folder / "mutants").glob(MODULES + ".meta")):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


def score_of(codes: dict[str, int | None]) -> Score:
    """The score of the changes that were tried."""
    words = {
        name: (NOTICED | UNNOTICED).get(code, f"exit code {code}")
        for name, code in codes.items()
        if code is not None
    }
    missed = tuple(name for name, word in words.items() if word not in NOTICED.values())
    return Score(Counter(words.values()), missed)


def _sampled(folder: Path, size: int, patterns: list[str]) -> list[str]:
    """Names of that many changes; mutmut lists them only once it has made them."""
    mutmut(folder, "run", "--max-children", f"{WORKERS}", "tidegate.core.capacity.*")
    seed = int(os.environ.get("TIDEGATE_SEED") or random.SystemRandom().randrange(2**32))
    print(f"TIDEGATE_SEED={seed}", flush=True)
    known = results(folder)
    names = [n for n in known if any(fnmatch.fnmatch(n, pattern) for pattern in patterns)]
    return random.Random(seed).sample(names, min(size, len(names)))


def measure(folder: Path, modules: list[str], sample: int) -> Score:
    """Try the changes of those modules (all, if none is named), or a sample of them."""
    lay_out(folder)
    names = [f"tidegate.core.{module}.*" for module in modules]
    if sample:
        names = _sampled(folder, sample, names or ["*"])
    mutmut(folder, "run", "--max-children", f"{WORKERS}", *names)
    codes = results(folder)
    if names:
        wanted = tuple(names)
        codes = {n: c for n, c in codes.items() if any(fnmatch.fnmatch(n, w) for w in wanted)}
    return score_of(codes)


def main() -> int:
    """Measure, show the survivors and the score; 1 when it is too low."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", help="modules of core, e.g. revert; all if left out")
    parser.add_argument("--sample", type=int, default=0, help="try only so many changes")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        score = measure(folder, asked.modules, asked.sample)
        for name in score.survivors:
            subprocess.run([sys.executable, "-m", "mutmut", "show", name], cwd=folder, check=False)
    print(score)
    return 0 if score.percent >= SCORE_LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
