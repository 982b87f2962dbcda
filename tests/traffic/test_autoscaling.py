"""An autoscaler in the middle of a release under live traffic: it writes `/scale`, up and down."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox.kube import ApiRefusal
from sandbox.waiting import wait_until
from tests.cluster.direct import administrator, path_to
from tests.traffic.scenes import promoted, under_load

pytestmark = pytest.mark.traffic

PHASES = (
    {"name": "ten", "weight": 10, "hold": "8s"},
    {"name": "half", "weight": 50, "hold": "12s"},
)
LARGEST = 6


def _autoscale(stage: Stage, shop: Shop, replicas: int) -> None:
    """Read the scale and write it back with another size, again when somebody was faster."""
    api = administrator(stage.cluster)
    path = path_to("Rollout", shop.namespace, shop.name, "scale")

    def written() -> bool:
        scale = api.get(path)
        assert scale["status"]["selector"], "an autoscaler would not know which pods to measure"
        scale["spec"]["replicas"] = replicas
        try:
            api.request("PUT", path, scale)
        except ApiRefusal as refusal:
            if refusal.code != HTTPStatus.CONFLICT:
                raise
            return False
        return True

    wait_until(written, 10, f"the scale of {shop.name} says {replicas}", poll_s=0.1)


def _ready(stage: Stage, shop: Shop, revision: str) -> int:
    """Ready pods of that revision."""
    selector = f"app={shop.name},tidegate.io/revision={revision}"
    found = stage.cluster.get("replicasets", "-n", shop.namespace, "-l", selector)["items"]
    return sum(body.get("status", {}).get("readyReplicas", 0) for body in found)


def test_an_autoscaler_in_the_middle_of_a_release_costs_no_request(traffic_stage: Stage) -> None:
    """More pods come at once, fewer only after the run; the app exits at once on SIGTERM."""
    shop = Shop(name="autoscaled", replicas=3, phases=PHASES)
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        first = traffic_stage.status(shop)["stableRevision"]
        traffic_stage.release(shop, App("v2", exit="abrupt"))
        traffic_stage.await_weight(shop, 10, deadline_s=60)
        _autoscale(traffic_stage, shop, 5)
        wait_until(lambda: _ready(traffic_stage, shop, first) == 5, 60, "five stable pods")
        _autoscale(traffic_stage, shop, 2)
        traffic_stage.await_weight(shop, 50, deadline_s=60)
        _autoscale(traffic_stage, shop, LARGEST)
        wait_until(lambda: _ready(traffic_stage, shop, first) == LARGEST, 60, "six stable pods")
        _autoscale(traffic_stage, shop, 3)
        status = traffic_stage.await_status(shop, "promoted", promoted(1), deadline_s=120)
        assert status["lastRun"]["keptReplicas"] == LARGEST
        assert _ready(traffic_stage, shop, status["stableRevision"]) == LARGEST
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []
        assert scene.load.records()[-1].version == "v2"
