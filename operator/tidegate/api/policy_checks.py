"""What is wrong with a RolloutPolicy, by itself and for one Rollout, and which ones hold for it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tidegate.api.bound_checks import bound_problems, imposed_delays
from tidegate.api.compare_checks import comparison_problems
from tidegate.api.job_checks import imposed_jobs
from tidegate.api.limits import MAX_POLICIES
from tidegate.api.pod_checks import pod_problems
from tidegate.api.policy import Policy, RolloutPolicySpec
from tidegate.api.problems import FieldProblem
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.api.support import unsupported
from tidegate.api.validation import (
    broken_rules,
    metric_problems,
    problems,
    selects,
    twice,
    undefined,
    whole_service,
)


def read_policy(body: Mapping[str, Any]) -> Policy:
    """The policy of a body with all that is wrong with it. Raises SpecError without a name."""
    policy = Policy.parse(body)
    if policy.problem:
        return policy
    return replace(policy, problem="; ".join(map(str, policy_problems(policy.spec))))


def policy_problems(spec: RolloutPolicySpec) -> tuple[FieldProblem, ...]:
    """Everything that is wrong with a policy that could be read; empty when all is well."""
    metrics = {metric.name: metric for metric in spec.metrics}
    return (
        *broken_rules(spec),
        *twice("spec.metrics", [metric.name for metric in spec.metrics]),
        *twice("spec.freeze", [window.name for window in spec.freeze]),
        *_undefined_metrics(spec),
        *metric_problems(spec.metrics, whole_service=False),
        *comparison_problems(spec, metrics),
        *bound_problems(spec, metrics),
        *pod_problems(spec, spec.metrics, metrics),
        *imposed_jobs(spec.metrics),
        *unsupported(spec),
    )


def _undefined_metrics(spec: RolloutPolicySpec) -> Iterator[FieldProblem]:
    defined = [metric.name for metric in spec.metrics]
    for index, guard in enumerate(spec.guards):
        if guard.metric is None:
            continue  # the rules say what is wrong with that
        if message := undefined(guard.metric, defined, "spec.metrics"):
            yield FieldProblem(f"spec.guards[{index}].metric", message)


def matching(
    policies: Iterable[Policy],
    labels: Mapping[str, str],
    namespace_labels: Mapping[str, str] | None,
    unknown: str = "",
) -> tuple[Policy, ...]:
    """The policies that hold for a Rollout with those labels, by name.

    `namespace_labels` is None while they cannot be read, and `unknown` says why: a policy that
    asks for them may hold, so it is taken as one that is not understood.
    """
    found = []
    for policy in sorted(policies, key=lambda policy: policy.name):
        targets = policy.spec.rollouts
        if targets.selector is not None and not selects(targets.selector, labels):
            continue
        if targets.namespace_selector is None:
            found.append(policy)
        elif namespace_labels is None:
            found.append(replace(policy, problem=policy.problem or unknown))
        elif selects(targets.namespace_selector, namespace_labels):
            found.append(policy)
    return tuple(found)


def applied_to(spec: RolloutSpec, policies: Sequence[Policy]) -> tuple[Policy, ...]:
    """The matching policies as they hold for that very spec: what cannot is a problem of theirs.

    One that is too many is an obstacle, whatever the mode of the last that is taken and tells of
    it: nobody knows what its guards would say. The guards of those that are taken are watched on.
    """
    kept = [_fitting(policy, spec) for policy in policies[:MAX_POLICIES]]
    if len(policies) > MAX_POLICIES:
        message = (
            f"{len(policies)} RolloutPolicies match this Rollout, {MAX_POLICIES} may; make fewer "
            "match"
        )
        kept[-1] = replace(kept[-1], surplus=message)
    return tuple(kept)


def _fitting(policy: Policy, spec: RolloutSpec) -> Policy:
    if policy.problem:
        return policy
    asked = {guard.metric for guard in policy.guards}
    metrics = [metric for metric in policy.metrics if metric.name in asked]
    found = metric_problems(metrics, whole_service=whole_service(spec))
    late = (str(problem) for problem in imposed_delays(spec, policy.guards))
    return replace(policy, problem="; ".join([*(problem.message for problem in found), *late]))


def problems_of(rollout: Rollout) -> tuple[FieldProblem, ...]:
    """Everything that is wrong with a Rollout's spec, beside the policies that hold for it.

    What a policy defines that is not understood itself nobody knows.
    """
    metrics = {one.name: None if one.problem else one.metrics for one in rollout.policies}
    return problems(rollout.spec, metrics)
