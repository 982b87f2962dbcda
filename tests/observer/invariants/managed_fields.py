"""I13: the operator changes what it manages and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from tests.observer.differences import differences, shown
from tests.observer.happenings import Body, Change
from tests.observer.invariants.workloads import taken_by
from tests.observer.routes import PODS, REVISION, header_routes
from tests.observer.world import World

EPOCH = "tidegate.io/epoch"
FINALIZER = "tidegate.io/traffic"
OF_THE_SERVER = ("resourceVersion", "generation", "managedFields")
"""Metadata that the API server keeps by itself."""
WRITTEN = frozenset(
    {"VirtualService", "HTTPRoute", "DestinationRule", "Service", "ReplicaSet", "Rollout"}
    | {"Deployment"}
    | {"RolloutRun", "RolloutAction", "Lease"}
)
"""Kinds whose objects the operator changes at all."""


def only_managed_fields(change: Change, world: World) -> Iterator[str]:
    """I13: an operator's change touches weights of managed routes, header routes of that Rollout
    (I21 looks at those), labels of the two subsets, the revision (or, on the way back, the pods of
    a Deployment) in a Service's selector, the size of a ReplicaSet and of a Deployment that a
    Rollout names, statuses, its finalizer on a Rollout, and its epoch's mark.

    Everything else stays byte-equal (Argo Rollouts #2266 lost retries, #4831 left destinations).
    """
    if not (change.by_operator and change.step):
        return
    if change.kind not in WRITTEN:
        yield f"the operator changed a {change.kind}, {'/'.join(change.key)}"
        return
    assert change.before is not None, "a step has both sides"
    assert change.after is not None, "a step has both sides"
    before, after = (_plain(body) for body in (change.before, change.after))
    for body in (before, after):
        _leave_out(change, body, world)
    for path, old, new in differences(before, after):
        yield f"{path}: {shown(old)} -> {shown(new)}, which is not the operator's"


def _plain(body: Body) -> dict[str, Any]:
    """The object without what the server keeps and without the mark of the epoch."""
    plain: dict[str, Any] = copy.deepcopy(dict(body))
    found = plain.get("metadata", {})
    for name in OF_THE_SERVER:
        found.pop(name, None)
    annotations = found.get("annotations")
    if annotations is not None:
        annotations.pop(EPOCH, None)
        if not annotations:
            del found["annotations"]
    return plain


def _leave_out(change: Change, body: dict[str, Any], world: World) -> None:
    """Take out of the object what the operator may change in it."""
    spec = body.get("spec") or {}
    match change.kind:
        case "Rollout":
            body.pop("status", None)
            _leave_out_finalizer(body)
        case "RolloutRun" | "RolloutAction":
            body.pop("status", None)
        case "Lease":
            body.pop("spec", None)
        case "ReplicaSet" | "Deployment":
            _leave_out_size(change, spec, world)
        case "Service":
            _leave_out_selection(spec.get("selector") or {})
        case "VirtualService" | "HTTPRoute":
            _leave_out_weights(change, body, world)
        case "DestinationRule":
            for _, claim in world.claims_on(change.kind, change.key):
                for subset in spec.get("subsets") or ():
                    if subset.get("name") in claim.subsets:
                        subset.pop("labels", None)
        case _:
            pass


def _leave_out_size(change: Change, spec: dict[str, Any], world: World) -> None:
    if change.kind == "ReplicaSet" or taken_by(world, change.key):
        spec.pop("replicas", None)


def _leave_out_selection(selector: dict[str, Any]) -> None:
    for label in (REVISION, PODS):
        selector.pop(label, None)


def _leave_out_finalizer(body: dict[str, Any]) -> None:
    """The operator holds a Rollout in a run by a finalizer of its own; others stay as they are."""
    meta = body.get("metadata", {})
    left = [name for name in meta.pop("finalizers", None) or () if name != FINALIZER]
    if left:
        meta["finalizers"] = left


def _leave_out_weights(change: Change, body: dict[str, Any], world: World) -> None:
    for _, claim in world.claims_on(change.kind, change.key):
        for route in world.shares_in(claim, body):
            entries: Any = body
            for step in route.entries:
                entries = entries[step]
            for place in route.places:
                entries[place].pop("weight", None)
        if claim.managed is not None:
            _leave_out_made(body["spec"])
        listed = body["spec"].get("rules" if claim.kind == "HTTPRoute" else "http")
        for place, _ in reversed(header_routes(claim, body)):
            del listed[place]


def _leave_out_made(spec: dict[str, Any]) -> None:
    """Of a route that was made for the Rollout the spec says hosts, gateways and port, too."""
    for field in ("hosts", "gateways", "hostnames", "parentRefs"):
        spec.pop(field, None)
    for route in spec.get("http") or ():
        for entry in route.get("route") or ():
            entry.get("destination", {}).pop("port", None)
    for rule in spec.get("rules") or ():
        for ref in rule.get("backendRefs") or ():
            ref.pop("port", None)
