"""Routes that Tidegate makes, on a real API server: made, kept, and gone with the Rollout."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import ROLLOUTS, Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.cluster.places import condition, history_ended, quick_shop
from tidegate.api.constants import LABEL_REVISION

pytestmark = pytest.mark.api

HELD = ({"name": "ten", "weight": 10, "hold": "1h"},)
GATEWAY = {
    "managed": {
        "hostnames": ["shop.example"],
        "parentRefs": [{"name": "public", "namespace": "edge"}],
        "port": 80,
    },
    "services": {"stable": "shop", "canary": "shop-canary"},
}


def rollout(shop: Shop, version: str, **traffic: Any) -> dict[str, Any]:
    """The Rollout that names no route; by default the simplest there is."""
    body = shop.rollout(App(version))
    router = traffic or {"istio": {"managed": {}}}
    body["spec"]["traffic"] = {"settle": shop.settle, **router}
    return body


def services(shop: Shop) -> list[dict[str, Any]]:
    """Namespace, the Service of the Rollout's name, and one for a canary."""
    namespace, service, *_ = shop.base()
    canary = copy.deepcopy(service)
    canary["metadata"]["name"] = "shop-canary"
    return [namespace, service, canary]


@contextmanager
def served(stage: Stage, shop: Shop, **traffic: Any) -> Iterator[None]:
    """The shop with its first version behind a route that was made."""
    for body in services(shop):
        stage.cluster.apply(body)
    stage.cluster.apply(rollout(shop, "v1", **traffic))
    stage.await_state(shop, "Healthy", deadline_s=30)
    try:
        yield
    finally:
        stage.close(shop)


def found(stage: Stage, shop: Shop, kind: str) -> dict[str, Any]:
    """The object of that kind that was made."""
    body: dict[str, Any] = stage.cluster.get(kind, shop.name, "-n", shop.namespace)
    return body


def weights(stage: Stage, shop: Shop) -> list[int]:
    """The weights of the VirtualService."""
    [route] = found(stage, shop, "virtualservice")["spec"]["http"]
    return [entry["weight"] for entry in route["route"]]


def deleted(stage: Stage, shop: Shop, *kinds: str) -> None:
    """Somebody deletes what was made."""
    for kind in kinds:
        stage.cluster.kubectl("delete", kind, shop.name, "-n", shop.namespace)


def gone(stage: Stage, shop: Shop, kind: str) -> bool:
    """Whether the API server has no such object any more."""
    try:
        found(stage, shop, kind)
    except SandboxError:
        return True
    return False


def in_phase(status: dict[str, Any]) -> bool:
    """Whether its clock runs."""
    return bool(status.get("phase", {}).get("startedAt"))


def test_a_service_is_all_that_a_beginner_has_to_write(stage: Stage) -> None:
    """Made with the first pods, moved by a release, and removed with the Rollout."""
    shop = quick_shop()
    with served(stage, shop):
        assert found(stage, shop, "virtualservice")["spec"]["hosts"] == ["shop"]
        assert weights(stage, shop) == [100, 0]
        stage.cluster.apply(rollout(shop, "v2"))
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        assert weights(stage, shop) == [100, 0]
        subsets = found(stage, shop, "destinationrule")["spec"]["subsets"]
        assert {s["labels"][LABEL_REVISION] for s in subsets} == {status["stableRevision"]}
    for kind in ("virtualservice", "destinationrule"):
        wait_until(lambda kind=kind: gone(stage, shop, kind), 30, f"{kind} is collected")


@pytest.mark.parametrize(
    "kinds", [("virtualservice",), ("destinationrule",), ("virtualservice", "destinationrule")]
)
def test_what_is_deleted_in_a_phase_is_made_again_as_it_was(stage: Stage, kinds) -> None:
    shop = quick_shop(phases=HELD)
    with served(stage, shop):
        stage.cluster.apply(rollout(shop, "v2"))
        status = stage.await_status(shop, "in the phase", in_phase, deadline_s=30)
        deleted(stage, shop, *kinds)
        for kind in kinds:
            wait_until(lambda kind=kind: not gone(stage, shop, kind), 20, f"{kind} is made again")
        wait_until(lambda: weights(stage, shop) == [90, 10], 20, "10 % again")
        subsets = found(stage, shop, "destinationrule")["spec"]["subsets"]
        selected = [s["labels"][LABEL_REVISION] for s in subsets]
        assert selected == [status["stableRevision"], status["canaryRevision"]]
        stage.act(shop, "abort", "enough")
        stage.await_state(shop, "Reverted", deadline_s=30)
        assert weights(stage, shop) == [100, 0]


def test_hosts_gateways_and_port_follow_the_spec_in_a_run_and_no_weight_moves(stage: Stage) -> None:
    shop = quick_shop(phases=HELD)
    with served(stage, shop):
        stage.cluster.apply(rollout(shop, "v2"))
        stage.await_status(shop, "in the phase", in_phase, deadline_s=30)
        wanted = {"hosts": ["shop", "shop.example"], "gateways": ["edge/public", "mesh"]}
        stage.cluster.apply(rollout(shop, "v2", istio={"managed": {**wanted, "port": 80}}))

        def followed() -> bool:
            spec = found(stage, shop, "virtualservice")["spec"]
            ports = [e["destination"].get("port") for e in spec["http"][0]["route"]]
            told = {k: spec.get(k) for k in wanted}
            return told == wanted and ports == [{"number": 80}, {"number": 80}]

        wait_until(followed, 20, "the edit is carried out")
        assert weights(stage, shop) == [90, 10]


def test_the_service_and_the_kind_of_route_cannot_be_swapped_under_a_run(stage: Stage) -> None:
    shop = quick_shop(phases=HELD)
    with served(stage, shop):
        stage.cluster.apply(rollout(shop, "v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        with pytest.raises(SandboxError, match="service cannot be changed"):
            stage.cluster.apply(rollout(shop, "v2", istio={"managed": {"service": "other"}}))
        own = {"virtualServices": [{"name": "shop"}], "destinationRule": {"name": "shop"}}
        with pytest.raises(SandboxError, match="cannot change while a run is on"):
            stage.cluster.apply(rollout(shop, "v2", istio=own))


def test_an_object_of_somebody_else_is_never_taken_over(stage: Stage) -> None:
    shop = quick_shop()
    for body in shop.base():
        stage.cluster.apply(body)
    before = found(stage, shop, "virtualservice")
    stage.cluster.apply(rollout(shop, "v1"))
    status = stage.await_state(shop, "Invalid", deadline_s=20)
    assert condition(status, "Stalled")["reason"] == "RouteNotOurs"
    assert "exists and is not this Rollout's" in status["message"]
    assert found(stage, shop, "virtualservice") == before
    deleted(stage, shop, "virtualservice", "destinationrule")
    stage.await_state(shop, "Healthy", deadline_s=90)
    stage.close(shop)


def test_an_http_route_is_made_moved_and_made_again(stage: Stage) -> None:
    shop = quick_shop(phases=HELD)

    def shares() -> list[int]:
        [rule] = found(stage, shop, "httproute")["spec"]["rules"]
        return [ref["weight"] for ref in rule["backendRefs"]]

    with served(stage, shop, gatewayApi=GATEWAY):
        assert shares() == [100, 0]
        stage.cluster.apply(rollout(shop, "v2", gatewayApi=GATEWAY))
        stage.await_status(shop, "in the phase", in_phase, deadline_s=30)
        assert shares() == [90, 10]
        version = found(stage, shop, "httproute")["metadata"]["resourceVersion"]
        deleted(stage, shop, "httproute")
        wait_until(lambda: not gone(stage, shop, "httproute"), 20, "it is made again")
        assert shares() == [90, 10]
        assert found(stage, shop, "httproute")["metadata"]["resourceVersion"] != version


def test_a_service_that_is_missing_is_said_and_found_when_it_comes(stage: Stage) -> None:
    shop = quick_shop()
    namespace, service, _ = services(shop)
    stage.cluster.apply(namespace)
    stage.cluster.apply(rollout(shop, "v1"))
    status = stage.await_state(shop, "Invalid", deadline_s=20)
    assert condition(status, "Stalled")["reason"] == "ServiceNotFound"
    assert gone(stage, shop, "virtualservice")
    stage.cluster.apply(service)
    stage.await_state(shop, "Healthy", deadline_s=90)
    stage.close(shop)


def test_a_manifest_of_both_kinds_is_refused(stage: Stage) -> None:
    shop = quick_shop()
    for body in services(shop):
        stage.cluster.apply(body)
    both = {"managed": {}, "virtualServices": [{"name": "shop"}]}
    with pytest.raises(SandboxError, match="set exactly one of virtualServices"):
        stage.cluster.apply(rollout(shop, "v1", istio=both))
    with pytest.raises(SandboxError, match="not found"):
        stage.cluster.get(ROLLOUTS, shop.name, "-n", shop.namespace)
