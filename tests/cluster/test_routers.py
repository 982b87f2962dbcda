"""Routes as people write them, on a real API server: moved where they are ours, kept where not."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox.waiting import wait_until
from tests.cluster.places import condition, history_ended, opened, quick_shop, routes_of
from tests.cluster.route_kinds import KINDS, RouteKind

pytestmark = pytest.mark.api

HELD = ({"name": "ten", "weight": 10, "hold": "1h"},)


@dataclass
class RouteShop:
    """A shop whose VirtualService is of one kind, as it was seen before, in and after a run."""

    shop: Shop
    kind: RouteKind
    seen: list[dict[str, Any]] = field(default_factory=list)

    def objects(self) -> list[dict[str, Any]]:
        """What Git holds."""
        base = self.shop.base()
        text = json.dumps(self.kind.spec).replace("NAMESPACE", self.shop.namespace)
        base[3]["spec"] = json.loads(text)
        base[3]["metadata"] |= {"annotations": {"owner": "team-a"}, "labels": {"tier": "web"}}
        return base

    def rollout(self, version: str) -> dict[str, Any]:
        """The Rollout that names the kind's routes."""
        body = self.shop.rollout(App(version))
        refs = [{"name": self.shop.name, **self.kind.names}]
        body["spec"]["traffic"]["istio"]["virtualServices"] = refs
        return body

    def look(self, stage: Stage) -> None:
        """Keep the VirtualService as it is now."""
        name, namespace = self.shop.name, self.shop.namespace
        self.seen.append(stage.cluster.get("virtualservice", name, "-n", namespace))


def ours(spec: dict[str, Any]) -> Iterator[tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]]:
    """Each list of destinations that has the pair, and the pair by role."""
    for kind in ("http", "tls", "tcp"):
        for route in spec.get(kind, ()):
            entries = route.get("route", ())
            found = {e["destination"]["subset"]: e for e in entries if "subset" in e["destination"]}
            if found:
                yield entries, found


def masked(body: dict[str, Any]) -> str:
    """The whole object but for our weights, its version and who wrote last; order kept."""
    left = copy.deepcopy(body)
    for _, found in ours(left["spec"]):
        for entry in found.values():
            entry.pop("weight", None)
    for volatile in ("resourceVersion", "generation", "managedFields"):
        left["metadata"].pop(volatile, None)
    return json.dumps(left)


@pytest.fixture(scope="module")
def run(stage: Stage) -> Iterator[dict[str, RouteShop]]:
    """All kinds at once: Healthy, then at 10 %, then promoted."""
    shops = {name: RouteShop(quick_shop(phases=HELD), kind) for name, kind in KINDS.items()}
    for one in shops.values():
        for body in one.objects():
            stage.cluster.apply(body)
        one.look(stage)
        stage.cluster.apply(one.rollout("v1"))
    for one in shops.values():
        stage.await_state(one.shop, "Healthy", deadline_s=60)
        stage.cluster.apply(one.rollout("v2"))
    for one in shops.values():
        stage.await_status(
            one.shop,
            "in the phase",
            lambda s: bool(s.get("phase", {}).get("startedAt")),
            deadline_s=60,
        )
        one.look(stage)
        stage.act(one.shop, "promote", "seen enough")
    for one in shops.values():
        stage.await_status(one.shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        one.look(stage)
    yield shops
    for one in shops.values():
        stage.close(one.shop)


@pytest.mark.parametrize("name", KINDS)
def test_a_foreign_virtual_service_is_byte_equal_but_for_our_weights(
    run: dict[str, RouteShop], name: str
) -> None:
    """In the middle of a run only our weights differ, and afterwards nothing does."""
    before, amid, after = run[name].seen
    assert masked(amid) == masked(before)
    assert json.dumps(after["spec"]) == json.dumps(before["spec"])
    assert masked(after) == masked(before)


@pytest.mark.parametrize("name", KINDS)
def test_each_managed_route_has_ten_percent_of_what_is_ours(
    run: dict[str, RouteShop], name: str
) -> None:
    """All of a route sums to a hundred; the canary has a tenth of ours, in whole numbers."""
    lists = list(ours(run[name].seen[1]["spec"]))
    assert lists
    for entries, found in lists:
        assert sum(entry["weight"] for entry in entries) == 100
        whole = found["stable"]["weight"] + found["canary"]["weight"]
        assert found["canary"]["weight"] == whole * 10 // 100


def test_a_shared_route_does_not_flap(stage: Stage) -> None:
    """3 of 33 is 10 %: said so, and not written again while the phase holds."""
    shop = quick_shop(phases=HELD)
    base = shop.base()
    primary = base[3]["spec"]["http"][1]
    primary["route"][0]["weight"] = 33
    primary["route"].append({"destination": {"host": "legacy"}, "weight": 67})
    for body in base:
        stage.cluster.apply(body)
    stage.release(shop, App("v1"))
    stage.await_state(shop, "Healthy", deadline_s=30)
    stage.release(shop, App("v2"))
    status = stage.await_status(
        shop, "in the phase", lambda s: bool(s.get("phase", {}).get("startedAt")), deadline_s=30
    )
    assert (status["weight"], status["traffic"]["weight"]) == (10, 10)
    written = stage.cluster.get("virtualservice", shop.name, "-n", shop.namespace)
    weights = [entry["weight"] for entry in written["spec"]["http"][1]["route"]]
    assert weights == [30, 3, 67]
    stage.act(shop, "pause", "to be looked at again")
    stage.await_state(shop, "Paused", deadline_s=20)
    again = stage.cluster.get("virtualservice", shop.name, "-n", shop.namespace)
    assert again["metadata"]["resourceVersion"] == written["metadata"]["resourceVersion"]
    stage.act(shop, "abort", "enough")
    stage.await_state(shop, "Reverted", deadline_s=30)
    assert routes_of(stage, shop) == base[3]["spec"]
    stage.close(shop)


def test_a_root_that_delegates_is_told_which_one_to_name(stage: Stage) -> None:
    """The sentence names the delegate; with it in the Rollout all is well."""
    shop = quick_shop()
    base = shop.base()
    delegate = copy.deepcopy(base[3])
    delegate["metadata"]["name"] = "shop-routes"
    for part in ("hosts", "gateways"):
        del delegate["spec"][part]
    base[3]["spec"]["http"] = [{"name": "primary", "delegate": {"name": "shop-routes"}}]
    for body in (*base, delegate):
        stage.cluster.apply(body)
    stage.release(shop, App("v1"))
    status = stage.await_state(shop, "Invalid", deadline_s=20)
    assert condition(status, "Stalled")["reason"] == "RouteNotFound"
    assert f"delegates to VirtualService {shop.namespace}/shop-routes" in status["message"]
    body = shop.rollout(App("v1"))
    body["spec"]["traffic"]["istio"]["virtualServices"][0]["name"] = "shop-routes"
    stage.cluster.apply(body)
    stage.await_state(shop, "Healthy", deadline_s=30)
    stage.close(shop)


@pytest.mark.parametrize("field", ["tlsRoutes", "tcpRoutes"])
def test_the_api_server_refuses_one_of_several_selectors_that_says_nothing(
    stage: Stage, field: str
) -> None:
    """`{}` means the only route of its kind; beside others it would mean any."""
    shop = quick_shop()
    with opened(stage, shop):
        body = shop.rollout(App("v1"))
        body["spec"]["traffic"]["istio"]["virtualServices"][0][field] = [{"port": 443}, {}]
        with pytest.raises(Exception, match=f"each of several {field} must name a port"):
            stage.cluster.apply(body)


def test_a_hand_that_gives_all_to_others_is_told_and_an_abort_still_sends_back(
    stage: Stage,
) -> None:
    """What the canary has goes to stable; what others have stays theirs."""
    shop = quick_shop(phases=HELD)
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        entry = {"destination": {"host": "legacy"}, "weight": 100}
        patch = [{"op": "add", "path": "/spec/http/1/route/-", "value": entry}]
        stage.cluster.kubectl(
            *("patch", "virtualservice", shop.name, "-n", shop.namespace),
            *("--type=json", "-p", json.dumps(patch)),
        )
        status = stage.await_state(shop, "Invalid", deadline_s=20)
        assert "leaves 0 of 100" in status["message"]
        stage.act(shop, "abort", "all is elsewhere")
        wait_until(
            lambda: (
                [e["weight"] for e in routes_of(stage, shop)["http"][1]["route"]] == [100, 0, 100]
            ),
            20,
            "the canary's weight is at stable",
        )
