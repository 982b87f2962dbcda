"""Routes with variants: whatever is written, a route sums to what it did and nobody else moves."""

from __future__ import annotations

import copy

import jsonpatch
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.adapters import istio
from tidegate.adapters.weights import Pair, Target, raises, route_weight, weight_patch
from tidegate.api.traffic import VirtualServiceRef

HOST = "web.shop.svc.cluster.local"
NAMES = ("stable", "canary", "a", "b")
PAIR = Pair(
    *(Target(HOST, name) for name in NAMES[:2]),
    variants=tuple((name, Target(HOST, name)) for name in NAMES[2:]),
)
REF = VirtualServiceRef(name="web", routes=("r0", "r1"))
slow = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def entry(subset, weight):
    return {"destination": {"host": "web", "subset": subset}, "weight": weight}


def body_of(*http, kind="http"):
    meta = {"name": "web", "namespace": "shop", "resourceVersion": "7"}
    return {"metadata": meta, "spec": {kind: list(http)}}


def route_of(name, weights, **fields):
    return {"name": name, "route": [entry(n, w) for n, w in weights.items()], **fields}


@st.composite
def shares(draw, most=100):
    """(canary, shares of variants) that leave something to stable, or nothing at all."""
    canary = draw(st.integers(0, most))
    a = draw(st.integers(0, most - canary))
    b = draw(st.integers(0, most - canary - a))
    return canary, tuple((n, w) for n, w in (("a", a), ("b", b)) if w)


@st.composite
def bodies(draw):
    """Two routes with all four destinations, in any order and with any weights."""
    http = []
    for number in range(2):
        canary, arms = draw(shares())
        weights = {"canary": canary, "a": 0, "b": 0, **dict(arms)}
        weights["stable"] = 100 - sum(weights.values()) + draw(st.sampled_from([0, 0, 7]))
        order = draw(st.permutations(NAMES))
        http.append(route_of(f"r{number}", {name: weights[name] for name in order}, timeout="7s"))
    return body_of(*http)


def found(body):
    routes, problems = istio.find_routes(body, REF, PAIR)
    assert problems == []
    return routes


@slow
@given(bodies(), shares())
def test_each_arm_gets_its_share_in_every_route_and_stable_the_rest(body, asked):
    canary, arms = asked
    patch = weight_patch(body, found(body), canary, arms)
    after = jsonpatch.apply_patch(copy.deepcopy(body), patch)
    for route in after["spec"]["http"]:
        weights = {e["destination"]["subset"]: e["weight"] for e in route["route"]}
        wanted = {"a": 0, "b": 0, **dict(arms), "canary": canary}
        assert weights == {**wanted, "stable": 100 - sum(wanted.values())}
        assert route["timeout"] == "7s"
    read = route_weight("VirtualService", "web", found(after))
    assert (read.weight, read.variants, read.even) == (canary, arms, True)


@slow
@given(bodies(), shares())
def test_a_write_raises_if_some_arm_gets_more_anywhere(body, asked):
    canary, arms = asked
    routes = found(body)
    more = any(
        e["weight"]
        < {"a": 0, "b": 0, **dict(arms), "canary": canary}.get(e["destination"]["subset"], 0)
        for route in body["spec"]["http"]
        for e in route["route"]
    )
    assert raises(routes, canary, arms) is more
    assert not raises(routes, 0, ())


@slow
@given(bodies())
def test_taking_all_away_is_one_patch_whatever_was_there(body):
    after = jsonpatch.apply_patch(copy.deepcopy(body), weight_patch(body, found(body), 0))
    for route in after["spec"]["http"]:
        weights = {e["destination"]["subset"]: e["weight"] for e in route["route"]}
        assert weights == {"stable": 100, "canary": 0, "a": 0, "b": 0}
    assert route_weight("VirtualService", "web", found(after)).home


def test_a_route_that_lacks_a_variant_is_named_and_can_still_be_sent_back():
    body = body_of(route_of("r0", {"stable": 65, "canary": 10, "a": 25}))
    routes, (problem,) = istio.find_routes(body, VirtualServiceRef(name="web"), PAIR)
    assert "destination web.shop.svc.cluster.local subset b of variant b" in problem.message
    after = jsonpatch.apply_patch(copy.deepcopy(body), weight_patch(body, routes, 0))
    assert [e["weight"] for e in after["spec"]["http"][0]["route"]] == [100, 0, 0]


def test_a_route_that_others_share_and_one_that_is_no_http_route_are_refused():
    weights = {"stable": 90, "canary": 0, "a": 0, "b": 0, "other": 10}
    _, (problem,) = istio.find_routes(
        body_of(route_of("r0", weights)), VirtualServiceRef(name="web"), PAIR
    )
    assert "10 of 100 to destinations of others" in problem.message
    tcp = body_of(route_of("r0", dict.fromkeys(NAMES, 25)), kind="tcp")
    _, (problem,) = istio.find_routes(tcp, VirtualServiceRef(name="web"), PAIR)
    assert "no HTTP route" in problem.message
