"""Gates of a pre-flight that ask about pods which are not there yet."""

from collections.abc import Iterator, Mapping

from tidegate.api.checks import Metric
from tidegate.api.compare_checks import names_revision
from tidegate.api.problems import FieldProblem
from tidegate.api.rollout import RolloutSpec


def preflight_problems(spec: RolloutSpec, metrics: Mapping[str, Metric]) -> Iterator[FieldProblem]:
    """What no gate of a pre-flight can measure: anything of the new revision's pods."""
    for index, gate in enumerate(spec.preflight.gates if spec.preflight else ()):
        metric = metrics.get(gate.metric or "")
        if metric is None:
            continue  # an undefined one is said elsewhere
        path = f"spec.preflight.gates[{index}].metric"
        if metric.template is not None:
            yield FieldProblem(
                path,
                f"template {metric.template} of metric {metric.name!r} measures pods of the new "
                "revision, and before the first of them there is nothing to measure; use a query "
                "about the cluster or about what serves now",
            )
        elif names_revision(metric):
            yield FieldProblem(
                path,
                f"the query of metric {metric.name!r} asks for {{{{revision}}}}, the new one, and "
                "before its first pod there is nothing to measure; use a query about the cluster "
                "or about what serves now",
            )
