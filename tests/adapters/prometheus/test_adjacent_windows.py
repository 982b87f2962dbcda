"""Windows side by side never count an increment twice, by Prometheus' own engine.

Counters, failed scrapes and resets are drawn with a seed; `promtool test rules` evaluates what
`counting.latest` writes at every window's end and adds it up.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tidegate.adapters.prometheus.counting import latest

pytestmark = [
    pytest.mark.prometheus,
    pytest.mark.skipif(
        shutil.which("promtool") is None,
        reason="no promtool on the PATH; on Debian: apt-get install prometheus",
    ),
]

SEED = 20261130
SERIES = 100
LENGTH_S, FIRST_S = 200, 40
"""Seconds that a counter is scripted for, and the second at which the first window begins."""


@dataclass(frozen=True)
class Scripted:
    """One counter as it is scraped: the values, whether its target was up, and what is true."""

    values: str
    up: str
    most: int
    """Events from the last scrape before the first window on: no sum may be larger."""


def scripted(draw: random.Random) -> Scripted:
    every_s = draw.choice([1, 2, 5, 7, 15])
    born_s = draw.choice([0, 0, 0, draw.randrange(LENGTH_S)])
    fails, resets = draw.choice([0.0, 0.1, 0.4]), draw.choice([0.0, 0.01, 0.05])
    counter, events, before = draw.choice([0, 1000]) if born_s == 0 else 0, 0, 0
    values, ups = [], []
    for second in range(LENGTH_S + 1):
        if second >= born_s:
            counter = 0 if draw.random() < resets else counter
            new = draw.choice([0, 0, 1, 5])
            counter, events = counter + new, events + new
        if second % every_s:
            values.append("_")
            ups.append("_")
            continue
        failed = draw.random() < fails
        ups.append("0" if failed else "1")
        values.append("stale" if failed else str(counter) if second >= born_s else "_")
        if not failed and second <= FIRST_S:
            before = events if second >= born_s else 0
    return Scripted(" ".join(values), " ".join(ups), events - before)


def checked(
    number: int, one: Scripted, window_s: int, *, counted_s: int | None = None
) -> dict[str, object]:
    """A test of promtool: the windows from FIRST_S to the end count no more than there was.

    `counted_s` is how far back each of them looks: its length, unless a test wants it wrong.
    """
    span_s = (LENGTH_S - FIRST_S) // window_s * window_s
    counted = f"sum({latest('c', f'{counted_s or window_s}s')})"
    # A subquery is open or closed on its left by version; one window less is right for both.
    total = f"sum_over_time(({counted})[{span_s - window_s}s:{window_s}s] @ {FIRST_S + span_s})"
    labels = '{job="shop",instance="a"}'
    return {
        "name": f"series {number}",
        "interval": "1s",
        "input_series": [
            {"series": f"c{labels}", "values": one.values},
            {"series": f"up{labels}", "values": one.up},
        ],
        "promql_expr_test": [
            {
                "expr": f"({total} or vector(0)) <= bool {one.most}",
                "eval_time": f"{LENGTH_S}s",
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
        ],
    }


def judged(folder: Path, tests: list[dict[str, object]]) -> str:
    """What promtool has against these tests; "" when they all pass."""
    file = folder / "windows.json"  # JSON is YAML
    file.write_text(json.dumps({"evaluation_interval": "1s", "tests": tests}))
    done = subprocess.run(
        ["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[-2000:] or "no word"


@pytest.mark.parametrize("window_s", [1, 5, 10, 20])
def test_windows_side_by_side_count_no_increment_twice(tmp_path, window_s):
    print(f"seed {SEED}")
    draw = random.Random(SEED + window_s)
    tests = [checked(number, scripted(draw), window_s) for number in range(SERIES)]
    assert judged(tmp_path, tests) == ""


def test_windows_that_overlap_would_be_found(tmp_path):
    steady = Scripted("0+1x200", "1x200", LENGTH_S - FIRST_S)
    assert judged(tmp_path, [checked(1, steady, 10)]) == ""
    assert judged(tmp_path, [checked(1, steady, 10, counted_s=20)]) != ""
