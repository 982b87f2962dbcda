"""Canary, then green at full size, under live traffic: after a pre-flight, there and back."""

from __future__ import annotations

from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from tests.traffic.scenes import promoted, under_load

pytestmark = pytest.mark.traffic

PHASES = (
    {"name": "canary-5", "weight": 5, "hold": "4s"},
    {"name": "canary-20", "weight": 20, "replicas": 2, "hold": "5s"},
    {"name": "green-50", "weight": 50, "replicas": "100%", "hold": "4s"},
    {"name": "green-100", "weight": 100, "hold": "3s"},
)
"""The two hours of the document of `examples/hybrid-full` in some seconds."""
BEFORE = {
    "gates": [
        {"metric": "cluster-cpu", "max": 0.7, "for": "2s", "interval": "1s"},
        {"metric": "monitoring-up", "min": 1, "interval": "1s"},
    ],
    "approval": {"required": 2},
}
OF_CLUSTER = (
    {"name": "cluster-cpu", "query": "vector(0.65)"},
    {"name": "monitoring-up", "query": "vector(1)"},
)


def _shop(name: str, *phases: dict[str, Any]) -> Shop:
    shop = Shop(name=name, phases=phases or PHASES)
    metrics = [*shop.rollout(App("v1"))["spec"]["metrics"], *OF_CLUSTER]
    return shop.with_(extra={"preflight": BEFORE, "metrics": metrics})


def _let_in(stage: Stage, shop: Shop) -> None:
    """Two persons say go once the gates pass; nothing of the new version is there until then."""
    status = stage.await_state(shop, "AwaitingApproval", deadline_s=60)
    assert status["run"]["stage"] == "Preflight"
    for by in ("ann", "ben"):
        more = {"requestedBy": by, "revision": status["canaryRevision"], "phase": "preflight"}
        stage.act(shop, "approve", "go", **more)


def test_a_hybrid_release_costs_no_request(traffic_stage: Stage) -> None:
    shop = _shop("hybrid")
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, App("v2", exit="abrupt"))
        _let_in(traffic_stage, shop)
        traffic_stage.await_status(shop, "promoted", promoted(1), deadline_s=120)
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []
        assert len(scene.served_by("v2")) > 0
        assert [share.canary for share in scene.routes.shares] == [0, 5, 20, 50, 100, 0]


def test_a_hybrid_release_that_is_sent_back_at_half_costs_no_request(traffic_stage: Stage) -> None:
    """Green has all of its pods by then, and gives them up only when nobody sends to them."""
    held = {**PHASES[2], "hold": "1h"}
    shop = _shop("hybrid-back", *PHASES[:2], held, PHASES[3])
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, App("v2", exit="abrupt"))
        _let_in(traffic_stage, shop)
        traffic_stage.await_weight(shop, 50, deadline_s=90)
        traffic_stage.act(shop, "abort", "seen enough")
        status = traffic_stage.await_state(shop, "Reverted", deadline_s=60)
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert status["lastRun"]["outcome"] == "Reverted"
        assert scene.failures() == []
        assert scene.load.records()[-1].version == "v1"
        assert max(share.canary for share in scene.routes.shares) == 50
