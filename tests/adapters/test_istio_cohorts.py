"""Cohorts in a VirtualService: cookies, callers, buckets, and users who stay where they are."""

from __future__ import annotations

import copy
import json
from random import Random
from uuid import UUID

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.test_header_routes import (
    PROPERTY,
    REQUESTS,
    destination,
    managed,
    read,
    routed,
    service,
    virtual_services,
)
from tests.adapters.test_header_routes import written as plainly
from tidegate.adapters.header_routes import is_header_route
from tidegate.adapters.weights import weight_patch
from tidegate.api.matching import HttpMatch
from tidegate.core.picks import Kept

BETA = HttpMatch(headers={"x-group": {"exact": "beta"}})
TEN = HttpMatch(buckets={"header": "x-user", "percent": 10, "encoding": "decimal"})
WEIGHTS = st.integers(1, 99)


def kept(weight):
    return (Kept("shop", 60.0, weight),)


def written(body, weight, picks, *names, asked=None):
    """The object once that was written, which no phase need ask for."""
    every = [picks] if asked is None else asked
    routes, headers, problems = read(body, *names, phases=[one for one in every if one])
    assert problems == []
    patch = weight_patch(body, routes, weight) + headers.patch(picks)
    return jsonpatch.apply_patch(copy.deepcopy(body), patch)


def refused(body, picks):
    _, _, problems = read(body, "r0", phases=[picks])
    (problem,) = problems
    return problem.message


def asks(body, cookie=None, number=0, **headers):
    """The route that a request takes, as its proxy makes an id of it."""
    said = {"x-request-id": str(UUID(int=number)), **headers}
    if cookie is not None:
        said["cookie"] = cookie
    return routed(body, {"uri": "/", "port": 80, "headers": said})


def arm(route):
    (entry,) = route["route"]
    return entry["destination"]["subset"]


def cookie_set(route, number):
    """The cookie that the answer brings; None if it brings none."""
    added = route.get("headers", {}).get("response", {}).get("add", {})
    if "set-cookie" not in added:
        return None
    name, _, rest = added["set-cookie"].partition("=%REQ(X-REQUEST-ID)%")
    assert rest == "; Max-Age=60; Path=/; HttpOnly; SameSite=Lax"
    return f"{name}={UUID(int=number)}"


def test_users_who_stay_take_four_routes_above_the_managed_one():
    body = written(service(managed("r0", timeout="7s")), 10, kept(10), "r0")
    below = managed("r0", timeout="7s", canary=10)
    got = body["spec"]["http"]
    assert [one["name"] for one in got] == [*(f"tidegate.web.{n}" for n in range(4)), "r0"]
    assert got[4] == below
    assert [arm(one) for one in got[:4]] == ["canary", "stable", "canary", "stable"]
    assert all(one["timeout"] == "7s" for one in got)
    said = [one["match"] for one in got[:4]]
    any_id = r"(?:.*;)?\s*(?:shop=[^;]+)\s*(?:;.*)?"
    assert said[1] == [{"headers": {"cookie": {"regex": any_id}}}]
    assert said[3] == [{"headers": {"x-request-id": {"regex": "[^;]+"}}}]
    assert said[0][0]["headers"]["cookie"]["regex"].startswith(r"(?:.*;)?\s*(?:shop=(?:[^;]*")
    assert [cookie_set(one, 1) for one in got[:2]] == [None, None]
    assert cookie_set(got[2], 1) == cookie_set(got[3], 1) == f"shop={UUID(int=1)}"


@PROPERTY
@given(st.integers(0, 2**127), st.lists(WEIGHTS, min_size=1, max_size=5))
def test_who_got_the_new_version_keeps_it_while_the_weight_rises(number, weights):
    body = service(managed("r0"))
    first = None
    cookie = None
    for weight in sorted(weights):
        body = written(body, weight, kept(weight), "r0", asked=[kept(w) for w in weights])
        route = asks(body, cookie, number)
        cookie = cookie_set(route, number) or cookie
        assert cookie == f"shop={UUID(int=number)}"
        if first == "canary":
            assert arm(route) == "canary"
        first = arm(route)
        again = asks(body, f"a=1; {cookie}; b=2", number + 77)
        assert arm(again) == first
        assert cookie_set(again, 1) is None


@pytest.mark.parametrize("weight", [1, 10, 33, 50, 99])
def test_the_share_of_users_is_the_weight(weight):
    body = written(service(managed("r0")), weight, kept(weight), "r0")
    numbers = [number << 12 | number for number in range(4096)]
    Random(7).shuffle(numbers)
    found = [arm(asks(body, number=number)) for number in numbers]
    assert abs(100 * found.count("canary") / len(found) - weight) < 0.0123


@PROPERTY
@given(virtual_services(), WEIGHTS, REQUESTS, st.booleans(), st.booleans())
def test_they_take_nothing_that_the_managed_route_would_not_get(
    made, weight, request, known, matched
):
    body, names = made
    picks = ((BETA,) if matched else ()) + kept(weight)
    request = {**request, "headers": {**request["headers"], "x-request-id": "ab-012"}}
    if known:
        request["headers"]["cookie"] = "shop=ab-fff"
    before = routed(body, request)
    after = routed(written(body, weight, picks, *names), request)
    if before is None or before["name"] not in names:
        assert after == before
        return
    assert is_header_route(after, "web")
    picked = matched and request["headers"].get("x-group") == "beta"
    assert arm(after) == "canary" or not picked
    assert arm(after) == "stable" or picked or not known
    kept_fields = ("name", "match", "route", "headers")
    assert {k: v for k, v in after.items() if k not in kept_fields} == {
        k: v for k, v in before.items() if k not in kept_fields
    }
    request_part = (before.get("headers") or {}).get("request")
    assert (after.get("headers") or {}).get("request") == request_part


PICKS = st.sampled_from([(), (BETA,), (TEN,), kept(10), kept(50), (BETA, *kept(10)), (TEN, BETA)])


@PROPERTY
@given(virtual_services(), st.lists(PICKS, min_size=1, max_size=5))
def test_after_any_cohorts_one_patch_leaves_the_object_as_git_holds_it(made, writes):
    body, names = made
    current = written(body, 0, (), *names)
    for picks in writes:
        current = written(current, 10, picks, *names, asked=writes)
        found = read(current, *names, phases=[one for one in writes if one])[1].match
        assert found == picks
        left = [raw for raw in current["spec"]["http"] if not is_header_route(raw)]
        assert [raw["name"] for raw in left] == [raw["name"] for raw in body["spec"]["http"]]
    assert json.dumps(written(current, 0, (), *names, asked=writes)) == json.dumps(body)


def test_a_share_whose_phase_was_edited_is_known_by_the_weight_beside_it():
    body = written(service(managed("r0")), 10, kept(10), "r0")
    for asked, match in ((kept(20), kept(10)), ((BETA, *kept(20)), kept(10)), ((BETA,), None)):
        assert read(body, "r0", phases=[asked])[1].match == match
    both = written(service(managed("r0")), 10, (BETA, *kept(10)), "r0")
    assert read(both, "r0", phases=[(BETA, *kept(20))])[1].match == (BETA, *kept(10))
    taken = written(both, 10, (BETA,), "r0", asked=[(BETA, *kept(20))])
    assert read(taken, "r0", phases=[(BETA, *kept(20))])[1].match == (BETA,)


@pytest.mark.parametrize(
    ("route", "words"),
    [
        (managed("r0", {"headers": {"Cookie": {"exact": "x"}}}), "of its own on header cookie"),
        (managed("r0", {"headers": {"x-request-id": {"exact": "x"}}}), "header x-request-id"),
        (
            managed("r0", headers={"response": {"add": {"Set-Cookie": "a=b"}}}),
            "it sets a cookie of its own",
        ),
        (
            {
                "name": "r0",
                "route": [
                    destination("stable", 40),
                    destination("canary", 0),
                    {"destination": {"host": "old"}, "weight": 60},
                ],
            },
            "others have weight in it",
        ),
    ],
)
def test_where_users_cannot_stay_nothing_is_made_and_it_is_said(route, words):
    assert words in refused(service(route), kept(10))


def test_other_headers_of_the_managed_route_stay():
    more = {"request": {"set": {"x-shop": "1"}}, "response": {"add": {"x-a": "1"}, "remove": ["b"]}}
    body = written(service(managed("r0", headers=more)), 10, kept(10), "r0")
    third = body["spec"]["http"][2]["headers"]
    assert third["request"] == more["request"]
    assert third["response"]["remove"] == ["b"]
    assert set(third["response"]["add"]) == {"x-a", "set-cookie"}
    assert body["spec"]["http"][4]["headers"] == more


def test_callers_stand_beside_those_of_the_route():
    shop = HttpMatch(source_labels={"app": "shop"})
    body = service(managed("r0", {"sourceLabels": {"tier": "web"}, "port": 80}))
    (match,) = plainly(body, 0, (shop,), "r0", phases=[(shop,)])["spec"]["http"][0]["match"]
    assert match == {"sourceLabels": {"tier": "web", "app": "shop"}, "port": 80}
    clashing = service(managed("r0", {"sourceLabels": {"app": "other"}}))
    assert "callers with another label app" in refused(clashing, (shop,))
