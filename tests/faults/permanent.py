"""Faults that stay: what each does, how a release may end under it, and what has to be said.

Faults that heal hide livelocks; these do not heal (TigerBeetle calls it liveness mode). A new fault
joins by one entry of `FAULTS`, and then all pairs with it are tried, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.provider import Provider
from tests.faults.rules import Refuse, Rule
from tests.faults.trial import Trial

Object = dict[str, Any]

PROMOTED, REVERTED, HELD, INVALID = "Healthy", "Reverted", "Progressing", "Invalid"
"""`Progressing` counts as an end only with a reason in the status: somebody has to do something."""
CONFLICTS = 8
READY = "sandbox.tidegate.io/ready"


class Moody(Provider):
    """The scripted Prometheus, which can also answer what no Prometheus should."""

    garbage = False

    def answer(self, query: str, at_s: float) -> dict[str, Any]:
        """As scripted, or a matrix of words where one number was asked for."""
        if not self.garbage:
            return super().answer(query, at_s)
        series = [{"metric": {}, "values": [["soon", "many"]]}]
        return {"status": "success", "data": {"resultType": "matrix", "result": series}}


@dataclass(frozen=True)
class Fault:
    """One permanent fault.

    `before` is done before the release, `midway` while the canary has half of the traffic. `ends`
    are the states in which the release may come to rest, `says` are words of which one must stand
    in the status unless it was promoted. `routes_stuck`: the weights stay what they were.
    """

    ends: frozenset[str]
    says: tuple[str, ...] = ()
    before: Callable[[Trial], object] = lambda _trial: None
    midway: Callable[[Trial], object] | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    """Annotations of the new revision's pods."""
    routes_stuck: bool = False


def _refused(code: int, kind: str, **which: Any) -> Callable[[Trial], object]:
    rule: dict[str, Any] = {"kind": kind, "writes": True, "times": None} | which
    return lambda trial: trial.proxy.rules.add(Rule(Refuse(code), **rule))


def _garbage(trial: Trial) -> None:
    assert isinstance(trial.provider, Moody)
    trial.provider.garbage = True


def _deleted(kind: str) -> Callable[[Trial], object]:
    return lambda trial: trial.direct.delete(kind, trial.namespace, trial.shop.name)


def _no_more_pods(trial: Trial) -> None:
    """A quota that the stable pods use up."""
    path = f"/api/v1/namespaces/{trial.namespace}/resourcequotas"
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "full", "namespace": trial.namespace},
        "spec": {"hard": {"pods": str(trial.shop.replicas)}},
    }
    trial.direct.request("POST", path, quota)


def _canary_fails(trial: Trial) -> None:
    """Every canary pod loses its readiness and does not get it back."""
    canary = trial.canary()
    for pod in trial.direct.list("Pod", trial.namespace):
        if pod["metadata"]["labels"].get("tidegate.io/revision") == canary:
            change = {"metadata": {"annotations": {READY: "never"}}}
            trial.direct.merge("Pod", trial.namespace, pod["metadata"]["name"], change)


NO_PODS = ("pods of the new revision were ready",)
BLIND = ("could not be measured", "error-rate")
REFUSED = ("refuses a write",)
FAILING = ("keeps failing a write",)

FAULTS: dict[str, Fault] = {
    "the metrics server is gone midway": Fault(
        frozenset({REVERTED}), BLIND, midway=lambda trial: trial.provider.stop()
    ),
    "the metrics server is gone from the start": Fault(
        frozenset({HELD, REVERTED}), BLIND, before=lambda trial: trial.provider.stop()
    ),
    "the metrics server answers garbage": Fault(frozenset({REVERTED}), BLIND, midway=_garbage),
    "new pods never get ready": Fault(frozenset({REVERTED}), NO_PODS, notes={READY: "never"}),
    "new pods crash": Fault(frozenset({REVERTED}), NO_PODS, notes={READY: "crash"}),
    "the canary's pods fail midway": Fault(frozenset({REVERTED}), NO_PODS, midway=_canary_fails),
    "a quota leaves no room for pods": Fault(frozenset({REVERTED}), NO_PODS, before=_no_more_pods),
    "ReplicaSets may not be made": Fault(
        frozenset({REVERTED, INVALID}),
        (*NO_PODS, "spec.template is refused"),
        before=_refused(403, "replicasets", method="POST"),
    ),
    "routes may not be written (403)": Fault(
        frozenset({HELD, REVERTED}),
        REFUSED,
        before=_refused(403, "virtualservices"),
        routes_stuck=True,
    ),
    "route writes fail (500)": Fault(
        frozenset({HELD, REVERTED}),
        FAILING,
        before=_refused(500, "virtualservices"),
        routes_stuck=True,
    ),
    "destinations may not be written (403)": Fault(
        frozenset({HELD, REVERTED}), REFUSED, before=_refused(403, "destinationrules")
    ),
    "events are refused": Fault(frozenset({PROMOTED}), before=_refused(403, "events")),
    "runs are not recorded": Fault(frozenset({PROMOTED}), before=_refused(403, "rolloutruns")),
    "the status meets conflicts": Fault(
        frozenset({PROMOTED}),
        before=_refused(409, "rollouts", subresource="status", times=CONFLICTS),
    ),
    "the watch of routes is silent": Fault(
        frozenset({PROMOTED}), before=lambda trial: trial.proxy.silence("virtualservices")
    ),
    "the watch of ReplicaSets is silent": Fault(
        frozenset({PROMOTED, REVERTED}),
        NO_PODS,
        before=lambda trial: trial.proxy.silence("replicasets"),
    ),
    "the VirtualService is deleted": Fault(
        frozenset({INVALID}), ("not found",), midway=_deleted("VirtualService"), routes_stuck=True
    ),
    "the DestinationRule is deleted": Fault(
        frozenset({INVALID}), ("not found",), midway=_deleted("DestinationRule"), routes_stuck=True
    ),
}

NO_STATUS = Fault(frozenset(), before=_refused(403, "rollouts", subresource="status"))
"""Nothing can be said on the object itself, so no end can be reached: a case of its own."""
