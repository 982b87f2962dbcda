"""Whether a disturbed run ended as an undisturbed one: the same objects, by the same writes."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.faults.calls import Call
from tests.faults.direct import Direct, Object

KINDS = (
    "Rollout",
    "RolloutRun",
    "RolloutAction",
    "Deployment",
    "ReplicaSet",
    "Job",
    "Service",
    "VirtualService",
    "DestinationRule",
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
JOB_DIGEST = re.compile(r"(shop-\d+-[a-z0-9-]+)-[0-9a-f]{10}\b")
"""The name of a hook's Job ends with a digest of the Rollout's uid, among others."""
EPOCH = "tidegate.io/epoch"
EPOCH_POINTER = EPOCH.replace("/", "~1")
MASKED = frozenset(
    {
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "managedFields",
        "generation",
        "observedGeneration",
        "clusterIP",
        "clusterIPs",
        "epoch",
        EPOCH,
        "controller-uid",
        "batch.kubernetes.io/controller-uid",
    }
)
UNCOUNTED = frozenset({"leases", "events"})
"""Leases are renewed by time, and events are best effort; both are no part of the outcome."""


@dataclass(frozen=True)
class Outcome:
    """The masked objects by kind and name, and the accepted writes by label and content."""

    objects: Mapping[str, Any]
    writes: Counter[str]
    effects: Counter[str]


def outcome_of(direct: Direct, namespace: str, calls: Iterable[Call]) -> Outcome:
    """What there is in a namespace, and what the calls did to it."""
    objects = {
        f"{kind} {masked(body['metadata']['name'], namespace)}": masked(body, namespace)
        for kind in KINDS
        for body in direct.list(kind, namespace)
    }
    found = (masked(_pod(body), namespace) for body in direct.list("Pod", namespace))
    pods = sorted(json.dumps(pod, sort_keys=True) for pod in found)
    counted = [c for c in calls if c.write and c.accepted and c.kind not in UNCOUNTED]
    effects = [c for c in counted if not is_claim(c)]
    return Outcome(
        {**objects, "Pods": pods},
        Counter(call.label for call in counted),
        Counter(call.label for call in effects),
    )


def masked(value: Any, namespace: str) -> Any:
    """The value without what differs from run to run: times, uids, versions, epochs, namespaces."""
    if isinstance(value, dict):
        return {key: masked(inner, namespace) for key, inner in value.items() if key not in MASKED}
    if isinstance(value, list):
        return [masked(inner, namespace) for inner in value]
    if isinstance(value, str):
        told = TIME.sub("TIME", value.replace(namespace, "NAMESPACE"))
        return JOB_DIGEST.sub(r"\1-DIGEST", told)
    return value


def _pod(body: Object) -> Object:
    conditions = body.get("status", {}).get("conditions") or []
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    leaving = "deletionTimestamp" in body["metadata"]
    return {"labels": body["metadata"].get("labels"), "ready": ready, "leaving": leaving}


def is_claim(call: Call) -> bool:
    """Whether a patch only puts a leader's epoch on an object, or takes it off again."""
    if call.method != "PATCH":
        return False
    try:
        operations = json.loads(call.body)
    except ValueError:
        return False
    if not isinstance(operations, list):
        return False
    changes = [one for one in operations if one.get("op") != "test"]
    return bool(changes) and all(_about_epoch(one) for one in changes)


def _about_epoch(operation: Mapping[str, Any]) -> bool:
    path, value = operation.get("path", ""), operation.get("value")
    if path.endswith(EPOCH_POINTER):
        return True
    alone = path == "/metadata/annotations"
    return alone and (operation.get("op") == "remove" or list(value or ()) == [EPOCH])


def differences(found: Outcome, reference: Outcome) -> list[str]:
    """In words, each object that is not as in the reference."""
    told = []
    for name in sorted(set(found.objects) | set(reference.objects)):
        ours, theirs = found.objects.get(name), reference.objects.get(name)
        if ours != theirs:
            told += [f"{name}{where}" for where in _where(ours, theirs, "")]
    return told


def _where(ours: Any, theirs: Any, path: str) -> list[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            told
            for key in sorted({*ours, *theirs})
            if ours.get(key) != theirs.get(key)
            for told in _where(ours.get(key), theirs.get(key), f"{path}.{key}")
        ]
    return [f"{path}: {json.dumps(ours)} instead of {json.dumps(theirs)}"]


# ------------------------------------------------------------------ how much was written

EXACT = frozenset(
    {"virtualservices", "destinationrules", "services", "replicasets", "jobs", "POST rolloutruns"}
)
"""What acts on the world happens exactly as often as in the reference, whatever went wrong."""
SPARE = {
    "PUT rollouts/status": 6,
    "PATCH rolloutruns/status": 3,
    "PATCH rolloutactions/status": 1,
}
"""How many more of the others one crash may cost.

A status: the epoch that the new leader writes before it decides; what was being recorded, once
more; what depends on how fast pods got ready (the reference itself differs by two). A run's
record and an action's answer: the one that was on its way, written again.
"""


def excess(found: Outcome, reference: Outcome, disturbances: int) -> list[str]:
    """In words, each kind of write that came too often (or, where it must be exact, not enough)."""
    told = []
    for label in sorted({*found.effects, *reference.effects}):
        ours, theirs = found.effects[label], reference.effects[label]
        exact = label in EXACT or label.split()[1] in EXACT
        spare = SPARE.get(label, 0) * max(disturbances, 1)
        if ours > theirs + (0 if exact else spare) or (exact and ours < theirs):
            told.append(f"{label}: {ours} times instead of {theirs}")
    return told
