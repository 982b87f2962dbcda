"""A Deployment is taken over and given back under 200 requests a second; nobody notices."""

from __future__ import annotations

import pytest

from demo.manifests import App, Shop
from demo.stage import ROLLOUTS, Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.traffic.scenes import STEPS, WARM_UP_REQUESTS, WARM_UP_S

pytestmark = pytest.mark.traffic


def _gone(stage: Stage, shop: Shop) -> bool:
    try:
        stage.rollout(shop)
    except SandboxError:
        return True
    return False


def _pods(stage: Stage, shop: Shop) -> int:
    found = stage.cluster.get("deployment", shop.name, "-n", shop.namespace)
    return int(found.get("status", {}).get("readyReplicas", 0))


@pytest.mark.parametrize("exit_mode", ["graceful", "abrupt"])
def test_a_takeover_and_the_way_back_cost_no_request(traffic_stage: Stage, exit_mode: str) -> None:
    """Also when the app exits at once on SIGTERM: nobody sends to pods that go."""
    shop = Shop(name=f"adopted-{exit_mode}", phases=STEPS)
    cluster, body = traffic_stage.cluster, shop.rollout(App("v1", exit=exit_mode))
    template = body["spec"].pop("template")
    meta = {"name": shop.name, "namespace": shop.namespace}
    spec = {"selector": {"matchLabels": {"app": shop.name}}, "template": template}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta}
    body["spec"]["workloadRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": shop.name}
    for there in (*shop.base(), {**deployment, "spec": {**spec, "replicas": shop.replicas}}):
        cluster.apply(there)
    wait_until(lambda: _pods(traffic_stage, shop) == shop.replicas, 60, "the Deployment serves")
    traffic_stage.await_served(shop)
    with traffic_stage.load(shop, shop.name) as load:
        load.await_records(WARM_UP_REQUESTS, WARM_UP_S)
        cluster.apply(body)
        traffic_stage.await_status(
            shop,
            "taken over",
            lambda s: (s.get("workload") or {}).get("stage") == "TakenOver",
            deadline_s=120,
        )
        cluster.kubectl("delete", ROLLOUTS, shop.name, "-n", shop.namespace, "--wait=false")
        wait_until(lambda: _gone(traffic_stage, shop), 120, "the Rollout is gone")
        load.await_records(len(load.records()) + WARM_UP_REQUESTS, WARM_UP_S)
    assert [record for record in load.records() if record.failed] == []
    assert _pods(traffic_stage, shop) == shop.replicas
