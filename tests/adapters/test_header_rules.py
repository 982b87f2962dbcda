"""Header rules of an HTTPRoute: both conditions, nobody else's requests, home without a trace."""

from __future__ import annotations

import copy
import json
import re

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.test_header_routes import BETA, OTHER, matching
from tidegate.adapters import gateway_headers, header_routes
from tidegate.adapters.gateway_api import find_rules
from tidegate.adapters.weights import Pair, Target, weight_patch
from tidegate.api.traffic import HttpRouteRef
from tidegate.core import reasons

HOST = "web.shop.svc.cluster.local"
SERVICES = Pair(Target(HOST), Target("web-canary.shop.svc.cluster.local"))
PHASES = (BETA, OTHER)
PROPERTY = settings(max_examples=120, deadline=None, derandomize=True, database=None)


def backends(*weights):
    names = ("web", "web-canary", "old")
    return [{"name": n, "port": 80, "weight": w} for n, w in zip(names, weights, strict=False)]


def rule(name, *matches, refs=(100, 0), **more):
    named = {"name": name} if name else {}
    return {**named, "matches": list(matches), "backendRefs": backends(*refs), **more}


def http_route(*rules):
    meta = {"name": "web", "namespace": "shop", "resourceVersion": "7"}
    return {"metadata": meta, "spec": {"hostnames": ["web.example"], "rules": list(rules)}}


def at(path, *headers, kind="PathPrefix", **more):
    named = [{"type": "Exact", "name": name, "value": "1"} for name in headers]
    found = {"path": {"type": kind, "value": path}, **more}
    return {**found, "headers": named} if named else found


def read_rules(body, *names, phases=PHASES):
    routes, problems = find_rules(body, HttpRouteRef(name="web", rules=names), SERVICES)
    assert problems == []
    return routes, *header_routes.read(body, routes, "web", phases, gateway_headers.HEADER_RULES)


def written_rules(body, weight, match, *names, phases=PHASES):
    routes, headers, problems = read_rules(body, *names, phases=phases)
    assert problems == []
    patch = weight_patch(body, routes, weight) + headers.patch(match)
    return jsonpatch.apply_patch(copy.deepcopy(body), patch)


ELSEWHERE = {"name": "old", "matches": [at("/old")], "backendRefs": backends(0, 0, 1)[2:]}


def test_a_header_rule_has_both_conditions_and_goes_home_without_a_trace():
    filters = [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}]
    timeouts = {"request": "7s"}
    body = http_route(
        ELSEWHERE,
        rule("api", at("/api", "x-key", method="GET"), filters=filters, timeouts=timeouts),
        rule("web", at("/")),
    )
    amid = written_rules(body, 10, BETA, "api", "web")
    names = [one["name"] for one in amid["spec"]["rules"]]
    assert names == ["old", "tidegate.web.0", "api", "tidegate.web.1", "web"]
    copied = amid["spec"]["rules"][1]
    assert copied["backendRefs"] == [{"name": "web-canary", "port": 80, "weight": 100}]
    assert (copied["filters"], copied["timeouts"]) == (filters, timeouts)
    (match,) = copied["matches"]
    assert (match["path"]["value"], match["method"]) == ("/api", "GET")
    assert match["headers"] == [
        {"type": "Exact", "name": "x-key", "value": "1"},
        {"type": "Exact", "name": "x-group", "value": "beta"},
    ]
    assert read_rules(amid, "api", "web")[1].match == BETA
    assert json.dumps(written_rules(amid, 0, (), "api", "web")) == json.dumps(body)


TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=6)


@PROPERTY
@given(TEXT, TEXT)
def test_a_prefix_is_an_expression_that_takes_the_same_values(prefix, said):
    body = http_route(rule("web", at("/")))
    match = matching({"x-a": ("prefix", prefix)})
    amid = written_rules(body, 0, match, "web", phases=(match,))
    (header,) = amid["spec"]["rules"][0]["matches"][0]["headers"]
    assert header["type"] == "RegularExpression"
    assert re.fullmatch(header["value"], prefix + said)
    assert bool(re.search(header["value"], said)) is said.startswith(prefix)


def test_an_expression_is_for_the_whole_value_wherever_a_gateway_looks():
    match = matching({"x-a": ("regex", "a|b")})
    amid = written_rules(http_route(rule("web", at("/"))), 0, match, "web", phases=(match,))
    (header,) = amid["spec"]["rules"][0]["matches"][0]["headers"]
    assert [bool(re.search(header["value"], said)) for said in ("a", "b", "xa", "bx")] == [
        True,
        True,
        False,
        False,
    ]


def test_a_rule_without_matches_is_copied_as_the_api_server_would_write_it():
    plain = http_route({**rule("web"), "matches": []})
    amid = written_rules(plain, 0, BETA, "web")
    (match,) = amid["spec"]["rules"][0]["matches"]
    assert match["path"] == {"type": "PathPrefix", "value": "/"}


def _impossible(body, *names, phases=(BETA,)):
    (problem,) = read_rules(body, *names, phases=phases)[2]
    assert problem.reason == reasons.HEADER_ROUTE_NOT_POSSIBLE
    return problem.message


def test_a_rule_without_a_name_gets_no_header_rule_for_that_could_not_be_told_again():
    assert "it has no name; give it one" in _impossible(http_route(rule("", at("/"))))


REWRITE = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v2"}}


@pytest.mark.parametrize("kind", ["urlRewrite", "requestRedirect"])
def test_a_rule_that_replaces_a_prefix_takes_one_match_only(kind):
    """The Gateway API asks for exactly one; one match of the rule and one of the phase is one."""
    filters = [{"type": kind[0].upper() + kind[1:], kind: REWRITE}]
    body = http_route(rule("web", at("/"), filters=filters))
    two = matching({"x-group": "a"}, {"x-group": "b"})
    assert read_rules(body, "web", phases=(two[:1],))[2] == []
    _, _, problems = read_rules(body, "web", phases=(two,))
    assert "name one match in the phase" in problems[0].message


def test_an_http_route_has_room_for_so_many_rules_only():
    full = [{**ELSEWHERE, "name": f"old{n}"} for n in range(15)]
    assert "17 of at most 16" in _impossible(http_route(*full, rule("web", at("/"))), "web")


@pytest.mark.parametrize(
    ("other", "taken_from"),
    [
        (at("/", "x-device"), True),
        (at("/", queryParams=[{"name": "a", "value": "1"}]), True),
        (at("/a.*", "x-device", kind="RegularExpression"), True),
        (at("/", "x-device", "x-b"), False),  # it wins over the copy, too
        (at("/"), False),  # it loses to the managed rule, too, or stands before both
        (at("/api", "x-device"), False),  # a longer path wins whatever the headers
        (at("/", "x-device", method="GET"), False),  # so does a method
    ],
)
def test_no_header_rule_is_made_that_could_win_over_somebody_elses(other, taken_from):
    body = http_route({**ELSEWHERE, "matches": [other]}, rule("web", at("/")))
    _, _, problems = read_rules(body, "web", phases=(BETA,))
    assert bool(problems) is taken_from
    if problems:
        assert "rule old has more headers" in problems[0].message


def test_two_managed_rules_may_win_over_one_another_for_both_go_to_the_canary():
    body = http_route(rule("phone", at("/", "x-device")), rule("web", at("/")))
    assert read_rules(body, "phone", "web")[2] == []


def test_more_headers_than_a_match_takes_are_refused():
    many = at("/", *(f"x-{n}" for n in range(16)))
    assert "17 headers and takes 16" in _impossible(http_route(rule("web", many)))
