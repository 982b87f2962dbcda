"""Headers that a router would ignore or read otherwise are refused, by name."""

from __future__ import annotations

import pytest

from tests.api.samples import changed, parsed
from tidegate.api.problems import SpecError
from tidegate.api.validation import problems


def told(headers):
    return [
        (problem.path, problem.message)
        for problem in problems(parsed(changed(("phases.0.match", [{"headers": headers}]))))
    ]


@pytest.mark.parametrize("name", ["x-group", "cookie", "x_y", "x.y", "user-agent"])
def test_a_header_in_lower_case_is_fine(name):
    assert told({name: {"exact": "beta"}}) == []


@pytest.mark.parametrize("name", ["uri", "method", "authority", "scheme", "host"])
def test_what_istio_reads_as_no_header_is_refused(name):
    ((path, message),) = told({name: {"exact": "x"}})
    assert path == "spec.phases[0].match[0].headers"
    assert f"'{name}' is no header that routers match" in message


@pytest.mark.parametrize("name", ["X-Group", "x group", "", "x:y", ":path"])
def test_a_name_that_is_none_in_lower_case_is_refused(name):
    ((_, message),) = told({name: {"exact": "x"}})
    assert "in lower case" in message


def test_a_name_that_is_too_long_is_refused():
    ((_, message),) = told({"x" * 257: {"exact": "x"}})
    assert "at most 256 characters" in message


@pytest.mark.parametrize("way", ["exact", "prefix", "regex"])
def test_an_empty_text_is_refused_for_istio_takes_it_for_any_value(way):
    with pytest.raises(SpecError):
        told({"x-group": {way: ""}})


@pytest.mark.parametrize(
    "regex",
    [
        r"beta|gamma",
        r"(.*;)?\s*group=beta(;.*)?",
        r"^(?i:beta)[0-9]{1,3}$",
        r"(?P<who>a+)b*?",
        r"[+*]+[^]]",
        r"\*+\+",
        r"[[a-z]x",
    ],
)
def test_an_expression_that_re2_reads_alike_is_fine(regex):
    assert told({"x-group": {"regex": regex}}) == []


@pytest.mark.parametrize(
    ("regex", "words"),
    [
        ("((", "never closes it"),
        ("a{2,1}", "at most fewer than at least"),
        ("(?=a)b", "no look-ahead"),
        (r"(a)\1", "no back-references"),
        ("a++", "two repeats in a row"),
        (".{1000}.{1000}.{1000}", "instructions of RE2, and proxies take 32768"),
    ],
)
def test_an_expression_that_re2_does_not_know_is_refused(regex, words):
    ((path, message),) = told({"x-group": {"regex": regex}})
    assert path == "spec.phases[0].match[0].headers.x-group.regex"
    assert words in message


MATCH = [{"headers": {"x-group": {"exact": "beta"}}}]
ISTIO = "traffic.istio.virtualServices"


@pytest.mark.parametrize(
    ("refs", "fine"),
    [
        ([{"name": "web"}], True),
        ([{"name": "web", "routes": ["a"], "tcpRoutes": [{"port": 1}]}], True),
        ([{"name": "web", "tcpRoutes": [{"port": 1}]}, {"name": "other", "routes": ["a"]}], True),
        ([{"name": "web", "tcpRoutes": [{"port": 1}]}], False),
        ([{"name": "web", "tlsRoutes": [{}]}, {"name": "other", "tcpRoutes": [{}]}], False),
    ],
)
def test_match_asks_for_an_http_route(refs, fine):
    found = problems(parsed(changed(("phases.0.match", MATCH), (ISTIO, refs))))
    assert ([p.path for p in found], fine) in (([], True), (["spec.phases"], False))
    assert fine or "TLS and TCP routes have no headers" in found[0].message
