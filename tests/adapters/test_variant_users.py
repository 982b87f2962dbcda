"""Users who stay with their arm of an experiment: routes by the id in a cookie."""

from __future__ import annotations

import copy
from random import Random

import jsonpatch
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.test_header_routes import PROPERTY, destination, managed, service
from tests.adapters.test_istio_cohorts import arm, asks, cookie_set
from tidegate.adapters import header_routes, istio
from tidegate.adapters.header_routes import is_header_route
from tidegate.adapters.weights import Pair, Target, weight_patch
from tidegate.api.traffic import VirtualServiceRef
from tidegate.core.picks import Kept, picked_arms

HOST = "web.shop.svc.cluster.local"
PAIR = Pair(
    Target(HOST, "stable"),
    Target(HOST, "canary"),
    (("a", Target(HOST, "a")), ("b", Target(HOST, "b"))),
)
REF = VirtualServiceRef(name="web", routes=("r0",))
HALF = (Kept("shop", 60.0, 0, (("a", 25), ("b", 25))),)
"""Control 50, a and b 25 each."""


def holding():
    """A VirtualService that knows both arms, as Git holds it."""
    route = managed("r0")
    return service({**route, "route": [*route["route"], *(destination(n, 0) for n in "ab")]})


def read(body, picks):
    routes, problems = istio.find_routes(body, REF, PAIR)
    assert problems == []
    asked = [picks] if picks else []
    return routes, *header_routes.read(body, routes, "web", asked, istio.HEADER_ROUTES)


def written(body, picks):
    """The object once that was written, weights and header routes in one patch."""
    routes, headers, problems = read(body, picks)
    assert problems == []
    weight, arms = (picks[0].weight, picks[0].arms) if picks else (0, ())
    patch = weight_patch(body, routes, weight, arms) + headers.patch(picks)
    return jsonpatch.apply_patch(copy.deepcopy(body), patch)


@st.composite
def shares(draw):
    """The canary's share and those of both arms; stable keeps some."""
    weight = draw(st.integers(0, 60))
    a = draw(st.integers(1, 98 - weight))
    return (Kept("shop", 60.0, weight, (("a", a), ("b", draw(st.integers(1, 99 - weight - a))))),)


@PROPERTY
@given(shares(), st.integers(0, 2**127))
def test_each_user_stays_with_one_arm_and_arms_get_their_shares(picks, number):
    body = written(holding(), picks)
    first = asks(body, number=number)
    cookie = cookie_set(first, number)
    assert cookie is not None
    for other in range(3):
        again = asks(body, f"a=1; {cookie}", number + other)
        assert arm(again) == arm(first)
        assert cookie_set(again, number) is None
    (kept,) = picks
    edges, bucket = {"canary": kept.weight}, (number & 0xFFF) / 40.96
    for name, share in kept.arms:
        edges[name] = max(edges.values()) + share
    expected = next((name for name, edge in edges.items() if bucket < edge), "stable")
    near = any(abs(bucket - edge) < 0.03 for edge in edges.values())
    assert near or arm(first) == expected


def test_half_the_users_see_the_control_and_a_quarter_each_variant():
    body = written(holding(), HALF)
    numbers = [number << 12 | number for number in range(4096)]
    Random(7).shuffle(numbers)
    found = [arm(asks(body, number=number)) for number in numbers]
    counts = {name: found.count(name) for name in ("stable", "canary", "a", "b")}
    assert counts == {"stable": 2048, "canary": 0, "a": 1024, "b": 1024}


def test_one_patch_leaves_the_object_as_git_holds_it():
    body = written(holding(), HALF)
    assert read(body, HALF)[1].match == HALF
    assert sum(is_header_route(raw) for raw in body["spec"]["http"]) == 6
    assert written(body, ()) == holding()


def test_a_route_without_the_arms_destination_has_no_place_for_its_users():
    _, problems = istio.find_routes(service(managed("r0")), REF, PAIR)
    assert any("destination" in problem.message for problem in problems)
    assert picked_arms(HALF) == {"a", "b"}
