"""Variants of an experiment: what a spec may say of them, and what a patch makes of a template."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.samples import JSON, SPEC, changed, parsed
from tidegate.api.patching import directives, patched
from tidegate.api.validation import problems

A = {"name": "a", "patch": {"spec": {"containers": [{"name": "web", "image": "web:a"}]}}}
B = {"name": "b", "patch": {"metadata": {"annotations": {"theme": "dark"}}}}
SHARES = [{"name": "a", "weight": 25}, {"name": "b", "weight": 25}]
GOOD = changed(("variants", [A, B]), ("phases.0.variants", SHARES), ("phases.0.weight", 0))
"""Control 50, a and b 25 each."""
TCP = [{"name": "web", "routes": ["primary"], "tcpRoutes": [{"port": 1}]}]


def experiment(*changes):
    """The good experiment with changes."""
    return changed(*changes, base=GOOD)


def test_an_experiment_has_no_problem_and_comes_back_over_the_wire():
    read = parsed(GOOD)
    assert problems(read) == ()
    assert parsed(read.as_dict()) == read
    assert read.phases[0].shares == (("a", 25), ("b", 25))


@pytest.mark.parametrize(
    ("spec", "path", "sentence"),
    [
        (experiment(("phases.0.weight", 50)), "spec.phases[0].variants", "leave 1 % or more"),
        (
            experiment(("phases.0.match", [{"headers": {"x-a": {"exact": "b"}}}])),
            "spec.phases[0].variants",
            "no fair lot",
        ),
        (experiment(("variants", [A])), "spec.phases[0].variants[1].name", "defined are a"),
        (experiment(("variants", None)), "spec.phases[0].variants[0].name", "is empty"),
        (
            experiment(("phases.0.variants", [SHARES[0], SHARES[0]])),
            "spec.phases[0].variants[1].name",
            "already taken",
        ),
        (experiment(("variants.1.name", "a")), "spec.variants[1].name", "already taken"),
        (experiment(("variants.1.subset", "a")), "spec.variants", "a subset of its own"),
        (experiment(("variants.1.subset", "canary")), "spec.variants", "a subset of its own"),
        (
            experiment(("traffic", {"istio": {"managed": {}}})),
            "spec.variants",
            "a DestinationRule of your own",
        ),
        (
            experiment(("traffic", {"service": {"active": "web"}}), ("phases.0.weight", 0)),
            "spec.variants",
            "a DestinationRule of your own",
        ),
        (experiment(("traffic.istio.virtualServices", TCP)), "spec.variants", "HTTP routes"),
        (
            experiment(
                ("template", None),
                ("workloadRef", {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}),
            ),
            "spec.variants",
            "patches of spec.template",
        ),
        (experiment(("variants.1.patch", A["patch"])), "spec.variants[1].patch", "as variant a"),
        (
            experiment(("variants.0.patch", {"metadata": {"labels": {"app": "web"}}})),
            "spec.variants[0].patch",
            "as the template",
        ),
        (
            experiment(("variants.0.patch", {"metadata": {"labels": None}})),
            "spec.variants[0].patch",
            "takes labels away",
        ),
        (
            experiment(("variants.0.patch", {"spec": {"$patch": "replace"}})),
            "spec.variants[0].patch",
            "$patch is a directive",
        ),
    ],
)
def test_what_is_wrong_with_variants_is_said_where_it_stands(spec, path, sentence):
    found = [p.message for p in problems(parsed(spec)) if p.path == path]
    assert any(sentence in message for message in found), problems(parsed(spec))


CONTAINER = {"name": "web", "image": "web:1", "env": [{"name": "ONE", "value": "1"}], "args": ["x"]}
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [CONTAINER]}}


def test_named_lists_are_merged_item_by_item_and_others_replaced():
    sidecar = {"name": "log", "image": "log:1"}
    web = {"name": "web", "args": ["y"], "env": [{"name": "TWO", "value": "2"}]}
    found = patched(TEMPLATE, {"spec": {"containers": [sidecar, web]}})
    one, two = found["spec"]["containers"]
    env = [*CONTAINER["env"], {"name": "TWO", "value": "2"}]
    assert one == {**CONTAINER, "args": ["y"], "env": env}
    assert two == sidecar


def test_null_takes_a_field_away_and_a_list_without_keys_is_replaced():
    patch = {"spec": {"containers": [{"name": "web", "args": None}], "tolerations": [{"key": "a"}]}}
    found = patched(TEMPLATE, patch)
    assert "args" not in found["spec"]["containers"][0]
    assert found["spec"]["tolerations"] == [{"key": "a"}]


OBJECTS = st.dictionaries(st.sampled_from(["containers", "env", "spec", "name", "x"]), JSON)


@given(OBJECTS, OBJECTS)
def test_a_patch_leaves_its_arguments_alone_and_twice_is_as_once(template, patch):
    before = copy.deepcopy((template, patch))
    once = patched(template, patch)
    assert (template, patch) == before
    assert patched(once, patch) == once
    assert patched(template, {}) == template


@given(JSON)
def test_directives_are_found_at_any_depth(value):
    assert next(iter(directives({"a": [{"$patch": value}]}))) == "$patch"


@given(st.integers(0, 100), st.lists(st.integers(1, 99), min_size=1, max_size=4))
def test_stable_always_keeps_a_share(weight, shares):
    names = [{"name": f"v{i}", "weight": share} for i, share in enumerate(shares)]
    variants = [
        {"name": f"v{i}", "patch": {"metadata": {"annotations": {"v": f"{i}"}}}}
        for i in range(len(shares))
    ]
    spec = changed(
        ("variants", variants), ("phases.0.variants", names), ("phases.0.weight", weight)
    )
    found = [p for p in problems(parsed(spec)) if "leave 1 %" in p.message]
    assert bool(found) is (weight + sum(shares) >= 100)
    assert SPEC["phases"][0].get("variants") is None
