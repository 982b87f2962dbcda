"""Series that a user names become series that are asked about, and nothing else."""

from __future__ import annotations

import asyncio

import promql_parser
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tests.adapters.prometheus.asking import ask_one, metric, subject
from tidegate.adapters.prometheus.own_series import OWN_SERIES_TEMPLATES
from tidegate.api.series import Counters, Series
from tidegate.core.observation import Answer
from tidegate.ports.metrics import Question

REVISION = "0123456789"
NEW = subject(REVISION)
OF_OURS = "pod=~.+-[0-9a-f]{10}-[a-z0-9]{5}"

NASTY = st.text(alphabet="\"'`\\{}[]()|.*+?^$-#=!~,\n\r\t\0a", max_size=20)
BREAK_OUT = ('"} or vector(0) or m{a="', '",pod=~".*', "\\", '\\"} or vector(0) #', "'", "a\nb")
SERIES: TypeAdapter[str] = TypeAdapter(Series)


def is_series(text: str) -> bool:
    try:
        SERIES.validate_python(text)
    except ValidationError:
        return False
    return True


def selectors(query: str) -> list[tuple[str | None, frozenset[str]]]:
    """Every series that a query reads, as PromQL's grammar has it: its name and its matchers."""
    found: list[tuple[str | None, frozenset[str]]] = []
    signs = {
        "MatchOp.Re": "=~",
        "MatchOp.NotRe": "!~",
        "MatchOp.Equal": "=",
        "MatchOp.NotEqual": "!=",
    }

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            assert not node.matchers.or_matchers
            found.append(
                (
                    node.name,
                    frozenset(
                        f"{it.name}{signs[str(it.op)]}{it.value}" for it in node.matchers.matchers
                    ),
                )
            )
        return True

    promql_parser.walk(promql_parser.parse(query), visit)
    return found


def queries(series: str) -> list[tuple[str, str]]:
    """The query of each template over this series, and what is put behind the series' name."""
    ratio = metric("counter-ratio", counters=Counters(bad=series, total="all_total"))
    return [
        (OWN_SERIES_TEMPLATES["counter-ratio"].query(60, ratio), ""),
        *[
            (
                OWN_SERIES_TEMPLATES[name].query(60, metric(name, histogram=series, threshold_s=1)),
                "_bucket",
            )
            for name in ("histogram-quantile", "histogram-slow-share")
        ],
    ]


@settings(deadline=None)
@given(st.text(max_size=20) | NASTY | st.sampled_from(BREAK_OUT), st.sampled_from(["=", "!="]))
@example(BREAK_OUT[0], "=")
@example(BREAK_OUT[1], "=")
def test_a_value_stays_a_value_or_is_refused(value, operator):
    series = f'jobs_total{{queue{operator}"{value}"}}'
    if not is_series(series):
        assert set(value) & {'"', "\\", "{", "}", "\x7f"} or any(c < " " for c in value)
        return
    if '"' in value:
        return  # more matchers, which the next test is about
    for query, suffix in queries(series):
        read = [it for it in selectors(query) if it[0] == f"jobs_total{suffix}"]
        assert read
        for _, matchers in read:
            assert OF_OURS in matchers
            # An empty value asks for no label, so it is no sign of life that is looked for.
            assert {f"queue{operator}{value}", "queue!="} & matchers or not value


@settings(deadline=None)
@given(st.from_regex(r'[a-z_:"{}=~!, ()a0\\]{1,30}', fullmatch=True) | NASTY)
@example("up or vector(0)")
@example("sum(x)")
@example('x{a="b"} or y')
@example('x{a="b",}')
@example("x[5m]")
@example('{__name__="x"}')
@example("x{}")
def test_what_is_taken_for_a_series_is_one(text):
    if not is_series(text):
        return
    name = text.partition("{")[0]
    for query, suffix in queries(text):
        assert {read for read, _ in selectors(query)} <= {f"{name}{suffix}", "all_total", "up"}


@pytest.mark.parametrize(
    "series",
    [
        "x",
        "job:x:sum",
        "x{}",
        'x{a="b"}',
        'x{a="b",c!="",d=~"5..",e!~"a|b.*"}',
        'x{a="b", c="d"}',
        'x{a="ä, =\'`"}',
    ],
)
def test_what_prometheus_calls_a_selector_can_be_named(series):
    assert is_series(series)
    for query, _ in queries(series):
        assert promql_parser.parse(query).prettify()


@pytest.mark.parametrize(
    "text",
    ["", "x{", 'x{a="b"', "x{a='b'}", 'x{a="b"}[5m]', "1x", "x y", 'x{a="{{revision}}"}', "x\n"],
)
def test_what_is_no_plain_selector_is_refused(text):
    assert not is_series(text)


def of_set(part: str, revision: str = REVISION, job: str = "web") -> dict[str, str]:
    return {"namespace": "shop", "replica_set": f"web-{revision}", "job": job, "part": part}


def ratio(bad: object = None, total: object = 100, known: object = None, **labels: str):
    told = {"bad": bad, "samples": total, "known": known}
    return [(of_set(part, **labels), count) for part, count in told.items() if count is not None]


@pytest.mark.parametrize(
    ("counts", "value"),
    [
        (ratio(bad=3, known=1), 0.03),
        (ratio(bad=0, known=1), 0.0),
        (ratio(bad=100, known=1), 1.0),
        (ratio(known=1), 0.0),
        (ratio(bad=3), 0.03),
    ],
)
async def test_a_ratio_is_what_went_wrong_of_all(metrics, provider, counts, value):
    provider.gives(*counts)
    reading = await ask_one(metrics, metric("counter-ratio"), NEW)
    assert (reading.answer, reading.value, reading.samples) == (Answer.OK, value, 100)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (ratio(), "no series of counters.bad"),
        ([*ratio(), *ratio(known=1, revision="ba9876543f")], "no series of counters.bad"),
        ([*ratio(), *ratio(total=None, known=1, job="else")], "no series of counters.bad"),
        (ratio(bad=101, known=1), "101 bad events of 100"),
        (ratio(bad="NaN", known=1), "nan bad events"),
        (ratio(bad=-1, known=1), "-1 bad events"),
        (ratio(bad=1, total="+Inf", known=1), "inf events"),
    ],
)
async def test_a_ratio_that_cannot_be_right_is_not_measured(metrics, provider, counts, words):
    provider.gives(*counts)
    reading = await ask_one(metrics, metric("counter-ratio"), NEW)
    assert (reading.answer, reading.value) == (Answer.NODATA, None)
    assert words in reading.detail


@pytest.mark.parametrize(
    ("series", "known"),
    [
        ("bad_total", frozenset()),
        ('x{code=~"5.."}', {"code!="}),
        ('x{code=~"5..",code!="501",path="/a"}', {"code!=", "path!="}),
        ('x{code=""}', frozenset()),
    ],
)
def test_proof_of_no_failure_is_a_series_with_the_same_labels(series, known):
    name = series.partition("{")[0]
    asked = metric("counter-ratio", counters=Counters(bad=series, total="all_total"))
    read = selectors(OWN_SERIES_TEMPLATES["counter-ratio"].query(60, asked))
    assert (name, frozenset({OF_OURS, *known})) in read


async def test_a_quantile_comes_in_the_histogram_s_own_unit(metrics, provider):
    provider.gives((of_set("value"), 12_000), (of_set("samples"), 40))
    reading = await ask_one(metrics, metric("histogram-quantile", histogram="queue_items"), NEW)
    assert (reading.value, reading.samples) == (12, 40)
    assert "queue_items_bucket{" in provider.queries[0]


@pytest.mark.parametrize(
    ("histogram", "edge"),
    [
        ("wait_seconds", 'le=~"0[.]25"'),
        ('wait_seconds{queue="mail_ms"}', 'le=~"0[.]25"'),
        ("wait_milliseconds", 'le=~"250([.]0)?"'),
        ('wait_ms{queue="mail"}', 'le=~"250([.]0)?"'),
    ],
)
async def test_a_threshold_is_an_edge_in_the_unit_of_the_name(metrics, provider, histogram, edge):
    provider.gives((of_set("fast"), 90), (of_set("samples"), 100))
    about = metric("histogram-slow-share", histogram=histogram, threshold_s=0.25)
    reading = await ask_one(metrics, about, NEW)
    assert (reading.value, reading.samples) == (0.1, 100)
    assert edge in provider.queries[0]


@pytest.mark.parametrize("template", sorted(OWN_SERIES_TEMPLATES))
async def test_the_same_series_are_asked_about_once_for_all(metrics, provider, template):
    provider.gives()
    about = metric(template, threshold_s=0.25)
    questions = [Question(about, subject(f"{n:010x}", namespace=f"team-{n}")) for n in range(100)]
    await asyncio.gather(*(metrics.ask([question]) for question in questions))
    assert len(provider.requests) == 1


@pytest.mark.parametrize("template", ["counter-ratio", "histogram-quantile"])
async def test_a_template_without_its_series_is_refused(metrics, provider, template):
    bare = metric(template).model_copy(update={"counters": None, "histogram": None})
    reading = await ask_one(metrics, bare, NEW)
    assert (reading.answer, provider.requests) == (Answer.REFUSED, [])
    assert "needs " in reading.detail
