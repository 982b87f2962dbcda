"""Stable ReplicaSets that somebody deleted while this process looked on.

While another template is current, nothing in the cluster holds the stable one any more: the last
version that was watched is what it can be made from again. After a restart it is forgotten, and
then the status says what is lost.
"""

from __future__ import annotations

from typing import Any, Final

from tidegate.adapters.kubernetes.replica_sets import owned_by, revision_of_set
from tidegate.adapters.kubernetes.resources import Body, Key
from tidegate.api.constants import ANNOTATION_EPOCH

LOST_KEPT: Final = 1000
"""Rollouts of which a lost ReplicaSet is remembered, one each; the oldest gives way."""


class LostSets:
    """At most one ReplicaSet for each Rollout: the one that was stable when it went."""

    def __init__(self) -> None:
        self._bodies: dict[Key, Body] = {}

    def remember(self, rollout: Body | None, key: Key, body: Body) -> None:
        """Keep a ReplicaSet that is gone, if it is the stable one of that Rollout."""
        if rollout is None or rollout["metadata"].get("deletionTimestamp"):
            return
        stable = (rollout.get("status") or {}).get("stableRevision")
        if not stable or revision_of_set(body) != stable:
            return
        self._bodies.pop(key, None)
        self._bodies[key] = body
        if len(self._bodies) > LOST_KEPT:
            del self._bodies[next(iter(self._bodies))]

    def of(self, key: Key, uid: str) -> Body | None:
        """What is remembered of that Rollout, which is the one with this uid."""
        body = self._bodies.get(key)
        return body if body is not None and owned_by(body, uid) else None

    def forget(self, key: Key) -> None:
        """The Rollout is gone."""
        self._bodies.pop(key, None)


def revived(body: Body, replicas: int, epoch: int) -> dict[str, Any]:
    """The same ReplicaSet to be made once more: what its author wrote, and none of its past."""
    meta, spec = body["metadata"], body["spec"]
    return {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "labels": meta["labels"],
            "ownerReferences": meta["ownerReferences"],
            **({"annotations": {ANNOTATION_EPOCH: f"{epoch}"}} if epoch else {}),
        },
        "spec": {
            "replicas": replicas,
            "selector": spec["selector"],
            "template": spec["template"],
        },
    }
