"""What the API server makes the same pods of is one revision, however it was written."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.kubernetes.fake_api import FakeApi
from tests.adapters.kubernetes.objects import SETS, SPEC, Object, rollout
from tests.adapters.kubernetes.objects import rollout_body as body_of
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.replica_sets import (
    LABELS_ADDED,
    replica_set_body,
    revision_of,
    spelling_of_set,
)
from tidegate.adapters.kubernetes.templates import TemplateTrials
from tidegate.api.rollout import Rollout

ISTIO = "/apis/networking.istio.io/v1/namespaces/shop"
quickly = settings(max_examples=60, deadline=None, derandomize=True, database=None)
LABELS = st.dictionaries(
    st.sampled_from(["app", "team", *sorted(LABELS_ADDED)]), st.text(max_size=2)
)


def sized(cpu: object) -> Rollout:
    """The Rollout with that much CPU for its container, as somebody wrote it."""
    template = copy.deepcopy(SPEC["template"])
    template["spec"]["containers"][0]["resources"] = {"requests": {"cpu": cpu}}
    return rollout(template=template)


def stored(wanted: Rollout, revision: str, *, created: str = "2026-01-01T00:00:00Z") -> Object:
    """Its ReplicaSet as the API server tells it: quantities are text, defaults are there."""
    body = copy.deepcopy(replica_set_body(wanted, revision, 2))
    body["metadata"]["creationTimestamp"] = created
    pod = body["spec"]["template"]["spec"]
    pod["restartPolicy"] = "Always"
    requests = pod["containers"][0].get("resources", {}).get("requests", {})
    requests.update({name: f"{amount}" for name, amount in requests.items()})
    return body


def answers(fake: FakeApi, wanted: Rollout) -> str:
    """The next dry run is answered with the API server's own spelling; the revision it is of."""
    revision = revision_of(wanted.spec.template or {})
    fake.says("POST", SETS, 201, stored(wanted, revision))
    return revision


async def test_a_template_that_is_stored_as_one_that_is_there_is_that_one(fake: FakeApi, api):
    trials = TemplateTrials(api)
    revision = answers(fake, sized("1"))
    assert await trials.problems(sized("1"), revision) == []
    there = [stored(sized(2), "two"), stored(sized(1), "one")]
    assert trials.twin(sized("1"), revision, there) == "one"
    assert trials.twin(sized("1"), revision, there[:1]) is None


async def test_of_two_that_are_the_same_the_newest_is_meant(fake: FakeApi, api):
    trials = TemplateTrials(api)
    revision = answers(fake, sized("1"))
    await trials.problems(sized("1"), revision)
    old, new = stored(sized(1), "old"), stored(sized(1), "new", created="2026-01-02T00:00:00Z")
    assert trials.twin(sized("1"), revision, [new, old]) == "new"


@pytest.mark.parametrize("code", [409, 422, 503])
async def test_without_an_answer_a_template_is_nobodys_twin(fake: FakeApi, api, code: int):
    trials = TemplateTrials(api)
    assert trials.twin(sized("1"), "abc", [stored(sized(1), "one")]) is None
    fake.says("POST", SETS, code, {"message": "no"})
    await trials.problems(sized("1"), "abc")
    assert trials.twin(sized("1"), "abc", [stored(sized(1), "one")]) is None


@pytest.fixture
async def cluster(fake: FakeApi, api):
    """A cluster with the routes that the Rollout names."""
    named = {"name": "web", "namespace": "shop"}
    roles = ("stable", "canary")
    split = [{"destination": {"host": "web", "subset": role}, "weight": 50} for role in roles]
    fake.put(
        f"{ISTIO}/virtualservices/web",
        {"metadata": named, "spec": {"http": [{"name": "primary", "route": split}]}},
    )
    subsets = [{"name": role} for role in roles]
    fake.put(
        f"{ISTIO}/destinationrules/web",
        {"metadata": named, "spec": {"host": "web", "subsets": subsets}},
    )
    made = KubernetesCluster(api, ("shop",), lambda _key: None)
    yield made
    made.close()


async def test_a_pass_sees_the_revision_that_is_there_and_asks_once(fake: FakeApi, cluster):
    cluster.put_rollout(body_of())
    cluster.replica_sets.put(fake.put(f"{SETS}/web-one", stored(sized(1), "one")))
    answers(fake, sized("1"))
    seen = [await cluster.observe(sized("1")) for _ in range(3)]
    assert [observed.problems for observed in seen] == [()] * 3
    assert [observed.target for observed in seen] == ["one"] * 3
    assert len(fake.made("POST", SETS)) == 1
    revision = answers(fake, sized("2"))
    assert (await cluster.observe(sized("2"))).target == revision


async def test_a_replica_set_that_goes_away_is_nobodys_twin(fake: FakeApi, cluster):
    cluster.put_rollout(body_of())
    going = stored(sized(1), "one")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cluster.replica_sets.put(fake.put(f"{SETS}/web-one", going))
    revision = answers(fake, sized("1"))
    assert (await cluster.observe(sized("1"))).target == revision


def with_labels(labels: dict[str, Any], image: str) -> Object:
    """A ReplicaSet whose pods have these labels and run that image."""
    pod = {"containers": [{"name": "web", "image": image}]}
    return {"spec": {"template": {"metadata": {"labels": labels}, "spec": pod}}}


@quickly
@given(LABELS, LABELS, st.sampled_from("ab"), st.sampled_from("ab"))
def test_only_the_labels_that_we_add_make_no_difference(mine, yours, one, other):
    def users(labels: dict[str, str]) -> dict[str, str]:
        return {key: value for key, value in labels.items() if key not in LABELS_ADDED}

    same = users(mine) == users(yours) and one == other
    spelt = spelling_of_set(with_labels(mine, one)) == spelling_of_set(with_labels(yours, other))
    assert spelt == same
    assert spelling_of_set({"spec": {}}) == ""
