"""`python -m bench.verdicts`: false reverts and missed regressions of several rules.

Simulated; the same seed gives the same tables. Nothing is asserted.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np

from bench.verdicts.rules import RULES
from bench.verdicts.scenarios import (
    HARMLESS,
    LOOKS,
    SHAKEN,
    SHAKEN_WORSE,
    WORSE,
    Scenario,
    Shocks,
)

Cell = Callable[[Sequence[int | None]], str]


def _percent(part: float) -> str:
    """Two digits that count, whether the part is large or small."""
    return f"{100 * part:.0f} %" if part == 0.0 or part >= 0.095 else f"{100 * part:.2g} %"


def reverted(looks: Sequence[int | None]) -> str:
    """How many of the runs went back."""
    return _percent(sum(look is not None for look in looks) / len(looks))


def missed(looks: Sequence[int | None]) -> str:
    """How many did not, and the median look of those that did."""
    found = [look for look in looks if look is not None]
    part = _percent(1.0 - len(found) / len(looks))
    return f"{part}, {median(found):g}" if found else part


def named(scenario: Scenario) -> str:
    """The first cell of a row."""
    words = [f"{100 * scenario.rate:g} %"]
    if scenario.times != 1.0:
        words.append(f"→ {100 * scenario.canary_rate:g} %")
    words.append(f"of {scenario.requests:,}")
    if scenario.shocks is Shocks.SHARED:
        words.append(f"; shared shocks, shape {scenario.shape:g}")
    elif scenario.shocks is Shocks.OWN:
        words.append(f"; own bursts, shape {scenario.shape:g}")
    return " ".join(words).replace(" ;", ";")


def table(
    title: str, scenarios: Sequence[Scenario], cell: Cell, *, runs: int, seed: int
) -> list[str]:
    """Lines of Markdown; each run of each scenario has dice of its own."""
    lines = [f"| {title} | " + " | ".join(RULES) + " |", "| --- " * (len(RULES) + 1) + "|"]
    for at, scenario in enumerate(scenarios):
        looks: dict[str, list[int | None]] = {name: [] for name in RULES}
        for run in range(runs):
            windows = scenario.windows(np.random.default_rng([seed, at, run]))
            for name, rule in RULES.items():
                looks[name].append(rule(windows))
        cells = " | ".join(cell(looks[name]) for name in RULES)
        lines.append(f"| {named(scenario)} | {cells} |")
    return lines


def main() -> None:
    """Play all scenarios and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4_000, help="of each row (default 4,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the dice (default 1)")
    asked = parser.parse_args()
    print(f"{asked.runs:,} runs a row, seed {asked.seed}, {LOOKS} looks a run.")
    for title, scenarios, cell in (
        ("no change: reverted by mistake", HARMLESS, reverted),
        ("no change, but shocks: reverted by mistake", SHAKEN, reverted),
        ("worse: missed, median look", WORSE, missed),
        ("worse, and shocks: missed, median look", SHAKEN_WORSE, missed),
    ):
        lines = table(title, scenarios, cell, runs=asked.runs, seed=asked.seed)
        print("\n" + "\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
