"""A Deployment on a real API server is taken over, released, drifts, vanishes and is given back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.manifests import App, Object, Shop
from demo.stage import ROLLOUTS, Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.cluster.places import await_seniority, condition, history_ended, quick_shop
from tidegate.api.constants import FINALIZER, LABEL_REVISION

pytestmark = pytest.mark.api

PODS = 2
REF = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
SWITCH = {"traffic": {"settle": "200ms", "service": {"active": "shop"}}}
BLUE_GREEN = ({"name": "switch", "weight": 100, "hold": "300ms"},)


def _deployment(shop: Shop, version: str, replicas: int | None = None) -> Object:
    """The Deployment as Git holds it; without `replicas` its size is nobody's."""
    template = shop.rollout(App(version))["spec"]["template"]
    spec = {"selector": {"matchLabels": {"app": shop.name}}, "template": template}
    size = {} if replicas is None else {"replicas": replicas}
    meta = {"name": shop.name, "namespace": shop.namespace}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {**spec, **size},
    }


def _rollout(shop: Shop, **spec: Any) -> Object:
    body = shop.rollout(App("v1"))
    del body["spec"]["template"]
    body["spec"].update({"workloadRef": REF} | spec)
    return body


@contextmanager
def _serving(stage: Stage, shop: Shop) -> Iterator[Shop]:
    """The shop as it is before the Rollout comes; it has to be given back at the end."""
    mesh = "service" not in shop.extra.get("traffic", {})
    for body in shop.base() if mesh else shop.base()[:2]:
        stage.cluster.apply(body)
    stage.cluster.apply(_deployment(shop, "v1", PODS))
    wait_until(lambda: _ready(stage, shop) == PODS, 60, "the Deployment serves")
    yield shop
    if _is_there(stage, shop):
        _delete(stage, shop)


@contextmanager
def _taken_over(stage: Stage, shop: Shop) -> Iterator[Shop]:
    with _serving(stage, shop):
        stage.cluster.apply(_rollout(shop))
        _await_stage(stage, shop, "TakenOver")
        stage.await_state(shop, "Healthy", deadline_s=30)
        yield shop


def _workload(stage: Stage, shop: Shop) -> Object:
    found: Object = stage.cluster.get("deployment", shop.name, "-n", shop.namespace)
    return found


def _ready(stage: Stage, shop: Shop) -> int:
    """Ready pods of its own ReplicaSets: the Deployment itself counts them a moment later."""
    sets = stage.cluster.get("replicasets", "-n", shop.namespace)["items"]
    own = [body for body in sets if LABEL_REVISION not in body["metadata"]["labels"]]
    return sum(body.get("status", {}).get("readyReplicas", 0) for body in own)


def _scale(stage: Stage, shop: Shop, replicas: int) -> None:
    where = ("-n", shop.namespace, f"--replicas={replicas}")
    stage.cluster.kubectl("scale", f"deployment/{shop.name}", *where)


def _await_stage(stage: Stage, shop: Shop, where: str) -> Object:
    def there(status: Object) -> bool:
        return (status.get("workload") or {}).get("stage") == where

    return stage.await_status(shop, f"{shop.name} is {where}", there, deadline_s=90)


def _is_there(stage: Stage, shop: Shop) -> bool:
    try:
        stage.rollout(shop)
    except SandboxError:
        return False
    return True


def _delete(stage: Stage, shop: Shop) -> None:
    stage.cluster.kubectl("delete", ROLLOUTS, shop.name, "-n", shop.namespace, "--wait=false")
    wait_until(lambda: not _is_there(stage, shop), 90, "the Rollout is gone")


def _subsets(stage: Stage, shop: Shop) -> list[Object]:
    rule = stage.cluster.get("destinationrule", shop.name, "-n", shop.namespace)
    found: list[Object] = rule["spec"]["subsets"]
    return found


def _selector(stage: Stage, shop: Shop) -> dict[str, str]:
    service = stage.cluster.get("service", shop.name, "-n", shop.namespace)
    found: dict[str, str] = service["spec"]["selector"]
    return found


def test_a_deployment_is_taken_over_released_and_given_back(stage: Stage) -> None:
    with _taken_over(stage, quick_shop()) as shop:
        status = stage.status(shop)
        first = status["stableRevision"]
        assert _workload(stage, shop)["spec"]["replicas"] == 0
        assert [s["labels"][LABEL_REVISION] for s in _subsets(stage, shop)] == [first, first]
        assert FINALIZER in stage.rollout(shop)["metadata"]["finalizers"]
        stage.cluster.apply(_deployment(shop, "v2"))
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        assert status["stableRevision"] != first
        assert _workload(stage, shop)["spec"]["replicas"] == 0
        told = stage.describe(shop)
        _delete(stage, shop)
        assert _ready(stage, shop) == PODS
        assert _subsets(stage, shop) == [{"name": "stable"}, {"name": "canary"}]
        assert "TakeoverStarted" in told
        assert "is taken over" in told


def test_a_service_that_is_the_switch_gets_its_selector_back(stage: Stage) -> None:
    with _taken_over(stage, quick_shop(phases=BLUE_GREEN, extra=SWITCH)) as shop:
        first = stage.status(shop)["stableRevision"]
        assert _selector(stage, shop) == {"app": "shop", LABEL_REVISION: first}
        _delete(stage, shop)
        assert _ready(stage, shop) == PODS
        assert _selector(stage, shop) == {"app": "shop"}


def test_a_deletion_in_the_middle_of_a_takeover_gives_everything_back(stage: Stage) -> None:
    shop = quick_shop(extra={"drain": {"min": "1h", "max": "2h"}})
    with _serving(stage, shop):
        stage.cluster.apply(_rollout(shop))
        stage.await_status(
            shop, "ours serve", lambda s: s.get("stableRevision") is not None, deadline_s=30
        )
        quick = json.dumps({"spec": {"drain": {"min": "500ms", "max": "10m"}}})
        _delete_with(stage, shop, quick)
        assert _ready(stage, shop) == PODS
        assert _subsets(stage, shop) == [{"name": "stable"}, {"name": "canary"}]


def _delete_with(stage: Stage, shop: Shop, patch: str) -> None:
    """Delete it, and only then change its drain, so that the takeover cannot end before."""
    where = (ROLLOUTS, shop.name, "-n", shop.namespace)
    stage.cluster.kubectl("delete", *where, "--wait=false")
    stage.cluster.kubectl("patch", *where, "--type=merge", "-p", patch)
    wait_until(lambda: not _is_there(stage, shop), 90, "the Rollout is gone")


def test_a_deployment_that_is_scaled_up_again_is_put_back_once(stage: Stage) -> None:
    with _taken_over(stage, quick_shop()) as shop:
        _scale(stage, shop, 1)
        wait_until(lambda: _workload(stage, shop)["spec"]["replicas"] == 0, 20, "put back")
        stage.await_status(
            shop,
            "it is written down",
            lambda s: s["workload"].get("drift") == "PutBack",
            deadline_s=20,
        )
        _scale(stage, shop, 1)
        status = stage.await_status(
            shop, "said", lambda s: bool(condition(s, "WorkloadDrift")), deadline_s=20
        )
        assert "left alone" in condition(status, "WorkloadDrift")["message"]
        assert _workload(stage, shop)["spec"]["replicas"] == 1
        _scale(stage, shop, 0)
        stage.await_status(shop, "over", lambda s: not condition(s, "WorkloadDrift"), deadline_s=20)


def test_a_deployment_that_vanishes_is_named_and_nothing_moves(stage: Stage) -> None:
    with _taken_over(stage, quick_shop()) as shop:
        stable = stage.status(shop)["stableRevision"]
        stage.cluster.kubectl("delete", "deployment", shop.name, "-n", shop.namespace)
        status = stage.await_state(shop, "Invalid", deadline_s=20)
        assert f"Deployment {shop.namespace}/shop not found" in status["message"]
        assert [s["labels"][LABEL_REVISION] for s in _subsets(stage, shop)] == [stable, stable]
        assert status["readyReplicas"] == PODS
        stage.cluster.apply(_deployment(shop, "v1", 0))
        status = stage.await_state(shop, "Healthy", deadline_s=60)
        assert status["stableRevision"] == stable


@pytest.mark.parametrize("cascade", ["foreground", "orphan"])
def test_a_deletion_that_takes_or_leaves_our_pods_gives_back_too(
    stage: Stage, cascade: str
) -> None:
    with _taken_over(stage, quick_shop()) as shop:
        where = (ROLLOUTS, shop.name, "-n", shop.namespace)
        stage.cluster.kubectl("delete", *where, f"--cascade={cascade}", "--wait=false")
        wait_until(lambda: not _is_there(stage, shop), 90, "the Rollout is gone")
        wait_until(lambda: _ready(stage, shop) == PODS, 60, "the Deployment serves")
        assert _subsets(stage, shop) == [{"name": "stable"}, {"name": "canary"}]


def test_a_rollout_and_its_deployment_can_be_deleted_together(stage: Stage) -> None:
    with _taken_over(stage, quick_shop()) as shop:
        stage.cluster.kubectl("delete", "deployment", shop.name, "-n", shop.namespace)
        _delete(stage, shop)


def test_a_deletion_waits_for_the_operator_that_gives_back(stage: Stage) -> None:
    with _taken_over(stage, quick_shop()) as shop:
        stage.operator.stop()
        try:
            where = (ROLLOUTS, shop.name, "-n", shop.namespace)
            stage.cluster.kubectl("delete", *where, "--wait=false")
            assert _is_there(stage, shop)
        finally:
            stage.operator.start()
        wait_until(lambda: not _is_there(stage, shop), 90, "the Rollout is gone")
        assert _ready(stage, shop) == PODS


def test_what_cannot_be_taken_over_is_invalid_until_it_is_mended(stage: Stage) -> None:
    with _serving(stage, quick_shop(replicas=1)) as shop:
        stage.cluster.apply(_rollout(shop))
        status = stage.await_state(shop, "Invalid", deadline_s=20)
        assert "spec.replicas: is 1, but Deployment shop has 2 pods" in status["message"]
        await_seniority(stage, shop)
        other = shop.with_(name="other")
        second = _rollout(other, replicas=PODS, selector={"matchLabels": {"app": "shop"}})
        stage.cluster.apply(second)
        status = stage.await_state(other, "Invalid", deadline_s=20)
        assert "is already moved by Rollout shop" in status["message"]
        stage.cluster.kubectl("delete", ROLLOUTS, "other", "-n", shop.namespace)
        assert _ready(stage, shop) == PODS
        stage.cluster.apply(_rollout(shop, replicas=PODS))
        _await_stage(stage, shop, "TakenOver")
        with pytest.raises(SandboxError, match="must stay named"):
            stage.cluster.apply(_rollout(shop, workloadRef={**REF, "name": "another"}))
