"""Experiments in a spec: what they may compare, and where it is said what is wrong with them."""

from __future__ import annotations

import pytest

from tests.api.samples import changed, parsed
from tests.api.test_variants import GOOD as WITH_VARIANTS
from tidegate.api.experiments import (
    ArmStatus,
    ExperimentStatus,
    MeasureStatus,
    without_numbers,
)
from tidegate.api.problems import SpecError
from tidegate.api.support import unsupported
from tidegate.api.validation import problems

QUERY = 'sum(rate(orders_total{revision="{{revision}}"}[{{window}}]))'
METRIC = {"name": "conversion", "query": QUERY, "samples": QUERY}
ASKS = {"decide": "winner", "metrics": [{"metric": "conversion", "better": "higher"}]}
GOOD = changed(
    ("metrics", [*WITH_VARIANTS["metrics"], METRIC]),
    ("phases.0.experiment", ASKS),
    base=WITH_VARIANTS,
)
PLACE = "spec.phases[0].experiment"
MEASURED = f"{PLACE}.metrics[0].metric"


def asking(*changes):
    """The good experiment with changes."""
    return changed(*changes, base=GOOD)


def test_an_experiment_has_no_problem_is_built_and_comes_back_over_the_wire():
    read = parsed(GOOD)
    assert problems(read) == unsupported(read) == ()
    assert parsed(read.as_dict()) == read


def test_an_experiment_of_the_canary_alone_needs_no_variants():
    alone = changed(
        ("metrics", GOOD["metrics"]), ("phases.0.experiment", ASKS), ("phases.0.weight", 50)
    )
    assert problems(parsed(alone)) == ()


@pytest.mark.parametrize(
    ("spec", "path", "sentence"),
    [
        (asking(("phases.0.variants", None)), PLACE, "give the canary or a variant a share"),
        (
            asking(("phases.0.variants", None), ("phases.0.weight", 100)),
            PLACE,
            "leave 1 % or more to stable",
        ),
        (
            asking(
                ("phases.0.variants", None),
                ("phases.0.weight", 10),
                ("phases.0.match", [{"headers": {"x-a": {"exact": "b"}}}]),
            ),
            PLACE,
            "no fair lot",
        ),
        (asking(("metrics", WITH_VARIANTS["metrics"])), MEASURED, "no metric is named"),
        (
            asking(("phases.0.experiment.metrics", [ASKS["metrics"][0]] * 2)),
            f"{PLACE}.metrics[1].metric",
            "already taken",
        ),
        (
            asking(("phases.0.experiment.metrics.0.metric", "latency")),
            MEASURED,
            "is no share of requests",
        ),
        (asking(("metrics.2.samples", None)), MEASURED, "needs samples"),
        (asking(("metrics.2.query", "up[{{window}}]")), MEASURED, "the same for all arms"),
        (
            asking(("metrics.2.query", 'up{revision="{{revision}}"}')),
            MEASURED,
            "{{window}} as their range",
        ),
        (
            asking(("phases.0.experiment.metrics.0.interval", "0.5s")),
            f"{PLACE}.metrics[0].interval",
            "at least 1s",
        ),
        (asking(("variants.0.name", "canary")), "spec.variants", "named stable or canary"),
    ],
)
def test_what_is_wrong_with_an_experiment_is_said_where_it_stands(spec, path, sentence):
    found = [p.message for p in problems(parsed(spec)) if p.path == path]
    assert any(sentence in message for message in found), problems(parsed(spec))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metrics", []),
        ("metrics", [*ASKS["metrics"]] * 5),
        ("margin", 0.5),
        ("confidence", 0.5),
        ("decide", "both"),
        ("guess", True),
    ],
)
def test_what_is_out_of_bounds_cannot_be_read(field, value):
    with pytest.raises(SpecError):
        parsed(asking((f"phases.0.experiment.{field}", value)))


def test_variants_that_no_phase_names_may_be_like_the_template():
    like = asking(
        ("variants.0.patch", {"metadata": {"labels": {"app": "web"}}}),
        ("phases.0.variants", None),
        ("phases.0.experiment", None),
    )
    assert problems(parsed(like)) == ()


def test_a_status_without_numbers_keeps_verdicts_and_what_was_told():
    measure = MeasureStatus(metric="conversion", verdict="better", value=0.2, evidence=500.0)
    arm = ArmStatus(name="a", revision="abc", metrics=(measure,))
    full = ExperimentStatus(
        run=1, phase="test", about="x", decide="winner", winner="a", arms=(arm,)
    )
    (left,) = without_numbers(full).arms
    assert left.metrics == (MeasureStatus(metric="conversion", verdict="better"),)
    assert without_numbers(full).winner == "a"
