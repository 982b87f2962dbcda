"""What is let through as an expression is one for RE2 itself, and is not larger than it is said."""

from __future__ import annotations

import re
import warnings

import pytest
import re2
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tidegate.api import limits
from tidegate.api.expressions import bucketed, confined, ending_in, with_cookies
from tidegate.api.header_checks import regex_problem
from tidegate.api.matching import Buckets
from tidegate.api.re2_syntax import MAX_REPEATS, NotRe2, program_size

PROPERTY = settings(max_examples=150, deadline=None, derandomize=True, database=None)

PIECES = st.sampled_from(
    [*"abk09s-.;^$|()[]{}*+?\\_=\u00e9\u212a", r"\d", r"\W", r"\x2d", r"\b", "(?:", "(?i)", "(?i:",
     "(?s:", "(?P<a>", "{2}", "{3,}", "{2,9}", "{0,3}", "{100}", "{,3}", "[a-z]", "[^;]", "[^k-m]",
     "[\u0100-\uffff]", "[^\u0801k]", r"\-", r"\n", "a-f", "(?=", "(?<=", r"\Z", r"\z", r"\Q", "++",
     r"\w", r"[\W]", ".*", "[[:alpha:]]", r"\pL", r"\u003b", "(?>", "(?#", r"\1"]
)  # fmt: skip
"""Parts of expressions, good ones and bad ones."""
SOUND = st.recursive(
    st.sampled_from(["a", "k", "\u00e9", ".", "[a-z0-9]", "[^;]", r"\w", r"\.", "[\u0100-\uffff]"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{3}", "{2,}", "{0,9}", "{1,30}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=8,
)
TEXTS = st.text("abk09s-.;=_K", max_size=6)


def refuses(regex):
    """RE2's own word; it says the same to the standard error otherwise."""
    options = re2.Options()
    options.log_errors = False
    try:
        return None, re2.compile(regex, options)
    except re2.error as error:
        return error, None


def size_of(regex):
    try:
        return program_size(regex)
    except NotRe2:
        return None


@PROPERTY
@given(st.lists(PIECES, min_size=1, max_size=10).map("".join))
@example("a{2}{3}")
@example("[]a-]")
@example("(|a)*")
def test_what_is_let_through_is_taken_by_re2_and_is_not_larger_than_it_is_said(regex):
    size = size_of(regex)
    assume(size is not None and size <= limits.MAX_REGEX_INSTRUCTIONS)
    error, known = refuses(regex)
    assert error is None
    assert max(known.programsize, known.reverseprogramsize) <= size


@PROPERTY
@given(SOUND)
def test_no_repeat_within_repeats_comes_to_more_than_it_is_said(regex):
    size = size_of(regex)
    assume(size is not None and size <= limits.MAX_REGEX_INSTRUCTIONS)
    error, known = refuses(regex)
    assert error is None
    assert max(known.programsize, known.reverseprogramsize) <= size


@PROPERTY
@given(SOUND, TEXTS)
def test_re2_and_python_mean_the_same_by_it(regex, text):
    assume(regex_problem(regex) == "")
    _, known = refuses(regex)
    assert (known.fullmatch(text) is None) is (re.fullmatch(regex, text) is None)


@pytest.mark.parametrize(
    ("regex", "words"),
    [
        ("(?=a)b", "no look-ahead"),
        ("(?!a)", "no look-ahead"),
        ("(?<=a)b", "no look-behind"),
        ("(?<a>b)", "named groups only as (?P<name>"),
        (r"(a)\1", "no back-references"),
        ("(?P<a>b)(?P=a)", "no back-references"),
        ("(?P<a>b)(?P<a>c)", "two groups named a"),
        ("a++", "two repeats in a row"),
        ("a**", "two repeats in a row"),
        ("a{2}{3}", "two repeats in a row"),
        ("(?>a)", "no atomic groups"),
        ("(a)?(?(1)b|c)", "no conditions"),
        ("(?#no)a", "no comments"),
        ("(?a)b", "of flags there are i, m and s"),
        ("(?L)b", "of flags there are i, m and s"),
        ("(?x:b )", "of flags there are i, m and s"),
        ("(?-i:b)", "of flags there are i, m and s"),
        ("a(?i)b", "put it at the beginning"),
        (r"a\Z", r"has '\Z'"),
        (r"a\z", r"has '\z'"),
        (r"\u003b", r"has '\u'"),
        (r"\N{DIGIT ONE}", r"has '\N'"),
        (r"\pL", r"has '\p'"),
        (r"\Qa\E", r"has '\Q'"),
        (r"\_", r"has '\_'"),
        ("\\\u00e9", "has '\\\u00e9'"),
        (r"\073", r"has '\0'"),
        ("a\\", r"ends in a '\'"),
        ("a{1001}", "repeats something 1001 times"),
        ("(?:a{101}){10}", "repeats something 1010 times"),
        ("((a{10}){10}b){11}", "repeats something 1100 times"),
        ("a{2,1}", "at most fewer than at least"),
        ("a{,3}", r"write \{ for the character"),
        ('{"a":1}', r"write \{ for the character"),
        ("*a", "nothing before '*'"),
        ("a|+", "nothing before '+'"),
        ("^*a", "a place cannot be repeated"),
        ("((", "never closes it"),
        ("a)", "never opened"),
        ("[a", "add the ']'"),
        ("[z-a]", "a range in a class that is none"),
        (r"[\d-z]", "a range in a class that is none"),
        ("[a-b-c]", "'-' in the middle of a class"),
        ("[[:alpha:]]", "a named class"),
        (r"[\b]", "a place"),
        ("(?i)\u00e9", "both cases"),
        ("(" * 40 + ")" * 40, "groups within groups"),
        ("\ud800", "half a character"),
    ],
)
def test_what_some_router_refuses_or_reads_otherwise_is_refused_with_what_to_do(regex, words):
    with pytest.raises(NotRe2) as caught:
        program_size(regex)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "regex",
    ["a{1000}", "(?:a{100}){10}", "(?i)beta|gamma", "(?P<who>a+)b*?", "[]a]", "[^]a]", "[a-]",
     r"[\-+]", r"^(?i:beta)[0-9]{1,3}$", "a}", "a]", r"\Aa\b", "", "a||b", r"\x7f"],
)  # fmt: skip
def test_what_all_routers_read_alike_is_let_through(regex):
    assert regex_problem(regex) == ""
    error, _ = refuses(regex)
    assert error is None


def test_as_many_repeats_as_re2_takes_and_not_one_more():
    most = f"(?:a{{{MAX_REPEATS // 10}}}){{10}}"
    assert refuses(most)[0] is None
    assert refuses(most.replace("{10}", "{11}"))[0] is not None


@PROPERTY
@given(st.sampled_from(["hex", "decimal"]), st.integers(0, 99), st.integers(1, 100))
def test_every_share_of_ids_is_taken_whatever_the_cookie_is_named(encoding, after, percent):
    percent = min(percent, 100 - after)
    ids = ending_in(encoding, after, after + percent)
    assert ids == bucketed(Buckets(header="x", encoding=encoding, after=after, percent=percent))
    cookie = with_cookies([("x" * limits.MAX_COOKIE_CHARS, ids)])
    for regex in (ids, cookie):
        assert regex_problem(regex) == ""
        assert len(regex.encode()) <= limits.MAX_REGEX_BYTES
        assert refuses(regex)[0] is None


@PROPERTY
@given(SOUND, SOUND)
def test_what_is_let_through_for_cookies_is_taken_in_all_their_orders(first, second):
    assume(not regex_problem(first) and not regex_problem(second))
    whole = with_cookies([("a", f"(?:{confined(first)})"), ("b", f"(?:{confined(second)})")])
    size = size_of(whole)
    assert size is not None
    assume(size <= limits.MAX_REGEX_INSTRUCTIONS)
    error, known = refuses(whole)
    assert error is None
    assert known.programsize <= size


def test_warnings_of_sets_to_come_in_python_are_not_shown():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert regex_problem("[[a-z]x") == ""
