"""Comparisons that could never say anything, or would always say the same."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tidegate.api.base import ApiModel
from tidegate.api.checks import Bound, Metric
from tidegate.api.limits import MAX_WEIGHT_PERCENT
from tidegate.api.problems import FieldProblem
from tidegate.api.rollout import RolloutSpec
from tidegate.api.testing_checks import scored_tests, test_problems, too_many_tests
from tidegate.api.walk import walk

_REVISION: Final = re.compile(r"\{\{\s*revision\s*\}\}")


def own_and(
    spec: RolloutSpec, policies: Mapping[str, Sequence[Metric] | None]
) -> dict[str, Metric]:
    """The metrics that a Rollout may name, its own and those of policies, by the names for that."""
    theirs = {f"{name}/{one.name}": one for name, found in policies.items() for one in found or ()}
    return {metric.name: metric for metric in spec.metrics} | theirs


def compare_problems(spec: RolloutSpec, metrics: Mapping[str, Metric]) -> Iterator[FieldProblem]:
    """Gates that wait for a stable without traffic, and queries that mean both revisions alike."""
    yield from too_many_tests(spec)
    yield from scored_tests(spec, metrics)
    yield from comparison_problems(spec, metrics)
    for i, phase in enumerate(spec.phases):
        for j, gate in enumerate(phase.gates if phase.weight == MAX_WEIGHT_PERCENT else ()):
            if gate.compare is not None:
                yield FieldProblem(
                    f"spec.phases[{i}].gates[{j}].compare",
                    "stable gets no requests in a phase of weight 100; "
                    "compare in an earlier phase, or use min or max",
                )


def comparison_problems(spec: ApiModel, metrics: Mapping[str, Metric]) -> Iterator[FieldProblem]:
    """Comparisons with another revision, anywhere in a spec, that their metric cannot give."""
    for place in walk(spec, "spec"):
        if not isinstance(place.value, Bound) or place.value.compare is None:
            continue
        metric = metrics.get(place.value.metric or "")
        yield from test_problems(place.path, place.value, metric)
        if metric is not None and not tells_revisions_apart(metric):
            yield FieldProblem(
                f"{place.path}.compare",
                f"the query of metric {metric.name!r} is the same for both revisions; "
                "use {{revision}} in a label of it",
            )


def tells_revisions_apart(metric: Metric) -> bool:
    """Whether its queries have a place for the revision; a built-in template always has."""
    queries = (metric.query, metric.samples) if metric.query is not None else ()
    return all(_REVISION.search(query) for query in queries if query is not None)


def names_revision(metric: Metric) -> bool:
    """Whether a query of it has a place for the revision; a built-in template always has."""
    queries = (metric.query, metric.samples)
    return metric.query is None or any(_REVISION.search(one) for one in queries if one is not None)
