"""Somebody who tidies up by hand and deletes ReplicaSets."""

from __future__ import annotations

from tests.cluster.direct import Object, path_to
from tests.faults.actors.actor import Actor, Place

REVISION = "tidegate.io/revision"


class SetDeleter(Actor):
    """Deletes a ReplicaSet of the shop, its pods with it; `only` picks one revision."""

    period_s = 2.5

    def __init__(
        self, place: Place, seed: str, *, only: str | None = None, period_s: float | None = None
    ) -> None:
        super().__init__(place, seed, period_s=period_s)
        self._only = only

    def deed(self) -> str:
        """One deletion."""
        items = self.place.api.get(path_to("ReplicaSet", self.place.namespace))["items"]
        found = sorted(
            (body for body in items if self._meant(body)), key=lambda b: str(b["metadata"]["name"])
        )
        if not found:
            return ""
        name = self.random.choice(found)["metadata"]["name"]
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        path = path_to("ReplicaSet", self.place.namespace, name)
        self.place.api.request("DELETE", path, options)
        return f"deleted {name}"

    def _meant(self, body: Object) -> bool:
        revision = body["metadata"].get("labels", {}).get(REVISION)
        return self._only is None or revision == self._only
