"""What is wrong with the experiments of a spec, beyond what their rules say."""

from collections.abc import Iterator

from tidegate.api.checks import Metric
from tidegate.api.compare_checks import tells_revisions_apart
from tidegate.api.constants import SHARE_TEMPLATES
from tidegate.api.problems import FieldProblem
from tidegate.api.rollout import RolloutSpec
from tidegate.api.testing_checks import overlapping


def experiment_problems(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """Metrics of experiments that nobody defines, that are named twice, or that count nothing."""
    metrics = {metric.name: metric for metric in spec.metrics}
    known = f"defined are {', '.join(metrics)}" if metrics else "spec.metrics is empty"
    for place, phase in enumerate(spec.phases):
        names = [one.metric for one in phase.experiment.metrics] if phase.experiment else []
        for index, name in enumerate(names):
            path = f"spec.phases[{place}].experiment.metrics[{index}].metric"
            if name not in metrics:
                yield FieldProblem(path, f"no metric is named {name!r}; {known}")
            elif name in names[:index]:
                yield FieldProblem(path, f"{name!r} is already taken above")
            else:
                yield from _uncounted(path, metrics[name])


def _uncounted(path: str, metric: Metric) -> Iterator[FieldProblem]:
    """An experiment counts requests: a share of them times their number, each once."""
    if metric.template is not None and metric.template not in SHARE_TEMPLATES:
        shares = " or ".join(sorted(SHARE_TEMPLATES))
        yield FieldProblem(
            path,
            f"{metric.name!r} is no share of requests, which an experiment counts; use {shares}, "
            "or a query with samples",
        )
    if metric.template is None and metric.samples is None:
        yield FieldProblem(
            path,
            f"{metric.name!r} needs samples, the number of requests behind its share: an "
            "experiment counts them",
        )
    if not tells_revisions_apart(metric):
        yield FieldProblem(
            path,
            f"the query of {metric.name!r} is the same for all arms; use {{{{revision}}}} in a "
            "label of it",
        )
    for problem in overlapping(path, metric):
        yield FieldProblem(path, problem.message)
