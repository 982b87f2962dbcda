"""Header routes through the API server: seen beside the weights, and in one write with them."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi
from tests.adapters.kubernetes.objects import ROLLOUTS, SETS, rollout, rollout_body
from tidegate.adapters.kubernetes import store as store_module
from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.replica_sets import replica_set_body
from tidegate.core import reasons
from tidegate.core.decision import SetWeight
from tidegate.core.observation import Observed
from tidegate.ports.cluster import Conflict

ISTIO = "/apis/networking.istio.io/v1/namespaces/shop"
ROUTES, RULE = f"{ISTIO}/virtualservices/web", f"{ISTIO}/destinationrules/web"
OLD, NEW = "abc", "def"
PHASES: list[dict[str, Any]] = [
    {"name": "beta", "weight": 0, "match": [{"headers": {"x-group": {"exact": "beta"}}}]},
    {"name": "ten", "weight": 10},
]
BETA = rollout(phases=PHASES).spec.phases[0].match


def _pair(stable: int, canary: int) -> list[dict[str, Any]]:
    return [
        {"destination": {"host": "web", "subset": role}, "weight": weight}
        for role, weight in (("stable", stable), ("canary", canary))
    ]


@dataclass
class World:
    """A run whose canary is ready and selected, and has nothing yet."""

    cluster: KubernetesCluster
    fake: FakeApi
    spec: dict[str, Any]

    async def observe(self) -> Observed:
        """One look at everything."""
        for revision in (OLD, NEW):
            self.cluster.replica_sets.put(self.fake.objects[f"{SETS}/web-{revision}"])
        seen = await self.cluster.observe(rollout(**self.spec))
        self.fake.calls.clear()
        return seen

    async def write(self, effect: SetWeight) -> None:
        """One write of the operator."""
        await self.cluster.apply(rollout(**self.spec), effect)

    def http(self) -> list[dict[str, Any]]:
        """The HTTP routes as the API server has them."""
        found: list[dict[str, Any]] = self.fake.objects[ROUTES]["spec"]["http"]
        return found

    async def edit(self, http: list[dict[str, Any]]) -> Observed:
        """Somebody else's write, seen at once."""
        body = copy.deepcopy(self.fake.objects[ROUTES])
        body["spec"]["http"] = http
        stored = self.fake.put(ROUTES, body)
        self.cluster._watched[self.cluster._sights[("shop", "web")].routing.route_kind].put(stored)
        return await self.observe()


@pytest.fixture
async def world(fake: FakeApi, api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store_module, "BACKOFF_MIN_S", 0.01)
    cluster = KubernetesCluster(api, ("shop",), lambda _key: None)
    spec = {"phases": PHASES}
    cluster.put_rollout(fake.put(f"{ROLLOUTS}/web", rollout_body(**spec)))
    for revision in (OLD, NEW):
        body = replica_set_body(rollout(), revision, 4)
        body["metadata"].update({"creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1})
        body["status"] = {"readyReplicas": 4, "observedGeneration": 1}
        fake.put(f"{SETS}/web-{revision}", body)
    named = {"name": "web", "namespace": "shop"}
    http = [{"name": "other"}, {"name": "primary", "timeout": "7s", "route": _pair(100, 0)}]
    fake.put(ROUTES, {"metadata": named, "spec": {"hosts": ["web"], "http": http}})
    subsets = [
        {"name": role, "labels": {"tidegate.io/revision": revision}}
        for role, revision in (("stable", OLD), ("canary", NEW))
    ]
    fake.put(RULE, {"metadata": named, "spec": {"host": "web", "subsets": subsets}})
    yield World(cluster, fake, spec)
    cluster.close()


async def test_weight_and_header_routes_come_in_one_write_and_go_in_one(world: World):
    before = json.dumps(world.http())
    assert (await world.observe()).routes.weights[0].match == ()
    await world.write(SetWeight("web", 5, BETA))
    (patch,) = world.fake.made("PATCH")
    assert patch.path == ROUTES
    assert [raw["name"] for raw in world.http()] == ["other", "tidegate.web.0", "primary"]
    assert world.http()[1]["timeout"] == "7s"
    seen = await world.observe()
    assert (seen.routes.weight, seen.routes.match) == (5, BETA)
    await world.write(SetWeight("web", 0))
    assert len(world.fake.made("PATCH")) == 1
    assert json.dumps(world.http()) == before


async def test_header_routes_do_not_come_on_grounds_that_moved_unseen(world: World):
    await world.observe()
    body = copy.deepcopy(world.fake.objects[f"{SETS}/web-{NEW}"])
    body["status"]["readyReplicas"] = 0
    world.fake.put(f"{SETS}/web-{NEW}", body)
    with pytest.raises(Conflict):
        await world.write(SetWeight("web", 0, BETA))
    assert world.fake.made("PATCH") == []


async def test_taking_them_away_asks_nobody(world: World):
    await world.observe()
    await world.write(SetWeight("web", 0, BETA))
    await world.observe()
    await world.write(SetWeight("web", 0))
    assert [call.path for call in world.fake.calls if call.path in world.fake.objects] == [ROUTES]


async def test_they_stay_as_they_are_where_the_write_says_nothing_of_them(world: World):
    await world.observe()
    await world.write(SetWeight("web", 10, BETA))
    await world.observe()
    await world.write(SetWeight("web", 5, None))
    seen = await world.observe()
    assert (seen.routes.weight, seen.routes.match) == (5, BETA)


async def test_left_over_ones_are_seen_and_go_though_no_phase_asks_for_them(world: World):
    await world.observe()
    await world.write(SetWeight("web", 0, BETA))
    world.spec = {"phases": PHASES[1:]}
    seen = await world.observe()
    assert seen.problems == ()
    assert (seen.routes.match, seen.routes.matched) == (None, True)
    await world.write(SetWeight("web", 0))
    assert [raw["name"] for raw in world.http()] == ["other", "primary"]


async def test_they_are_found_and_go_even_where_the_managed_route_is_gone(world: World):
    await world.observe()
    await world.write(SetWeight("web", 0, BETA))
    seen = await world.edit(world.http()[:2])
    assert [problem.reason for problem in seen.problems] == [reasons.ROUTE_NOT_FOUND]
    assert seen.routes is not None
    assert (seen.routes.weight, seen.routes.match) == (0, None)
    await world.write(SetWeight("web", 0))
    assert [raw["name"] for raw in world.http()] == ["other"]


async def test_a_rollout_without_an_http_route_is_told_that_nothing_has_headers(world: World):
    body = copy.deepcopy(world.fake.objects[ROUTES])
    body["spec"] = {"hosts": ["web"], "tcp": [{"route": _pair(100, 0)}]}
    world.fake.put(ROUTES, body)
    istio = {"virtualServices": [{"name": "web"}], "destinationRule": {"name": "web"}}
    world.spec = {"phases": PHASES, "traffic": {"istio": istio}}
    seen = await world.observe()
    (problem,) = seen.problems
    assert problem.reason == reasons.HEADER_ROUTE_NOT_POSSIBLE
    assert "TLS and TCP have no headers" in problem.message
