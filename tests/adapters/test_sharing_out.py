"""Routes that others share with us: theirs stays theirs, and ours sums to the rest, always."""

from __future__ import annotations

import copy

import jsonpatch
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.adapters import istio
from tidegate.adapters.weights import Pair, Target, raises, route_weight, weight_patch
from tidegate.api.traffic import VirtualServiceRef
from tidegate.core.observation import RoutesView
from tidegate.core.shares import read_as

HOST = "web.shop.svc.cluster.local"
PAIR = Pair(Target(HOST, "stable"), Target(HOST, "canary"))
REF = VirtualServiceRef(name="web", routes=("r0", "r1", "r2"))
slow = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def entry(host, weight, subset=None):
    destination = {"host": host} | ({"subset": subset} if subset else {})
    return {"destination": destination, "weight": weight}


@st.composite
def shared_routes(draw):
    """Three HTTP routes; in each, others have up to 98 of 100, and ours whatever was there."""
    http = []
    for number in range(3):
        left = 98
        entries = []
        for other in range(draw(st.integers(0, 3))):
            weight = draw(st.integers(0, left))
            left -= weight
            entries.append(entry(f"other{other}", weight))
        entries.append(entry("web", draw(st.integers(0, 120)), "stable"))
        entries.append(entry("web", draw(st.integers(0, 120)), "canary"))
        http.append({"name": f"r{number}", "route": draw(st.permutations(entries))})
    meta = {"name": "web", "namespace": "shop", "resourceVersion": "7"}
    return {"metadata": meta, "spec": {"http": http}}


def weights_of(route):
    """(stable, canary, others) of one route."""
    ours = {
        e["destination"]["subset"]: e["weight"]
        for e in route["route"]
        if "subset" in e["destination"]
    }
    others = [e for e in route["route"] if "subset" not in e["destination"]]
    return ours["stable"], ours["canary"], others


@slow
@given(shared_routes(), st.integers(0, 100))
def test_a_shared_route_sums_to_a_hundred_and_others_keep_theirs(body, share):
    routes, problems = istio.find_routes(body, REF, PAIR)
    assert problems == []
    patched = jsonpatch.apply_patch(copy.deepcopy(body), weight_patch(body, routes, share))
    for before, after in zip(body["spec"]["http"], patched["spec"]["http"], strict=True):
        stable, canary, others = weights_of(after)
        assert others == weights_of(before)[2]
        assert stable + canary + sum(e["weight"] for e in others) == 100
        assert (canary == 0) == (share == 0)
        assert (stable == 0) == (share == 100)


@slow
@given(shared_routes(), st.integers(0, 100), st.integers(0, 100))
def test_what_was_written_is_read_as_what_was_asked(body, share, other):
    """Nothing is left to write at that share, and at another one only if it is another split."""
    routes, _ = istio.find_routes(body, REF, PAIR)
    patched = jsonpatch.apply_patch(copy.deepcopy(body), weight_patch(body, routes, share))
    again, _ = istio.find_routes(patched, REF, PAIR)
    raw = route_weight("VirtualService", "web", again)
    read = read_as(RoutesView((raw,), "A", "B"), (share, other)).weights[0]
    assert (read.weight, read.even) == (share, True)
    moved = jsonpatch.apply_patch(copy.deepcopy(patched), weight_patch(patched, again, other))
    read = read_as(RoutesView((raw,), "A", "B"), (other,)).weights[0]
    assert (read.weight == other) == (moved == patched)
    assert not raises(again, share)
    if other <= share:
        assert not raises(again, other)


def test_thirty_three_at_ten_percent_is_three_to_thirty():
    http = [
        {
            "name": "r0",
            "route": [entry("old", 67), entry("web", 33, "stable"), entry("web", 0, "canary")],
        }
    ]
    body = {"metadata": {"name": "web", "resourceVersion": "7"}, "spec": {"http": http}}
    pair = Pair(
        Target("web..svc.cluster.local", "stable"), Target("web..svc.cluster.local", "canary")
    )
    routes, problems = istio.find_routes(body, VirtualServiceRef(name="web"), pair)
    assert problems == []
    patched = jsonpatch.apply_patch(body, weight_patch(body, routes, 10))
    assert [e["weight"] for e in patched["spec"]["http"][0]["route"]] == [67, 30, 3]
    again, _ = istio.find_routes(patched, VirtualServiceRef(name="web"), pair)
    raw = route_weight("VirtualService", "web", again)
    assert raw.stands_for == (10, 12)
    assert raw.written == (100 * 3 / 33, 100 * 3 / 33)
