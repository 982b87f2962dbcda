"""Cookies and buckets as expressions: the cookie of that name alone, and shares that only grow."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.api.expressions import (
    ENCODINGS,
    NotConfined,
    bucketed,
    conditions,
    confined,
    ending_in,
)
from tidegate.api.header_checks import regex_problem
from tidegate.api.matching import Buckets, HttpMatch

PROPERTY = settings(max_examples=150, deadline=None, derandomize=True, database=None)
TOKEN = "ab.$x-+"
NAMES = st.text(TOKEN, min_size=1, max_size=3)
VALUES = st.text("ab.x=$ \\", max_size=4).map(str.strip)
COOKIES = st.lists(st.tuples(NAMES, VALUES), max_size=4)
SPACE = st.sampled_from(["; ", ";", " ; "])
PERCENTS = st.integers(1, 100)
WAYS = sorted(ENCODINGS)


def fits(match, header, said):
    condition = conditions(match)[header]
    assert condition.way == "regex"
    assert regex_problem(condition.text) == "", "RE2 reads it as Python does"
    return re.fullmatch(condition.text, said) is not None


def header_of(cookies, between):
    return between.join(f"{name}={value}" for name, value in cookies)


def taken(said, value):
    if said.exact is not None:
        return value == said.exact
    return value.startswith(said.prefix)


@PROPERTY
@given(COOKIES, SPACE, NAMES, VALUES.filter(bool), st.sampled_from(["exact", "prefix"]))
def test_a_cookie_is_matched_by_its_whole_name_anywhere_in_the_header(
    cookies, between, name, value, way
):
    match = HttpMatch(cookies={name: {way: value}})
    named = any(n == name and taken(match.cookies[name], v) for n, v in cookies)
    assert fits(match, "cookie", header_of(cookies, between)) is named


@PROPERTY
@given(COOKIES, SPACE, st.dictionaries(NAMES, VALUES.filter(bool), min_size=2, max_size=3))
def test_several_cookies_are_matched_in_any_order(cookies, between, asked):
    match = HttpMatch(cookies={name: {"exact": value} for name, value in asked.items()})
    named = all((name, value) in cookies for name, value in asked.items())
    assert fits(match, "cookie", header_of(cookies, between)) is named


def test_the_end_of_another_name_and_a_value_with_a_cookie_in_it_are_not_that_cookie():
    match = HttpMatch(cookies={"group": {"exact": "beta"}})
    for said in ("a=1; group=beta; b=2", "group=beta", "group=beta;b", "x;  group=beta"):
        assert fits(match, "cookie", said), said
    for said in ("subgroup=beta", "a=group=beta", "group=beta2", "Group=beta", "group=", "group"):
        assert not fits(match, "cookie", said), said


REGEXES = (
    "beta|gamma",
    ".*beta",
    "be.a",
    "[^,]+",
    r"[^\]]x",
    r"\d+\.\w*",
    "(?:a|b)*c?",
    "(?i:Beta)[0-9a-f]{2,3}",
    "[a-z.]+",
)


@pytest.mark.parametrize("regex", REGEXES)
def test_no_expression_of_a_cookie_runs_on_into_the_next(regex):
    within = confined(regex)
    assert regex_problem(within) == ""

    @PROPERTY
    @given(st.from_regex(within, fullmatch=True))
    def every_value(value):
        assert ";" not in value
        assert re.fullmatch(regex, value, re.DOTALL)

    every_value()
    match = HttpMatch(cookies={"group": {"regex": regex}})
    assert not fits(match, "cookie", "other=beta; a=group=b")


def test_a_value_ends_where_the_next_cookie_begins():
    for regex in (".*beta", "[^,]+beta"):
        match = HttpMatch(cookies={"group": {"regex": regex}})
        assert fits(match, "cookie", "a=1; group=x-beta; b=2")
        assert not fits(match, "cookie", "group=x; other=beta")


@pytest.mark.parametrize(
    "regex",
    ["a;b", r"a\;b", r"\D", r"\S+", r"\W", r"\x3b", r"\x41", r"\pL", "[;]", "[0-z]", "[!-~]+",
     r"[\D]", r"[\x3b]", "[[:^alpha:]]", "[^]a]", "[^-a]", "^beta", "beta$", r"\073",
     "(?P<a>b)"],
)  # fmt: skip
def test_what_could_run_on_or_never_match_is_refused(regex):
    with pytest.raises(NotConfined):
        confined(regex)


# ---------------------------------------------------------------- buckets


def share(encoding, percent, after=0, **where):
    return Buckets(encoding=encoding, percent=percent, after=after, **(where or {"header": "x-id"}))


def every_id(encoding):
    digits = ENCODINGS[encoding]
    form = f"0{digits.width}x" if encoding == "hex" else f"0{digits.width}d"
    return [f"4f-{number:{form}}" for number in range(digits.buckets)]


def those(buckets):
    known = re.compile(bucketed(buckets))
    return {one for one in every_id(buckets.encoding) if known.fullmatch(one)}


@pytest.mark.parametrize("encoding", WAYS)
def test_each_share_has_the_one_below_it_and_is_as_large_as_it_says(encoding):
    before: set[str] = set()
    every = len(every_id(encoding))
    for percent in range(1, 101):
        now = those(share(encoding, percent))
        assert before < now
        off = abs(100 * len(now) / every - percent)
        assert off <= (0.0 if encoding == "decimal" else 0.0123)
        before = now


@PROPERTY
@given(st.sampled_from(WAYS), PERCENTS, st.integers(0, 99))
def test_a_share_after_another_has_all_that_the_two_have_and_the_first_has_not(
    encoding, percent, after
):
    percent = min(percent, 100 - after)
    first = those(share(encoding, after)) if after else set()
    both = those(share(encoding, after + percent))
    assert those(share(encoding, percent, after)) == both - first


@PROPERTY
@given(st.integers(0, 10**12), PERCENTS)
def test_a_number_is_in_the_share_by_its_last_two_digits(number, percent):
    known = bucketed(share("decimal", percent))
    for said in (str(number), f"user-{number}"):
        assert bool(re.fullmatch(known, said)) is (number % 100 < percent)


@PROPERTY
@given(st.uuids(), PERCENTS)
def test_a_uuid_is_in_the_share_by_its_last_three_digits_in_either_case(number, percent):
    known = bucketed(share("hex", percent))
    for said in (str(number), str(number).upper(), number.hex):
        assert bool(re.fullmatch(known, said)) is (
            number.int % 4096 < ENCODINGS["hex"].edge(percent)
        )


@pytest.mark.parametrize("said", ["", "user", "12z", "z"])
@pytest.mark.parametrize("encoding", WAYS)
def test_an_id_without_such_digits_is_in_no_bucket(encoding, said):
    assert re.fullmatch(bucketed(share(encoding, 100)), said) is None


@PROPERTY
@given(st.uuids(), PERCENTS, COOKIES, SPACE)
def test_the_id_in_a_cookie_is_read_as_that_in_a_header(number, percent, others, between):
    cookies = [*others, ("uid", str(number))]
    said = header_of(cookies, between)
    match = HttpMatch(buckets=share("hex", percent, cookie="uid"))
    within = re.fullmatch(ending_in("hex", 0, percent), str(number)) is not None
    assert fits(match, "cookie", said) is within


def test_all_that_a_match_names_stands_beside_each_other():
    match = HttpMatch(
        headers={"x-group": {"prefix": "be"}},
        cookies={"beta": {"exact": "1"}},
        buckets=share("decimal", 10, cookie="uid"),
    )
    found = conditions(match)
    assert set(found) == {"x-group", "cookie"}
    assert fits(match, "cookie", "uid=205; beta=1")
    assert not fits(match, "cookie", "uid=250; beta=1")
    assert not fits(match, "cookie", "uid=205")
