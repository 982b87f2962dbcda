"""What a new leader touched cannot be changed by a write that was prepared before; nor can what
a decision stands on have moved unseen."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi
from tests.adapters.kubernetes.objects import ROLLOUTS, SETS, rollout, rollout_body
from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.replica_sets import replica_set_body
from tidegate.adapters.kubernetes.resources import version_of
from tidegate.adapters.kubernetes.stamping import epoch_on
from tidegate.api.constants import ANNOTATION_EPOCH
from tidegate.core.decision import (
    DeleteReplicaSet,
    Effect,
    PointDestination,
    ScaleReplicaSet,
    SetWeight,
)
from tidegate.ports.cluster import ApiUnavailable, Conflict, Gone

ISTIO = "/apis/networking.istio.io/v1/namespaces/shop"
ROUTES = f"{ISTIO}/virtualservices/web"
RULE = f"{ISTIO}/destinationrules/web"
OLD, NEW = "abc", "def"


def _subset(name: str) -> dict[str, Any]:
    return {"destination": {"host": "web", "subset": name}}


@dataclass
class World:
    """A Rollout with two ReplicaSets at weight 10, as one pass has just observed it."""

    cluster: KubernetesCluster
    fake: FakeApi
    api: Api

    async def observe(self) -> None:
        """One look at everything."""
        for revision in (OLD, NEW):
            self.cluster.replica_sets.put(self.fake.objects[f"{SETS}/web-{revision}"])
        await self.cluster.observe(rollout())
        self.fake.calls.clear()

    def uid(self, revision: str) -> str:
        """The uid of a revision's ReplicaSet."""
        return str(self.fake.objects[f"{SETS}/web-{revision}"]["metadata"]["uid"])

    def edit(self, path: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Somebody else's write, not seen by any watch."""
        body = copy.deepcopy(self.fake.objects[path])
        change(body)
        self.fake.put(path, body)

    def writes(self) -> list[str]:
        """Methods of the writes so far."""
        return [call.method for call in self.fake.calls if call.method != "GET"]


@pytest.fixture
async def world(fake: FakeApi, api: Api):
    cluster = KubernetesCluster(api, ("shop",), lambda _key: None)
    fake.objects["/api/v1/namespaces/shop/services/web"] = {"kind": "Service"}
    cluster.put_rollout(fake.put(f"{ROLLOUTS}/web", rollout_body()))
    created = {"creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1}
    for revision in (OLD, NEW):
        body = replica_set_body(rollout(), revision, 4)
        body["metadata"].update(created)
        body["status"] = {"readyReplicas": 4, "observedGeneration": 1}
        fake.put(f"{SETS}/web-{revision}", body)
    named = {"name": "web", "namespace": "shop"}
    split = [{**_subset("stable"), "weight": 90}, {**_subset("canary"), "weight": 10}]
    fake.put(ROUTES, {"metadata": named, "spec": {"http": [{"name": "primary", "route": split}]}})
    subsets = [
        {"name": name, "labels": {"tidegate.io/revision": revision}}
        for name, revision in (("stable", OLD), ("canary", NEW))
    ]
    annotated = {**named, "annotations": {"owner": "team-a"}}
    fake.put(RULE, {"metadata": annotated, "spec": {"host": "web", "subsets": subsets}})
    made = World(cluster, fake, api)
    await made.observe()
    yield made
    cluster.close()


# ---------------------------------------------------------------- stamping


async def test_every_object_of_a_claimed_rollout_gets_a_new_version(world: World):
    world.api._fence.epoch = 7
    paths = [ROUTES, RULE, f"{SETS}/web-{OLD}", f"{SETS}/web-{NEW}"]
    before = {path: version_of(world.fake.objects[path]) for path in paths}
    await world.cluster.claim(rollout())
    assert all(version_of(world.fake.objects[path]) != before[path] for path in paths)


async def test_users_objects_keep_what_they_had_and_no_mark_stays(world: World):
    world.api._fence.epoch = 7

    def content(path: str) -> tuple[Any, Any]:
        body = world.fake.objects[path]
        return body["metadata"].get("annotations"), body["spec"]

    before = {path: content(path) for path in (ROUTES, RULE)}
    await world.cluster.claim(rollout())
    assert {path: content(path) for path in (ROUTES, RULE)} == before


async def test_replica_sets_keep_the_epoch_and_are_touched_once(world: World):
    world.api._fence.epoch = 7
    await world.cluster.claim(rollout())
    assert {epoch_on(world.fake.objects[f"{SETS}/web-{r}"]) for r in (OLD, NEW)} == {"7"}
    await world.observe()
    await world.cluster.claim(rollout())
    assert world.fake.made("PATCH", SETS) == []


async def test_a_mark_that_a_dead_leader_left_goes_with_the_next_claim(world: World):
    def mark(body: dict[str, Any]) -> None:
        body["metadata"]["annotations"] = {ANNOTATION_EPOCH: "6"}

    world.edit(ROUTES, mark)
    world.api._fence.epoch = 7
    await world.cluster.claim(rollout())
    assert world.fake.objects[ROUTES]["metadata"].get("annotations") is None
    assert len(world.fake.made("PATCH", ROUTES)) == 1


async def test_what_no_watch_shows_is_touched_all_the_same(world: World):
    """Without its DestinationRule the Rollout's routes are not even looked at."""
    del world.fake.objects[RULE]
    await world.observe()
    before = version_of(world.fake.objects[ROUTES])
    world.api._fence.epoch = 7
    await world.cluster.claim(rollout())
    assert version_of(world.fake.objects[ROUTES]) != before


async def test_what_cannot_be_read_cannot_be_claimed(world: World):
    world.fake.says("GET", ROUTES, 503)
    world.api._fence.epoch = 7
    with pytest.raises(ApiUnavailable):
        await world.cluster.claim(rollout())


@pytest.mark.parametrize(
    "effect",
    [SetWeight("web", 0), PointDestination("canary", OLD), ScaleReplicaSet(NEW, "web-def", "", 5)],
    ids=["weight", "destination", "size"],
)
async def test_a_write_prepared_before_a_takeover_is_refused(world: World, effect: Effect):
    """The old leader has looked already; the new one claims; the old one's write arrives."""
    if isinstance(effect, ScaleReplicaSet):
        effect = ScaleReplicaSet(NEW, "web-def", world.uid(NEW), 5)
    other = KubernetesCluster(world.api, ("shop",), lambda _key: None)
    other.put_rollout(world.fake.objects[f"{ROLLOUTS}/web"])
    leader = World(other, world.fake, world.api)
    await leader.observe()
    world.api._fence.epoch = 8
    await other.claim(rollout())
    world.api._fence.epoch = 7
    before = copy.deepcopy({k: v["spec"] for k, v in world.fake.objects.items() if "spec" in v})
    with pytest.raises(Conflict):
        await world.cluster.apply(rollout(), effect)
    assert {k: v["spec"] for k, v in world.fake.objects.items() if "spec" in v} == before
    other.close()


# ---------------------------------------------------------------- fresh grounds


def _not_ready(body: dict[str, Any]) -> None:
    body["status"]["readyReplicas"] = 0


def _new_spec(body: dict[str, Any]) -> None:
    body["metadata"]["generation"] = 2


def _weight(body: dict[str, Any]) -> None:
    body["spec"]["http"][0]["route"][1]["weight"] = 11


def _pointed(body: dict[str, Any]) -> None:
    body["spec"]["subsets"][1]["labels"] = {"tidegate.io/revision": "other"}


RAISE = SetWeight("web", 50)
GROUNDS: dict[str, tuple[str, str, Callable[[dict[str, Any]], None]]] = {
    "raise without ready pods": ("raise", f"{SETS}/web-{NEW}", _not_ready),
    "raise for another template": ("raise", f"{ROLLOUTS}/web", _new_spec),
    "raise onto other pods": ("raise", RULE, _pointed),
    "re-point for another template": ("point", f"{ROLLOUTS}/web", _new_spec),
    "re-point while routes moved": ("point", ROUTES, _weight),
    "re-point at pods that died": ("point", f"{SETS}/web-{NEW}", _not_ready),
    "shrink while routes moved": ("shrink", ROUTES, _weight),
    "shrink while a subset selects it": ("shrink", RULE, _pointed),
    "shrink for another template": ("shrink", f"{ROLLOUTS}/web", _new_spec),
    "delete while a subset selects it": ("delete", RULE, _pointed),
}


def _effect(world: World, kind: str) -> Effect:
    uid = world.uid(OLD)
    return {
        "raise": RAISE,
        "point": PointDestination("stable", NEW),
        "shrink": ScaleReplicaSet(OLD, f"web-{OLD}", uid, 0),
        "delete": DeleteReplicaSet(OLD, f"web-{OLD}", uid),
    }[kind]


@pytest.mark.parametrize("case", GROUNDS)
async def test_grounds_that_moved_unseen_stop_a_write(world: World, case: str):
    kind, path, change = GROUNDS[case]
    effect = _effect(world, kind)
    world.edit(path, change)
    with pytest.raises(Conflict, match="changed since it was read"):
        await world.cluster.apply(rollout(), effect)
    assert world.writes() == []


@pytest.mark.parametrize("kind", ["raise", "point", "shrink", "delete"])
async def test_grounds_that_stand_let_it_through(world: World, kind: str):
    await world.cluster.apply(rollout(), _effect(world, kind))
    assert len(world.writes()) == 1


async def test_grounds_that_are_gone_stop_a_write(world: World):
    effect = _effect(world, "shrink")
    del world.fake.objects[RULE]
    with pytest.raises(Conflict):
        await world.cluster.apply(rollout(), effect)
    assert world.writes() == []


async def test_taking_traffic_away_asks_nobody(world: World):
    world.edit(f"{ROLLOUTS}/web", _new_spec)
    world.edit(RULE, _pointed)
    await world.cluster.apply(rollout(), SetWeight("web", 0))
    read = [call.path for call in world.fake.calls if call.path in world.fake.objects]
    assert read == [ROUTES], "the write itself"


async def test_what_was_read_is_kept_for_the_next_pass(world: World):
    world.edit(f"{SETS}/web-{NEW}", _not_ready)
    with pytest.raises(Conflict):
        await world.cluster.apply(rollout(), RAISE)
    known = world.cluster.replica_sets.get(("shop", f"web-{NEW}"))
    assert known is not None
    assert known["status"]["readyReplicas"] == 0


async def test_a_change_of_pods_that_does_not_matter_stops_nothing(world: World):
    def more_status(body: dict[str, Any]) -> None:
        body["status"]["fullyLabeledReplicas"] = 4

    world.edit(f"{SETS}/web-{NEW}", more_status)
    await world.cluster.apply(rollout(), RAISE)
    assert world.writes() == ["PATCH"]


async def test_a_replica_set_that_nobody_saw_cannot_shrink(world: World):
    with pytest.raises(Gone):
        await world.cluster.apply(rollout(), ScaleReplicaSet("x", "web-x", "u", 0))
