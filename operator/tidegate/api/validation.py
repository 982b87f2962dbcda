"""What a schema cannot say about a spec, and what CEL says, again.

The API server refuses most of this when the object is written. Objects stored before a rule
existed, and manifests checked without a cluster, are judged here with the same sentences.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from tidegate.api.base import ApiModel
from tidegate.api.bound_checks import bound_problems, too_long_delays
from tidegate.api.checks import Bound, Metric
from tidegate.api.cohort_checks import cohort_problems
from tidegate.api.compare_checks import compare_problems, own_and
from tidegate.api.constants import (
    DESTINATION_TEMPLATES,
    LATENCY_TEMPLATES,
    METRIC_TEMPLATES,
    SLOW_TEMPLATES,
)
from tidegate.api.experiment_checks import experiment_problems
from tidegate.api.header_checks import header_problems
from tidegate.api.hooks import hook_lists
from tidegate.api.job_checks import job_problems
from tidegate.api.pod_checks import pod_problems
from tidegate.api.policy import ObjectSelector
from tidegate.api.preflight_checks import preflight_problems
from tidegate.api.problems import FieldProblem
from tidegate.api.rollout import RolloutSpec
from tidegate.api.scorecard_checks import scorecard_problems
from tidegate.api.selector import LabelRequirement, LabelSelector
from tidegate.api.variant_checks import unknown_variants, variant_problems
from tidegate.api.walk import walk

Theirs: TypeAlias = Mapping[str, Sequence[Metric] | None]
"""The metrics of each policy by its name; None of one that is not understood."""


def problems(spec: RolloutSpec, policies: Theirs | None = None) -> tuple[FieldProblem, ...]:
    """Everything that is wrong with a spec that could be read; empty when all is well.

    `policies` are the metrics of the policies that hold for the Rollout, by their names; None where
    nobody can know them: then what a policy defines is not asked for.
    """
    metrics = own_and(spec, policies or {})
    return (
        *broken_rules(spec),
        *_missing_parts(spec),
        *twice("spec.metrics", [metric.name for metric in spec.metrics]),
        *twice("spec.phases", [phase.name for phase in spec.phases]),
        *(one for path, names in hook_lists(spec) for one in twice(path, names)),
        *_undefined_metrics(spec, policies),
        *metric_problems(spec.metrics, whole_service=whole_service(spec)),
        *_selector_problems(spec),
        *header_problems(spec),
        *cohort_problems(spec),
        *compare_problems(spec, metrics),
        *bound_problems(spec, metrics),
        *too_long_delays(spec),
        *scorecard_problems(spec),
        *pod_problems(spec, spec.metrics, metrics),
        *preflight_problems(spec, metrics),
        *twice("spec.variants", [variant.name for variant in spec.variants]),
        *variant_problems(spec),
        *unknown_variants(spec),
        *experiment_problems(spec),
        *job_problems(spec),
    )


def broken_rules(spec: ApiModel) -> Iterator[FieldProblem]:
    """The rules between fields that do not hold, anywhere in a spec."""
    for place in walk(spec, "spec"):
        if not isinstance(place.value, ApiModel):
            continue
        for rule in place.value.all_rules():
            if rule.holds is not None and not rule.holds(place.value):
                yield FieldProblem(place.path + rule.field, rule.message)


def _missing_parts(spec: RolloutSpec) -> Iterator[FieldProblem]:
    if spec.traffic is None:
        yield FieldProblem("spec.traffic", "is required: say which routes to weight")


def twice(path: str, names: Sequence[str]) -> Iterator[FieldProblem]:
    """Names that stand more than once in a list; the first of them is left alone."""
    for index, name in enumerate(names):
        if name in names[:index]:
            yield FieldProblem(f"{path}[{index}].name", f"{name!r} is already taken above")


def _undefined_metrics(spec: RolloutSpec, policies: Theirs | None) -> Iterator[FieldProblem]:
    own = [metric.name for metric in spec.metrics]
    for place in walk(spec, "spec"):
        if not isinstance(place.value, Bound) or place.value.metric is None:
            continue
        policy, slash, name = place.value.metric.rpartition("/")
        if not slash:
            message = undefined(name, own, "spec.metrics")
        else:
            message = "" if policies is None else _undefined_in_policy(policy, name, policies)
        if message:
            yield FieldProblem(f"{place.path}.metric", message)
        elif slash and whole_service(spec):
            found = [one for one in (policies or {}).get(policy) or () if one.name == name]
            for problem in metric_problems(found, whole_service=True):
                yield FieldProblem(f"{place.path}.metric", problem.message)


def undefined(name: str, defined: Sequence[str], where: str) -> str:
    """Why that is no metric, naming those that there are; "" if it is one."""
    if name in defined:
        return ""
    known = f"defined are {', '.join(defined)}" if defined else f"{where} is empty"
    return f"no metric is named {name!r}; {known}"


def _undefined_in_policy(policy: str, name: str, policies: Theirs) -> str:
    if policy not in policies:
        holding = f"those that do are {', '.join(policies)}" if policies else "none does"
        return f"no RolloutPolicy {policy!r} holds for this Rollout; {holding}"
    metrics = policies[policy]
    if metrics is None:
        return ""
    defined = [metric.name for metric in metrics]
    return undefined(name, defined, f"spec.metrics of RolloutPolicy {policy!r}")


def whole_service(spec: RolloutSpec) -> bool:
    """Whether one Service sends everything one way or the other."""
    return spec.traffic is not None and spec.traffic.service is not None


def metric_problems(metrics: Sequence[Metric], *, whole_service: bool) -> Iterator[FieldProblem]:
    """What is wrong with metrics; `whole_service` tells that one Service stands for both arms."""
    for index, metric in enumerate(metrics):
        path = f"spec.metrics[{index}]"
        if whole_service and metric.template in DESTINATION_TEMPLATES:
            yield FieldProblem(
                f"{path}.template",
                f"{metric.template} counts by destination, and a plain Service has only one; use "
                f"{metric.template.replace('envoy', 'istio')}, or a query with {{{{revision}}}}",
            )
        elif metric.template is not None and metric.template not in METRIC_TEMPLATES:
            known = ", ".join(sorted(METRIC_TEMPLATES))
            yield FieldProblem(
                f"{path}.template", f"no template is named {metric.template!r}; there are {known}"
            )
        elif metric.quantile is not None and metric.template not in LATENCY_TEMPLATES:
            latency = ", ".join(sorted(LATENCY_TEMPLATES))
            yield FieldProblem(f"{path}.quantile", f"is only for {latency}; leave it out")
        yield from _threshold_problems(metric, path)


def _threshold_problems(metric: Metric, path: str) -> Iterator[FieldProblem]:
    if metric.template in SLOW_TEMPLATES and metric.threshold_s is None:
        yield FieldProblem(
            f"{path}.threshold",
            f"is required by {metric.template}; set it to an edge of the histogram's buckets, "
            "such as 250ms",
        )
    elif metric.threshold_s is not None and metric.template not in SLOW_TEMPLATES:
        slow = ", ".join(sorted(SLOW_TEMPLATES))
        yield FieldProblem(f"{path}.threshold", f"is only for {slow}; leave it out")


def _selector_problems(spec: RolloutSpec) -> Iterator[FieldProblem]:
    if spec.template is not None and not selects(spec.selector, template_labels(spec.template)):
        yield FieldProblem(
            "spec.template.metadata.labels", "must match spec.selector, or no pod would be found"
        )


def template_labels(template: dict[str, Any]) -> dict[str, str]:
    """The labels of a pod template; what is not text is left out."""
    metadata = template.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    found = labels if isinstance(labels, dict) else {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def selects(selector: LabelSelector | ObjectSelector, labels: Mapping[str, str]) -> bool:
    """Whether objects with those labels belong to the selector."""
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _meets(requirement, labels) for requirement in selector.match_expressions
    )


def _meets(requirement: LabelRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
