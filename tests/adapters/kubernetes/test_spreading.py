"""Pods of two revisions on different nodes: what is added to a template, and what it is worth."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.kubernetes.objects import SPEC, Object, rollout
from tidegate.adapters.kubernetes.replica_sets import replica_set_body, revision_of, spelling_of_set
from tidegate.adapters.kubernetes.spreading import PREFERRED, REQUIRED
from tidegate.adapters.kubernetes.workloads import target_of, template_of
from tidegate.api.constants import LABEL_REVISION, LABEL_ROLLOUT
from tidegate.api.rollout import Rollout

quickly = settings(max_examples=80, deadline=None, derandomize=True, database=None)

TERM = {
    "labelSelector": {
        "matchLabels": {LABEL_ROLLOUT: "web"},
        "matchExpressions": [{"key": LABEL_REVISION, "operator": "NotIn", "values": ["abc"]}],
    },
    "topologyKey": "kubernetes.io/hostname",
}
FORMS = {
    "required": {REQUIRED: [TERM]},
    "preferred": {PREFERRED: [{"weight": 100, "podAffinityTerm": TERM}]},
}
USERS = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "zone"}
HOW = st.sampled_from([None, "preferred", "required"])
TERMS = st.lists(st.sampled_from([USERS, {**USERS, "topologyKey": "rack"}]), max_size=2)
ANTI = st.fixed_dictionaries({}, optional={REQUIRED: TERMS, PREFERRED: TERMS})
AFFINITY = st.fixed_dictionaries(
    {}, optional={"podAntiAffinity": ANTI, "podAffinity": st.just({REQUIRED: [USERS]})}
)


def wanting(how: str | None, affinity: Any = None, image: str = "web:1") -> Rollout:
    """The Rollout with that anti-affinity, and the user's own affinity in its template."""
    template = copy.deepcopy(SPEC["template"])
    template["spec"]["containers"][0]["image"] = image
    if affinity is not None:
        template["spec"]["affinity"] = affinity
    return rollout(template=template, **({} if how is None else {"antiAffinity": how}))


def affinity_of(body: Object) -> Any:
    """What the pods of a ReplicaSet are scheduled by."""
    return body["spec"]["template"]["spec"].get("affinity")


@pytest.mark.parametrize("how", sorted(FORMS))
def test_pods_keep_away_from_those_of_every_other_revision_of_the_rollout(how):
    wanted = wanting(how)
    before = copy.deepcopy(wanted.spec.template)
    assert affinity_of(replica_set_body(wanted, "abc", 1)) == {"podAntiAffinity": FORMS[how]}
    assert wanted.spec.template == before


def test_nothing_is_added_where_nobody_asks():
    assert affinity_of(replica_set_body(wanting(None), "abc", 1)) is None


def test_the_term_stands_beside_what_the_user_wrote():
    users = {"nodeAffinity": {"x": 1}, "podAntiAffinity": {REQUIRED: [USERS], PREFERRED: []}}
    expected = copy.deepcopy(users)
    expected["podAntiAffinity"][REQUIRED].append(TERM)
    body = replica_set_body(wanting("required", users), "abc", 1)
    assert affinity_of(body) == expected


@pytest.mark.parametrize(
    "affinity", ["none", [], 3, {"podAntiAffinity": "x"}, {"podAntiAffinity": {REQUIRED: "x"}}]
)
def test_what_is_no_affinity_is_left_for_the_api_server_to_refuse(affinity):
    if affinity == []:
        affinity = [USERS]
    assert affinity_of(replica_set_body(wanting("required", affinity), "abc", 1)) == affinity


@quickly
@given(HOW, HOW, AFFINITY)
def test_to_ask_for_it_makes_no_other_revision_and_no_other_pods(one, other, affinity):
    """The name is the template's, and both ReplicaSets count as the same, with or without it."""
    mine, yours = wanting(one, affinity), wanting(other, affinity)
    assert revision_of(mine.spec.template) == revision_of(yours.spec.template)
    bodies = [replica_set_body(wanted, name, 1) for wanted, name in ((mine, "a"), (yours, "b"))]
    assert spelling_of_set(bodies[0]) == spelling_of_set(bodies[1])


@quickly
@given(HOW, HOW, AFFINITY, AFFINITY)
def test_another_affinity_of_the_users_own_is_another_revision(one, other, mine, yours):
    bodies = [replica_set_body(wanting(how, a), "a", 1) for how, a in ((one, mine), (other, yours))]
    same = told(mine) == told(yours)
    assert (spelling_of_set(bodies[0]) == spelling_of_set(bodies[1])) == same


def told(affinity: Any) -> Any:
    """An affinity without its parts that say nothing."""
    if not isinstance(affinity, dict):
        return affinity
    parts = {name: told(part) for name, part in affinity.items()}
    return {name: part for name, part in parts.items() if part not in ([], {})}


def test_a_deployment_that_is_taken_over_has_the_revision_that_its_pods_have():
    """Its template has no such term; our ReplicaSet of it has."""
    wanted = wanting("preferred")
    deployment = {"metadata": {"name": "web"}, "spec": {"template": wanted.spec.template}}
    ours = replica_set_body(wanted, "older", 1)
    assert target_of(template_of(deployment), [ours]) == "older"
