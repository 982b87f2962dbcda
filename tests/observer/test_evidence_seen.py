"""I9 holds a stored pass of a test against the evidence that is stored with it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.observer.tales import NEW, Object, Tale, rollout, run

PASS = {"metric": "errors", "verdict": "pass", "value": 0.0, "measuredAt": "2026-01-01T00:00:19Z"}
NAMES = {"gate": "gate/0/0", "guard": "guard/0"}


def judged(kind: str, evidence: list[Object], *, test: str = "sequential", tests: int = 1) -> bool:
    """Whether nothing is said against a stored pass of a test with that evidence."""
    check = {**PASS, "id": NAMES[kind], "kind": kind, "bound": f"<= 1.5 x stable ({test})"}
    running: dict[str, Any] = {"state": "Progressing", "lastRunNumber": 1, "run": run()}
    told = rollout(**running, checks=[check], evidence=evidence)
    place = told["spec"]["phases"][0] if kind == "gate" else told["spec"]
    place[f"{kind}s"] = [{"metric": "errors", "compare": {"to": "stable", "test": test}}] * tests
    return "I9" not in Tale().shop(canary=NEW).operator(told).names()


def counted(kind: str, least_p: float) -> list[Object]:
    return [{"id": NAMES[kind], "totals": [9.0, 9.0, 1.0, least_p]}]


@pytest.mark.parametrize(
    ("kind", "least_p", "tests", "fine"),
    [
        ("gate", 0.04, 1, True),
        ("gate", 0.06, 1, False),
        ("gate", 0.04, 2, False),
        ("guard", 0.06, 1, True),
        ("guard", 0.04, 1, False),
    ],
)
def test_a_gate_needs_strong_evidence_and_a_guard_weak(kind, least_p, tests, fine):
    assert judged(kind, counted(kind, least_p), tests=tests) is fine


def test_tests_of_scores_and_of_policies_take_their_part_of_alpha():
    """The gate alone may spend 0.05; beside a score with a test, and a policy's, a quarter."""
    for least_p, fine in ((0.012, True), (0.013, False)):
        check = {**PASS, "id": "gate/0/0", "kind": "gate", "bound": "<= 1.5 x stable (sequential)"}
        entries = [*counted("gate", least_p), {"id": "policy/house/0", "totals": [0.0] * 4}]
        running: dict[str, Any] = {"state": "Progressing", "lastRunNumber": 1, "run": run()}
        told = rollout(**running, checks=[check], evidence=entries)
        test = {"to": "stable", "test": "sequential"}
        member = {"metric": "errors", "weight": 1, "compare": test}
        told["spec"]["scorecards"] = [{"name": "health", "pass": 90, "members": [member]}]
        gates = [{"metric": "errors", "compare": test}, {"scorecard": "health"}]
        told["spec"]["phases"][0]["gates"] = gates
        assert ("I9" not in Tale().shop(canary=NEW).operator(told).names()) is fine


@pytest.mark.parametrize("kind", NAMES)
def test_a_pass_of_a_test_without_evidence_is_objected_to(kind):
    assert not judged(kind, [])


@pytest.mark.parametrize(
    ("look", "fine"),
    [({}, False), ({"look": {"pNotWorse": 0.06}}, False), ({"look": {"pNotWorse": 0.04}}, True)],
)
@pytest.mark.parametrize("test", ["welch", "mann-whitney"])
def test_a_test_that_looks_once_has_looked(test, look, fine):
    assert judged("gate", [{"id": NAMES["gate"], **look}], test=test) is fine


def test_evidence_of_an_older_spec_is_not_held_against_a_pass():
    check = {**PASS, "id": "gate/0/0", "kind": "gate", "bound": "<= 1.5 x stable (sequential)"}
    told = rollout(checks=[check], observedGeneration=0)
    assert "I9" not in Tale().shop().operator(told).names()
