"""A value can never become more than a value."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
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


@given(NASTY, st.sampled_from("\"'"))
def test_a_value_in_a_regular_expression_matches_only_itself(value, quote):
    text = fill(f"m{{a=~{quote}{{{{revision}}}}.*{quote}}}", {**PLAIN, "revision": value}, 60)
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
