"""Cohorts that no router could tell, or that share users by mistake, are refused by name."""

from __future__ import annotations

import pytest

from tests.api.samples import changed, parsed
from tidegate.api.problems import SpecError
from tidegate.api.validation import problems

DECIMAL = {"header": "x-user", "encoding": "decimal"}
HEX = {"cookie": "uid", "encoding": "hex"}


def told(*matches):
    edits = [(f"phases.{place}.match", list(match)) for place, match in enumerate(matches)]
    return [(p.path, p.message) for p in problems(parsed(changed(*edits)))]


def refused(*matches):
    with pytest.raises(SpecError) as caught:
        told(*matches)
    return str(caught.value)


@pytest.mark.parametrize(
    "match",
    [
        {"cookies": {"group": {"exact": "beta"}}},
        {"cookies": {"group": {"regex": "b.*"}, "lang": {"prefix": "de"}}},
        {"sourceLabels": {"app": "web"}},
        {"buckets": {**DECIMAL, "percent": 10}},
        {"buckets": {**HEX, "percent": 10, "after": 90}, "headers": {"x-a": {"exact": "1"}}},
    ],
)
def test_each_way_to_choose_a_cohort_is_fine(match):
    assert told([match]) == []


def test_a_match_that_names_nothing_would_be_everybody():
    ((path, message),) = told([{}])
    assert path == "spec.phases[0].match[0]"
    assert "name at least one of headers, cookies, buckets and sourceLabels" in message


@pytest.mark.parametrize(
    ("match", "field", "words"),
    [
        ({"cookies": {"a b": {"exact": "1"}}}, "cookies", "must be the name of a cookie"),
        ({"cookies": {"a" * 64: {"exact": "1"}}}, "cookies", "at most 63 characters"),
        ({"cookies": {"a": {"exact": "1;b=2"}}}, "cookies.a.exact", "';' ends a cookie"),
        ({"cookies": {"a": {"regex": r"\D+"}}}, "cookies.a.regex", "run on into the next cookie"),
        ({"cookies": {"a": {"regex": "(?=x)"}}}, "cookies.a.regex", "no regular expression of RE2"),
        (
            {"cookies": {"a": {"exact": "1"}}, "headers": {"cookie": {"exact": "1"}}},
            "headers",
            "header cookie holds all cookies",
        ),
        (
            {"buckets": {**DECIMAL, "header": "cookie", "percent": 1}},
            "buckets.header",
            "use cookie",
        ),
        ({"buckets": {**DECIMAL, "header": "X-U", "percent": 1}}, "buckets.header", "lower case"),
        ({"buckets": {**HEX, "cookie": "u=", "percent": 1}}, "buckets.cookie", "name of a cookie"),
        (
            {"buckets": {**HEX, "percent": 1}, "cookies": {"uid": {"exact": "1"}}},
            "buckets",
            "a condition of its own",
        ),
        (
            {"buckets": {**HEX, "percent": 1}, "cookies": {n: {"exact": "1"} for n in "abc"}},
            "cookies",
            "there may be 3 cookies",
        ),
        ({"buckets": {**DECIMAL, "percent": 11, "after": 90}}, "buckets.percent", "at most 100"),
        ({"buckets": {**DECIMAL, "cookie": "uid", "percent": 1}}, "buckets", "exactly one of"),
        ({"buckets": {"percent": 1, "encoding": "hex"}}, "buckets", "exactly one of"),
    ],
)
def test_what_no_router_could_tell_is_refused(match, field, words):
    found = told([match])
    assert [path for path, _ in found] == [f"spec.phases[0].match[0].{field}"]
    assert words in found[0][1]


@pytest.mark.parametrize(
    ("match", "field", "words"),
    [
        (
            {"cookies": {name: {"exact": "x" * 80} for name in "abc"}},
            "cookies",
            "bytes in all their orders, and Istio takes 1024; use fewer cookies",
        ),
        (
            {"cookies": {name: {"regex": f"{name}{{900}}"} for name in "abc"}},
            "cookies",
            "instructions of RE2, and proxies take 32768",
        ),
        (
            {"cookies": {"a": {"exact": "\u00e9"}, "b": {"regex": "(?i:x)"}}},
            "cookies",
            "come to no regular expression of RE2: it has (?i) beside",
        ),
    ],
)
def test_cookies_that_are_too_much_only_together_are_refused(match, field, words):
    found = told([match])
    assert [path for path, _ in found] == [f"spec.phases[0].match[0].{field}"]
    assert words in found[0][1]


def test_a_length_that_only_istio_minds_is_fine_elsewhere():
    match = {"cookies": {name: {"exact": "x" * 80} for name in "abc"}}
    router = {"gatewayApi": {"httpRoutes": [{"name": "shop"}], **PAIR}}
    body = changed(("traffic", router), ("phases.0.match", [match]))
    assert "bytes" not in str(problems(parsed(body)))


@pytest.mark.parametrize(
    ("match", "words"),
    [
        ({"buckets": {**DECIMAL, "percent": 101}}, "100"),
        ({"buckets": {**DECIMAL, "percent": 0}}, "1"),
        ({"buckets": {"header": "x", "percent": 1, "encoding": "base64"}}, "hex"),
        ({"buckets": {"header": "x", "percent": 1}}, "encoding"),
        ({"cookies": {n: {"exact": "1"} for n in "abcd"}}, "3"),
    ],
)
def test_what_the_schema_knows_is_refused(match, words):
    assert words in refused([match])


def test_buckets_of_one_phase_that_share_users_are_refused():
    ten, five = {**DECIMAL, "percent": 10}, {**DECIMAL, "percent": 5, "after": 8}
    found = told([{"buckets": ten}, {"buckets": five}])
    assert [path for path, _ in found] == ["spec.phases[0].match[1].buckets"]
    assert "has users of an item above it" in found[0][1]
    apart = {**five, "after": 10}
    assert told([{"buckets": ten}, {"buckets": apart}]) == []
    other = {**five, "header": "x-other"}
    assert told([{"buckets": ten}, {"buckets": other}]) == []
    de, fr = ({"headers": {"x-land": {"exact": land}}} for land in ("de", "fr"))
    assert told([{"buckets": ten, **de}, {"buckets": five, **fr}]) == []


def test_two_ways_to_write_one_match_are_refused_for_the_routes_are_the_same():
    one, same = {"cookies": {"a": {"exact": "1"}}}, r"(?:.*;)?\s*(?:a=1)\s*(?:;.*)?"
    ((path, message),) = told([one], [{"headers": {"cookie": {"regex": same}}}])
    assert path == "spec.phases[1].match"
    assert "means the same as spec.phases[0].match" in message
    assert told([one], [one]) == []


def sticky(router, **more):
    body = changed(("traffic", {**router, "sticky": {"cookie": "shop", **more}}))
    return [(p.path, p.message) for p in problems(parsed(body))]


RULE = {"destinationRule": {"name": "shop"}}
HTTP = {"istio": {"virtualServices": [{"name": "shop"}], **RULE}}
PAIR = {"services": {"stable": "a", "canary": "b"}}


def test_a_cookie_that_keeps_users_is_for_istio_with_http_routes():
    assert sticky(HTTP) == []
    ((path, message),) = sticky({"gatewayApi": {"httpRoutes": [{"name": "shop"}], **PAIR}})
    assert (path, "needs Istio" in message) == ("spec.traffic.sticky", True)
    plain = [m for p, m in sticky({"service": {"active": "shop"}}) if p == "spec.traffic.sticky"]
    assert plain == [message]
    tcp = {"istio": {"virtualServices": [{"name": "shop", "tcpRoutes": [{"port": 1}]}], **RULE}}
    assert [p for p, m in sticky(tcp) if "have no cookies" in m] == ["spec.traffic.sticky"]


def test_a_cookie_that_keeps_users_lives_a_second_at_least():
    assert [p for p, _ in sticky(HTTP, maxAge="500ms")] == ["spec.traffic.sticky.maxAge"]
    with pytest.raises(SpecError):
        sticky(HTTP, cookie="a b")


def test_the_gateway_api_does_not_know_callers():
    router = {"gatewayApi": {"httpRoutes": [{"name": "shop"}], **PAIR}}
    body = changed(("traffic", router), ("phases.0.match", [{"sourceLabels": {"app": "web"}}]))
    found = [(p.path, p.message) for p in problems(parsed(body))]
    assert (
        "spec.phases",
        "the Gateway API does not know who sends a request; leave sourceLabels out",
    ) in found
