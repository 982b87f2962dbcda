"""A Deployment is read, sized and given back by single writes that fit what was read."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi
from tests.adapters.kubernetes.objects import ROLLOUTS, SETS, SPEC, rollout_body
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.replica_sets import replica_set_body, revision_of
from tidegate.adapters.kubernetes.resources import uid_of
from tidegate.adapters.kubernetes.workloads import target_of, template_of, with_template
from tidegate.api.constants import LABEL_POD_TEMPLATE_HASH, LABEL_REVISION
from tidegate.api.rollout import Rollout
from tidegate.core import reasons
from tidegate.core.decision import CreateReplicaSet, GiveBackDestination, ScaleWorkload
from tidegate.ports.cluster import Conflict

APPS = "/apis/apps/v1/namespaces/shop"
DEPLOYMENT = f"{APPS}/deployments/web"
CORE = "/api/v1/namespaces/shop/services"
ISTIO = "/apis/networking.istio.io/v1/namespaces/shop"
REF = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
TEMPLATE = SPEC["template"]


def deployment(*, replicas: int = 3, template: Any = TEMPLATE, **meta: Any) -> dict[str, Any]:
    """A Deployment whose controller has seen everything."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "d1",
            "generation": 2,
            **meta,
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template,
        },
        "status": {"observedGeneration": 2, "readyReplicas": replicas},
    }


def its_set(label: str, image: str, ready: int) -> dict[str, Any]:
    """A ReplicaSet of the Deployment, with its controller's label in the template."""
    template = copy.deepcopy(TEMPLATE)
    template["metadata"]["labels"][LABEL_POD_TEMPLATE_HASH] = label
    template["spec"]["containers"][0]["image"] = image
    return {
        "metadata": {
            "name": f"web-{label}",
            "namespace": "shop",
            "generation": 1,
            "labels": {"app": "web", LABEL_POD_TEMPLATE_HASH: label},
            "ownerReferences": [{"kind": "Deployment", "uid": "d1", "controller": True}],
        },
        "spec": {"replicas": ready, "template": template},
        "status": {"observedGeneration": 1, "readyReplicas": ready},
    }


def adopting(traffic: Any = None, **meta: Any) -> dict[str, Any]:
    """The body of a Rollout that names the Deployment."""
    body = rollout_body()
    del body["spec"]["template"]
    body["spec"]["workloadRef"] = REF
    body["spec"]["traffic"] = traffic or {"service": {"active": "web"}}
    body["metadata"].update(meta)
    return body


@pytest.fixture
async def world(fake: FakeApi, api):
    """A Rollout that names a Deployment, with a Service as the switch."""
    touched: list[tuple[str, str]] = []
    cluster = KubernetesCluster(api, ("shop",), touched.append)
    fake.put(DEPLOYMENT, deployment())
    fake.put(f"{CORE}/web", {"metadata": _meta("web"), "spec": {"selector": {"app": "web"}}})
    cluster.put_rollout(fake.put(f"{ROLLOUTS}/web", adopting()))
    rollout = Rollout.parse(fake.objects[f"{ROLLOUTS}/web"])
    yield SimpleNamespace(cluster=cluster, fake=fake, rollout=rollout, touched=touched)
    cluster.close()


def _meta(name: str) -> dict[str, Any]:
    return {"name": name, "namespace": "shop"}


def _deleting(world) -> Rollout:
    when = "2026-01-01T00:00:00Z"
    return Rollout.parse(adopting(deletionTimestamp=when, uid=world.rollout.uid))


async def test_the_template_is_the_deployments(world):
    seen = await world.cluster.observe(world.rollout)
    assert seen.target == revision_of(TEMPLATE)
    assert (seen.workload.name, seen.workload.replicas) == ("web", 3)
    assert not seen.problems
    await world.cluster.apply(world.rollout, CreateReplicaSet(seen.target, 3))
    made = world.fake.objects[f"{SETS}/web-{seen.target}"]
    assert made["spec"]["template"]["spec"] == TEMPLATE["spec"]
    assert made["spec"]["selector"]["matchLabels"][LABEL_REVISION] == seen.target


async def test_a_change_of_its_template_that_a_conflict_brings_is_released(world):
    await world.cluster.observe(world.rollout)
    changed = {**TEMPLATE, "spec": {"containers": [{"name": "web", "image": "web:2"}]}}
    world.fake.put(DEPLOYMENT, deployment(template=changed))
    world.touched.clear()
    with pytest.raises(Conflict):
        await world.cluster.apply(world.rollout, ScaleWorkload("web", "d1", 0))
    assert world.touched == [("shop", "web")]
    assert (await world.cluster.observe(world.rollout)).target == revision_of(changed)


async def test_a_deployment_that_is_not_there_is_named_and_where_it_is_named(world):
    del world.fake.objects[DEPLOYMENT]
    seen = await world.cluster.observe(world.rollout)
    assert seen.workload_missing
    assert [p.reason for p in seen.problems] == [reasons.WORKLOAD_NOT_FOUND]
    assert "spec.workloadRef: Deployment shop/web not found" in seen.problems[0].message


async def test_a_deployment_that_cannot_be_read_is_not_one_that_is_missing(world):
    del world.fake.objects[DEPLOYMENT]
    world.fake.says("GET", "/deployments/web", 403, {"message": "no"})
    seen = await world.cluster.observe(world.rollout)
    assert "Deployment shop/web cannot be read" in seen.problems[0].message
    assert not seen.workload_missing


async def test_a_template_that_the_selector_does_not_match_is_refused(world):
    other = {**TEMPLATE, "metadata": {"labels": {"app": "other"}}}
    world.fake.put(DEPLOYMENT, deployment(template=other))
    seen = await world.cluster.observe(world.rollout)
    assert "spec.selector: must match the labels" in seen.problems[0].message


async def test_its_size_is_set_in_one_write_that_fits_what_was_read(world):
    await world.cluster.observe(world.rollout)
    world.fake.put(DEPLOYMENT, deployment(replicas=5))
    with pytest.raises(Conflict):
        await world.cluster.apply(world.rollout, ScaleWorkload("web", "d1", 0))
    await world.cluster.observe(world.rollout)
    await world.cluster.apply(world.rollout, ScaleWorkload("web", "d1", 0))
    assert world.fake.objects[DEPLOYMENT]["spec"]["replicas"] == 0
    assert (await world.cluster.observe(world.rollout)).workload.replicas == 0


async def test_its_pods_do_not_go_while_the_rollout_is_being_deleted_unseen(world):
    await world.cluster.observe(world.rollout)
    world.fake.put(f"{ROLLOUTS}/web", adopting(deletionTimestamp="2026-01-01T00:00:00Z"))
    with pytest.raises(Conflict, match="Rollout shop/web changed"):
        await world.cluster.apply(world.rollout, ScaleWorkload("web", "d1", 0))
    assert world.fake.objects[DEPLOYMENT]["spec"]["replicas"] == 3


async def test_its_present_pods_are_told_apart_once_it_is_given_back(world):
    world.fake.put(f"{SETS}/web-old", its_set("old", "web:0", 1))
    world.fake.put(f"{SETS}/web-new", its_set("new", "web:1", 2))
    assert (await world.cluster.observe(world.rollout)).workload.pods_label == ""
    seen = (await world.cluster.observe(_deleting(world))).workload
    assert (seen.pods_label, seen.labelled_ready) == ("new", 2)


async def test_pods_of_a_template_that_its_controller_has_not_seen_are_not_told_apart(world):
    world.fake.put(f"{SETS}/web-old", its_set("old", "web:0", 2))
    assert (await world.cluster.observe(_deleting(world))).workload.pods_label == ""


async def test_a_service_goes_to_the_deployments_pods_and_then_back_to_what_it_was(world):
    service = world.fake.objects[f"{CORE}/web"]
    service["spec"]["selector"][LABEL_REVISION] = "abc"
    world.fake.put(f"{CORE}/web", service)
    await world.cluster.observe(world.rollout)
    await world.cluster.apply(world.rollout, GiveBackDestination("stable", "new"))
    assert world.fake.objects[f"{CORE}/web"]["spec"]["selector"] == {
        "app": "web",
        LABEL_POD_TEMPLATE_HASH: "new",
    }
    seen = await world.cluster.observe(world.rollout)
    assert seen.service.active == "new"
    await world.cluster.apply(world.rollout, GiveBackDestination("stable", ""))
    assert world.fake.objects[f"{CORE}/web"]["spec"]["selector"] == {"app": "web"}


async def test_a_subset_keeps_the_labels_that_every_pod_carries_and_loses_ours(world):
    subsets = [
        {"name": "stable", "labels": {"app": "web", LABEL_REVISION: "abc"}},
        {"name": "canary", "labels": {LABEL_REVISION: "abc"}},
    ]
    rule = f"{ISTIO}/destinationrules/web"
    world.fake.put(rule, {"metadata": _meta("web"), "spec": {"host": "web", "subsets": subsets}})
    rollout = Rollout.parse(adopting(SPEC["traffic"], uid=world.rollout.uid))
    for destination, label in (("stable", "new"), ("stable", ""), ("canary", "")):
        await world.cluster.observe(rollout)
        await world.cluster.apply(rollout, GiveBackDestination(destination, label))
    assert world.fake.objects[rule]["spec"]["subsets"] == [
        {"name": "stable", "labels": {"app": "web"}},
        {"name": "canary"},
    ]


async def test_a_new_leader_touches_the_deployment_too(world):
    await world.cluster.claim(world.rollout)
    assert len(world.fake.made("PATCH", "/deployments/web")) == 2
    assert "annotations" not in world.fake.objects[DEPLOYMENT]["metadata"]


def test_fields_that_an_upgraded_api_server_fills_in_make_no_other_revision():
    rollout = Rollout.parse(adopting())
    body = deployment()
    revision = revision_of(TEMPLATE)
    ours = replica_set_body(with_template(rollout, SimpleNamespace(body=body)), revision, 3)
    for one in (body, ours):
        filled = {**one["spec"]["template"]["spec"], "newField": "default"}
        one["spec"]["template"] = {**one["spec"]["template"], "spec": filled}
    assert target_of(template_of(body), [ours]) == revision
    assert target_of(template_of(body), []) != revision
    assert uid_of(body) == "d1"


def test_an_empty_field_of_the_template_makes_no_other_revision():
    empty = {**TEMPLATE, "metadata": {**TEMPLATE["metadata"], "creationTimestamp": None}}
    assert target_of(template_of(deployment(template=empty)), []) == revision_of(TEMPLATE)
