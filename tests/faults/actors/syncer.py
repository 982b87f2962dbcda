"""A GitOps syncer: what Git holds is applied again every few seconds, whoever changed it."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from sandbox.kube import Api
from tests.cluster.direct import Object, applied, found, path_to
from tests.faults.actors.actor import Actor, Place

MANAGER = "gitops-syncer"


class Syncer(Actor):
    """Applies its manifests server-side under a field manager of its own, with force.

    With `ignore_weights` it leaves alone what an ignore rule names, as Argo CD's
    RespectIgnoreDifferences does: weights of routes and labels of subsets are taken from the
    cluster before the manifests are applied. Without, they are put back to what Git holds.
    """

    period_s = 1.5

    def __init__(
        self,
        place: Place,
        seed: str,
        manifests: Sequence[Object],
        *,
        ignore_weights: bool,
        period_s: float | None = None,
    ) -> None:
        super().__init__(place, seed, period_s=period_s)
        self._manifests = [copy.deepcopy(body) for body in manifests]
        self._ignore = ignore_weights

    def deed(self) -> str:
        """One sync."""
        for manifest in self._manifests:
            body = self._respecting(manifest) if self._ignore else manifest
            applied(self.place.api, body, manager=MANAGER)
        return "synced"

    def _respecting(self, manifest: Object) -> Object:
        kind = manifest["kind"]
        if kind not in ("VirtualService", "DestinationRule"):
            return manifest
        body = copy.deepcopy(manifest)
        live = _live(self.place.api, body)
        if live is None:
            return body
        if kind == "VirtualService":
            _take_weights(live, body)
        else:
            _take_labels(live, body)
        return body


def _live(api: Api, body: Object) -> Object | None:
    meta = body["metadata"]
    return found(api, path_to(body["kind"], meta["namespace"], meta["name"]))


def _take_weights(live: Object, body: Object) -> None:
    for here, there in zip(body["spec"]["http"], live["spec"]["http"], strict=True):
        for mine, theirs in zip(here["route"], there["route"], strict=True):
            mine["weight"] = theirs.get("weight", 0)
    body["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]


def _take_labels(live: Object, body: Object) -> None:
    for mine, theirs in zip(body["spec"]["subsets"], live["spec"]["subsets"], strict=True):
        if "labels" in theirs:
            mine["labels"] = theirs["labels"]
    body["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
