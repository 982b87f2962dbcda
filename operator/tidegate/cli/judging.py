"""What is wrong with a RolloutPolicy in a file, and what the policies of the files do to a Rollout.

The sentences are the operator's. What is not in the files is not known here: a policy that a
Rollout names may be in the cluster, and so may the labels of a namespace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tidegate.adapters.windows import zone_problems
from tidegate.api.checks import Bound, Metric
from tidegate.api.constants import API_VERSION
from tidegate.api.meta import Meta
from tidegate.api.policy import RolloutPolicySpec
from tidegate.api.policy_checks import applied_to, matching, policy_problems, read_policy
from tidegate.api.problems import FieldProblem, SpecError
from tidegate.api.rollout import Rollout
from tidegate.api.validation import Theirs
from tidegate.api.walk import walk
from tidegate.api.wire import as_object, read_strictly
from tidegate.cli.manifests import Document
from tidegate.ports.metrics import Subject


def version_problem(body: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """That an object of ours is of a version that is not known here."""
    if body.get("apiVersion") != API_VERSION:
        yield FieldProblem(
            "apiVersion", f"{body.get('apiVersion')!r} is not known here; use {API_VERSION}"
        )


def policy_errors(body: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Everything that is wrong with a RolloutPolicy, with the place of each."""
    wrong = tuple(version_problem(body))
    if wrong:
        yield from wrong
        return
    try:
        name = Meta.parse(body).name
        spec = read_strictly(RolloutPolicySpec, body.get("spec"), "spec")
    except SpecError as error:
        yield from error.problems
        return
    yield from policy_problems(spec)
    yield from zone_problems(spec.freeze)
    yield from unfilled(spec.metrics, Subject("namespace", name, "revision", "", ""))


def unfilled(metrics: Sequence[Metric], subject: Subject) -> Iterator[FieldProblem]:
    """Queries whose variables are unknown or out of place: the operator would say so in a run."""
    # Its package brings aiohttp along, which other commands need not load.
    from tidegate.adapters.prometheus.render import RenderError, render  # noqa: PLC0415 — as above

    for index, metric in enumerate(metrics):
        for field in ("query", "samples"):
            text = getattr(metric, field)
            try:
                render(text or "", subject, metric.window_s)
            except RenderError as error:
                yield FieldProblem(f"spec.metrics[{index}].{field}", str(error))


class FoundPolicies:
    """The policies of all files, and the labels of the namespaces that stand beside them."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._policies = [
            read_policy(one.body)
            for one in documents
            if one.is_policy and not tuple(policy_errors(one.body))
        ]
        self._labels = {
            str(as_object(one.body.get("metadata")).get("name")): _labels(one.body)
            for one in documents
            if one.body.get("kind") == "Namespace" and not one.group
        }

    def applied(self, rollout: Rollout, body: Mapping[str, Any]) -> tuple[Rollout, Theirs]:
        """The Rollout with those that surely hold for it, and the metrics of all by their names.

        None stands for metrics that the files do not tell of.
        """
        unknown = f"the labels of namespace {rollout.namespace!r} are in none of the files"
        labels = self._labels.get(rollout.namespace)
        found = matching(self._policies, _labels(body), labels, unknown)
        sure = applied_to(rollout.spec, [one for one in found if one.problem != unknown])
        theirs: dict[str, Sequence[Metric] | None] = {}
        theirs |= dict.fromkeys(_asked(rollout) - {one.name for one in self._policies})
        theirs |= {one.name: None for one in found}
        theirs |= {one.name: one.metrics for one in sure if not one.problem}
        return replace(rollout, policies=sure), theirs


def policy_obstacles(rollout: Rollout) -> Iterator[FieldProblem]:
    """Why a policy of the files cannot hold for that very Rollout, as its status would say."""
    for policy in rollout.policies:
        if policy.surplus:
            yield FieldProblem("spec", policy.surplus)
        if policy.problem and not policy.tells_only(rollout.spec.mode):
            message = f"RolloutPolicy {policy.name} cannot be applied: {policy.problem}"
            yield FieldProblem("spec", message)


def _asked(rollout: Rollout) -> set[str]:
    """The policies whose metrics a Rollout names."""
    bounds = (place.value for place in walk(rollout.spec, "spec"))
    metrics = (one.metric or "" for one in bounds if isinstance(one, Bound))
    return {metric.rpartition("/")[0] for metric in metrics} - {""}


def _labels(body: Mapping[str, Any]) -> dict[str, str]:
    found = as_object(as_object(body.get("metadata")).get("labels"))
    return {str(key): str(value) for key, value in found.items()}
