"""A Rollout on an HTTPRoute: seen, written, claimed; and the kind itself may not be there."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi, until
from tests.adapters.kubernetes.objects import ROLLOUTS, SETS, rollout, rollout_body
from tidegate.adapters.kubernetes import store as store_module
from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.replica_sets import replica_set_body
from tidegate.adapters.kubernetes.resources import version_of
from tidegate.api.rollout import Rollout
from tidegate.core import reasons
from tidegate.core.decision import PointDestination, SetWeight
from tidegate.ports.cluster import Conflict

GATEWAY = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes"
ROUTE = f"{GATEWAY}/web"
SERVICES = "/api/v1/namespaces/shop/services"
OLD, NEW = "abc", "def"
TRAFFIC: dict[str, Any] = {
    "gatewayApi": {
        "httpRoutes": [{"name": "web"}],
        "services": {"stable": "web", "canary": "web-canary"},
    }
}


def wanted() -> Rollout:
    """The Rollout that moves the HTTPRoute."""
    return rollout(traffic=TRAFFIC)


def _refs(*weights: int) -> list[dict[str, Any]]:
    names = ("web", "web-canary", "other")
    return [{"name": n, "port": 80, "weight": w} for n, w in zip(names, weights, strict=False)]


@dataclass
class World:
    """A run at 10 % of 33, beside a backend of somebody else with 67."""

    cluster: KubernetesCluster
    fake: FakeApi
    api: Api
    touched: list[tuple[str, str]] = field(default_factory=list)

    async def observe(self) -> Any:
        """One look at everything."""
        for revision in (OLD, NEW):
            self.cluster.replica_sets.put(self.fake.objects[f"{SETS}/web-{revision}"])
        seen = await self.cluster.observe(wanted())
        self.fake.calls.clear()
        return seen

    def weights(self) -> list[int]:
        """What is in the HTTPRoute."""
        refs = self.fake.objects[ROUTE]["spec"]["rules"][0]["backendRefs"]
        return [ref["weight"] for ref in refs]

    def edit(self, path: str, **labels: str) -> None:
        """Somebody else's write, not seen by any watch."""
        body = copy.deepcopy(self.fake.objects[path])
        body["metadata"]["labels"] = labels
        self.fake.put(path, body)


@pytest.fixture
async def world(fake: FakeApi, api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store_module, "BACKOFF_MIN_S", 0.01)
    monkeypatch.setattr(store_module, "BACKOFF_MAX_S", 0.02)
    touched: list[tuple[str, str]] = []
    cluster = KubernetesCluster(api, ("shop",), touched.append)
    cluster.put_rollout(fake.put(f"{ROLLOUTS}/web", rollout_body(traffic=TRAFFIC)))
    for revision in (OLD, NEW):
        body = replica_set_body(wanted(), revision, 4)
        body["metadata"].update({"creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1})
        body["status"] = {"readyReplicas": 4, "observedGeneration": 1}
        fake.put(f"{SETS}/web-{revision}", body)
    named = {"name": "web", "namespace": "shop"}
    fake.put(ROUTE, {"metadata": named, "spec": {"rules": [{"backendRefs": _refs(30, 3, 67)}]}})
    for name, revision in (("web", OLD), ("web-canary", NEW)):
        selector = {"app": "web", "tidegate.io/revision": revision}
        meta = {"name": name, "namespace": "shop"}
        fake.put(f"{SERVICES}/{name}", {"metadata": meta, "spec": {"selector": selector}})
    yield World(cluster, fake, api, touched)
    cluster.close()


async def test_weights_and_selectors_are_read_and_the_split_says_its_share(world: World):
    seen = await world.observe()
    assert seen.problems == ()
    assert (seen.routes.stable, seen.routes.canary) == (OLD, NEW)
    (route,) = seen.routes.weights
    assert (route.title, route.weight, route.even) == ("HTTPRoute web", 10, True)


async def test_the_weight_is_written_beside_what_is_somebody_elses(world: World):
    await world.observe()
    await world.cluster.apply(wanted(), SetWeight("web", 50))
    assert world.weights() == [17, 16, 67]
    assert world.fake.made("PATCH")[0].path == ROUTE


async def test_taking_traffic_away_asks_nobody(world: World):
    """5 % of 33 is 1, which is less than 3: the shortest path there is."""
    await world.observe()
    await world.cluster.apply(wanted(), SetWeight("web", 5))
    read = [call.path for call in world.fake.calls if call.path in world.fake.objects]
    assert len(read) == 1, "the write itself"
    assert world.weights() == [32, 1, 67]


async def test_a_weight_is_not_raised_on_a_service_that_moved_unseen(world: World):
    await world.observe()
    world.edit(f"{SERVICES}/web-canary", moved="yes")
    with pytest.raises(Conflict):
        await world.cluster.apply(wanted(), SetWeight("web", 50))
    assert world.weights() == [30, 3, 67]


async def test_a_service_is_not_pointed_anew_under_a_route_that_moved_unseen(world: World):
    await world.observe()
    world.edit(ROUTE, moved="yes")
    with pytest.raises(Conflict):
        await world.cluster.apply(wanted(), PointDestination("canary", OLD))


async def test_a_new_leader_touches_the_http_route_and_leaves_it_as_it_was(world: World):
    world.api._fence.epoch = 7
    before = copy.deepcopy(world.fake.objects[ROUTE])
    await world.observe()
    await world.cluster.claim(wanted())
    after = world.fake.objects[ROUTE]
    assert len(world.fake.made("PATCH", ROUTE)) == 2
    assert len(world.fake.made("PATCH", SERVICES)) == 4
    assert version_of(after) != version_of(before)
    assert (after["spec"], after["metadata"].get("annotations")) == (before["spec"], None)


async def test_a_kind_that_is_not_installed_is_told_at_once_and_found_when_it_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    installed = False
    answer = world.fake._answer

    def until_installed(call: Any) -> Any:
        if "gateway.networking" in call.path and not installed:
            call.path = "/not/there"
        return answer(call)

    monkeypatch.setattr(world.fake, "_answer", until_installed)
    seen = await world.observe()
    (problem,) = seen.problems
    assert problem.reason == reasons.ROUTER_NOT_INSTALLED
    assert "no HTTPRoute (gateway.networking.k8s.io/v1): the Gateway API is not" in problem.message
    assert seen.routes is None
    world.touched.clear()
    installed = True
    await until(lambda: ("shop", "web") in world.touched)
    assert (await world.observe()).problems == ()


async def test_an_http_route_that_is_not_there_is_told_apart_from_a_kind_that_is_not(world: World):
    del world.fake.objects[ROUTE]
    (problem,) = (await world.observe()).problems
    assert problem.reason == reasons.HTTP_ROUTE_NOT_FOUND
    assert problem.message.endswith("mend its name in spec.traffic.gatewayApi.httpRoutes")
