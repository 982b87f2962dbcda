"""A revision is its template, a ReplicaSet's body is the template and labels, a view is honest."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.kubernetes.objects import replica_set, rollout
from tidegate.adapters.kubernetes.replica_sets import (
    owned_by,
    replica_set_body,
    revision_of,
    rollout_label,
    view_of,
)
from tidegate.api.constants import LABEL_CANONICAL_REVISION, LABEL_REVISION, LABEL_ROLLOUT

TEXT = st.text(max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXT, below, max_size=3),
    max_leaves=8,
)
quickly = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def reversed_keys(value):
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return [reversed_keys(one) for one in value] if isinstance(value, list) else value


@quickly
@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_a_revision_does_not_depend_on_the_order_of_keys(template):
    assert revision_of(reversed_keys(template)) == revision_of(template)


@quickly
@given(st.dictionaries(TEXT, JSON, max_size=4), TEXT, st.integers())
def test_another_template_is_another_revision(template, key, number):
    other = {**template, key: [template.get(key), number]}
    assert revision_of(other) != revision_of(template)


def test_a_revision_stays_the_same_over_upgrades():
    assert revision_of({"spec": {"containers": [{"name": "ü"}]}}) == "8f784c10d5"


def test_a_body_adds_labels_to_the_template_and_nothing_else():
    wanted = rollout()
    before = copy.deepcopy(wanted.spec.template)
    body = replica_set_body(wanted, "abc", 2)
    labels = {LABEL_ROLLOUT: "web", LABEL_REVISION: "abc", LABEL_CANONICAL_REVISION: "abc"}
    template = copy.deepcopy(before)
    template["metadata"]["labels"].update(labels)
    assert body["spec"]["template"] == template
    assert wanted.spec.template == before
    assert body["spec"]["selector"] == {"matchLabels": {"app": "web", LABEL_REVISION: "abc"}}
    assert body["spec"]["replicas"] == 2
    assert body["metadata"]["name"] == "web-abc"
    assert owned_by(body, "u1")


def test_expressions_of_the_selector_are_passed_on():
    need = {"key": "tier", "operator": "In", "values": ["web"]}
    wanted = rollout(selector={"matchExpressions": [need, {"key": "app", "operator": "Exists"}]})
    match = replica_set_body(wanted, "abc", 0)["spec"]["selector"]
    assert match["matchLabels"] == {LABEL_REVISION: "abc"}
    assert match["matchExpressions"][0] == need
    assert match["matchExpressions"][1]["key"] == "app"


def test_a_long_name_is_cut_to_a_label():
    label = rollout_label(replace(rollout(), name="w" * 62 + ".x"))
    assert label == "w" * 62


@pytest.mark.parametrize(
    "references", [None, [], [{"uid": "u1"}], [{"uid": "u2", "controller": True}]]
)
def test_only_its_controller_owns_an_object(references):
    assert not owned_by({"metadata": {"ownerReferences": references}}, "u1")


def test_a_view_says_what_the_replica_set_says():
    view = view_of(replica_set(replicas=3, ready=2))
    assert view is not None
    assert (view.name, view.replica_set, view.uid) == ("abc", "web-abc", "rs1")
    assert (view.replicas, view.ready) == (3, 2)
    assert view.created_at.isoformat() == "2026-01-01T00:00:00+00:00"


def test_there_is_no_view_of_what_is_deleted_or_of_no_revision():
    assert view_of(replica_set(deletionTimestamp="2026-01-01T00:00:00Z")) is None
    assert view_of(replica_set(labels={})) is None
    assert view_of(replica_set(labels=None)) is None


def test_surplus_pods_are_not_ready_until_the_controller_has_seen_the_new_size():
    lagging = replica_set(replicas=1, ready=5, generation=2)
    seen = view_of(lagging)
    assert seen is not None
    assert seen.ready == 1
    lagging["status"]["observedGeneration"] = 2
    later = view_of(lagging)
    assert later is not None
    assert later.ready == 5


def test_a_replica_set_without_status_has_no_ready_pods():
    body = replica_set(replicas=2)
    del body["status"]
    view = view_of(body)
    assert view is not None
    assert view.ready == 0
