"""Variants through the API server: their pods, their subsets and their weights."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi
from tests.adapters.kubernetes.objects import ROLLOUTS, SETS, rollout, rollout_body
from tidegate.adapters.kubernetes import store as store_module
from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.replica_sets import replica_set_body
from tidegate.api.checks import Guard, Metric
from tidegate.api.status import RolloutStatus
from tidegate.api.variants import VariantStatus
from tidegate.controller.asking import question_of
from tidegate.core import reasons
from tidegate.core.decision import CreateReplicaSet, Effect, PointDestination, SetWeight
from tidegate.core.observation import Observed
from tidegate.ports.cluster import Conflict

ISTIO = "/apis/networking.istio.io/v1/namespaces/shop"
ROUTES, RULE = f"{ISTIO}/virtualservices/web", f"{ISTIO}/destinationrules/web"
OLD, NEW = "abc", "def"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
VARIANTS: list[dict[str, Any]] = [
    {"name": "a", "patch": {"metadata": {"annotations": {"text": "short"}}}},
    {"name": "b", "subset": "blue", "patch": {"metadata": {"annotations": {"text": "long"}}}},
]
SPEC = {
    "variants": VARIANTS,
    "phases": [{"name": "test", "weight": 0, "variants": [{"name": "a", "weight": 25}]}],
}
SUBSETS = {"stable": OLD, "canary": NEW, "a": OLD, "blue": OLD}


@dataclass
class World:
    """A run whose canary is ready; both variants are home."""

    cluster: KubernetesCluster
    fake: FakeApi

    async def observe(self) -> Observed:
        """One look at everything."""
        for path, body in self.fake.objects.items():
            if path.startswith(f"{SETS}/"):
                self.cluster.replica_sets.put(body)
        seen = await self.cluster.observe(rollout(**SPEC))
        self.fake.calls.clear()
        return seen

    async def write(self, effect: Effect) -> None:
        """One write of the operator."""
        await self.cluster.apply(rollout(**SPEC), effect)

    def weights(self) -> dict[str, int]:
        """The weights as the API server has them."""
        (route,) = self.fake.objects[ROUTES]["spec"]["http"]
        return {e["destination"]["subset"]: e["weight"] for e in route["route"]}

    def subsets(self) -> dict[str, str]:
        """What each subset selects."""
        found = self.fake.objects[RULE]["spec"]["subsets"]
        return {one["name"]: one["labels"]["tidegate.io/revision"] for one in found}

    def put_set(self, revision: str, variant: str = "") -> None:
        """A ReplicaSet with two ready pods."""
        body = replica_set_body(rollout(), revision, 2, variant=variant)
        body["metadata"].update({"creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1})
        body["status"] = {"readyReplicas": 2, "observedGeneration": 1}
        self.fake.put(f"{SETS}/web-{revision}", body)


@pytest.fixture
async def world(fake: FakeApi, api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store_module, "BACKOFF_MIN_S", 0.01)
    cluster = KubernetesCluster(api, ("shop",), lambda _key: None)
    cluster.put_rollout(fake.put(f"{ROLLOUTS}/web", rollout_body(**SPEC)))
    made = World(cluster, fake)
    for revision in (OLD, NEW):
        made.put_set(revision)
    named = {"name": "web", "namespace": "shop"}
    route = [
        {"destination": {"host": "web", "subset": name}, "weight": 100 if name == "stable" else 0}
        for name in SUBSETS
    ]
    fake.put(ROUTES, {"metadata": named, "spec": {"http": [{"name": "primary", "route": route}]}})
    subsets = [
        {"name": name, "labels": {"tidegate.io/revision": revision}}
        for name, revision in SUBSETS.items()
    ]
    fake.put(RULE, {"metadata": named, "spec": {"host": "web", "subsets": subsets}})
    yield made
    cluster.close()


async def test_each_variant_has_a_revision_of_its_own_and_is_seen_home(world: World):
    seen = await world.observe()
    assert [p for p in seen.problems if p.reason != reasons.NOT_BUILT_YET] == []
    assert seen.routes is not None
    assert dict(seen.routes.variants) == {"a": OLD, "b": OLD}
    assert len({seen.target, *seen.variants.values()}) == 3
    assert seen.routes.weights[0].variants == ()


async def test_an_arm_goes_through_pods_subset_and_weight_and_back_in_one_write(world: World):
    revision = (await world.observe()).variants["b"]
    await world.write(CreateReplicaSet(revision, 2, "b"))
    body = copy.deepcopy(world.fake.objects[f"{SETS}/web-{revision}"])
    assert body["metadata"]["annotations"]["tidegate.io/variant"] == "b"
    assert body["spec"]["template"]["metadata"]["annotations"]["text"] == "long"
    world.put_set(revision, "b")
    seen = await world.observe()
    assert seen.revision(revision) is not None
    assert seen.revision(revision).variant == "b"
    await world.write(PointDestination("variant/b", revision))
    assert world.subsets() == {**SUBSETS, "blue": revision}
    await world.observe()
    await world.write(SetWeight("web", 10, (), (("b", 25),)))
    assert world.weights() == {"stable": 65, "canary": 10, "a": 0, "blue": 25}
    seen = await world.observe()
    assert seen.routes.weights[0].variants == (("b", 25),)
    await world.write(SetWeight("web", 0))
    assert world.weights() == {"stable": 100, "canary": 0, "a": 0, "blue": 0}
    assert len(world.fake.made("PATCH")) == 1


async def test_a_share_is_not_given_to_pods_that_are_ready_no_more(world: World):
    revision = (await world.observe()).variants["a"]
    world.put_set(revision, "a")
    await world.observe()
    await world.write(PointDestination("variant/a", revision))
    await world.observe()
    path = f"{SETS}/web-{revision}"
    gone = copy.deepcopy(world.fake.objects[path])
    gone["status"]["readyReplicas"] = 0
    world.fake.put(path, gone)
    with pytest.raises(Conflict):
        await world.write(SetWeight("web", 0, (), (("a", 25),)))
    assert world.weights()["a"] == 0


async def test_a_subset_that_is_missing_is_named_and_all_can_still_go_back(world: World):
    rule = copy.deepcopy(world.fake.objects[RULE])
    rule["spec"]["subsets"].pop()
    world.fake.put(RULE, rule)
    seen = await world.observe()
    assert any("no subset 'blue' for variant b" in p.message for p in seen.problems)
    assert seen.routes is not None
    assert seen.routes.variants["b"] is None


async def test_questions_are_about_the_arm_and_its_destination(world: World):
    revision = (await world.observe()).variants["b"]
    entry = VariantStatus(name="b", weight=25, revision=revision, since=NOON)
    status = RolloutStatus(stable_revision=OLD, variants=(entry,))
    arms = world.cluster.arms(rollout(**SPEC), status)
    assert arms is not None
    metric = Metric(name="errors", template="envoy-error-rate")
    question = question_of(Guard(metric="errors", max=0.01), arms, metric, "b")
    assert question is not None
    subject = question.subject
    assert (subject.revision, subject.subset, subject.since) == (revision, "blue", NOON)
    assert question_of(Guard(metric="errors", max=0.01), arms, metric, "c") is None
    assert dict(arms.variants)["a"].revision == ""
