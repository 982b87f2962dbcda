"""Stable and canary on different nodes, on a real API server: for new pods only."""

from __future__ import annotations

from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from tests.cluster.looks import patched, pods_of, recorded, revisions
from tests.cluster.places import history_ended, opened, quick_shop
from tidegate.adapters.kubernetes.spreading import PREFERRED, REQUIRED
from tidegate.api.constants import LABEL_REVISION

pytestmark = pytest.mark.api


def _affinity(stage: Stage, shop: Shop, revision: str) -> dict[str, Any]:
    label = f"{LABEL_REVISION}={revision}"
    found = stage.cluster.get("replicasets", "-n", shop.namespace, "-l", label)["items"]
    affinity: dict[str, Any] = found[0]["spec"]["template"]["spec"].get("affinity", {})
    return affinity


def _keeps_off_others(term: dict[str, Any], revision: str) -> bool:
    needs = term["labelSelector"]["matchExpressions"]
    return bool(needs == [{"key": LABEL_REVISION, "operator": "NotIn", "values": [revision]}])


def test_the_next_revision_prefers_other_nodes_and_no_pod_is_restarted_for_it(
    stage: Stage,
) -> None:
    shop = quick_shop()
    spread = shop.with_(extra=shop.extra | {"antiAffinity": "preferred"})
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        pods = pods_of(stage, shop, first)
        stage.release(spread, App("v1"))
        stage.await_state(shop, "Healthy", deadline_s=20)
        assert revisions(stage, shop) == {first}
        assert pods_of(stage, shop, first) == pods
        assert _affinity(stage, shop, first) == {}
        stage.release(spread, App("v2"))
        status = stage.await_status(shop, "v2", history_ended(1, "Promoted"), deadline_s=60)
        second = status["stableRevision"]
        (preference,) = _affinity(stage, shop, second)["podAntiAffinity"][PREFERRED]
        assert _keeps_off_others(preference["podAffinityTerm"], second)
        assert _affinity(stage, shop, first) == {}


def test_required_without_a_second_node_ends_the_run_without_traffic(stage: Stage) -> None:
    """The sandbox has one node: the scheduler keeps the new pods waiting."""
    extra = {"antiAffinity": "required", "progressDeadline": "3s"}
    shop = quick_shop(extra=extra)
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        status = stage.await_state(shop, "Reverted", deadline_s=40)
        second = status["revertedRevision"]
        (term,) = _affinity(stage, shop, second)["podAntiAffinity"][REQUIRED]
        assert _keeps_off_others(term, second)
        run = recorded(stage, shop, 1, "Reverted", "ProgressDeadlineExceeded")
        assert "TrafficShifted" not in {e["reason"] for e in run["status"]["history"]}
        assert stage.status(shop)["stableRevision"] == first


def test_a_template_that_is_only_spelled_differently_is_the_same_revision_with_it_too(
    stage: Stage,
) -> None:
    """The API server's own defaults, written out; asked for only afterwards."""
    shop = quick_shop()
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        body = shop.rollout(App("v1"))
        template = body["spec"]["template"]
        template["spec"]["restartPolicy"] = "Always"
        patched(stage, shop, {"template": template, "antiAffinity": "required"})
        stage.await_state(shop, "Healthy", deadline_s=20)
        assert revisions(stage, shop) == {first}
        assert not stage.status(shop).get("lastRunNumber")
