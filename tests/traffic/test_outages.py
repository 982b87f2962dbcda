"""What stands around a release breaks in the middle of it: it holds, and nobody notices."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox import Sandbox
from tests.traffic.scenes import STEPS, promoted, under_load

pytestmark = pytest.mark.traffic

PROMETHEUS_DOWN_S = 60.0
ISTIOD_STALLED_S = 90.0
KILLS = 10
DRAIN_MAX = "30s"
LONG_HOLD = "20s"
"""Prometheus has to be down, and its last answers too old, before a phase can end."""


def _sandbox(stage: Stage) -> Sandbox:
    assert isinstance(stage.cluster, Sandbox)
    return stage.cluster


def _blind(status: dict[str, Any]) -> bool:
    return any(
        condition["type"] == "MetricsAvailable" and condition["status"] == "False"
        for condition in status.get("conditions", ())
    )


def test_prometheus_gone_for_a_minute_only_holds_a_release(traffic_stage: Stage) -> None:
    """No data is neither a pass nor a fail: the release waits, says so, and goes on."""
    shop = Shop(name="blind", phases=({**STEPS[0], "hold": LONG_HOLD}, STEPS[1]))
    sandbox = _sandbox(traffic_stage)
    with under_load(traffic_stage, shop, App("v1")) as scene:
        traffic_stage.release(shop, App("v2"))
        traffic_stage.await_weight(shop, 10, deadline_s=60)
        sandbox.stop_server("prometheus")
        stopped = time.monotonic()
        try:
            traffic_stage.await_status(shop, "the blindness is said", _blind, deadline_s=40)
            weights_seen = set()
            while time.monotonic() - stopped < PROMETHEUS_DOWN_S:
                weights_seen.add(traffic_stage.status(shop).get("weight"))
                time.sleep(1)  # the length of the outage is the experiment
            assert weights_seen == {10}
        finally:
            sandbox.start_server("prometheus")
        traffic_stage.await_status(shop, "promoted", promoted(1), deadline_s=120)
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []


def test_prometheus_gone_for_good_ends_as_the_policy_says(traffic_stage: Stage) -> None:
    """One Rollout goes back by itself, the other waits for a person: nobody's request fails.

    Not even requests per revision can be counted any more: weights move at once, and the old
    pods stay as long as `drain.max` says.
    """
    phases = ({**STEPS[0], "hold": LONG_HOLD}, STEPS[1])
    back, wait = (
        Shop(
            name=f"gone-{then}",
            phases=phases,
            extra={
                "blind": {"after": "10s", "then": then},
                "drain": {"min": "2s", "max": DRAIN_MAX},
            },
        )
        for then in ("revert", "hold")
    )
    sandbox = _sandbox(traffic_stage)
    with (
        under_load(traffic_stage, back, App("v1")) as reverting,
        under_load(traffic_stage, wait, App("v1")) as holding,
    ):
        for shop in (back, wait):
            traffic_stage.release(shop, App("v2"))
        for shop in (back, wait):
            traffic_stage.await_weight(shop, 10, deadline_s=60)
        sandbox.stop_server("prometheus")
        try:
            traffic_stage.await_state(back, "Reverted", deadline_s=90)
            held = traffic_stage.await_status(wait, "the blindness is said", _blind, deadline_s=40)
            assert (held["state"], held["weight"]) == ("Progressing", 10)
            traffic_stage.act(wait, "abort", "nothing is measured")
            traffic_stage.await_state(wait, "Reverted", deadline_s=60)
            for shop in (back, wait):
                traffic_stage.await_old_pods_gone(shop, deadline_s=120)
            reasons = [traffic_stage.status(shop)["lastRun"]["reason"] for shop in (back, wait)]
        finally:
            sandbox.start_server("prometheus")
        assert reasons == ["MetricsBlind", "Aborted"]
        assert (reverting.failures(), holding.failures()) == ([], [])


def test_a_stalled_istiod_costs_no_request(traffic_stage: Stage) -> None:
    """Routes are written and nobody takes them up for 90 s: old pods stay until they are idle."""
    shop = Shop(name="stalled", phases=STEPS)
    sandbox = _sandbox(traffic_stage)
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, App("v2", exit="abrupt"))
        traffic_stage.await_weight(shop, 50, deadline_s=60)
        sandbox.signal("istiod", signal.SIGSTOP)
        stalled = time.monotonic()
        try:
            traffic_stage.await_status(
                shop,
                "the stall is said",
                lambda s: any(
                    c["type"] == "TrafficConverged" and c["status"] == "False"
                    for c in s.get("conditions", ())
                ),
                deadline_s=60,
            )
            while time.monotonic() - stalled < ISTIOD_STALLED_S:
                time.sleep(1)  # the length of the stall is the experiment
        finally:
            sandbox.signal("istiod", signal.SIGCONT)
        traffic_stage.await_status(shop, "promoted", promoted(1), deadline_s=120)
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []


@contextmanager
def _killed_at_random(stage: Stage, seed: int) -> Iterator[list[float]]:
    """SIGKILL and restart the operator at random moments until the block ends."""
    dice = random.Random(seed)
    over = threading.Event()
    kills: list[float] = []

    def kill() -> None:
        while not over.wait(dice.uniform(0.2, 5.0)) and len(kills) < KILLS:
            stage.operator.kill()
            kills.append(time.time())
            stage.operator.start()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield kills
    finally:
        over.set()
        thread.join(30)


def test_killing_the_operator_loses_nothing(traffic_stage: Stage) -> None:
    """SIGKILL at ten random moments of a release and of a revert: same end, no failed request."""
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    shop = Shop(name="killed", phases=STEPS)
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        with _killed_at_random(traffic_stage, seed) as kills:
            traffic_stage.release(shop, App("v2", exit="abrupt"))
            traffic_stage.await_status(shop, "promoted", promoted(1), deadline_s=180)
        print(f"{len(kills)} kills during the release")
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        with _killed_at_random(traffic_stage, seed + 1) as kills:
            traffic_stage.release(shop, App("v3-bad", fail_share=0.3, exit="abrupt"))
            traffic_stage.await_state(shop, "Reverted", deadline_s=180)
            traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        print(f"{len(kills)} kills during the revert")
        assert scene.failures(but_of="v3-bad") == []
        status = traffic_stage.status(shop)
        assert status["lastRun"]["outcome"] == "Reverted"
        assert status["weight"] == 0
