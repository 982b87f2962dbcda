"""Rules of an HTTPRoute are found or explained; weights are proportions, and others keep theirs."""

from __future__ import annotations

import copy
from fractions import Fraction

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.adapters.gateway_api import find_rules
from tidegate.adapters.weights import Pair, Target, route_weight, weight_patch
from tidegate.api.traffic import HttpRouteRef
from tidegate.core import reasons
from tidegate.core.observation import RoutesView
from tidegate.core.shares import read_as

PAIR = Pair(Target("web.shop.svc.cluster.local"), Target("web-canary.shop.svc.cluster.local"))
MISSING = object()


def ref(name, weight=MISSING, **more):
    entry = {"group": "", "kind": "Service", "name": name, "port": 80, **more}
    return entry if weight is MISSING else {**entry, "weight": weight}


def rule(stable=100, canary=0, *others, name=None, **more):
    refs = [ref("web", stable), ref("web-canary", canary), *others]
    return {**({"name": name} if name else {}), "backendRefs": refs, **more}


def http_route(*rules):
    meta = {"name": "web", "namespace": "shop", "resourceVersion": "7"}
    return {"metadata": meta, "spec": {"hostnames": ["web.example"], "rules": list(rules)}}


def find(body, *names):
    return find_rules(body, HttpRouteRef(name="web", rules=names), PAIR)


def read(body, *names):
    routes, problems = find(body, *names)
    assert problems == []
    return route_weight("HTTPRoute", "web", routes)


def written(body, share, *names):
    routes, _ = find(body, *names)
    return jsonpatch.apply_patch(copy.deepcopy(body), weight_patch(body, routes, share))


def weights(body, index=0):
    return [entry.get("weight", 1) for entry in body["spec"]["rules"][index]["backendRefs"]]


def problem(body, *names):
    routes, problems = find(body, *names)
    assert (routes, len(problems)) == ([], 1)
    return problems[0]


def test_the_only_rule_needs_no_name():
    routes, problems = find(http_route(rule(90, 10)))
    assert problems == []
    assert [(r.name, r.entries) for r in routes] == [("rules[0]", "/spec/rules/0/backendRefs")]


def test_of_several_rules_each_that_names_both_services_is_managed():
    other, stable_only = {"backendRefs": [ref("old")]}, {"backendRefs": [ref("web")]}
    routes, problems = find(http_route(other, rule(), stable_only, rule(name="api")))
    assert problems == []
    assert [route.name for route in routes] == ["rules[1]", "api"]


def test_named_rules_are_found_and_a_missing_one_is_told_with_those_there_are():
    body = http_route(rule(name="api"), rule(name="web"), rule())
    routes, _ = find(body, "web")
    assert [route.entries for route in routes] == ["/spec/rules/1/backendRefs"]
    told = problem(body, "x")
    assert told.reason == reasons.ROUTE_NOT_FOUND
    assert "rule 'x' not found (has: api, web, rules[2])" in told.message


@pytest.mark.parametrize(
    "body",
    [
        http_route(),
        http_route({"backendRefs": [ref("web")]}),
        http_route({"backendRefs": [ref("web")]}, {"backendRefs": [ref("web-canary")]}),
        http_route({"backendRefs": [ref("web"), ref("web-canary"), ref("web", port=81)]}),
        http_route({"backendRefs": [ref("web"), ref("web-canary", namespace="other")]}),
        http_route({"backendRefs": [ref("web"), ref("web-canary", kind="Bucket", group="x.io")]}),
        http_route({"filters": [{"type": "RequestRedirect"}]}),
    ],
)
def test_both_services_must_be_there_once(body):
    assert problem(body).reason == reasons.DESTINATION_NOT_FOUND


def test_a_reference_may_leave_out_what_has_a_default():
    bare = {
        "backendRefs": [{"name": "web"}, {"name": "web-canary", "namespace": "shop", "weight": 0}]
    }
    told = read(http_route(bare))
    assert (told.weight, told.even) == (0, True)


@pytest.mark.parametrize(
    ("pair", "weight", "even"),
    [
        ((100, 0), 0, True),
        ((1, 0), 0, True),  # the default of a weight is 1: at rest that is all
        ((0, 0), 0, False),  # nobody answers at all
        ((90, 10), 10, True),
        ((1, 1), 50, True),
        ((9, 1), 10, True),
        ((2, 1), 34, False),  # a third is no whole percent: it is written anew
        ((0, 7), 100, True),
        ((1_000_000, 1), 1, False),
    ],
)
def test_weights_are_read_as_proportions(pair, weight, even):
    told = read(http_route(rule(*pair)))
    assert (told.kind, told.virtual_service) == ("HTTPRoute", "web")
    assert (told.weight, told.even) == (weight, even)


@pytest.mark.parametrize("pair", [(100, 0), (1, 0), (0, 0), (2, 1), (9, 1)])
def test_what_is_written_sums_to_a_hundred(pair):
    assert weights(written(http_route(rule(*pair)), 10)) == [90, 10]


def test_foreign_backends_keep_their_share_of_the_whole():
    body = http_route(rule(33, 0, ref("old", 67), ref("older", 0)))
    patched = written(body, 10)
    assert weights(patched) == [30, 3, 67, 0]
    told = read(patched)
    assert (told.weight, told.even, told.stands_for) == (10, True, (10, 12))
    assert weights(written(patched, 0)) == [33, 0, 67, 0]


def test_a_rule_that_gives_ours_one_of_many_cannot_be_shared_and_can_be_sent_back():
    body = http_route(rule(1, 0, ref("old", 1)))
    routes, problems = find(body)
    assert [p.reason for p in problems] == [reasons.FOREIGN_WEIGHT]
    assert "a weight of 1 in all, beside others; give them 2 at least" in problems[0].message
    body = http_route(rule(0, 1, ref("old", 1)))
    assert weights(written(body, 0)) == [1, 0, 1]
    assert len(routes) == 1


EXTRA = st.dictionaries(st.sampled_from(["matches", "filters", "timeouts"]), st.integers())


@st.composite
def http_routes(draw):
    rules = []
    for _ in range(draw(st.integers(1, 4))):
        others = [
            ref(f"other{n}", draw(st.integers(0, 300))) for n in range(draw(st.integers(0, 3)))
        ]
        ours = draw(st.tuples(st.integers(2, 200), st.integers(0, 200)))
        one = {**draw(EXTRA), **rule(*ours, *others)}
        rules.append({**one, "backendRefs": draw(st.permutations(one["backendRefs"]))})
    return http_route(*rules)


def split(one):
    by_name = {entry["name"]: entry["weight"] for entry in one["backendRefs"]}
    stable, canary = by_name.pop("web"), by_name.pop("web-canary")
    return stable, canary, by_name


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(http_routes(), st.integers(0, 100))
def test_a_patch_changes_only_our_weights_and_reads_back_as_asked(body, share):
    patched = written(body, share)
    masked = copy.deepcopy([body, patched])
    for before, after in zip(body["spec"]["rules"], patched["spec"]["rules"], strict=True):
        stable, canary, others = split(after)
        whole = sum(split(before)[:2]) if any(others.values()) else 100
        assert (stable + canary, others) == (whole, split(before)[2])
        assert abs(Fraction(canary, whole) - Fraction(share, 100)) <= Fraction(1, whole)
        assert (canary == 0) == (share == 0)
        assert (stable == 0) == (share == 100)
    for one in masked:
        for each in one["spec"]["rules"]:
            for entry in each["backendRefs"]:
                if entry["name"].startswith("web"):
                    del entry["weight"]
    assert masked[0] == masked[1]
    read_back = read_as(RoutesView((read(patched),), "A", "B"), (share,)).weights[0]
    assert (read_back.weight, read_back.even) == (share, True)


def test_a_patch_fails_on_another_version_and_where_a_reference_changed():
    body = http_route(rule(90, 10))
    routes, _ = find(body)
    patch = weight_patch(body, routes, 50)
    newer, other = copy.deepcopy(body), copy.deepcopy(body)
    newer["metadata"]["resourceVersion"] = "8"
    other["spec"]["rules"][0]["backendRefs"].reverse()
    for moved in (newer, other):
        with pytest.raises(jsonpatch.JsonPatchTestFailed):
            jsonpatch.apply_patch(moved, patch)
