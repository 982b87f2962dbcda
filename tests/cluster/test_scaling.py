"""Sizes in the middle of a run on a real API server: `/scale`, and pods that follow the traffic."""

from __future__ import annotations

import json

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox.waiting import wait_until
from tests.cluster.places import condition, history_ended, opened, quick_shop, routes_of

pytestmark = pytest.mark.api

HELD = ({"name": "half", "weight": 50, "hold": "1h"},)
SHIFT = {"capacity": {"mode": "shift", "headroom": "0%"}}


def _sizes(stage: Stage, shop: Shop) -> dict[str, int]:
    """Wanted pods by revision, without empty ReplicaSets."""
    found = stage.cluster.get("replicasets", "-n", shop.namespace)["items"]
    label = "tidegate.io/revision"
    sizes = {body["metadata"]["labels"][label]: body["spec"]["replicas"] for body in found}
    return {name: size for name, size in sizes.items() if size}


def _scale(stage: Stage, shop: Shop, replicas: int) -> None:
    target = ("rollouts.tidegate.io", shop.name, "-n", shop.namespace)
    stage.cluster.kubectl("scale", *target, f"--replicas={replicas}")


def _await_sizes(stage: Stage, shop: Shop, stable: int, canary: int) -> None:
    def there() -> bool:
        status = stage.status(shop)
        expected = {status.get("stableRevision"): stable, status.get("canaryRevision"): canary}
        return _sizes(stage, shop) == expected

    wait_until(there, 30, f"{stable} stable pods and {canary} of the canary")


def _selected(stage: Stage, shop: Shop) -> str:
    """The pods that an autoscaler looks at."""
    path = f"/apis/tidegate.io/v1alpha1/namespaces/{shop.namespace}/rollouts/{shop.name}/scale"
    selector: str = json.loads(stage.cluster.kubectl("get", "--raw", path))["status"]["selector"]
    return selector


def test_a_larger_size_is_carried_out_and_a_smaller_one_waits(stage: Stage) -> None:
    """Both sides grow in the run; what an autoscaler asks for less is said and comes later."""
    shop = quick_shop(phases=HELD, replicas=4)
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 50, deadline_s=30)
        _scale(stage, shop, 6)
        _await_sizes(stage, shop, 6, 3)
        stable = stage.status(shop)["stableRevision"]
        assert _selected(stage, shop) == f"app=shop,tidegate.io/revision={stable}"
        stage.await_status(shop, "kept", lambda s: s["run"].get("minReplicas") == 6, deadline_s=30)
        _scale(stage, shop, 2)
        said = "the smaller size of 2 waits for the end of the run"
        stage.await_status(shop, "said", lambda s: said in s.get("message", ""), deadline_s=30)
        assert sorted(_sizes(stage, shop).values()) == [3, 6]
        stage.act(shop, "promote", "all well")
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        assert status["lastRun"]["keptReplicas"] == 6
        assert _sizes(stage, shop)[status["stableRevision"]] == 6


def test_stable_pods_follow_the_traffic_there_and_back(stage: Stage) -> None:
    shop = quick_shop(phases=HELD, replicas=4, extra=SHIFT)
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        _await_sizes(stage, shop, 2, 2)
        assert stage.status(shop)["weight"] == 50
        stage.act(shop, "abort", "enough")
        status = stage.await_state(shop, "Reverted", deadline_s=30)
        wait_until(
            lambda: _sizes(stage, shop) == {status["stableRevision"]: 4}, 30, "all stable pods"
        )
        weights = [r["weight"] for r in routes_of(stage, shop)["http"][1]["route"]]
        assert weights == [100, 0]


def test_shifted_pods_are_all_there_after_a_promotion(stage: Stage) -> None:
    phases = (
        {"name": "half", "weight": 50, "hold": "2s"},
        {"name": "most", "weight": 90, "hold": "2s"},
        {"name": "ten", "weight": 10, "hold": "500ms"},
    )
    shop = quick_shop(phases=phases, replicas=4, extra=SHIFT)
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        assert _sizes(stage, shop)[status["stableRevision"]] == 4
        assert "StableShrunk" in stage.describe(shop)


@pytest.mark.parametrize("then", ["hold", "pause", "revert"])
def test_a_phase_that_takes_too_long(stage: Stage, then: str) -> None:
    """It is Stalled and goes on once it passes, is paused, or is sent back; people are told."""
    late = {"name": "ten", "weight": 10, "hold": "1s", "deadline": "3s", "onTimeout": then}
    shop = quick_shop(phases=(late,), settle="6s")
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        if then == "hold":
            stalled = stage.await_status(
                shop, "stalled", lambda s: condition(s, "Stalled") != {}, deadline_s=60
            )
            assert condition(stalled, "Stalled")["reason"] == "PhaseDeadlineExceeded"
            stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=90)
        elif then == "pause":
            status = stage.await_state(shop, "Paused", deadline_s=60)
            assert status["pause"]["by"] == "deadline of phase ten"
            stage.act(shop, "skip", "seen enough")
            stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=90)
        else:
            status = stage.await_state(shop, "Reverted", deadline_s=60)
            assert status["lastRun"]["reason"] == "PhaseDeadlineExceeded"
        wait_until(
            lambda: "its deadline of 3s" in stage.describe(shop), 20, "an event about the deadline"
        )


def test_skip_ends_a_phase_and_may_go_to_a_later_one(stage: Stage) -> None:
    phases = (
        {"name": "ten", "weight": 10, "hold": "1h"},
        {"name": "half", "weight": 50, "hold": "1h"},
        {"name": "most", "weight": 90, "hold": "1h"},
        {"name": "all", "weight": 100, "hold": "1h"},
    )
    shop = quick_shop(phases=phases)
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        stage.act(shop, "skip", "seen enough")
        stage.await_weight(shop, 50, deadline_s=30)
        stage.act(shop, "skip", "and of these", phase="all")
        stage.await_weight(shop, 100, deadline_s=30)
        stage.act(shop, "skip", "and of this")
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        told = [(e["what"], e["reason"]) for e in status["lastRun"]["history"]]
        skipped = [what for what, reason in told if reason == "PhaseSkipped"]
        assert skipped == ["ten", "half", "most", "all"]
