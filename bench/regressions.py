"""`python -m bench.regressions`: how soon a release that fails twice as often is sent back.

On the sandbox at level traffic: stable fails 1 % of its requests, the release 2 %, it gets 10 % of
200 requests a second, and a guard with `test: sequential` looks after every window of 4 s. Figures
are of this machine; nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from demo.manifests import App, Object, Shop
from demo.stage import Stage
from sandbox import Sandbox

STABLE_FAILS, CANARY_FAILS = 0.01, 0.02
WEIGHT_PERCENT = 10
RUN_S = 1200.0
WARM_UP_REQUESTS, WARM_UP_S = 400, 30.0
GUARD: Object = {
    "metric": "error-rate",
    "interval": "4s",
    "compare": {"to": "stable", "test": "sequential", "margin": 1},
}
LONG: Object = {"name": "ten", "weight": WEIGHT_PERCENT, "hold": "1h"}


def detection_s(stage: Stage, shop: Shop, number: int) -> tuple[float, float]:
    """Seconds from the first weight to Reverted, and the canary's requests until then."""
    stage.release(shop, App(f"worse-{number}", fail_share=CANARY_FAILS))
    stage.await_weight(shop, WEIGHT_PERCENT, deadline_s=RUN_S)
    began = time.monotonic()
    status: dict[str, Any] = stage.await_state(shop, "Reverted", deadline_s=RUN_S)
    took_s = time.monotonic() - began
    print(f"run {number}: {took_s:.0f} s; {status['message']}", flush=True)
    return took_s, status["evidence"][0]["totals"][0]


def main() -> None:
    """Run it again and again and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="releases (default 7)")
    asked = parser.parse_args()
    cluster = Sandbox.up("traffic", f"bench-{os.getpid()}", owner_pid=os.getpid())
    stage = Stage(cluster, Path(tempfile.mkdtemp(prefix="tidegate-bench-")))
    shop = Shop(name="bench", phases=(LONG,), extra={"guards": [GUARD]})
    try:
        stage.set_up()
        stage.open(shop, App("v1", fail_share=STABLE_FAILS))
        stage.await_served(shop)
        with stage.load(shop, "bench") as load:
            load.await_records(WARM_UP_REQUESTS, WARM_UP_S)
            found = [detection_s(stage, shop, number) for number in range(asked.runs)]
            load.stop()
        times = sorted(took_s for took_s, _ in found)
        requests = sorted(count for _, count in found)
        print("| what | runs | least | median | most |\n| --- | --- | --- | --- | --- |")
        for what, values in (("seconds at weight 10", times), ("canary requests", requests)):
            middle = statistics.median(values)
            print(f"| {what} | {len(values)} | {values[0]:.0f} | {middle:.0f} | {values[-1]:.0f} |")
    finally:
        stage.operator.stop()
        cluster.down()


if __name__ == "__main__":
    main()
