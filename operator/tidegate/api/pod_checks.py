"""Signals of pods: who answers them, how far they look back, and what only they can be asked."""

from collections.abc import Iterator, Mapping, Sequence

from tidegate.api.base import ApiModel
from tidegate.api.checks import Bound, Guard, Metric
from tidegate.api.constants import (
    KUBERNETES_TEMPLATES,
    PROVIDER_DEFAULT,
    PROVIDER_KUBERNETES,
)
from tidegate.api.limits import MAX_POD_WINDOW_S
from tidegate.api.problems import FieldProblem
from tidegate.api.walk import walk

_TOO_LONG = "is at most 1h for {}: what befell pods is remembered for so long"


def pod_problems(
    spec: ApiModel, own: Sequence[Metric], known: Mapping[str, Metric]
) -> Iterator[FieldProblem]:
    """What asks the wrong provider or for too long a window, and `minPods` of no pods.

    `own` are those of `spec.metrics`, `known` all that its guards may name, by the names for that.
    """
    for index, metric in enumerate(own):
        yield from _metric_problems(f"spec.metrics[{index}]", metric)
    for place in walk(spec, "spec"):
        if isinstance(place.value, Bound):
            yield from _bound_problems(place.path, place.value, known)


def _bound_problems(path: str, bound: Bound, known: Mapping[str, Metric]) -> Iterator[FieldProblem]:
    least = bound.min_pods if isinstance(bound, Guard) else None
    if least is not None and bound.scorecard is not None:
        yield FieldProblem(
            f"{path}.minPods",
            "is not for a score, which counts no pods; leave it out, or name the metric itself in "
            "a guard of its own",
        )
    found = known.get(bound.metric or "")
    if found is None:
        return
    pods = found.template in KUBERNETES_TEMPLATES
    if least is not None and not pods:
        yield FieldProblem(
            f"{path}.minPods",
            f"is only for templates that see single pods, and metric {bound.metric!r} has "
            f"none of {', '.join(sorted(KUBERNETES_TEMPLATES))}; leave it out",
        )
    if pods and bound.window_s is not None and bound.window_s > MAX_POD_WINDOW_S:
        yield FieldProblem(f"{path}.window", _TOO_LONG.format(found.template))


def _metric_problems(path: str, metric: Metric) -> Iterator[FieldProblem]:
    if metric.template not in KUBERNETES_TEMPLATES:
        if metric.provider == PROVIDER_KUBERNETES:
            known = ", ".join(sorted(KUBERNETES_TEMPLATES))
            yield FieldProblem(
                f"{path}.provider",
                f"{PROVIDER_KUBERNETES} is the API server, which answers {known} and nothing else",
            )
        return
    if metric.provider not in (PROVIDER_DEFAULT, PROVIDER_KUBERNETES):
        yield FieldProblem(
            f"{path}.provider",
            f"{metric.template} is answered by the API server; leave provider out",
        )
    if metric.window_s > MAX_POD_WINDOW_S:
        yield FieldProblem(
            f"{path}.window",
            _TOO_LONG.format(metric.template),
        )
    if metric.samples is not None:
        yield FieldProblem(
            f"{path}.samples", f"is PromQL, and the samples of {metric.template} are its pods"
        )
