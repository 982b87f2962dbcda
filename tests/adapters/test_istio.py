"""Routes are found or explained, and a patch changes nothing but what is ours."""

from __future__ import annotations

import copy

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.adapters import istio
from tidegate.adapters.destinations import (
    selected_by_service,
    selected_by_subset,
    selector_patch,
    subset_index,
    subset_patch,
)
from tidegate.adapters.istio import qualified
from tidegate.adapters.weights import Pair, Place, Route, Target, route_weight, weight_patch
from tidegate.api.constants import LABEL_REVISION
from tidegate.api.traffic import VirtualServiceRef
from tidegate.core import reasons

HOST = "web.shop.svc.cluster.local"
PAIR = Pair(Target(HOST, "stable"), Target(HOST, "canary"))
HOSTS = Pair(Target(HOST), Target("web-canary.shop.svc.cluster.local"))


def to(host="web", subset=None, weight=None):
    entry = {"destination": {"host": host}}
    if subset:
        entry["destination"]["subset"] = subset
    return entry if weight is None else {**entry, "weight": weight}


def route(name="primary", canary=10, **more):
    places = [to(subset="stable", weight=100 - canary), to(subset="canary", weight=canary)]
    named = {"name": name} if name else {}
    return {**named, "route": places, **more}


def service(*http, version="7"):
    return {
        "metadata": {"name": "web", "namespace": "shop", "resourceVersion": version},
        "spec": {"hosts": ["web"], "http": list(http)},
    }


def find_routes(body, names, pair):
    return istio.find_routes(body, VirtualServiceRef(name="web", routes=names), pair)


def at(stable, canary, whole=100):
    """A route with these two weights."""
    same = ("/destination", {})
    return Route("r", "/spec/http/0/route", Place(0, stable, same), Place(1, canary, same), whole)


def places(routes):
    return [
        (r.name, r.entries, r.stable.index, r.canary.index, r.stable.weight, r.canary.weight)
        for r in routes
    ]


def problem_of(body, names=(), pair=PAIR):
    found, problems = find_routes(body, names, pair)
    assert found == []
    assert len(problems) == 1
    return problems[0]


@pytest.mark.parametrize(
    ("host", "full"),
    [
        ("web", HOST),
        ("web.other", "web.other.svc.cluster.local"),
        ("web.other.svc", "web.other.svc.cluster.local"),
        (HOST, HOST),
        ("api.example.com", "api.example.com"),
        ("a.b.c.d", "a.b.c.d"),
    ],
)
def test_a_host_is_read_as_istio_reads_it(host, full):
    assert qualified(host, "shop") == full


def test_the_only_route_needs_no_name():
    found, problems = find_routes(service(route(None)), (), PAIR)
    assert problems == []
    assert places(found) == [("http[0]", "/spec/http/0/route", 0, 1, 90, 10)]


def test_named_routes_are_found_among_others():
    body = service(route("other", 5), route("primary", 10), route("second", 20))
    found, problems = find_routes(body, ("second", "primary"), PAIR)
    assert problems == []
    assert [(r.name, r.entries, r.canary.weight) for r in found] == [
        ("primary", "/spec/http/1/route", 10),
        ("second", "/spec/http/2/route", 20),
    ]


def test_a_missing_route_is_told_with_those_there_are():
    problem = problem_of(service(route("other"), route(None)), ("primary",))
    assert problem.reason == reasons.ROUTE_NOT_FOUND
    assert "route 'primary' not found (has: other, http[1])" in problem.message


def test_several_routes_must_be_named():
    problem = problem_of(service(route("one"), route("two")))
    assert problem.reason == reasons.ROUTE_NOT_FOUND
    assert "has several routes (one, two)" in problem.message


@pytest.mark.parametrize("http", [[], None])
def test_a_virtual_service_without_routes_is_told(http):
    body = service()
    body["spec"]["http"] = http
    assert problem_of(body).reason == reasons.ROUTE_NOT_FOUND


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ([to(subset="stable", weight=100)], "the canary destination"),
        ([to(subset="canary", weight=100)], "the stable destination"),
        ([], "the stable destination"),
        (
            [to(subset="stable"), to(subset="canary"), to(HOST, "canary")],
            "exactly once (found 2 times)",
        ),
        ([to("web.other", "stable"), to("web.other", "canary")], "(found 0 times)"),
    ],
)
def test_both_destinations_must_be_there_once(places, words):
    problem = problem_of(service({"name": "primary", "route": places}), ("primary",))
    assert problem.reason == reasons.DESTINATION_NOT_FOUND
    assert words in problem.message


@pytest.mark.parametrize("host", ["web", "web.shop", "web.shop.svc", HOST])
def test_destinations_are_found_however_their_host_is_spelt(host):
    raw = {"route": [to(host, "canary", 30), to(host, "stable", 70)]}
    found, problems = find_routes(service(raw), (), PAIR)
    assert problems == []
    assert places(found) == [("http[0]", "/spec/http/0/route", 1, 0, 70, 30)]


def test_at_host_level_a_subset_is_another_destination():
    plain = {"route": [to("web", weight=75), to("web-canary", weight=25)]}
    found, problems = find_routes(service(plain), (), HOSTS)
    assert (problems, found[0].canary.weight) == ([], 25)
    subsets = {"route": [to("web", "v1", 75), to("web-canary", weight=25)]}
    assert problem_of(service(subsets), pair=HOSTS).reason == reasons.DESTINATION_NOT_FOUND


def test_weight_of_somebody_else_is_kept_and_the_rest_is_ours():
    raw = route()
    raw["route"].append(to("mirror", weight=0))
    found, problems = find_routes(service(raw), (), PAIR)
    assert (problems, found[0].whole, found[0].even) == ([], 100, True)
    raw["route"][2]["weight"] = 67
    found, problems = find_routes(service(raw), (), PAIR)
    assert (problems, found[0].whole, found[0].even) == ([], 33, False)


@pytest.mark.parametrize("others", [99, 100, 250])
def test_a_route_with_nothing_to_share_is_told_and_can_still_be_sent_back(others):
    raw = route(canary=40)
    raw["route"].append(to("mirror", weight=others))
    body = service(raw)
    found, problems = find_routes(body, (), PAIR)
    assert [problem.reason for problem in problems] == [reasons.FOREIGN_WEIGHT]
    assert f"leaves {max(0, 100 - others)} of 100 for the two" in problems[0].message
    patched = jsonpatch.apply_patch(body, weight_patch(body, found, 0))
    weights = [entry["weight"] for entry in patched["spec"]["http"][0]["route"]]
    assert weights == [100, 0, others]


def test_a_bad_route_does_not_hide_a_good_one():
    found, problems = find_routes(service(route("a"), {"name": "b"}), ("a", "b"), PAIR)
    assert ([r.name for r in found], len(problems)) == (["a"], 1)


def test_one_service_for_both_roles_has_all_the_weight():
    pair = Pair(Target(HOST), Target(HOST))
    found, problems = find_routes(service({"route": [to()]}), (), pair)
    assert problems == []
    assert (found[0].stable.weight, found[0].canary.weight) == (100, 100)


@pytest.mark.parametrize(
    ("weights", "weight", "even"),
    [
        ([(90, 10)], 10, True),
        ([(90, 10), (90, 10)], 10, True),
        ([(90, 10), (80, 20)], 20, False),
        ([(90, 20)], 20, False),
        ([(0, 0)], 0, False),
        ([(0, 300)], 100, False),
    ],
)
def test_the_highest_share_counts_and_disagreement_is_seen(weights, weight, even):
    told = route_weight("VirtualService", "web", [at(*pair) for pair in weights])
    assert (told.virtual_service, told.weight, told.even) == ("web", weight, even)


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=4)
EXTRA = st.dictionaries(st.sampled_from(["match", "retries", "x"]), JSON)
FOREIGN = st.builds(
    lambda host, extra: {**extra, "destination": {"host": host}, "weight": 0},
    st.sampled_from(["mirror", "old.other", "api.example.com"]),
    EXTRA,
)


@st.composite
def services(draw):
    http, names = [], []
    for number in range(draw(st.integers(1, 4))):
        foreign = draw(st.lists(FOREIGN, max_size=3))
        if draw(st.booleans()) or (number == 0 and not names):
            canary = draw(st.integers(0, 100))
            stable = {**draw(EXTRA), **to("web.shop", "stable", 100 - canary)}
            foreign += [stable, {**draw(EXTRA), **to(HOST, "canary", canary)}]
            names.append(f"r{number}")
        places = draw(st.permutations(foreign))
        http.append({**draw(EXTRA), "name": f"r{number}", "route": places})
    body = {**service(*http), "status": draw(EXTRA)}
    body["spec"].update(draw(EXTRA))
    return body, tuple(names)


def without_our_weights(body, routes):
    left = copy.deepcopy(body)
    for one in routes:
        for place in (one.stable, one.canary):
            index = int(one.entries.split("/")[3])
            left["spec"]["http"][index]["route"][place.index].pop("weight", None)
    return left


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(services(), st.integers(0, 100))
def test_a_weight_patch_changes_our_weights_and_nothing_else(made, weight):
    body, names = made
    routes, problems = find_routes(body, names, PAIR)
    assert problems == []
    patched = jsonpatch.apply_patch(body, weight_patch(body, routes, weight))
    assert without_our_weights(patched, routes) == without_our_weights(body, routes)
    again, problems = find_routes(patched, names, PAIR)
    assert problems == []
    assert [(r.stable.weight, r.canary.weight) for r in again] == [(100 - weight, weight)] * len(
        names
    )
    assert route_weight("VirtualService", "web", again).even


def test_a_weight_patch_fails_on_another_version():
    body = service(route())
    patch = weight_patch(body, find_routes(body, (), PAIR)[0], 50)
    assert patch[0] == {"op": "test", "path": "/metadata/resourceVersion", "value": "7"}
    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        jsonpatch.apply_patch(service(route(), version="8"), patch)


def test_a_weight_patch_fails_where_the_destinations_changed_places():
    body = service(route())
    patch = weight_patch(body, find_routes(body, (), PAIR)[0], 50)
    moved = copy.deepcopy(body)
    moved["spec"]["http"][0]["route"].reverse()
    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        jsonpatch.apply_patch(moved, patch)


def test_a_weight_is_added_where_none_was_written():
    body = service({"route": [to(subset="stable"), to(subset="canary")]})
    routes, _ = find_routes(body, (), PAIR)
    patched = jsonpatch.apply_patch(body, weight_patch(body, routes, 0))
    assert [entry["weight"] for entry in patched["spec"]["http"][0]["route"]] == [100, 0]


PODS = {"app": "web"}


def rule(**labels):
    subsets = [{"name": "other", "labels": {"v": "1"}}, {"name": "canary", "labels": labels}]
    meta = {"name": "web", "namespace": "shop", "resourceVersion": "7"}
    return {"metadata": meta, "spec": {"host": "web", "subsets": subsets}}


def test_a_subset_selects_the_revision_that_its_labels_name():
    assert selected_by_subset(rule(**{LABEL_REVISION: "B"}), "canary", PODS) == "B"
    assert selected_by_subset(rule(**{LABEL_REVISION: "B", **PODS}), "canary", PODS) == "B"


@pytest.mark.parametrize("labels", [{}, PODS, {"v": "2", LABEL_REVISION: "B"}, {"app": "x"}])
def test_a_subset_with_other_labels_selects_no_revision(labels):
    assert selected_by_subset(rule(**labels), "canary", PODS) is None


def test_a_subset_that_is_not_there_selects_nothing():
    assert subset_index(rule(), "stable") is None
    assert selected_by_subset(rule(), "stable", PODS) is None
    assert subset_index({"spec": {"subsets": None}}, "stable") is None


def test_a_subset_patch_keeps_the_labels_that_all_pods_carry():
    body = rule(v="2", app="web", **{LABEL_REVISION: "A"})
    patched = jsonpatch.apply_patch(body, subset_patch(body, "canary", "B", PODS))
    assert patched["spec"]["subsets"][1]["labels"] == {"app": "web", LABEL_REVISION: "B"}
    assert patched["spec"]["subsets"][0] == body["spec"]["subsets"][0]
    assert selected_by_subset(patched, "canary", PODS) == "B"


def test_a_subset_patch_gives_labels_to_a_subset_without_any():
    body = rule()
    del body["spec"]["subsets"][1]["labels"]
    patched = jsonpatch.apply_patch(body, subset_patch(body, "canary", "B", PODS))
    assert patched["spec"]["subsets"][1]["labels"] == {LABEL_REVISION: "B"}


def test_a_subset_patch_fails_on_another_version_and_on_another_subset():
    body = rule()
    patch = subset_patch(body, "canary", "B", PODS)
    newer, renamed = copy.deepcopy(body), copy.deepcopy(body)
    newer["metadata"]["resourceVersion"] = "8"
    renamed["spec"]["subsets"].reverse()
    for other in (newer, renamed):
        with pytest.raises(jsonpatch.JsonPatchTestFailed):
            jsonpatch.apply_patch(other, patch)


def test_a_selector_patch_adds_the_revision_to_what_is_there():
    body = {
        "metadata": {"name": "web", "resourceVersion": "7"},
        "spec": {"selector": {"app": "web"}, "clusterIP": "10.0.0.1"},
    }
    assert selected_by_service(body) is None
    patched = jsonpatch.apply_patch(body, selector_patch(body, "B"))
    assert patched["spec"] == {
        "selector": {"app": "web", LABEL_REVISION: "B"},
        "clusterIP": "10.0.0.1",
    }
    assert selected_by_service(patched) == "B"
    body["metadata"]["resourceVersion"] = "8"
    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        jsonpatch.apply_patch(body, selector_patch(patched, "C"))
