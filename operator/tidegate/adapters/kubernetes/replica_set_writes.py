"""Making, sizing and removing ReplicaSets: each one request with a precondition."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol

from tidegate.adapters.kubernetes.api import Api, patched
from tidegate.adapters.kubernetes.lost_sets import revived
from tidegate.adapters.kubernetes.replica_sets import (
    owned_by,
    replica_set_body,
    revision_of_set,
)
from tidegate.adapters.kubernetes.resources import (
    REPLICA_SETS,
    ROLLOUTS,
    Body,
    Key,
    key_of,
    uid_of,
    version_of,
)
from tidegate.adapters.kubernetes.store import Store
from tidegate.adapters.kubernetes.templates import TemplateTrials
from tidegate.api.rollout import Rollout
from tidegate.core.decision import CreateReplicaSet, DeleteReplicaSet, ScaleReplicaSet
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone


class RolloutBook(Protocol):
    """Whoever keeps the Rollouts as they were last read."""

    rollouts: dict[Key, Body]

    def put_rollout(self, body: Body) -> bool:
        """Take over a Rollout as the API server has it."""
        ...

    def drop_rollout(self, key: Key, uid: str) -> None:
        """Forget a Rollout that is gone, unless a namesake came since."""
        ...


class ReplicaSetWriter:
    """Writes ReplicaSets and keeps the store up to date with the answers."""

    def __init__(
        self, api: Api, store: Store, templates: TemplateTrials, book: RolloutBook
    ) -> None:
        self._api = api
        self._store = store
        self._templates = templates
        self._book = book

    async def create(
        self, rollout: Rollout, effect: CreateReplicaSet, lost: Body | None = None
    ) -> None:
        """Make it, or take over the one that is there already and is ours.

        `lost` is a ReplicaSet that was deleted; if it is the one meant, it is made anew.
        """
        await self._still_there(rollout)
        if lost is not None and revision_of_set(lost) == effect.revision:
            body = revived(lost, effect.replicas, self._api.epoch)
        else:
            body = replica_set_body(
                rollout, effect.revision, effect.replicas, self._api.epoch, effect.variant
            )
        try:
            answer: Body = await self._api.request(
                "POST", REPLICA_SETS.path(rollout.namespace), body=body
            )
        except ApiRefused as refusal:
            self._templates.refused(rollout, effect.revision, str(refusal))
            raise
        except Conflict:
            answer = await self._found(rollout, str(body["metadata"]["name"]))
        self._store.put(answer)

    async def _still_there(self, rollout: Rollout) -> None:
        """Ask the API server itself before pods are made: a watch may have lost the deletion.

        Without this, pods of a Rollout that is gone would be made and collected without end.
        """
        key = (rollout.namespace, rollout.name)
        try:
            body = await self._api.request("GET", ROLLOUTS.path(*key))
        except Gone:
            self._book.drop_rollout(key, rollout.uid)
            raise
        if uid_of(body) != rollout.uid:
            self._book.put_rollout(body)
            raise Conflict(f"Rollout {key[0]}/{key[1]} was made anew")

    async def _found(self, rollout: Rollout, name: str) -> Body:
        """The ReplicaSet that is there already: unseen so far (a lost answer, a lagging watch)."""
        path = REPLICA_SETS.path(rollout.namespace, name)
        answer = await self._api.request("GET", path)
        if answer["metadata"].get("deletionTimestamp"):
            raise ApiUnavailable(f"ReplicaSet {rollout.namespace}/{name} is being deleted", 2.0)
        if not owned_by(answer, rollout.uid):
            raise ApiRefused(
                f"ReplicaSet {rollout.namespace}/{name} exists and is not this Rollout's; "
                "delete it, or rename the Rollout"
            )
        return answer

    async def scale(self, effect: ScaleReplicaSet, known: Body | None) -> None:
        """Set its size, if it is as it was read. Raises Gone when there was none."""
        body = _there(effect.replica_set, known)
        patch: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": version_of(body)},
            {"op": "test", "path": "/metadata/uid", "value": effect.uid},
            {"op": "add", "path": "/spec/replicas", "value": effect.replicas},
        ]
        path = REPLICA_SETS.path(*key_of(body))
        self._store.put(await patched(self._api, path, patch, self._store.learn))

    async def delete(self, effect: DeleteReplicaSet, known: Body | None) -> None:
        """Delete it, if it is as it was read. Raises Gone when there was none."""
        seen = _there(effect.replica_set, known)
        path = REPLICA_SETS.path(*key_of(seen))
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": effect.uid, "resourceVersion": version_of(seen)},
            "propagationPolicy": "Background",
        }
        try:
            await self._api.request("DELETE", path, body=body)
        except Conflict:
            with suppress(Gone):
                self._store.learn(await self._api.request("GET", path))
            raise
        except Gone:
            pass  # what was wanted
        self._store.drop(key_of(seen), uid_of(seen))


def _there(name: str, body: Body | None) -> Body:
    if body is None:
        raise Gone(f"ReplicaSet {name} is gone")
    return body
