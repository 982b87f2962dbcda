"""Header routes take from the managed route alone, come and go in one patch, and leave no trace."""

from __future__ import annotations

import copy
import json
import re

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.adapters import header_routes, istio
from tidegate.adapters.weights import Pair, Target, weight_patch
from tidegate.api.matching import HttpMatch
from tidegate.api.traffic import VirtualServiceRef
from tidegate.core import reasons
from tidegate.ports.cluster import Conflict

HOST = "web.shop.svc.cluster.local"
SUBSETS = Pair(Target(HOST, "stable"), Target(HOST, "canary"))


def matching(*alternatives):
    """A phase's match, each alternative by its headers; text is exact, else (way, text)."""
    return tuple(
        HttpMatch(
            headers={
                name: {"exact": said} if isinstance(said, str) else {said[0]: said[1]}
                for name, said in one.items()
            }
        )
        for one in alternatives
    )


BETA = matching({"x-group": "beta"})
OTHER = matching({"x-group": "alpha"}, {"cookie": ("regex", "(.*;)?\\s*group=beta(;.*)?")})
PHASES = (BETA, OTHER)


def destination(subset, weight, **more):
    return {"destination": {"host": "web", "subset": subset}, "weight": weight, **more}


def managed(name, *matches, canary=0, **more):
    route = [destination("stable", 100 - canary), destination("canary", canary)]
    return {"name": name, **({"match": list(matches)} if matches else {}), "route": route, **more}


def foreign(name, *matches):
    return {"name": name, "match": list(matches), "route": [{"destination": {"host": name}}]}


def service(*http, **more):
    meta = {"name": "web", "namespace": "shop", "resourceVersion": "7"}
    return {"metadata": meta, "spec": {"hosts": ["web"], "http": list(http), **more}}


def read(body, *names, phases=PHASES, rollout="web"):
    routes, problems = istio.find_routes(body, VirtualServiceRef(name="web", routes=names), SUBSETS)
    assert problems == []
    return routes, *header_routes.read(body, routes, rollout, phases, istio.HEADER_ROUTES)


def written(body, weight, match, *names, phases=PHASES):
    routes, headers, problems = read(body, *names, phases=phases)
    assert problems == []
    patch = weight_patch(body, routes, weight) + headers.patch(match)
    return jsonpatch.apply_patch(copy.deepcopy(body), patch)


def found(body, *names, phases=PHASES):
    return read(body, *names, phases=phases)[1].match


# ---------------------------------------------------------------- Istio, as its proxies read it


def taken(condition, said):
    if "exact" in condition:
        return said == condition["exact"]
    if "prefix" in condition:
        return said.startswith(condition["prefix"])
    return re.fullmatch(condition["regex"], said) is not None


def fits(match, request):
    uri, headers = match.get("uri"), match.get("headers") or {}
    return (
        (uri is None or taken(uri, request["uri"]))
        and match.get("port") in (None, request["port"])
        and all(
            name in request["headers"] and taken(condition, request["headers"][name])
            for name, condition in headers.items()
        )
    )


def routed(body, request):
    """The first route that matches, or None."""
    for route in body["spec"]["http"]:
        if any(fits(match, request) for match in route.get("match") or [{}]):
            return route
    return None


URIS = st.sampled_from(["/", "/api", "/api/pay", "/admin"])
MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "uri": st.sampled_from([{"prefix": "/api"}, {"exact": "/admin"}, {"regex": "/a.*"}]),
        "port": st.sampled_from([80, 8080]),
        "headers": st.sampled_from([{}, {"x-device": {"exact": "phone"}}]),
        "gateways": st.just(["edge"]),
    },
)
EXTRA = st.fixed_dictionaries(
    {},
    optional={
        "timeout": st.just("7s"),
        "retries": st.just({"attempts": 3}),
        "rewrite": st.just({"uri": "/v2"}),
        "headers": st.just({"request": {"set": {"x-shop": "1"}}}),
        "mirrors": st.just([{"destination": {"host": "shadow"}}]),
    },
)
REQUESTS = st.fixed_dictionaries(
    {
        "uri": URIS,
        "port": st.sampled_from([80, 8080]),
        "headers": st.fixed_dictionaries(
            {},
            optional={
                "x-group": st.sampled_from(["beta", "alpha", "none"]),
                "x-device": st.sampled_from(["phone", "desk"]),
                "cookie": st.sampled_from(["a=1; group=beta; b=2", "group=beta2", "x"]),
            },
        ),
    }
)


@st.composite
def virtual_services(draw):
    http, names = [], []
    for number in range(draw(st.integers(1, 4))):
        name, matches = f"r{number}", draw(st.lists(MATCHES, max_size=2))
        if draw(st.booleans()) or (number == 0 and not names):
            names.append(name)
            http.append({**draw(EXTRA), **managed(name, *matches)})
        else:
            http.append({**draw(EXTRA), **foreign(name, *(matches or [{}]))})
    more = {"tcp": [{"route": [{"destination": {"host": "db"}}]}]} if draw(st.booleans()) else {}
    return service(*http, **more), tuple(names)


PICKS = st.sampled_from(PHASES)
WEIGHTS = st.integers(0, 100)
PROPERTY = settings(max_examples=120, deadline=None, derandomize=True, database=None)


@PROPERTY
@given(virtual_services(), WEIGHTS, PICKS, REQUESTS)
def test_a_header_route_takes_what_the_managed_route_would_get_and_has_the_headers(
    made, weight, match, request
):
    body, names = made
    before, after = routed(body, request), routed(written(body, weight, match, *names), request)
    picked = any(
        all(
            name in request["headers"] and taken(said.as_dict(), request["headers"][name])
            for name, said in one.headers.items()
        )
        for one in match
    )
    if before is None or before["name"] not in names or not picked:
        assert (after or {}).get("name") == (before or {}).get("name")
        return
    assert header_routes.is_header_route(after, "web")
    assert after["route"] == [destination("canary", 100)]
    kept = ("name", "match", "route")
    assert {k: v for k, v in after.items() if k not in kept} == {
        k: v for k, v in before.items() if k not in kept
    }


@PROPERTY
@given(virtual_services(), WEIGHTS, st.lists(st.tuples(WEIGHTS, PICKS), min_size=1, max_size=3))
def test_after_any_header_routes_one_patch_leaves_the_object_as_git_holds_it(made, weight, writes):
    body, names = made
    current = written(body, 0, (), *names)
    assert json.dumps(current) == json.dumps(body)
    for share, match in writes:
        current = written(current, share, match, *names)
        assert found(current, *names) == match
        left = [raw for raw in current["spec"]["http"] if not header_routes.is_header_route(raw)]
        assert [raw["name"] for raw in left] == [raw["name"] for raw in body["spec"]["http"]]
    assert json.dumps(written(current, 0, (), *names)) == json.dumps(body)
    kept = written(current, weight, None, *names)
    assert found(kept, *names) == found(current, *names)


def test_nothing_is_written_where_the_header_routes_are_as_they_should_be():
    body = written(service(managed("r0"), managed("r1")), 0, BETA, "r0", "r1")
    _, headers, _ = read(body, "r0", "r1")
    assert headers.patch(BETA) == []
    assert headers.patch(None) == []
    assert not headers.adds(BETA)
    assert headers.adds(OTHER)


def _moved(http):
    http.append(http.pop(0))


def _twice(http):
    http.insert(0, copy.deepcopy(http[0]))


def _altered(http):
    http[0]["match"] = [{"headers": {}}]


def _half(http):
    del http[0]


def _outlived(http):
    http[1]["timeout"] = "9s"


@pytest.mark.parametrize("spoil", [_moved, _twice, _altered, _half, _outlived])
def test_header_routes_that_are_not_as_a_phase_says_are_known_and_mended_in_one_patch(spoil):
    plain = service(managed("r0"), managed("r1"))
    body = written(plain, 0, BETA, "r0", "r1")
    spoil(body["spec"]["http"])
    assert found(body, "r0", "r1") is None
    mended = written(body, 0, BETA, "r0", "r1")
    assert found(mended, "r0", "r1") == BETA
    names = [raw["name"] for raw in mended["spec"]["http"]]
    assert names == ["tidegate.web.0", "r0", "tidegate.web.1", "r1"]
    ours = [name for name in names if name.startswith("tidegate")]
    bare = written(body, 0, (), "r0", "r1")["spec"]["http"]
    assert ours
    assert [raw["name"] for raw in bare] == ["r0", "r1"]


def test_left_over_header_routes_are_found_when_no_phase_asks_for_them_any_more():
    body = written(service(managed("r0")), 0, BETA, "r0")
    assert found(body, "r0", phases=()) is None
    bare = written(body, 0, (), "r0", phases=())
    assert json.dumps(bare) == json.dumps(service(managed("r0")))


def test_the_only_route_stays_the_only_one_beside_its_header_route():
    body = written(service(managed("r0")), 0, BETA)
    assert found(body) == BETA


def test_another_rollouts_header_routes_are_not_ours():
    body = written(service(managed("r0"), managed("r1")), 0, BETA, "r0")
    _, headers, _ = read(body, "r1", rollout="web.0")
    assert headers.match == ()
    assert found(body, "r0") == BETA
    patched = jsonpatch.apply_patch(copy.deepcopy(body), headers.patch(()))
    assert patched == body


@pytest.mark.parametrize(
    ("name", "rollout", "ours"),
    [
        ("tidegate.web.0", "web", True),
        ("tidegate.web.12", "web", True),
        ("tidegate.web.a", "web", False),
        ("tidegate.web", "web", False),
        ("tidegate.web.1.0", "web", False),
        ("tidegate.web.1.0", "web.1", True),
        ("primary", "web", False),
    ],
)
def test_a_name_tells_whose_header_route_it_is(name, rollout, ours):
    assert header_routes.is_header_route({"name": name}, rollout) is ours


def test_a_match_that_no_phase_has_any_more_is_decided_anew():
    _, headers, _ = read(service(managed("r0")), "r0", phases=())
    with pytest.raises(Conflict):
        headers.patch(BETA)


def test_a_patch_fails_where_the_header_route_has_moved():
    body = written(service(managed("r0")), 0, BETA, "r0")
    _, headers, _ = read(body, "r0")
    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        jsonpatch.apply_patch(service(managed("r0")), headers.patch(()))


def test_two_conditions_on_one_header_cannot_both_be_said():
    body = service(managed("r0", {"headers": {"x-group": {"prefix": "b"}}}))
    _, headers, problems = read(body, "r0", phases=(BETA, BETA))
    assert headers.match == ()
    (problem,) = problems
    assert problem.reason == reasons.HEADER_ROUTE_NOT_POSSIBLE
    assert "VirtualService shop/web: no header route can be made of r0" in problem.message
    assert "condition of its own on header x-group" in problem.message


def test_the_same_condition_twice_is_one():
    body = service(managed("r0", {"headers": {"x-group": {"exact": "beta"}}}))
    assert found(written(body, 0, BETA, "r0", phases=(BETA,)), "r0", phases=(BETA,)) == BETA


def test_more_conditions_than_one_route_takes_are_refused():
    many = [{"port": number} for number in range(1, 34)]
    _, _, problems = read(service(managed("r0", *many)), "r0", phases=(OTHER,))
    assert "33 conditions of its own times 2 of the phase" in problems[0].message
