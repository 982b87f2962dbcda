"""What a Rollout may say about its pre-flight, and what is said to one that may not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.samples import SPEC, changed, parsed
from tidegate.api.problems import SpecError
from tidegate.api.support import unsupported
from tidegate.api.validation import problems

CPU = {"name": "cpu", "query": "cluster:cpu:ratio"}
METRICS = [
    *SPEC["metrics"],
    CPU,
    {"name": "own", "query": 'up{revision="{{ revision }}"}'},
    {"name": "counted", "query": "up", "samples": 'count(up{r="{{revision}}"})'},
]
GATE = {"metric": "cpu", "max": 0.7}
HOOK = {"name": "backup", "cronJob": "backup"}


def _said(preflight: dict[str, Any], *more: tuple[str, Any]) -> list[str]:
    try:
        spec = parsed(changed(("metrics", METRICS), ("preflight", preflight), *more))
    except SpecError as error:
        return [str(one) for one in error.problems]
    return [str(one) for one in (*problems(spec), *unsupported(spec))]


@pytest.mark.parametrize(
    "preflight",
    [
        {"gates": [GATE]},
        {"gates": [GATE | {"for": "5m"}], "deadline": "10m", "onTimeout": "revert"},
        {"hooks": [HOOK, {"name": "roles", "service": "checker", "onFailure": "revert"}]},
        {"hooks": [HOOK | {"when": "before"}]},
        {"approval": {"required": 2, "groups": ["dev", "ops"], "expiry": "1h"}},
        {"approval": {}, "deadline": "1h"},
    ],
)
def test_preflights_that_are_fine(preflight):
    assert _said(preflight) == []


@pytest.mark.parametrize(
    ("preflight", "path", "words"),
    [
        ({}, "spec.preflight:", "set at least one of gates, hooks and approval"),
        ({"gates": [], "hooks": []}, "spec.preflight:", "set at least one of"),
        ({"gates": [GATE], "onTimeout": "revert"}, "spec.preflight.onTimeout:", "set deadline"),
        (
            {"gates": [GATE | {"for": "10m"}], "deadline": "10m"},
            "spec.preflight.deadline:",
            "longer than the for of every gate",
        ),
        ({"hooks": [HOOK | {"when": "after"}]}, "spec.preflight.hooks:", "leave when out"),
        ({"hooks": [HOOK | {"when": "revert"}]}, "spec.preflight.hooks:", "leave when out"),
        ({"hooks": [HOOK, HOOK]}, "spec.preflight.hooks[1].name:", "already taken above"),
        (
            {"gates": [{"metric": "cpu", "compare": {"to": "stable", "maxIncrease": 1}}]},
            "spec.preflight.gates:",
            "no pods of the new revision yet to compare",
        ),
        ({"gates": [{"scorecard": "health"}]}, "spec.preflight.gates:", "or to score"),
        ({"gates": [GATE | {"delay": "1m"}]}, "spec.preflight.gates:", "the pre-flight has none"),
        (
            {"gates": [GATE, {"metric": "nobody", "max": 1}]},
            "spec.preflight.gates[1].metric:",
            "no metric is named 'nobody'",
        ),
        (
            {"gates": [{"metric": "error-rate", "max": 1}]},
            "spec.preflight.gates[0].metric:",
            "template envoy-error-rate of metric 'error-rate' measures pods of the new revision",
        ),
        (
            {"gates": [GATE, {"metric": "own", "min": 1}]},
            "spec.preflight.gates[1].metric:",
            "the query of metric 'own' asks for {{revision}}",
        ),
        (
            {"gates": [{"metric": "counted", "min": 1, "minSamples": 5}]},
            "spec.preflight.gates[0].metric:",
            "the query of metric 'counted' asks for {{revision}}",
        ),
        ({"guards": []}, "spec.preflight.guards:", "is not a field"),
        ({"weight": 10}, "spec.preflight.weight:", "is not a field"),
    ],
)
def test_preflights_that_are_refused(preflight, path, words):
    said = _said(preflight)
    assert any(one.startswith(path) and words in one for one in said), said


def test_no_phase_has_its_name():
    said = _said({"gates": [GATE]}, ("phases.0.name", "preflight"))
    words = "preflight is what spec.preflight is called; give the phase another name"
    assert said == [f"spec.phases: {words}"]


def test_it_reads_as_a_phase_without_traffic():
    preflight = parsed(
        changed(("metrics", METRICS), ("preflight", {"gates": [GATE], "deadline": "5m"}))
    ).preflight
    assert preflight is not None
    phase = preflight.as_phase
    assert (phase.name, phase.weight, phase.deadline_s) == ("preflight", 0, 300.0)
    assert phase.gates == preflight.gates
