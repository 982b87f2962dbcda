"""Metrics that a Job brings: what nobody could read of them, and what cannot be asked of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tidegate.api.checks import Bound, Metric
from tidegate.api.compare import Compare
from tidegate.api.limits import MAX_JOB_METRICS, MIN_JOB_INTERVAL_S
from tidegate.api.problems import FieldProblem
from tidegate.api.rollout import RolloutSpec
from tidegate.api.scalars import format_duration
from tidegate.api.walk import walk

_COMPARED: Final = (
    "a job measures the new revision alone, so there is nothing to compare with; use min or max"
)
_WINDOW_USUAL: Final = Metric.model_fields["window_s"].default
"""What the API server writes where none was set."""


def job_problems(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """What is wrong with metrics that Jobs bring, and with what asks for them."""
    jobs = {one.name: one for one in spec.metrics if one.job is not None}
    for index, metric in enumerate(spec.metrics):
        if metric.job is not None and metric.window_s != _WINDOW_USUAL:
            yield FieldProblem(
                f"spec.metrics[{index}].window",
                "is not read by a job, which knows itself how far it looks back; leave it out",
            )
    if len(jobs) > MAX_JOB_METRICS:
        yield FieldProblem(
            "spec.metrics",
            f"{len(jobs)} of them are brought by jobs, {MAX_JOB_METRICS} may be; let one job "
            "measure more, or use queries",
        )
    yield from _compared_members(spec, jobs)
    yield from _asked(spec, jobs)


def imposed_jobs(metrics: Sequence[Metric]) -> Iterator[FieldProblem]:
    """Jobs in a policy, which is for many namespaces."""
    for index, metric in enumerate(metrics):
        if metric.job is not None:
            yield FieldProblem(
                f"spec.metrics[{index}].job",
                "is not for a policy: its CronJob would have to be in every namespace; use a "
                "template or a query",
            )


def _compared_members(spec: RolloutSpec, jobs: Mapping[str, Metric]) -> Iterator[FieldProblem]:
    for i, card in enumerate(spec.scorecards):
        for j, member in enumerate(card.members):
            if member.metric in jobs and member.compare is not None:
                yield FieldProblem(f"spec.scorecards[{i}].members[{j}].compare", _COMPARED)


def _asked(spec: RolloutSpec, jobs: Mapping[str, Metric]) -> Iterator[FieldProblem]:
    members = {card.name: [one.metric for one in card.members] for card in spec.scorecards}
    intervals: dict[str, tuple[str, float]] = {}
    for place in walk(spec, "spec"):
        if not isinstance(place.value, Bound):
            continue
        bound = place.value
        names = [bound.metric or "", *members.get(bound.scorecard or "", ())]
        for metric in (jobs[name] for name in names if name in jobs):
            if bound.metric is not None:
                yield from _unread(place.path, bound.window_s, bound.compare)
            yield from _interval(place.path, bound.interval_s, metric)
            path, first_s = intervals.setdefault(metric.name, (place.path, bound.interval_s))
            if bound.interval_s != first_s:
                yield FieldProblem(
                    f"{place.path}.interval",
                    f"must be {format_duration(first_s)} as in {path}: the job of metric "
                    f"{metric.name!r} is run once an interval for all that ask for it",
                )


def _unread(path: str, window_s: float | None, compare: Compare | None) -> Iterator[FieldProblem]:
    if window_s is not None:
        yield FieldProblem(
            f"{path}.window",
            "is not read by a job, which knows itself how far it looks back; leave it out",
        )
    if compare is not None:
        yield FieldProblem(f"{path}.compare", _COMPARED)


def _interval(path: str, interval_s: float, metric: Metric) -> Iterator[FieldProblem]:
    timeout_s = metric.job.timeout_s if metric.job is not None else 0.0
    least_s = max(MIN_JOB_INTERVAL_S, timeout_s)
    if interval_s < least_s:
        why = "no two of its runs may meet" if timeout_s == least_s else "each time is a pod"
        yield FieldProblem(
            f"{path}.interval",
            f"must be at least {format_duration(least_s)} with metric {metric.name!r}, which a job "
            f"with a timeout of {format_duration(timeout_s)} brings: {why}",
        )
