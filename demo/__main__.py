"""`python -m demo`: a real cluster, a good release, a bad one, and the figures."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from demo.manifests import App, Shop
from demo.report import Outcome, measure, sentences, table
from demo.stage import Stage
from demo.view import View
from sandbox import Cluster, Sandbox, SandboxError, external, traffic_missing

NAME = "demo"
PHASES = (
    {
        "name": "canary-10",
        "weight": 10,
        "hold": "15s",
        "gates": [
            {"metric": "latency-p95", "max": 0.5},
            {"metric": "requests", "min": 1, "for": "5s"},
        ],
    },
    {"name": "half", "weight": 50, "hold": "15s"},
)
GOOD, BAD = App("v2"), App("v3-bad", fail_share=0.3)
RUN_S, DRAIN_S = 120.0, 90.0
WARM_UP_REQUESTS = 400
WARM_UP_S = 30.0


def main() -> int:
    """Play the demo; 0 when both releases went as they should, 1 when not, 2 when it cannot run."""
    keep = os.environ.get("KEEP") == "1"
    choice = os.environ.get("CLUSTER", "")
    missing = [] if choice else traffic_missing()
    if missing:
        _say_missing(missing)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="tidegate-demo-"))
    try:
        cluster = _cluster(choice, keep=keep)
    except SandboxError as error:
        print(f"The cluster did not start: {error}")
        return 2
    stage = Stage(cluster, folder)
    try:
        outcome = play(stage)
    except SandboxError as error:
        print(f"The demo stopped: {error}\nThe operator's log: {stage.operator.log_file}")
        return 1
    finally:
        if keep:
            _explain(cluster, stage)
        else:
            stage.operator.stop()
            cluster.down()
    if not keep and outcome.as_it_should:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if outcome.as_it_should else 1


def _cluster(choice: str, *, keep: bool) -> Cluster:
    """The cluster that CLUSTER asks for, or a sandbox that ends with us unless it is to be kept."""
    if choice:
        return external.up(choice, NAME)
    return Sandbox.up(level="traffic", name=NAME, owner_pid=None if keep else os.getpid())


def _say_missing(missing: list[str]) -> None:
    print("The demo makes a small real cluster on this machine. What is missing for that:")
    for sentence in missing:
        print(f"  - {sentence}")
    print(
        "Another cluster will do: CLUSTER=KUBECONFIG (yours) or CLUSTER=kind (made with Docker), "
        "with Istio, a gateway and Prometheus in it; sandbox/README.md says how to name them."
    )
    if shutil.which("docker") is None:
        print("Docker was not found here, so CLUSTER=kind would not work either.")


def play(stage: Stage) -> Outcome:
    """Both releases under load. Raises SandboxError when the cluster or the operator fails."""
    shop = Shop(phases=PHASES)
    view = View(stage, shop)
    view.say("installing the CRDs, the operator's rights and the operator")
    stage.set_up()
    view.say("deploying version v1 with 4 pods behind the Envoy gateway")
    stage.open(shop, App("v1"))
    stage.await_served(shop)
    with stage.routes(shop) as routes, stage.load(shop, "load") as load:
        load.await_records(WARM_UP_REQUESTS, WARM_UP_S)
        view.say("200 requests a second are running; releasing v2, a good version")
        began = time.monotonic()
        stage.release(shop, GOOD)
        promoted = view.watch_until(load, lambda s: s["state"] == "Healthy" and _ran(s, 1), RUN_S)
        good_s = time.monotonic() - began
        view.say(f"v2 {'is promoted' if promoted else 'was NOT promoted'} after {good_s:.1f} s")
        stage.await_old_pods_gone(shop, deadline_s=DRAIN_S)
        view.say("the old pods are gone; releasing v3-bad, which fails 30 % of its requests")
        stage.release(shop, BAD)
        reverted = view.watch_until(load, lambda s: s["state"] == "Reverted", RUN_S)
        view.say(f"v3-bad {'was sent back' if reverted else 'was NOT sent back'}")
        load.stop()
        outcome = measure(
            load.records(),
            routes,
            bad_version=BAD.version,
            good_s=good_s,
            promoted=promoted,
            reverted=reverted,
        )
    _print(view, stage, shop, outcome)
    return outcome


def _ran(status: dict[str, object], number: int) -> bool:
    last = status.get("lastRun")
    return isinstance(last, dict) and last["number"] == number and last["outcome"] == "Promoted"


def _print(view: View, stage: Stage, shop: Shop, outcome: Outcome) -> None:
    described = stage.describe(shop)
    status = (
        described[described.index("\nStatus:") + 1 :] if "\nStatus:" in described else described
    )
    view.console.rule("kubectl describe rollouts.tidegate.io shop (from Status on)")
    view.console.print(status, markup=False)
    view.console.rule("figures")
    view.console.print(table(outcome))
    for sentence in sentences(outcome):
        view.console.print(sentence)


def _explain(cluster: Cluster, stage: Stage) -> None:
    print(
        f"\nEverything is left up (operator: process {stage.operator.pid}, "
        f"log {stage.operator.log_file}). To look around:\n"
        f'  eval "$(.venv/bin/python -m sandbox env --name {NAME})"\n'
        "  kubectl get rollouts.tidegate.io -A -o wide\n"
        "  .venv/bin/tidegate status shop -n demo -w\n"
        f"  curl -H 'Host: shop.demo.example' {cluster.gateway_url}\n"
        "To stop:\n"
        f"  kill {stage.operator.pid}; .venv/bin/python -m sandbox down --name {NAME}"
    )


if __name__ == "__main__":
    sys.exit(main())
