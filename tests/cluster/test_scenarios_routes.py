"""Weights in every route there is, at either level, and another router between two releases."""

from __future__ import annotations

import copy

import pytest

from demo.manifests import App, Object, Shop
from demo.stage import Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.cluster.looks import recorded, selected, weights
from tests.cluster.places import history_ended, opened, quick_shop
from tests.cluster.service_shops import BLUE_GREEN, HELD_BEFORE, opened_service_shop, service_shop
from tidegate.api.constants import LABEL_REVISION

pytestmark = pytest.mark.api

TEN = ({"name": "ten", "weight": 10, "hold": "1h"},)
FRONT = "front"


class TwoRoutes:
    """A shop with two VirtualServices, towards two subsets or towards two Services."""

    def __init__(self, stage: Stage, shop: Shop, *, hosts: bool) -> None:
        self._stage, self._shop, self._hosts = stage, shop, hosts
        namespace, service, rule, routes = copy.deepcopy(shop.base())
        self._apply(namespace, service, rule)
        if hosts:
            entries = routes["spec"]["http"][1]["route"]
            for role, entry in zip(("stable", "canary"), entries, strict=True):
                entry["destination"] = {"host": f"shop-{role}"}
                self._apply(_named(service, f"shop-{role}"))
        self._apply(routes, _named(routes, "second"))

    def _apply(self, *bodies: Object) -> None:
        for body in bodies:
            self._stage.cluster.apply(body)

    def release(self, version: str) -> None:
        """The Rollout of that version, which names both."""
        body = self._shop.rollout(App(version))
        istio = body["spec"]["traffic"]["istio"]
        istio["virtualServices"] = [
            {"name": name, "routes": ["primary"]} for name in ("shop", "second")
        ]
        if self._hosts:
            del istio["destinationRule"]
            istio["services"] = {"stable": "shop-stable", "canary": "shop-canary"}
        self._apply(body)

    def weights(self) -> list[list[int]]:
        """Those of both."""
        return [weights(self._stage, self._shop, name) for name in ("shop", "second")]

    def selects(self) -> list[str | None]:
        """The revisions of the stable and of the canary destination."""
        if self._hosts:
            return [
                selected(self._stage, self._shop, f"shop-{role}") for role in ("stable", "canary")
            ]
        return _subsets(self._stage, self._shop)


def _named(body: Object, name: str) -> Object:
    found = copy.deepcopy(body)
    found["metadata"]["name"] = name
    return found


def _subsets(stage: Stage, shop: Shop) -> list[str | None]:
    rule = stage.cluster.get("destinationrule", shop.name, "-n", shop.namespace)
    return [subset.get("labels", {}).get(LABEL_REVISION) for subset in rule["spec"]["subsets"]]


@pytest.mark.parametrize("hosts", [False, True], ids=["subsets", "hosts"])
def test_every_virtual_service_has_the_weights_in_two_releases_in_a_row(
    stage: Stage, hosts: bool
) -> None:
    shop = quick_shop(phases=TEN)
    both = TwoRoutes(stage, shop, hosts=hosts)
    both.release("v1")
    stable = stage.await_state(shop, "Healthy", deadline_s=30)["stableRevision"]
    assert both.weights() == [[100, 0], [100, 0]]
    assert both.selects() == [stable, stable]
    for number, version in enumerate(("v2", "v3"), start=1):
        both.release(version)
        canary = stage.await_status(
            shop,
            f"{version} tried",
            lambda s: bool((s.get("phase") or {}).get("startedAt")),
            deadline_s=40,
        )["canaryRevision"]
        assert both.weights() == [[90, 10], [90, 10]]
        assert both.selects() == [stable, canary]
        stage.act(shop, "promote", "good")
        stage.await_status(shop, version, history_ended(number, "Promoted"), deadline_s=60)
        assert both.weights() == [[100, 0], [100, 0]]
        assert both.selects() == [canary, canary]
        stable = canary
    stage.close(shop)


def test_the_only_route_of_a_virtual_service_needs_no_name(stage: Stage) -> None:
    shop = quick_shop(phases=TEN)
    base = shop.base()
    base[3]["spec"]["http"] = [{"route": base[3]["spec"]["http"][1]["route"]}]
    for body in base:
        stage.cluster.apply(body)

    def release(version: str) -> None:
        body = shop.rollout(App(version))
        body["spec"]["traffic"]["istio"]["virtualServices"] = [{"name": shop.name}]
        stage.cluster.apply(body)

    release("v1")
    stage.await_state(shop, "Healthy", deadline_s=30)
    release("v2")
    stage.await_weight(shop, 10, deadline_s=30)
    assert weights(stage, shop) == [90, 10]
    stage.act(shop, "promote", "good")
    stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
    assert weights(stage, shop) == [100, 0]
    stage.close(shop)


def _by_service(shop: Shop, version: str) -> Object:
    body = shop.with_(phases=BLUE_GREEN).rollout(App(version))
    body["spec"]["traffic"] = {"settle": "200ms", "service": {"active": FRONT}}
    return body


def test_a_canary_becomes_blue_green_and_a_canary_again_between_releases(stage: Stage) -> None:
    """Whatever routes the Rollout names select stable before it says Healthy."""
    shop = quick_shop()
    stage.cluster.apply(shop.base()[0])
    stage.cluster.apply(_named(shop.base()[1], FRONT))
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.cluster.apply(_by_service(shop, "v1"))
        stage.await_state(shop, "Healthy", deadline_s=30)
        assert selected(stage, shop, FRONT) == first
        stage.cluster.apply(_by_service(shop, "v2"))
        status = stage.await_status(shop, "v2", history_ended(1, "Promoted"), deadline_s=60)
        second = status["stableRevision"]
        assert selected(stage, shop, FRONT) == second
        stage.release(shop, App("v2"))
        stage.await_state(shop, "Healthy", deadline_s=30)
        assert _subsets(stage, shop) == [second, second]
        assert weights(stage, shop) == [100, 0]
        stage.release(shop, App("v3"))
        stage.await_status(shop, "v3", history_ended(2, "Promoted"), deadline_s=60)
        run = recorded(stage, shop, 2, "Promoted", "Promoted")
        passed = [e["what"] for e in run["status"]["history"] if e["reason"] == "PhasePassed"]
        assert passed == ["ten", "half"]


def test_a_canary_does_not_become_blue_green_in_the_middle_of_a_run(stage: Stage) -> None:
    shop = quick_shop(phases=TEN)
    stage.cluster.apply(shop.base()[0])
    stage.cluster.apply(_named(shop.base()[1], FRONT))
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        with pytest.raises(SandboxError, match="cannot change while a run is on"):
            stage.cluster.apply(_by_service(shop, "v2"))
        assert weights(stage, shop) == [90, 10]


def test_the_switch_is_not_swapped_under_a_run(stage: Stage) -> None:
    """The Service that was left would stay on pods that nobody keeps for it."""
    shop = service_shop(preview=False, phases=HELD_BEFORE)
    with opened_service_shop(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.cluster.apply(_named(shop.base()[1], FRONT))
        stage.release(shop, App("v2"))
        stage.await_status(
            shop, "tried", lambda s: bool((s.get("phase") or {}).get("startedAt")), deadline_s=30
        )
        with pytest.raises(SandboxError, match="cannot change while a run is on"):
            stage.cluster.apply(_by_service(shop, "v2"))
        stage.act(shop, "abort", "to move the switch")
        stage.await_state(shop, "Reverted", deadline_s=30)
        stage.cluster.apply(_by_service(shop, "v1"))
        stage.await_state(shop, "Healthy", deadline_s=30)
        wait_until(lambda: selected(stage, shop, FRONT) == first, 30, "the other one is the switch")
