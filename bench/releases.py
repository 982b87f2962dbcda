"""`python -m bench.releases`: how fast a bad release is gone, an abort takes, a clean one goes.

On the sandbox at level traffic: 4 pods, 200 requests/s through stock Envoy, scrapes every 2 s,
guard interval 1 s, the settings of the demo. Figures are of this machine; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from demo.manifests import App, Shop
from demo.routes import RouteWatch
from demo.stage import Stage
from sandbox import Load, Sandbox

TEN = {"name": "ten", "weight": 10, "hold": "20s"}
HALF = {"name": "half", "weight": 50, "hold": "20s"}
LONG = {"name": "ten", "weight": 10, "hold": "1h"}
RUN_S = 120.0
WARM_UP_REQUESTS, WARM_UP_S = 400, 30.0


def _row(what: str, values: Sequence[float], unit: str) -> str:
    ordered = sorted(values)
    median = statistics.median(ordered)
    low, high = ordered[0], ordered[-1]
    return f"| {what} | {len(ordered)} | {low:.2f} | {median:.2f} | {high:.2f} | {unit} |"


def bad_releases(stage: Stage, shop: Shop, routes: RouteWatch, load: Load, runs: int) -> list[str]:
    """30 % errors at 10 % of the traffic, again and again."""
    gone_s, answers = [], []
    for number in range(runs):
        version = f"bad-{number}"
        stage.release(shop, App(version, fail_share=0.3))
        stage.await_state(shop, "Reverted", deadline_s=RUN_S)
        bad = [r for r in load.records() if r.version == version and r.failed]
        first_s = min(r.sent_at_s + r.latency_ns / 1e9 for r in bad)
        zero_s = routes.zero_after(first_s)
        if zero_s is not None:
            gone_s.append(zero_s - first_s)
        answers.append(float(len(bad)))
    return [
        _row("bad release: first bad answer to weight 0", gone_s, "s"),
        _row("bad release: bad answers served", answers, "requests"),
    ]


def aborts(stage: Stage, shop: Shop, routes: RouteWatch, runs: int) -> list[str]:
    """From the moment the API server has the RolloutAction to the route write, as seen by watch."""
    took_s = []
    held = shop.with_(phases=(LONG,))
    for number in range(runs):
        stage.release(held, App(f"aborted-{number}"))
        stage.await_weight(held, 10, deadline_s=RUN_S)
        asked_s = time.time()
        stage.act(held, "abort", "measuring")
        stage.await_state(held, "Reverted", deadline_s=RUN_S)
        zero_s = routes.zero_after(asked_s)
        if zero_s is not None:
            took_s.append(zero_s - asked_s)
    return [_row("abort: kubectl starts to weight 0 (kubectl itself included)", took_s, "s")]


def _ended(before: int, status: dict[str, Any]) -> bool:
    return status.get("state") == "Healthy" and int(status.get("lastRunNumber", 0)) > before


def clean_releases(stage: Stage, shop: Shop, runs: int) -> list[str]:
    """10 → 50 → 100 with holds of 20 s each: 40 s of pure holding."""
    took_s = []
    for number in range(runs):
        before = stage.status(shop).get("lastRunNumber", 0)
        began = time.monotonic()
        stage.release(shop, App(f"clean-{number}"))
        stage.await_status(
            shop,
            "promoted",
            partial(_ended, before),
            deadline_s=RUN_S,
        )
        took_s.append(time.monotonic() - began)
        stage.await_old_pods_gone(shop, deadline_s=RUN_S)
    return [_row("clean release: apply to Healthy (pure holds: 40 s)", took_s, "s")]


def main() -> None:
    """Run all three and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bad", type=int, default=10, help="bad releases (default 10)")
    parser.add_argument("--aborts", type=int, default=5, help="aborts (default 5)")
    parser.add_argument("--clean", type=int, default=3, help="clean releases (default 3)")
    asked = parser.parse_args()
    cluster = Sandbox.up("traffic", f"bench-{os.getpid()}", owner_pid=os.getpid())
    stage = Stage(cluster, Path(tempfile.mkdtemp(prefix="tidegate-bench-")))
    shop = Shop(name="bench", phases=(TEN, HALF))
    try:
        stage.set_up()
        stage.open(shop, App("v1", exit="abrupt"))
        stage.await_served(shop)
        with stage.routes(shop) as routes, stage.load(shop, "bench") as load:
            load.await_records(WARM_UP_REQUESTS, WARM_UP_S)
            rows = bad_releases(stage, shop, routes, load, asked.bad)
            rows += aborts(stage, shop, routes, asked.aborts)
            rows += clean_releases(stage, shop, asked.clean)
            load.stop()
            other = [r for r in load.records() if r.failed and not r.version.startswith("bad-")]
        print(
            "| what | runs | least | median | most | unit |\n| --- | --- | --- | --- | --- | --- |"
        )
        print("\n".join(rows))
        print(f"\nOther failed requests: {len(other)} of {len(load.records())}")
        print(json.dumps([other[i].error for i in range(min(5, len(other)))]))
    finally:
        stage.operator.stop()
        cluster.down()


if __name__ == "__main__":
    main()
