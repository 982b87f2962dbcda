"""A Rollout deleted in the middle of a run leaves the routes as Git holds them."""

from __future__ import annotations

from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import ROLLOUTS, Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.cluster.places import history_ended, opened, quick_shop, routes_of
from tidegate.api.constants import FINALIZER, LABEL_REVISION

pytestmark = pytest.mark.api

LONG = ({"name": "half", "weight": 50, "hold": "1h"},)


def _weights(stage: Stage, shop: Shop) -> list[int]:
    primary = next(r for r in routes_of(stage, shop)["http"] if r["name"] == "primary")
    return [entry.get("weight", 0) for entry in primary["route"]]


def _held(stage: Stage, shop: Shop) -> bool:
    return FINALIZER in stage.rollout(shop)["metadata"].get("finalizers", ())


def _gone(stage: Stage, shop: Shop) -> bool:
    try:
        stage.rollout(shop)
    except SandboxError:
        return True
    return False


def _subsets(stage: Stage, shop: Shop) -> dict[str, Any]:
    rule = stage.cluster.get("destinationrule", shop.name, "-n", shop.namespace)
    return {s["name"]: s["labels"][LABEL_REVISION] for s in rule["spec"]["subsets"]}


def _delete(stage: Stage, shop: Shop, *options: str) -> None:
    stage.cluster.kubectl("delete", ROLLOUTS, shop.name, "-n", shop.namespace, *options)


@pytest.mark.parametrize("cascade", ["background", "orphan", "foreground"])
def test_a_deletion_in_the_middle_of_a_run_puts_the_traffic_back(
    stage: Stage, cascade: str
) -> None:
    shop = quick_shop(phases=LONG)
    with opened(stage, shop):
        stable = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 50, deadline_s=30)
        assert _held(stage, shop)
        _delete(stage, shop, f"--cascade={cascade}", "--wait=false")
        wait_until(lambda: _gone(stage, shop), 120, "the Rollout is gone")
        assert _weights(stage, shop) == [100, 0]
        if cascade == "orphan":
            assert _subsets(stage, shop) == {"stable": stable, "canary": stable}
        stage.release(shop, App("v3"))  # made anew, so that there is something to close
        stage.await_state(shop, "Healthy", deadline_s=60)


def test_a_rollout_at_rest_can_be_deleted_while_no_operator_runs(stage: Stage) -> None:
    shop = quick_shop()
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        wait_until(lambda: not _held(stage, shop), 20, "it is let go at rest")
        stage.operator.stop()
        try:
            _delete(stage, shop, "--timeout=60s")
            assert _gone(stage, shop)
        finally:
            stage.operator.start()
        stage.release(shop, App("v2"))
        stage.await_state(shop, "Healthy", deadline_s=120)
