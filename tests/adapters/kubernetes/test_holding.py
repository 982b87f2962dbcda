"""Our finalizer comes and goes under compare-and-set, and nobody else's is touched."""

from __future__ import annotations

import jsonpatch
import pytest

from tests.adapters.kubernetes.fake_api import FakeApi
from tests.adapters.kubernetes.objects import ROLLOUTS, rollout, rollout_body
from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.holding import hold_patch, release_patch
from tidegate.api.constants import FINALIZER
from tidegate.core.decision import HoldRollout, ReleaseRollout
from tidegate.ports.cluster import Conflict, Gone

PATH = f"{ROLLOUTS}/web"
OTHERS = [[], ["a.example/one"], ["a.example/one", "b.example/two"]]


@pytest.fixture
async def cluster(api: Api):
    made = KubernetesCluster(api, ("shop",), lambda _key: None)
    yield made
    made.close()


def _stored(fake: FakeApi, cluster: KubernetesCluster, finalizers: list[str], **meta: str) -> None:
    body = rollout_body()
    body["metadata"].update(finalizers=finalizers, **meta)
    cluster.put_rollout(fake.put(PATH, body))


@pytest.mark.parametrize("others", OTHERS, ids=len)
def test_there_and_back_leaves_the_finalizers_of_others(others):
    body = {"metadata": {"resourceVersion": "7", **({"finalizers": others} if others else {})}}
    held = jsonpatch.apply_patch(body, hold_patch(body))
    assert held["metadata"]["finalizers"] == [*others, FINALIZER]
    released = jsonpatch.apply_patch(held, release_patch(held))
    assert released["metadata"]["finalizers"] == others


async def test_it_is_put_on_once(fake: FakeApi, cluster: KubernetesCluster):
    _stored(fake, cluster, [])
    await cluster.apply(rollout(), HoldRollout())
    await cluster.apply(rollout(), HoldRollout())
    assert fake.objects[PATH]["metadata"]["finalizers"] == [FINALIZER]
    assert [call.method for call in fake.calls] == ["PATCH"]
    assert cluster.rollouts["shop", "web"]["metadata"]["finalizers"] == [FINALIZER]


async def test_it_is_taken_away_once(fake: FakeApi, cluster: KubernetesCluster):
    _stored(fake, cluster, ["a.example/one", FINALIZER])
    await cluster.apply(rollout(), ReleaseRollout())
    await cluster.apply(rollout(), ReleaseRollout())
    assert fake.objects[PATH]["metadata"]["finalizers"] == ["a.example/one"]
    assert [call.method for call in fake.calls] == ["PATCH"]


async def test_a_rollout_that_changed_meanwhile_is_looked_at_again(
    fake: FakeApi, cluster: KubernetesCluster
):
    _stored(fake, cluster, [FINALIZER])
    fake.put(PATH, {**fake.objects[PATH], "spec": {"replicas": 9}})
    with pytest.raises(Conflict):
        await cluster.apply(rollout(), ReleaseRollout())
    assert fake.objects[PATH]["metadata"]["finalizers"] == [FINALIZER]


async def test_what_only_waited_for_us_is_forgotten_when_we_let_go(
    fake: FakeApi, cluster: KubernetesCluster
):
    deleted = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    _stored(fake, cluster, [FINALIZER], **deleted)
    await cluster.apply(rollout(), ReleaseRollout())
    assert ("shop", "web") not in cluster.rollouts
    with pytest.raises(Gone):
        await cluster.apply(rollout(), HoldRollout())
