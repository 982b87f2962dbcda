"""Signals of pods on a real API server, by an operator that knows no metrics server at all."""

from __future__ import annotations

from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from tests.cluster.looks import annotated, pods_of, recorded, weights
from tests.cluster.places import history_ended, opened, quick_shop
from tidegate.api.constants import KUBERNETES_TEMPLATES

pytestmark = pytest.mark.api

CRASHES = {"sandbox.tidegate.io/ready": "crash"}
LONG = ({"name": "half", "weight": 50, "replicas": 2, "hold": "1h"},)


def shop_with(*guards: dict[str, Any], phases: Any = LONG) -> Shop:
    """A shop with every template of pods as a metric, and these guards."""
    metrics = [{"name": name, "template": name} for name in sorted(KUBERNETES_TEMPLATES)]
    watched = [{"interval": "1s"} | guard for guard in guards]
    return quick_shop(phases=phases, extra={"metrics": metrics, "guards": watched})


def crash(stage: Stage, shop: Shop, pod: str) -> None:
    """From now on that pod crashes."""
    words = [f"{key}={value}" for key, value in CRASHES.items()]
    stage.cluster.kubectl("annotate", "pod", pod, "-n", shop.namespace, *words)


def in_the_phase(stage: Stage, shop: Shop) -> list[str]:
    """Release v2 and wait for its share; returns the canary's pods."""
    stage.release(shop, App("v2"))
    status = stage.await_weight(shop, 50, deadline_s=60)
    return pods_of(stage, shop, status["canaryRevision"])


def test_pods_that_are_well_are_promoted_under_every_guard_at_once(stage: Stage) -> None:
    short = tuple(phase | {"hold": "2s"} for phase in LONG)
    shop = shop_with(
        *({"metric": name, "max": 0} for name in sorted(KUBERNETES_TEMPLATES)), phases=short
    )
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        status = stage.await_weight(shop, 50, deadline_s=60)
        assert [check["verdict"] for check in status["checks"]] == ["pass"] * 5
        assert {check["samples"] for check in status["checks"]} == {2.0}
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)


@pytest.mark.parametrize("metric", ["kube-crash-loops", "kube-restarts"])
def test_one_pod_that_crashes_sends_the_release_back_and_is_named(
    stage: Stage, metric: str
) -> None:
    shop = shop_with({"metric": metric, "max": 0})
    with opened(stage, shop):
        bad, _ = in_the_phase(stage, shop)
        crash(stage, shop, bad)
        status = stage.await_status(shop, "back", history_ended(1, "Reverted"), deadline_s=30)
        assert f"guard {metric} is" in status["lastRun"]["message"]
        assert status["lastRun"]["message"].endswith(f": pod {bad}")
        assert weights(stage, shop) == [100, 0]
        recorded(stage, shop, 1, "Reverted", "GuardBreached")


def test_pods_that_crash_from_the_start_go_back_before_any_request(stage: Stage) -> None:
    """No wait for the progress deadline, which is ten minutes."""
    shop = shop_with({"metric": "kube-crash-loops", "max": 0})
    with opened(stage, shop):
        stage.cluster.apply(annotated(shop, "v2", CRASHES))
        status = stage.await_status(shop, "back", history_ended(1, "Reverted"), deadline_s=60)
        assert "guard kube-crash-loops is" in status["lastRun"]["message"]
        reasons = [entry["reason"] for entry in status["lastRun"]["history"]]
        assert "PhaseStarted" not in reasons


def test_one_bad_pod_is_told_and_spared_until_a_second_one_is_bad(stage: Stage) -> None:
    shop = shop_with({"metric": "kube-crash-loops", "max": 0, "minPods": 2})
    with opened(stage, shop):
        first, second = sorted(in_the_phase(stage, shop))
        crash(stage, shop, first)

        def told(status: dict[str, Any]) -> bool:
            (check,) = status["checks"]
            return bool(check["verdict"] == "pass" and check.get("value") == 1.0)

        status = stage.await_status(shop, "one bad pod told", told, deadline_s=30)
        assert status["checks"][0]["detail"] == f"pod {first}, fewer than minPods 2"
        assert status["weight"] == 50
        crash(stage, shop, second)
        status = stage.await_status(shop, "back", history_ended(1, "Reverted"), deadline_s=30)
        assert status["lastRun"]["message"].endswith(f": pods {first}, {second}")
