"""Writes meet a world that moved on: each way of it is told apart, none is written blindly."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi
from tests.adapters.kubernetes.objects import ACTIONS, ROLLOUTS, SETS, replica_set, rollout
from tests.adapters.kubernetes.objects import rollout_body as body_of
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.replica_sets import replica_set_body
from tidegate.adapters.kubernetes.resources import uid_of, version_of
from tidegate.adapters.kubernetes.sight import Sight
from tidegate.adapters.weights import Pair, Target
from tidegate.api.checks import Guard, Metric
from tidegate.api.status import RolloutStatus, RunStatus, Stage, State
from tidegate.api.traffic_status import TrafficStatus
from tidegate.controller.asking import question_of
from tidegate.core.decision import (
    AnswerAction,
    CreateReplicaSet,
    DeleteReplicaSet,
    ScaleReplicaSet,
    SetWeight,
)
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone

KEY = ("shop", "web")
SET = ("shop", "web-abc")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
METRIC = Metric(name="errors", template="envoy-error-rate")
GUARD = Guard(metric="errors", max=0.01)
HEALTHY = RolloutStatus(state=State.HEALTHY, message="all well")


@pytest.fixture
async def world(fake: FakeApi, api):
    """A cluster that knows one Rollout as the server has it."""
    touched: list[tuple[str, str]] = []
    cluster = KubernetesCluster(api, ("shop",), touched.append)
    body = fake.put(f"{ROLLOUTS}/web", body_of())
    cluster.put_rollout(body)
    yield SimpleNamespace(cluster=cluster, fake=fake, body=body, touched=touched)
    cluster.close()


async def seen(world, body):
    """The ReplicaSet as a pass has just observed it."""
    world.cluster.replica_sets.put(body)
    await world.cluster.observe(rollout())
    world.fake.calls.clear()


def stored_set(world, **fields):
    """The Rollout's ReplicaSet on the server, not yet seen by the store."""
    body = replica_set_body(rollout(), "abc", 2)
    body["metadata"].update({"creationTimestamp": "2026-01-01T00:00:00Z"} | fields)
    return world.fake.put(f"{SETS}/web-abc", body)


async def test_a_replica_set_is_made_and_known_at_once(world):
    await world.cluster.apply(rollout(), CreateReplicaSet("abc", 2))
    made = world.fake.objects[f"{SETS}/web-abc"]
    assert made["spec"]["replicas"] == 2
    assert world.cluster.replica_sets.get(SET) == made


async def test_a_replica_set_that_is_there_already_is_taken_over(world):
    there = stored_set(world)
    await world.cluster.apply(rollout(), CreateReplicaSet("abc", 2))
    assert world.cluster.replica_sets.get(SET) == there


async def test_a_replica_set_that_is_being_deleted_is_waited_for(world):
    stored_set(world, deletionTimestamp="2026-01-01T00:00:00Z")
    with pytest.raises(ApiUnavailable, match="is being deleted") as caught:
        await world.cluster.apply(rollout(), CreateReplicaSet("abc", 2))
    assert caught.value.retry_after_s == 2.0
    assert world.cluster.replica_sets.get(SET) is None


async def test_a_replica_set_of_somebody_else_is_refused(world):
    stored_set(world, ownerReferences=[])
    with pytest.raises(ApiRefused, match="is not this Rollout's"):
        await world.cluster.apply(rollout(), CreateReplicaSet("abc", 2))


async def test_no_pods_are_made_for_a_rollout_that_vanished_unseen(world):
    del world.fake.objects[f"{ROLLOUTS}/web"]
    with pytest.raises(Gone):
        await world.cluster.apply(rollout(), CreateReplicaSet("abc", 2))
    assert world.cluster.rollouts == {}
    assert world.fake.made("POST") == []


async def test_no_pods_are_made_for_a_rollout_that_was_made_anew(world):
    world.fake.put(f"{ROLLOUTS}/web", body_of(uid="u2"))
    with pytest.raises(Conflict, match="made anew"):
        await world.cluster.apply(rollout(), CreateReplicaSet("abc", 2))
    assert world.cluster.rollouts[KEY]["metadata"]["uid"] == "u2"
    assert world.fake.made("POST") == []


async def test_a_refused_replica_set_becomes_a_problem_of_its_template(world):
    world.fake.says("POST", SETS, 403, {"message": "exceeded quota"})
    with pytest.raises(ApiRefused, match="exceeded quota"):
        await world.cluster.apply(rollout(), CreateReplicaSet("abc", 2))
    (problem,) = await world.cluster._templates.problems(rollout(), "abc")
    assert "exceeded quota" in problem.message


async def test_a_replica_set_is_scaled_under_its_version_and_uid(world):
    there = stored_set(world)
    await seen(world, there)
    effect = ScaleReplicaSet("abc", "web-abc", there["metadata"]["uid"], 5)
    await world.cluster.apply(rollout(), effect)
    scaled = world.fake.objects[f"{SETS}/web-abc"]
    assert scaled["spec"] == {**there["spec"], "replicas": 5}
    assert world.cluster.replica_sets.get(SET) == scaled


async def test_a_patch_on_an_older_version_is_a_conflict_and_teaches_the_new_one(world):
    there = stored_set(world)
    await seen(world, there)
    newer = world.fake.put(f"{SETS}/web-abc", there)
    with pytest.raises(Conflict):
        await world.cluster.apply(
            rollout(), ScaleReplicaSet("abc", "web-abc", there["metadata"]["uid"], 5)
        )
    assert world.cluster.replica_sets.get(SET) == newer


async def test_a_refused_patch_on_the_present_version_stays_a_refusal(world):
    there = stored_set(world)
    await seen(world, there)
    with pytest.raises(ApiRefused):
        await world.cluster.apply(rollout(), ScaleReplicaSet("abc", "web-abc", "other", 5))


async def test_what_was_never_seen_cannot_be_scaled(world):
    with pytest.raises(Gone):
        await world.cluster.apply(rollout(), ScaleReplicaSet("abc", "web-abc", "x", 5))


@pytest.mark.parametrize("there", [True, False])
async def test_a_deleted_replica_set_is_gone_whoever_deleted_it(world, there):
    body = stored_set(world)
    await seen(world, body)
    if not there:
        del world.fake.objects[f"{SETS}/web-abc"]
    await world.cluster.apply(rollout(), DeleteReplicaSet("abc", "web-abc", "rs"))
    assert world.cluster.replica_sets.get(SET) is None
    assert world.fake.objects.get(f"{SETS}/web-abc") is None
    (call,) = world.fake.made("DELETE")
    assert call.body["preconditions"] == {"uid": "rs", "resourceVersion": version_of(body)}


async def test_a_replica_set_that_changed_is_not_deleted_unseen(world):
    body = stored_set(world)
    await seen(world, body)
    world.fake.says("DELETE", SETS, 409, {"message": "Precondition failed"})
    newer = world.fake.put(f"{SETS}/web-abc", body)
    with pytest.raises(Conflict):
        await world.cluster.apply(rollout(), DeleteReplicaSet("abc", "web-abc", "rs"))
    assert world.cluster.replica_sets.get(SET)["metadata"] == newer["metadata"]


async def test_a_weight_is_not_set_on_what_was_not_read(world):
    with pytest.raises(Gone):
        await world.cluster.apply(rollout(), SetWeight("web", 10))


async def test_a_status_is_stored_on_the_version_it_was_decided_on(world):
    version = await world.cluster.write_status(KEY, version_of(world.body), HEALTHY)
    stored = world.fake.objects[f"{ROLLOUTS}/web"]
    assert stored["status"]["state"] == "Healthy"
    assert stored["spec"] == world.body["spec"]
    assert version == version_of(stored) == version_of(world.cluster.rollouts[KEY])


async def test_a_status_decided_on_an_older_copy_is_not_even_sent(world):
    with pytest.raises(Conflict, match="changed since it was read"):
        await world.cluster.write_status(KEY, "1", HEALTHY)
    assert world.fake.calls == []


async def test_a_status_on_a_version_that_moved_is_a_conflict_and_teaches_the_new_one(world):
    newer = world.fake.put(f"{ROLLOUTS}/web", body_of(replicas=9))
    with pytest.raises(Conflict):
        await world.cluster.write_status(KEY, version_of(world.body), HEALTHY)
    assert world.cluster.rollouts[KEY] == newer


async def test_a_status_of_a_rollout_that_is_gone_forgets_it(world):
    del world.fake.objects[f"{ROLLOUTS}/web"]
    with pytest.raises(Gone):
        await world.cluster.write_status(KEY, version_of(world.body), HEALTHY)
    assert world.cluster.rollouts == {}
    with pytest.raises(Gone):
        await world.cluster.write_status(KEY, version_of(world.body), HEALTHY)


def test_an_older_copy_of_a_rollout_is_not_taken_over():
    cluster = KubernetesCluster(None, (), lambda _key: None)  # type: ignore[arg-type]  # not asked
    assert cluster.put_rollout(body_of(version="10"))
    assert not cluster.put_rollout(body_of(version="9"))
    assert cluster.put_rollout(body_of(version="9", uid="u2"))


def test_a_late_answer_does_not_bring_a_deleted_rollout_back():
    cluster = KubernetesCluster(None, (), lambda _key: None)  # type: ignore[arg-type]  # not asked
    first = body_of(version="10")
    cluster.put_rollout(first)
    cluster.drop_rollout(KEY, uid_of(first))
    assert not cluster.put_rollout(body_of(version="11"))
    assert cluster.put_rollout(body_of(version="12", uid="u2"))
    cluster.drop_rollout(KEY, uid_of(first))
    assert KEY in cluster.rollouts, "a namesake stays"


async def test_answering_an_action_that_is_gone_spares_its_namesake(world):
    body = action(world)
    effect = AnswerAction(body["metadata"]["name"], uid_of(body), "Done", "done", NOON)
    again = {**body, "metadata": {**body["metadata"], "uid": "another"}}
    world.cluster.actions["shop", body["metadata"]["name"]] = again
    world.fake.says("PATCH", ACTIONS, 404)
    await world.cluster.apply(rollout(), effect)
    assert world.cluster.actions["shop", body["metadata"]["name"]] is again


def action(world, name="abort-1", rollout_name="web"):
    spec = {"rollout": rollout_name, "verb": "abort"}
    meta = {"name": name, "namespace": "shop"}
    body = world.fake.put(f"{ACTIONS}/web-{name}", {"metadata": meta, "spec": spec})
    body["metadata"]["name"] = f"web-{name}"
    world.cluster.actions[("shop", body["metadata"]["name"])] = body
    return body


async def test_actions_for_a_rollout_that_does_not_exist_are_answered(world):
    action(world, "a", "lost")
    action(world, "b", "lost")
    action(world, "c", "web")
    await world.cluster.refuse_orphans(("shop", "lost"), NOON)
    assert set(world.cluster.actions) == {("shop", "web-c")}
    for name in ("a", "b"):
        status = world.fake.objects[f"{ACTIONS}/web-{name}"]["status"]
        assert status["result"] == "Refused"
        assert status["message"] == "there is no Rollout shop/lost"
        assert status["handledAt"] == "2026-01-01T12:00:00.000000Z"
    assert "status" not in world.fake.objects[f"{ACTIONS}/web-c"]


async def test_an_answer_is_not_written_to_another_action_of_that_name(world):
    body = action(world)
    effect = AnswerAction(body["metadata"]["name"], "other", "Done", "", NOON)
    with pytest.raises(Conflict):
        await world.cluster.apply(rollout(), effect)
    assert "status" not in world.fake.objects[f"{ACTIONS}/web-abort-1"]


async def test_an_answer_to_an_action_that_changed_since_is_not_written(world):
    body = action(world)
    path = f"{ACTIONS}/web-abort-1"
    world.fake.put(path, {**body, "status": {"result": "Done", "message": "by another leader"}})
    effect = AnswerAction(body["metadata"]["name"], body["metadata"]["uid"], "Refused", "", NOON)
    with pytest.raises(Conflict):
        await world.cluster.apply(rollout(), effect)
    assert world.fake.objects[path]["status"]["result"] == "Done"


async def test_an_action_that_vanished_needs_no_answer(world):
    effect = AnswerAction("web-x", "u", "Done", "", NOON)
    await world.cluster.apply(rollout(), effect)


async def test_an_action_whose_answer_was_lost_stays_pending(world):
    body = action(world)
    world.fake.says("PATCH", ACTIONS, 503, {"message": "away"})
    effect = AnswerAction(body["metadata"]["name"], body["metadata"]["uid"], "Done", "", NOON)
    with pytest.raises(ApiUnavailable):
        await world.cluster.apply(rollout(), effect)
    assert len(world.cluster.actions) == 1


def test_a_changed_replica_set_touches_its_rollout(api):
    touched: list[tuple[str, str]] = []
    cluster = KubernetesCluster(api, (), touched.append)
    cluster.replica_sets._take(replica_set())
    assert touched == [KEY]


@pytest.mark.parametrize(
    ("weight", "canary", "asked"),
    [(100, "new", "canary"), (0, "new", "stable"), (0, "old", "stable"), (100, "old", "stable")],
)
async def test_in_a_bake_checks_are_about_the_destination_that_serves_the_new_revision(
    world, weight, canary, asked
):
    pair = Pair(Target("web.shop.svc", "stable"), Target("web.shop.svc", "canary"))
    world.cluster._sights[KEY] = Sight(routing=SimpleNamespace(pair=pair))
    run = RunStatus(
        number=1, from_revision="old", to_revision="new", started_at=NOON, stage=Stage.BAKING
    )
    traffic = TrafficStatus(weight=weight, stable="new", stable_since=NOON, canary=canary)
    status = HEALTHY.model_copy(update={"run": run, "traffic": traffic, "stable_revision": "new"})
    arms = world.cluster.arms(rollout(), status)
    subject = question_of(GUARD, arms, METRIC).subject
    assert (subject.revision, subject.subset) == ("new", asked)
    assert subject.since == (NOON if asked == "stable" else None)
