"""Routes that are made for a Rollout: created, kept as the spec has them, and never taken over."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi
from tests.adapters.kubernetes.objects import ROLLOUTS, SETS, replica_set, rollout_body
from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.resources import VIRTUAL_SERVICES
from tidegate.api.rollout import Rollout
from tidegate.core import reasons
from tidegate.core.decision import AlignRoute, MakeDestinations, MakeRoute, SetWeight
from tidegate.core.observation import OwnRoute
from tidegate.ports.cluster import ApiRefused, Conflict

ISTIO = "/apis/networking.istio.io/v1/namespaces/shop"
ROUTE, RULE = f"{ISTIO}/virtualservices/web", f"{ISTIO}/destinationrules/web"
HTTP_ROUTE = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/web"
SERVICES = "/api/v1/namespaces/shop/services"
OLD, NEW = "abc", "def"
MANAGED: dict[str, Any] = {"hosts": ["web"], "gateways": ["edge/public"], "port": 80}
GATEWAY: dict[str, Any] = {
    "managed": {
        "hostnames": ["shop.example"],
        "parentRefs": [{"name": "public", "namespace": "edge"}],
        "port": 80,
    },
    "services": {"stable": "web", "canary": "web-canary"},
}
MISSING_RULE = OwnRoute("DestinationRule", "web")
MISSING_ROUTE = OwnRoute("VirtualService", "web")


@dataclass
class World:
    """A Rollout with routes of its own, as its spec has them now."""

    cluster: KubernetesCluster
    fake: FakeApi
    body: dict[str, Any]

    @property
    def rollout(self) -> Rollout:
        """The Rollout as it is stored."""
        return Rollout.parse(self.body)

    async def observe(self) -> Any:
        """One look at everything."""
        for revision in (OLD, NEW):
            self.cluster.replica_sets.put(self.fake.objects[f"{SETS}/web-{revision}"])
        return await self.cluster.observe(self.rollout)

    async def apply(self, effect: Any) -> None:
        """One write, on what was seen."""
        await self.cluster.apply(self.rollout, effect)

    def edit(self, **managed: Any) -> None:
        """Change what the spec says of the route."""
        traffic = copy.deepcopy(self.body["spec"]["traffic"])
        next(iter(traffic.values()))["managed"].update(managed)
        self.body = self.fake.put(
            f"{ROLLOUTS}/web",
            {**self.body, "spec": {**self.body["spec"], "traffic": traffic}},
        )
        self.cluster.put_rollout(self.body)

    async def made(self, weight: int = 0) -> None:
        """Make both, with the pods of two revisions behind them."""
        await self.observe()
        await self.apply(MakeDestinations("web", OLD, NEW))
        await self.observe()
        await self.apply(MakeRoute("VirtualService", "web", weight, NEW))


def _world(fake: FakeApi, api: Api, traffic: dict[str, Any]) -> World:
    body = fake.put(f"{ROLLOUTS}/web", rollout_body(traffic=traffic))
    for number, revision in enumerate((OLD, NEW)):
        fake.put(f"{SETS}/web-{revision}", replica_set(f"web-{revision}", uid=f"rs{number}"))
    for name in ("web", "web-canary"):
        meta = {"name": name, "namespace": "shop"}
        fake.put(f"{SERVICES}/{name}", {"metadata": meta, "spec": {"selector": {"app": "web"}}})
    cluster = KubernetesCluster(api, [], lambda _: None)
    cluster.put_rollout(body)
    return World(cluster, fake, body)


@pytest.fixture
async def world(fake: FakeApi, api: Api) -> AsyncIterator[World]:
    made = _world(fake, api, {"istio": {"managed": MANAGED}})
    yield made
    made.cluster.close()


@pytest.fixture
async def gateway(fake: FakeApi, api: Api) -> AsyncIterator[World]:
    made = _world(fake, api, {"gatewayApi": GATEWAY})
    yield made
    made.cluster.close()


async def test_what_is_missing_is_told_destinations_first_and_is_no_problem(world):
    seen = await world.observe()
    assert (seen.own_routes, seen.routes, seen.problems) == ((MISSING_RULE,), None, ())
    await world.apply(MakeDestinations("web", OLD, OLD))
    seen = await world.observe()
    assert (seen.own_routes, seen.routes) == ((MISSING_ROUTE,), None)


async def test_what_is_made_can_be_read_and_goes_with_the_rollout(world):
    await world.made(10)
    seen = await world.observe()
    assert (seen.own_routes, seen.problems) == ((), ())
    assert (seen.routes.weight, seen.routes.stable, seen.routes.canary) == (10, OLD, NEW)
    for path in (ROUTE, RULE):
        [owner] = world.fake.objects[path]["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("Rollout", "u1", True)


async def test_the_route_says_what_the_spec_says(world):
    await world.made()
    spec = world.fake.objects[ROUTE]["spec"]
    assert (spec["hosts"], spec["gateways"]) == (["web"], ["edge/public"])
    [route] = spec["http"]
    assert [entry["destination"] for entry in route["route"]] == [
        {"host": "web", "subset": subset, "port": {"number": 80}} for subset in ("stable", "canary")
    ]


async def test_one_that_came_meanwhile_is_looked_at_anew(world):
    await world.made()
    with pytest.raises(Conflict):
        await world.apply(MakeRoute("VirtualService", "web", 50, NEW))
    assert (await world.observe()).routes.weight == 0


async def test_one_of_somebody_else_is_never_taken_over(world):
    body = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"hosts": ["web"]}}
    world.fake.put(RULE, copy.deepcopy(body))
    seen = await world.observe()
    assert (seen.own_routes, seen.routes) == ((), None)
    [problem] = seen.problems
    assert problem.reason == reasons.ROUTE_NOT_OURS
    assert "DestinationRule shop/web exists and is not this Rollout's" in problem.message
    assert "spec.traffic.istio.managed" in problem.message


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        (None, "has no selector"),
        ({"app": "web", "tidegate.io/revision": "abc"}, "selects only tidegate.io/revision=abc"),
        ({"app": "shop"}, "selects only app=shop"),
    ],
)
async def test_a_service_that_has_not_all_pods_is_told(world, selector, words):
    meta = {"name": "web", "namespace": "shop"}
    world.fake.put(f"{SERVICES}/web", {"metadata": meta, "spec": {"selector": selector}})
    [problem] = (await world.observe()).problems
    assert (problem.reason, words in problem.message) == (reasons.SERVICE_NOT_FOUND, True)


async def test_a_service_that_is_missing_is_told_and_hides_no_route(fake, api):
    world = _world(fake, api, {"istio": {"managed": {**MANAGED, "service": "other"}}})
    meta = {"name": "other", "namespace": "shop"}
    fake.put(f"{SERVICES}/other", {"metadata": meta, "spec": {"selector": {"app": "web"}}})
    await world.made(10)
    world.cluster.close()
    del fake.objects[f"{SERVICES}/other"]
    later = KubernetesCluster(api, [], lambda _: None)  # the next process finds it gone
    later.put_rollout(world.body)
    seen = await later.observe(world.rollout)
    later.close()
    assert [problem.reason for problem in seen.problems] == [reasons.SERVICE_NOT_FOUND]
    assert "spec.traffic.istio.managed.service" in seen.problems[0].message
    assert seen.routes.weight == 10


async def test_a_rollout_that_is_gone_makes_nothing(world):
    await world.observe()
    del world.fake.objects[f"{ROLLOUTS}/web"]
    with pytest.raises(Conflict):
        await world.apply(MakeDestinations("web", OLD, OLD))
    assert RULE not in world.fake.objects


async def test_no_share_is_given_to_pods_that_are_gone_by_now(world):
    await world.observe()
    await world.apply(MakeDestinations("web", OLD, NEW))
    await world.observe()
    world.fake.put(f"{SETS}/web-{NEW}", replica_set(f"web-{NEW}", uid="rs1", ready=0))
    with pytest.raises(Conflict):
        await world.apply(MakeRoute("VirtualService", "web", 10, NEW))


EDITS = [{"hosts": ["web", "shop.example"]}, {"gateways": []}, {"port": 8080}, {"port": None}]


@pytest.mark.parametrize("edit", EDITS, ids=str)
async def test_an_edit_is_followed_and_leaves_weights_and_all_else(world, edit):
    await world.made(10)
    before = copy.deepcopy(world.fake.objects[ROUTE]["spec"])
    world.edit(**edit)
    seen = await world.observe()
    assert seen.own_routes == (OwnRoute("VirtualService", "web", missing=False),)
    assert seen.routes.weight == 10
    await world.apply(AlignRoute("VirtualService", "web"))
    after = world.fake.objects[ROUTE]["spec"]
    assert after != before
    [route] = after["http"]
    assert [entry["weight"] for entry in route["route"]] == [90, 10]
    assert (await world.observe()).own_routes == ()


async def test_the_port_of_a_destination_that_is_not_ours_stays(world):
    await world.made(10)
    legacy = {"destination": {"host": "legacy", "port": {"number": 9090}}, "weight": 0}
    world.fake.objects[ROUTE]["spec"]["http"][0]["route"].append(copy.deepcopy(legacy))
    world.edit(port=8080)
    await world.observe()
    await world.apply(AlignRoute("VirtualService", "web"))
    *ours, other = world.fake.objects[ROUTE]["spec"]["http"][0]["route"]
    assert [entry["destination"]["port"]["number"] for entry in ours] == [8080, 8080]
    assert other == legacy
    assert (await world.observe()).own_routes == ()


async def test_the_port_of_a_backend_that_is_not_ours_stays(gateway):
    await gateway.observe()
    await gateway.apply(MakeRoute("HTTPRoute", "web", 10, NEW))
    legacy = {"backendRefs": [{"name": "legacy", "port": 9090, "weight": 1}]}
    gateway.fake.objects[HTTP_ROUTE]["spec"]["rules"].append(copy.deepcopy(legacy))
    assert (await gateway.observe()).own_routes == ()
    gateway.edit(port=8080)
    await gateway.observe()
    await gateway.apply(AlignRoute("HTTPRoute", "web"))
    rules = gateway.fake.objects[HTTP_ROUTE]["spec"]["rules"]
    assert [ref["port"] for ref in rules[0]["backendRefs"]] == [8080, 8080]
    assert rules[1] == legacy


async def test_a_route_that_somebody_is_deleting_can_be_sent_back_on(world):
    await world.made(10)
    going = copy.deepcopy(world.fake.objects[ROUTE])
    going["metadata"].update(
        deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["example.com/slow"]
    )
    world.cluster._watched[VIRTUAL_SERVICES].put(world.fake.put(ROUTE, going))
    seen = await world.observe()
    assert (seen.own_routes, seen.routes.weight) == ((), 10)
    await world.apply(SetWeight("web", 0))
    [route] = world.fake.objects[ROUTE]["spec"]["http"]
    assert [entry["weight"] for entry in route["route"]] == [100, 0]


async def test_an_edit_is_made_on_what_was_read_and_on_nothing_newer(world):
    await world.made()
    world.edit(hosts=["shop.example"])
    await world.observe()
    world.fake.put(ROUTE, copy.deepcopy(world.fake.objects[ROUTE]))
    with pytest.raises(Conflict):
        await world.apply(AlignRoute("VirtualService", "web"))
    assert world.fake.objects[ROUTE]["spec"]["hosts"] == ["web"]


async def test_an_edit_that_a_webhook_takes_back_is_refused_and_not_written_for_ever(world):
    await world.made()
    world.edit(hosts=["shop.example"])
    await world.observe()
    kept = copy.deepcopy(world.fake.objects[ROUTE])
    world.fake.says("PATCH", "virtualservices/web", 200, kept)
    with pytest.raises(ApiRefused, match="admission webhook"):
        await world.apply(AlignRoute("VirtualService", "web"))


async def test_its_weights_are_written_as_those_of_any_route(world):
    await world.made()
    await world.observe()
    await world.apply(SetWeight("web", 30))
    [route] = world.fake.objects[ROUTE]["spec"]["http"]
    assert [entry["weight"] for entry in route["route"]] == [70, 30]


async def test_a_claim_touches_what_is_made(world):
    await world.made()
    versions = [world.fake.objects[path]["metadata"]["resourceVersion"] for path in (ROUTE, RULE)]
    await world.cluster.claim(world.rollout)
    after = [world.fake.objects[path]["metadata"]["resourceVersion"] for path in (ROUTE, RULE)]
    assert all(new != old for new, old in zip(after, versions, strict=True))


async def test_an_http_route_is_made_and_follows_the_spec(gateway):
    seen = await gateway.observe()
    assert seen.own_routes == (OwnRoute("HTTPRoute", "web"),)
    await gateway.apply(MakeRoute("HTTPRoute", "web", 10, NEW))
    spec = gateway.fake.objects[HTTP_ROUTE]["spec"]
    assert spec["hostnames"] == ["shop.example"]
    for ref in spec["parentRefs"]:
        ref.update(group="gateway.networking.k8s.io", kind="Gateway")  # as the API server does
    seen = await gateway.observe()
    assert (seen.own_routes, seen.problems, seen.routes.weight) == ((), (), 10)
    gateway.edit(hostnames=[], port=8080)
    seen = await gateway.observe()
    assert seen.own_routes == (OwnRoute("HTTPRoute", "web", missing=False),)
    await gateway.apply(AlignRoute("HTTPRoute", "web"))
    spec = gateway.fake.objects[HTTP_ROUTE]["spec"]
    assert "hostnames" not in spec
    [rule] = spec["rules"]
    assert [(ref["port"], ref["weight"]) for ref in rule["backendRefs"]] == [(8080, 90), (8080, 10)]


async def test_a_destination_rule_that_was_made_for_another_service_is_told(world):
    await world.made()
    meta = {"name": "other", "namespace": "shop"}
    world.fake.put(f"{SERVICES}/other", {"metadata": meta, "spec": {"selector": {"app": "web"}}})
    world.edit(service="other")
    seen = await world.observe()
    [problem] = seen.problems
    assert problem.reason == reasons.ROUTE_NOT_OURS
    assert "is about web" in problem.message
