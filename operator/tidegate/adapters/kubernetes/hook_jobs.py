"""A hook's Job: made from a CronJob's template, and read as one try of the hook.

One pod, once: no retries of Kubernetes' own (`backoffLimit: 0`, `restartPolicy: Never`), a hard end
at the hook's timeout, and nothing in it that would keep it from starting. Everything else is the
CronJob's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, Final

from tidegate.adapters.hooks.words import harmless
from tidegate.adapters.kubernetes.replica_sets import owner_reference, rollout_label
from tidegate.adapters.kubernetes.resources import JOBS, Body
from tidegate.api.constants import LABEL_HOOK, LABEL_ROLLOUT
from tidegate.api.hook_status import HookStatus
from tidegate.api.hooks import HookWork
from tidegate.api.rollout import Rollout
from tidegate.api.scalars import parse_timestamp
from tidegate.core.observation import HookSight, HookView

KEPT_S: Final = 24 * 3600
"""How long a finished Job stays to be looked at; its result is in the status long before."""
ANSWERED: Final = {"Complete": HookSight.SUCCEEDED, "Failed": HookSight.FAILED}
LEFT_OUT: Final = (
    "selector",
    "manualSelector",
    "podFailurePolicy",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
    "completions",
    "parallelism",
    "completionMode",
    "successPolicy",
)
"""What belongs to another Job, or would start more than one pod."""


def facts_of(rollout: Rollout, entry: HookStatus) -> dict[str, str | int]:
    """What a hook is told, in a Job by its environment and in a call by its content."""
    return {
        "rollout": rollout.name,
        "namespace": rollout.namespace,
        "run": entry.run,
        "phase": entry.phase,
        "hook": entry.name,
        "revision": entry.revision,
        "stableRevision": entry.stable_revision,
        "weight": entry.weight,
    }


def environment(rollout: Rollout, entry: HookStatus) -> list[dict[str, str]]:
    """The same as variables TIDEGATE_ROLLOUT, TIDEGATE_STABLE_REVISION and so on."""
    names = {"stableRevision": "STABLE_REVISION"}
    return [
        {"name": f"TIDEGATE_{names.get(name, name.upper())}", "value": str(value)}
        for name, value in facts_of(rollout, entry).items()
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a Job is made for: its end after `timeout_s`, kept `kept_s` after it, told `told`."""

    name: str
    timeout_s: float
    kept_s: int
    labels: Mapping[str, str]
    told: list[dict[str, str]]


def job_body(rollout: Rollout, hook: HookWork, entry: HookStatus, cron_job: Body) -> dict[str, Any]:
    """The Job of one try. Raises ValueError for a CronJob that has no usable template."""
    order = Order(
        name=entry.job,
        timeout_s=hook.timeout_s,
        kept_s=KEPT_S,
        labels={LABEL_HOOK: entry.name},
        told=environment(rollout, entry),
    )
    return ordered(rollout, order, cron_job)


def ordered(rollout: Rollout, order: Order, cron_job: Body) -> dict[str, Any]:
    """A Job of the Rollout, from the template of that CronJob. Raises ValueError as above."""
    template = _object((cron_job.get("spec") or {}).get("jobTemplate"))
    metadata, spec = _object(template.get("metadata")), deepcopy(_object(template.get("spec")))
    pod = _object(_object(spec.get("template")).get("spec"))
    if not pod.get("containers"):
        raise ValueError("has no containers in spec.jobTemplate.spec.template")
    for field in LEFT_OUT:
        spec.pop(field, None)
    spec |= {
        "backoffLimit": 0,
        "activeDeadlineSeconds": ceil(order.timeout_s),
        "ttlSecondsAfterFinished": order.kept_s,
        "suspend": False,
    }
    pod["restartPolicy"] = "Never"
    for kind in ("initContainers", "containers"):
        for container in pod.get(kind) or ():
            container["env"] = _with(container.get("env") or (), order.told)
    labels = {**_object(metadata.get("labels")), LABEL_ROLLOUT: rollout_label(rollout)}
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": {
            "name": order.name,
            "namespace": rollout.namespace,
            "labels": {**labels, **order.labels},
            "annotations": dict(_object(metadata.get("annotations"))),
            "ownerReferences": [owner_reference(rollout)],
        },
        "spec": spec,
    }


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _with(
    known: Iterable[Mapping[str, Any]], told: list[dict[str, str]]
) -> list[Mapping[str, Any]]:
    """The variables with ours last, in the place of any of the same name."""
    names = {one["name"] for one in told}
    return [*(one for one in known if one.get("name") not in names), *told]


def view_of_job(job: Body, pods: Iterable[Body] = ()) -> HookView:
    """How the try goes that the Job is; `pods` are its own, for their last words."""
    status = job.get("status") or {}
    since = _created_at(job)
    for condition in status.get("conditions") or ():
        sight = ANSWERED.get(str(condition.get("type")))
        if sight is not None and condition.get("status") == "True":
            code, words = last_words(pods)
            why = _why(condition) if sight is HookSight.FAILED else ""
            said = "; ".join(filter(None, (words, why)))
            return HookView(sight, harmless(said), code, since)
    if not status.get("active"):
        return HookView(HookSight.RUNNING, "its Job has no pod yet", since=since)
    waits = "" if status.get("ready") else "its pod is not ready yet"
    return HookView(HookSight.RUNNING, waits, since=since)


def finished(job: Body) -> bool:
    """Whether the Job came to an end, good or bad."""
    return view_of_job(job).sight is not HookSight.RUNNING


def _created_at(job: Body) -> datetime | None:
    said = job["metadata"].get("creationTimestamp")
    return parse_timestamp(str(said)) if said else None


def _why(condition: Mapping[str, Any]) -> str:
    return ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))


def last_words(pods: Iterable[Body]) -> tuple[int | None, str]:
    """The exit code and termination message of the container that failed, else of the first.

    Of a pod that never started: what it waits for.
    """
    newest = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp")))[-1:]
    for pod in newest:
        status = pod.get("status") or {}
        states = [
            _object(one.get("state"))
            for kind in ("initContainerStatuses", "containerStatuses")
            for one in status.get(kind) or ()
        ]
        ended = [state["terminated"] for state in states if state.get("terminated")]
        waiting = [state["waiting"] for state in states if state.get("waiting")]
        if ended and not waiting:
            of = next((one for one in ended if one.get("exitCode")), ended[-1])
            return of.get("exitCode"), str(of.get("message") or "")
        for one in (*waiting, *_unscheduled(status)):
            return None, _why(one)
    return None, ""


def _unscheduled(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        condition
        for condition in status.get("conditions") or ()
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False"
    ]
