"""The stable ReplicaSet that went: remembered, one for each Rollout; made without its past."""

from __future__ import annotations

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi
from tests.adapters.kubernetes.objects import ROLLOUTS, SETS, rollout, rollout_body
from tidegate.adapters.kubernetes import lost_sets
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.lost_sets import LostSets
from tidegate.adapters.kubernetes.replica_sets import replica_set_body
from tidegate.core.decision import CreateReplicaSet

KEY = ("shop", "web")


def old_set(revision: str = "abc"):
    body = replica_set_body(rollout(), revision, 3, epoch=4)
    body["spec"]["template"]["spec"] = {"containers": [{"name": "old"}]}
    body["metadata"] |= {"uid": "s1", "resourceVersion": "7", "creationTimestamp": "2026-01-01"}
    return body | {"status": {"readyReplicas": 3}}


def known(stable: str = "abc"):
    return rollout_body() | {"status": {"stableRevision": stable}}


def test_only_the_stable_replica_set_is_remembered():
    lost = LostSets()
    lost.remember(known(), KEY, old_set("canary"))
    assert lost.of(KEY, rollout().uid) is None
    lost.remember(known(), KEY, old_set())
    assert lost.of(KEY, rollout().uid) == old_set()


def test_a_rollout_that_goes_or_was_made_anew_gets_nothing_back():
    lost = LostSets()
    going = known()
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    lost.remember(going, KEY, old_set())
    lost.remember(None, KEY, old_set())
    assert lost.of(KEY, rollout().uid) is None
    lost.remember(known(), KEY, old_set())
    assert lost.of(KEY, "another uid") is None
    lost.forget(KEY)
    assert lost.of(KEY, rollout().uid) is None


def test_no_more_are_remembered_than_the_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lost_sets, "LOST_KEPT", 2)
    lost = LostSets()
    for name in "abc":
        lost.remember(known(), ("shop", name), old_set())
    assert lost.of(("shop", "a"), rollout().uid) is None
    assert lost.of(("shop", "c"), rollout().uid) is not None


async def test_a_deleted_stable_replica_set_is_made_again_with_its_own_template(fake: FakeApi, api):
    cluster = KubernetesCluster(api, ("shop",), lambda _key: None)
    cluster.put_rollout(fake.put(f"{ROLLOUTS}/web", known()))
    there = fake.put(f"{SETS}/web-abc", old_set())
    cluster.replica_sets.put(there)
    cluster.replica_sets._event("DELETED", there)
    del fake.objects[f"{SETS}/web-abc"]
    assert (await cluster.observe(rollout())).revivable == "abc"
    await cluster.apply(rollout(), CreateReplicaSet("abc", 2))
    made = fake.objects[f"{SETS}/web-abc"]
    assert made["spec"]["template"] == old_set()["spec"]["template"]
    assert made["spec"]["replicas"] == 2
    assert "creationTimestamp" not in made["metadata"]
    assert "status" not in made
    cluster.close()
