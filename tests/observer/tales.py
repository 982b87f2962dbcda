"""Made-up histories for the invariants' own tests: no server, a clock that is moved by hand."""

from __future__ import annotations

import copy
from typing import Any

from tests.observer.docket import Docket
from tests.observer.happenings import KINDS, OPERATOR, Body, Kind, Write, uid_of
from tests.observer.watches import Told

Object = dict[str, Any]
NAMESPACE = "shop"
OLD, NEW = "aaaaaaaaaa", "bbbbbbbbbb"
BEGIN_S = 1_000_000.0
SETTLED_S = 100.0
KIND_OF = {kind.kind: kind for kind in KINDS}


def kind_of(body: Body) -> Kind:
    """The kind of an object, as it is watched."""
    return KIND_OF[str(body["kind"])]


def thing(kind: str, name: str, uid: str = "", **parts: Any) -> Object:
    """Any object of the shop."""
    meta = {"name": name, "namespace": NAMESPACE, "uid": uid or f"{kind}-{name}"}
    return {"kind": kind, "metadata": {**meta, **parts.pop("metadata", {})}, **parts}


def rollout(**status: Any) -> Object:
    """A Rollout of four pods with two phases; without a status it is at rest."""
    istio = {
        "virtualServices": [{"name": "shop", "routes": ["primary"]}],
        "destinationRule": {"name": "shop"},
    }
    spec = {
        "replicas": 4,
        "template": {"image": "v1"},
        "traffic": {"istio": istio},
        "drain": {"min": "2s"},
        "phases": [
            {"name": "ten", "weight": 10, "hold": "5s", "gates": [{"metric": "errors"}]},
            {"name": "half", "weight": 50, "hold": "5s"},
        ],
    }
    rest = {"state": "Healthy", "message": "serves", "stableRevision": OLD, "observedGeneration": 1}
    meta = {"generation": 1}
    return thing("Rollout", "shop", metadata=meta, spec=spec, status={**rest, **status})


def run(number: int = 1, to: str = NEW, stage: str = "Phase", **more: Any) -> Object:
    """A run that is on."""
    return {"number": number, "from": OLD, "to": to, "stage": stage, "history": [], **more}


def entry(what: str, reason: str, at: str = "2026-01-01T00:00:20Z") -> Object:
    """One entry of a journal."""
    return {"at": at, "what": what, "reason": reason, "message": "m"}


def routes(canary: int = 0, stable: int | None = None) -> Object:
    """The VirtualService: a route of somebody else's, and the managed one."""
    share = {"stable": 100 - canary if stable is None else stable, "canary": canary}
    managed = [
        {"destination": {"host": "shop", "subset": role}, "weight": weight}
        for role, weight in share.items()
    ]
    legacy = {"name": "legacy", "route": [{"destination": {"host": "legacy"}}]}
    spec = {"http": [legacy, {"name": "primary", "retries": {"attempts": 3}, "route": managed}]}
    return thing("VirtualService", "shop", spec=spec)


def rule(stable: str = OLD, canary: str = OLD) -> Object:
    """The DestinationRule with what its two subsets select."""
    subsets = [
        {"name": name, "labels": {"tidegate.io/revision": revision}}
        for name, revision in (("stable", stable), ("canary", canary))
    ]
    return thing("DestinationRule", "shop", spec={"host": "shop", "subsets": subsets})


def replica_set(revision: str, replicas: int, name: str = "", **meta: Any) -> Object:
    """A ReplicaSet of the Rollout."""
    owner = {"kind": "Rollout", "uid": "Rollout-shop", "controller": True}
    labels = {"tidegate.io/rollout": "shop", "tidegate.io/revision": revision}
    found = {"labels": labels, "ownerReferences": [owner], **meta}
    return thing(
        "ReplicaSet", name or f"shop-{revision}", metadata=found, spec={"replicas": replicas}
    )


def pod(revision: str, number: int, *, ready: bool = True) -> Object:
    """One pod of a revision."""
    labels = {"tidegate.io/rollout": "shop", "tidegate.io/revision": revision}
    conditions = [{"type": "Ready", "status": str(ready)}]
    return thing(
        "Pod",
        f"{revision}-{number}",
        metadata={"labels": labels},
        status={"conditions": conditions},
    )


class Tale:
    """Tells a docket what happens, one version after the other."""

    def __init__(self) -> None:
        self.docket = Docket()
        self.now_s = BEGIN_S
        self._version = 1

    def stands(self, *bodies: Object) -> Tale:
        """These objects were made by others."""
        for body in bodies:
            self._tell("there", body)
        return self

    def shop(self, *, weight: int = 0, canary: str = OLD, pods: int = 4) -> Tale:
        """The whole shop at rest, or with a canary of `pods` ready pods and a share."""
        self.stands(rollout(), rule(canary=canary), routes(weight), replica_set(OLD, 4))
        self.stands(*(pod(OLD, number) for number in range(4)))
        if canary != OLD:
            self.stands(replica_set(canary, pods))
            self.stands(*(pod(canary, number) for number in range(pods)))
        return self.later(SETTLED_S)

    def operator(self, *bodies: Object, epoch: int = 1) -> Tale:
        """The operator writes these objects, as they are then."""
        for body in bodies:
            self.log(body, epoch=epoch)
            self._tell("there", body)
        return self

    def operator_deletes(self, body: Object) -> Tale:
        """The operator deletes it."""
        condition = {"preconditions": {"uid": uid_of(body)}}
        self.docket.log(self.write(body, verb="delete", request=condition))
        self._tell("gone", body)
        return self

    def gone(self, *bodies: Object) -> Tale:
        """Somebody else deleted these."""
        for body in bodies:
            self._tell("gone", body)
        return self

    def listed_again(self, *bodies: Object) -> Tale:
        """A watch began anew and finds these of their kind, and no others."""
        kind = kind_of(bodies[0])
        for body in bodies:
            self._tell("there", body, again=True)
        self._version += 1
        listed = frozenset((NAMESPACE, str(body["metadata"]["name"])) for body in bodies)
        self.docket.tell(Told("listed", kind, self.now_s, self._version, None, True, listed))
        return self

    def log(self, body: Object, *, epoch: int = 1, version: int | None = None) -> None:
        """The audit log tells of an update of the operator's."""
        request = {"metadata": {"resourceVersion": "7"}}
        made = self._version + 1 if version is None else version
        self.docket.log(self.write(body, epoch=epoch, request=request, version=made))

    def write(self, body: Object, **changes: Any) -> Write:
        """One request of the operator's about that object."""
        epoch = changes.pop("epoch", 1)
        fields: dict[str, Any] = {
            "at_s": self.now_s,
            "user": OPERATOR,
            "agent": f"tidegate/0.1.0 epoch/{epoch}",
            "verb": "update",
            "plural": kind_of(body).plural,
            "namespace": NAMESPACE,
            "name": str(body["metadata"]["name"]),
            "uid": uid_of(body),
        }
        return Write(**(fields | changes))

    def later(self, seconds: float) -> Tale:
        """Time passes."""
        self.now_s += seconds
        return self

    def said(self) -> list[str]:
        """What the invariants object to, once all is judged."""
        self.docket.judge(self.now_s + 1, self.now_s + 1)
        return [str(objection) for objection in self.docket.objections]

    def names(self) -> set[str]:
        """The invariants that object."""
        return {text.partition(":")[0] for text in self.said()}

    def _tell(self, what: Any, body: Object, *, again: bool = False) -> None:
        self._version += 1
        self.now_s += 0.001
        told = copy.deepcopy(body)
        told["metadata"]["resourceVersion"] = str(self._version)
        self.docket.tell(Told(what, kind_of(body), self.now_s, self._version, told, again))
