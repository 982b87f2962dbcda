"""Fields of guards and gates that hold together, and those that nothing would read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.samples import changed, parsed
from tidegate.api.checks import Gate
from tidegate.api.support import unsupported
from tidegate.api.validation import problems

GUARD = {"metric": "error-rate", "max": 0.05}
TEST = {"metric": "error-rate", "compare": {"to": "stable", "test": "sequential", "margin": 1.2}}
COUNTED = {
    "name": "error-rate",
    "query": 'a{v="{{revision}}"}[{{window}}]',
    "samples": 'b{v="{{revision}}"}[{{window}}]',
}
WHOLE = GUARD | {
    "min": 0.001,
    "warnMin": 0.002,
    "warnMax": 0.01,
    "window": "5m",
    "delay": "1m",
    "failures": 3,
    "severity": "info",
    "onNoData": "ignore",
    "onError": "fail",
    "blind": {"after": "1m", "then": "revert"},
}
LATE = {"name": "canary-10", "weight": 10, "hold": "30s", "deadline": "5m"}


def found(*edits):
    return [(one.path, one.message) for one in problems(parsed(changed(*edits)))]


def test_a_guard_with_every_field_is_right_and_built():
    spec = parsed(changed(("guards.0", WHOLE)))
    assert (problems(spec), unsupported(spec)) == ((), ())
    assert spec.guards[0].row == (3, 3)


@pytest.mark.parametrize(
    ("edit", "name", "words"),
    [
        ({"failures": 2, "breaches": 2, "of": 3}, "failures", "set one of the two"),
        ({"warnMax": 0.05}, "warnMax", "less than max"),
        ({"min": 0.01, "warnMin": 0.01}, "warnMin", "more than min"),
        ({"warnMin": 0.03, "warnMax": 0.02}, "warnMin", "every value would be told"),
        ({"window": "900ms"}, "window", "at least 1s"),
    ],
)
def test_what_does_not_hold_together_is_refused_at_its_field(edit, name, words):
    ((path, message),) = found(("guards.0", GUARD | edit))
    assert path == f"spec.guards[0].{name}"
    assert words in message


def test_warn_levels_alone_are_no_bound():
    ((path, message),) = found(("guards.0", {"metric": "error-rate", "warnMax": 0.01}))
    assert path == "spec.guards[0]"
    assert "set at least one of min, max and compare" in message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("window", "5m"),
        ("delay", "1m"),
        ("warnMin", 0.1),
        ("warnMax", 0.1),
        ("failures", 2),
        ("onNoData", "fail"),
        ("onError", "ignore"),
    ],
)
def test_a_test_takes_no_field_that_it_would_not_read(field, value):
    edits = (("metrics.0", COUNTED), ("guards.0", TEST | {field: value}))
    ((path, message),) = found(*edits)
    assert path == f"spec.guards[0].{field}"
    assert "is not for a test" in message


def test_a_window_needs_a_query_that_reads_it():
    fixed = {"name": "error-rate", "query": "max(queue)"}
    ((path, message),) = found(("metrics.0", fixed), ("guards.0", GUARD | {"window": "5m"}))
    assert path == "spec.guards[0].window"
    assert "is not read by the query of metric 'error-rate'" in message
    assert found(("metrics.0", COUNTED), ("guards.0", GUARD | {"window": "5m"})) == []


@pytest.mark.parametrize("delay", ["5m", "1h"])
def test_a_delay_that_leaves_a_phase_no_time_is_refused(delay):
    late = GUARD | {"delay": delay}
    assert found(("guards.0", late)) == []
    edits = [
        (("phases.0", LATE | {"gates": [late]}), "spec.phases[0].gates[0].delay"),
        (("phases.0", LATE | {"guards": [late]}), "spec.phases[0].guards[0].delay"),
    ]
    for edit, path in edits:
        ((where, message),) = found(edit)
        assert where == path
        assert "shorter than the deadline of phase canary-10, 5m" in message
    assert [path for path, _ in found(("guards.0", late), ("phases.0", LATE))] == [
        "spec.guards[0].delay"
    ]


def test_a_guard_that_the_phase_replaces_does_not_hinder_its_deadline():
    late = GUARD | {"delay": "1h"}
    assert found(("guards.0", late), ("phases.0", LATE | {"guards": [GUARD]})) == []


@given(st.floats(min_value=-1e15, max_value=1e15, allow_nan=False))
def test_a_number_that_is_written_is_the_number_that_is_kept(number):
    gate = Gate.model_validate_json(Gate(metric="latency", max=number).model_dump_json())
    assert gate.max == number
