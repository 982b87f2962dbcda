"""Random scenarios under random faults until the time is up: `make soak MINUTES=n SEED=s`.

Every trial is judged as in the tests, and prints what repeats it. Ends with 1 if anything was
wrong.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from demo.operator_process import install_crds
from sandbox import Sandbox
from tests.faults.arena import Arena
from tests.faults.budget import PARALLEL, side_by_side
from tests.faults.crashes import CrashPoint, points_of, strike
from tests.faults.disturbances import DISTURBANCES
from tests.faults.judging import References, judged
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.observer.observer import watching

CRASH_SHARE = 0.5
"""Of all trials; the others have an API fault."""
CRASHES_MAX = 3
REVERT_BUDGET_S = 45.0


class Soak:
    """Draws one trial after the other; the same seed draws the same ones."""

    def __init__(self, arena: Arena, seed: int, minutes: float) -> None:
        self._arena = arena
        self._references = References(arena)
        self._seed = seed
        self._minutes = minutes
        self._end_s = 0.0
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self.counts: Counter[str] = Counter()

    def run(self) -> None:
        """Keep some trials going until the time is up."""
        for scenario in SCENARIOS:
            self._references.of(scenario)
        self._end_s = time.monotonic() + 60 * self._minutes
        side_by_side(self._keep_trying, range(PARALLEL))

    def _keep_trying(self, worker: int) -> None:
        while time.monotonic() < self._end_s:
            with self._lock:
                number = next(self._numbers)
            self._try(number, random.Random(f"{self._seed}:{number}"))

    def _try(self, number: int, dice: random.Random) -> None:
        scenario = dice.choice([one for one in SCENARIOS if one.installed])
        crash = dice.random() < CRASH_SHARE
        what, told = (self._crash if crash else self._fault)(scenario, dice)
        with self._lock:
            self.counts["crashes" if crash else "faults"] += 1
            self.counts["violations"] += bool(told)
            print(f"{number:5} {scenario}: {what}: {'; '.join(told) or 'as ever'}", flush=True)

    def _crash(self, scenario: Scenario, dice: random.Random) -> tuple[str, tuple[str, ...]]:
        reference = self._references.of(scenario)
        known = list(points_of(reference.writes))
        first = dice.choice(known)
        more = [
            CrashPoint(one.label, 1, one.side)
            for one in dice.choices(known, k=dice.randrange(CRASHES_MAX))
        ]
        struck = strike(self._arena, scenario, reference, (first, *more))
        return "killed " + " then ".join(map(str, struck.points)), struck.violations

    def _fault(self, scenario: Scenario, dice: random.Random) -> tuple[str, tuple[str, ...]]:
        disturbance = DISTURBANCES[dice.choice(sorted(DISTURBANCES))](dice)
        told = judged(self._arena, scenario, self._references.of(scenario), disturbance)
        return str(disturbance), tuple(told)


def main() -> int:
    """Read the options, run, and say what was run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"soak: {options.minutes:g} minutes, seed {seed}", flush=True)
    sandbox = Sandbox.up("api", f"soak-{os.getpid()}", owner_pid=os.getpid())
    folder = Path(tempfile.mkdtemp(prefix="tidegate-soak-"))
    try:
        install_crds(sandbox)
        arena = Arena(sandbox, folder)
        soak = Soak(arena, seed, options.minutes)
        with watching(
            sandbox, folder, revert_budget_s=REVERT_BUDGET_S, events_are_due=False
        ) as observer:
            soak.run()
            observer.catch_up()
            stand = [one for one in observer.objections if not observer.docket.explained(one)]
            for objection in stand:
                print(objection)
            soak.counts["objections"] += len(stand)
        arena.close()
    finally:
        root = sandbox.layout.root
        sandbox.down()
        shutil.rmtree(root, ignore_errors=True)
    told = ", ".join(f"{what} {count}" for what, count in sorted(soak.counts.items()))
    print(f"soak: {told}; repeat with SEED={seed}; logs in {folder}")
    return int(soak.counts["violations"] + soak.counts["objections"] > 0)


if __name__ == "__main__":
    sys.exit(main())
