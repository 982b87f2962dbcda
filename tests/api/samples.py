"""Bodies of objects as the API server sends them, for the tests of this folder."""

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tidegate.api.problems import FieldProblem, SpecError
from tidegate.api.rollout import Rollout, RolloutSpec

SPEC: dict[str, Any] = {
    "replicas": 4,
    "selector": {"matchLabels": {"app": "web"}},
    "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}},
    "traffic": {
        "istio": {
            "virtualServices": [{"name": "web", "routes": ["primary"]}],
            "destinationRule": {"name": "web"},
        }
    },
    "metrics": [
        {"name": "error-rate", "template": "envoy-error-rate"},
        {"name": "latency", "template": "envoy-latency", "quantile": 0.95},
    ],
    "guards": [{"metric": "error-rate", "max": 0.05}],
    "phases": [
        {
            "name": "canary-10",
            "weight": 10,
            "hold": "30s",
            "gates": [{"metric": "error-rate", "max": 0.01, "for": "20s", "minSamples": 100}],
        },
        {"name": "all", "weight": 100},
    ],
}
"""A spec without a fault."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=8), below),
    max_leaves=12,
)
"""Anything that a broken client could have stored."""


def body(spec: object, **metadata: object) -> dict[str, Any]:
    """A Rollout's body around a spec."""
    return {"metadata": {"name": "web", "namespace": "shop", **metadata}, "spec": spec}


def parsed(spec: object) -> RolloutSpec:
    """The spec as the controller gets it."""
    return Rollout.parse(body(spec)).spec


def complaints(read: Callable[[Any], object], anything: object) -> tuple[FieldProblem, ...]:
    """What is said against a body; empty when it is read. Any other error is a fault of ours."""
    try:
        read(anything)
    except SpecError as error:
        found = error.problems
    else:
        return ()
    assert found, "a refusal without a sentence"
    return found


def changed(*changes: tuple[str, Any], base: dict[str, Any] = SPEC) -> dict[str, Any]:
    """A copy of `base` with changes such as ("phases.0.weight", 20); None takes a field out."""
    found = copy.deepcopy(base)
    for path, value in changes:
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place: Any = found
        for part in parents:
            place = place.setdefault(part, {}) if isinstance(place, dict) else place[part]
        if value is None:
            place.pop(last, None)
        else:
            place[last] = copy.deepcopy(value)
    return found
