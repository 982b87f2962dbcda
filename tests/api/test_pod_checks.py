"""Signals of pods in a spec: what is fine, and what minPods goes with."""

import pytest

from tests.api.samples import changed, parsed
from tidegate.api.constants import KUBERNETES_TEMPLATES
from tidegate.api.validation import problems

CRASHES = {"name": "error-rate", "template": "kube-crash-loops"}


def found(*edits):
    return [str(problem) for problem in problems(parsed(changed(*edits)))]


@pytest.mark.parametrize("template", sorted(KUBERNETES_TEMPLATES))
@pytest.mark.parametrize("provider", [{}, {"provider": "kubernetes"}, {"provider": "default"}])
def test_a_signal_of_pods_needs_no_provider(template, provider):
    metric = CRASHES | provider | {"template": template, "window": "1h"}
    assert not found(("metrics.0", metric), ("guards.0.minPods", 2))


@pytest.mark.parametrize(
    ("guard", "fine"),
    [
        ({"max": 0}, True),
        ({"compare": {"to": "stable", "maxIncrease": 0}}, True),
        ({"min": 1}, False),
        ({"min": 0, "max": 1}, False),
    ],
)
def test_min_pods_goes_with_a_bound_that_more_failures_break(guard, fine):
    guard = {"metric": "error-rate", "minPods": 2} | guard
    said = found(("metrics.0", CRASHES), ("guards.0", guard))
    assert fine == (not said)
    assert fine or "minPods goes with max" in said[0]


@pytest.mark.parametrize("place", ["guards.0", "phases.0.gates"])
@pytest.mark.parametrize(("window", "fine"), [("1h", True), ("61m", False)])
def test_no_bound_looks_further_back_than_what_befell_pods_is_remembered(place, window, fine):
    bound = {"metric": "error-rate", "max": 0, "window": window}
    said = found(("metrics.0", CRASHES), (place, [bound] if place.endswith("gates") else bound))
    assert fine == (not said)
    assert fine or ".window: is at most 1h for kube-crash-loops" in said[0]


def test_min_pods_is_refused_for_a_score_which_counts_no_pods():
    members = [{"metric": "error-rate", "weight": 1, "max": 0}]
    card = {"name": "health", "pass": 90, "members": members}
    guard = {"scorecard": "health", "minPods": 2}
    edits = (("metrics.0", CRASHES), ("scorecards", [card]))
    (said,) = found(*edits, ("guards.0", guard))
    assert said.startswith("spec.guards[0].minPods: is not for a score")
    assert not found(*edits, ("guards.0", {"scorecard": "health"}))
