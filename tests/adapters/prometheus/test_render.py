"""A value can never become more than a value."""

from __future__ import annotations

import re

import promql_parser
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.adapters.prometheus.asking import subject
from tidegate.adapters.prometheus.counting import duration
from tidegate.adapters.prometheus.render import RenderError, fill, render

NAMES = st.text(max_size=20)
NASTY = st.text(alphabet="\"'`\\{}[]()|.*+?^$-#=!~,\n\r\ta", max_size=20)
PLAIN = {"namespace": "shop", "rollout": "web", "revision": "abc"}


def string_literal(text: str, start: int) -> tuple[str, int]:
    """The value of the PromQL string at `start` and where it ends, by Go's rules for escapes."""
    quote, at, value = text[start], start + 1, ""
    while text[at] != quote:
        if text[at] == "\\" and quote != "`":
            escaped = text[at + 1]
            assert escaped in "\\nrt" + quote, "an escape that PromQL does not know"
            value += {"n": "\n", "r": "\r", "t": "\t"}.get(escaped, escaped)
            at += 2
            continue
        assert text[at] != "\n" or quote == "`", "a line break inside a text"
        value += text[at]
        at += 1
    return value, at + 1


@given(NAMES | NASTY, st.sampled_from("\"'`"), st.sampled_from(["=", "!="]))
def test_a_value_stays_inside_its_quotes(value, quote, operator):
    query = f"m{{a{operator}{quote}x-{{{{rollout}}}}-y{quote}}} > 0"
    if quote == "`" and "`" in value:
        with pytest.raises(RenderError):
            fill(query, {**PLAIN, "rollout": value}, 60)
        return
    text = fill(query, {**PLAIN, "rollout": value}, 60)
    head = f"m{{a{operator}"
    assert text.startswith(head)
    literal, end = string_literal(text, len(head))
    assert literal == f"x-{value}-y"
    assert text[end:] == "} > 0"


@given(NASTY, st.sampled_from("\"'`"))
def test_a_value_in_a_regular_expression_matches_only_itself(value, quote):
    query = f"m{{a=~{quote}{{{{revision}}}}.*{quote}}}"
    if quote == "`" and "`" in value:
        with pytest.raises(RenderError):
            fill(query, {**PLAIN, "revision": value}, 60)
        return
    text = fill(query, {**PLAIN, "revision": value}, 60)
    pattern, end = string_literal(text, len("m{a=~"))
    assert text[end:] == "}"
    assert pattern.endswith(".*")
    special, plain, pending = set("\\.+*?()|[]{}^$-"), "", False
    for char in pattern[:-2]:
        assert pending or char == "\\" or char not in special
        if char == "\\" and not pending:
            pending = True
            continue
        plain, pending = plain + char, False
    assert plain == value


QUERIES = (
    'm{a="{{namespace}}"}',
    "m{a='{{namespace}}', b!='x{{rollout}}y', c!=\"{{revision}}\"} > 0",
    "m{a=`x{{namespace}}y`}",
    "m{a=~\"{{revision}}|{{rollout}}-.*\",b!~'{{namespace}}'}",
    '{"a.b"="{{namespace}}", "m"}',
    'sum by (code) (rate(m{a="{{namespace}}",b=~"{{revision}}.*"}[{{window}}] offset {{window}}))',
    "m{c='{{rollout}}'} / on (code) group_left() n{d!~\"{{namespace}}\"} or vector(0)",
    'max_over_time(m{a="{{revision}}"}[5m:{{window}}]) # {{revision}}',
)
REGEX_OPS = ("MatchOp.Re", "MatchOp.NotRe")
BREAK_OUT = (
    '"} or vector(0) or m{a="',
    "'} or vector(0) or m{a='",
    '\\"} or vector(0) #',
    "\\'} or vector(0) #",
    '",b=~".*',
    "\n} or vector(0) #",
    "\\",
    "{{namespace}}",
    "}}",
    ".*",
    "a|b",
    "\x00",
    "\u2028",
)


def parsed(query: str) -> tuple[list[str], list[tuple[bool, str]]]:
    """A query as PromQL's grammar reads it: its shape, and (is a regex, value) of each matcher."""
    shape: list[str] = []
    matchers: list[tuple[bool, str]] = []

    def visit(node: promql_parser.Expr) -> bool:
        shape.append(type(node).__name__)
        if isinstance(node, promql_parser.VectorSelector):
            shape.append(f"{node.name} {node.offset} {node.at} {node.matchers.or_matchers}")
            for matcher in node.matchers.matchers:
                shape.append(f"{matcher.name} {matcher.op}")
                matchers.append((str(matcher.op) in REGEX_OPS, matcher.value))
        return True

    promql_parser.walk(promql_parser.parse(query), visit)
    return shape, matchers


@pytest.mark.parametrize("query", QUERIES)
@given(st.lists(NAMES | NASTY | st.sampled_from(BREAK_OUT), min_size=3, max_size=3))
@example(list(BREAK_OUT[:3]))
@example(list(BREAK_OUT[3:6]))
@example(list(BREAK_OUT[6:9]))
@example(list(BREAK_OUT[9:12]))
def test_the_shape_of_a_query_is_the_same_for_any_value(query, names):
    values = dict(zip(PLAIN, names, strict=True))
    raw = "`" in query
    # This parser, unlike Prometheus, looks for escapes in `…`; those are tried above.
    assume(not (raw and any("\\" in name for name in names)))
    if raw and "`" in values["namespace"]:
        with pytest.raises(RenderError):
            fill(query, values, 60)
        return
    shape, matchers = parsed(fill(query, values, 60))
    plain_shape, plain_matchers = parsed(fill(query, PLAIN, 60))
    assert shape == plain_shape
    named = {text: values[name] for name, text in PLAIN.items()}
    for (is_regex, value), (_, plain) in zip(matchers, plain_matchers, strict=True):
        wanted = re.sub("|".join(named), lambda match: named[match.group()], plain)
        assert (re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL) if is_regex else value) == wanted


@given(st.text(alphabet="ab{}[]\"'`\\#=~! \n", max_size=40))
def test_any_query_is_filled_in_or_refused(query):
    try:
        text = fill(query, PLAIN, 60)
    except RenderError:
        return
    assert text == query


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("up", "up"),
        ('up{a="{{namespace}}/{{ rollout }}"}', 'up{a="shop/web"}'),
        ("rate(x{r=~'{{revision}}|y'}[{{window}}])", "rate(x{r=~'abc|y'}[60s])"),
        ("x[{{ window }}:{{window}}]", "x[60s:60s]"),
        ("x[1h:{{window}}]", "x[1h:60s]"),
        ("x offset {{window}}", "x offset 60s"),
        ("x[5m] offset {{window}} > 1", "x[5m] offset 60s > 1"),
        ("up # {{anything}} \"goes'\n + 1", "up # {{anything}} \"goes'\n + 1"),
        ('up{a="#{{rollout}}"}', 'up{a="#web"}'),
        (r'up{a="\"{{rollout}}"}', r'up{a="\"web"}'),
        ('up{a = "{{rollout}}", b!= `{{rollout}}`}', 'up{a = "web", b!= `web`}'),
        ('{"a.b", c="{{rollout}}"}', '{"a.b", c="web"}'),
    ],
)
def test_what_a_query_becomes(query, text):
    assert render(query, subject(), 60) == text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ('up{a="{{stable}}"}', "unknown variable {{stable}}; known are {{namespace}}, {{rollout}}"),
        ("up{{foo}}", "unknown variable {{foo}}"),
        ("{{revision}}", "only inside a label value"),
        ("up_{{rollout}}", "only inside a label value"),
        ('up{{{namespace}}="a"}', "never closed"),
        ('up{ {{namespace}}="a"}', "only inside a label value"),
        ('label_replace(up, "a", "{{revision}}", "b", "")', "only inside a label value"),
        ('up == "{{revision}}"', "only inside a label value"),
        ('up{a="{{window}}"}', "only as a range"),
        ("x > {{window}}", "only as a range"),
        ("x[{{rollout}}]", "only inside a label value"),
        ('up{a="{{revision}', "never closed"),
        ('up{a="{{revision"}', "never closed"),
        ("up {{", "never closed"),
        ("up 'a\nb'", "never closed"),
    ],
)
def test_a_variable_out_of_place_is_refused(query, words):
    with pytest.raises(RenderError, match=re.escape(words)):
        render(query, subject(), 60)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(60, "60s"), (1.5, "1500ms"), (0.0001, "1ms"), (86400, "86400s"), (0.25, "250ms")],
)
def test_a_duration_is_whole(seconds, text):
    assert duration(seconds) == text
