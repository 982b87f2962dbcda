"""A new leader's mark on everything that an earlier one may still be about to write.

Every write of ours has the version it was decided on as its precondition. So an object that was
touched after a takeover cannot be changed any more by a write that was prepared before it,
however late that write arrives. ReplicaSets are ours and keep the epoch as an annotation; users'
objects get it and lose it again at once, so that they stay what Git holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tidegate.adapters.kubernetes.api import Api, patched
from tidegate.adapters.kubernetes.replica_sets import owned_by, rollout_label
from tidegate.adapters.kubernetes.resources import (
    REPLICA_SETS,
    Body,
    Resource,
    key_of,
    version_of,
)
from tidegate.adapters.kubernetes.routing import named
from tidegate.adapters.kubernetes.store import Store
from tidegate.adapters.kubernetes.watched import Watched
from tidegate.api.constants import ANNOTATION_EPOCH, LABEL_ROLLOUT
from tidegate.api.rollout import Rollout
from tidegate.ports.cluster import Gone

Patch = list[dict[str, Any]]

_POINTER = "/metadata/annotations/" + ANNOTATION_EPOCH.replace("~", "~0").replace("/", "~1")


def mark_patch(body: Body, epoch: int) -> Patch:
    """The JSON Patch that puts the epoch on an object."""
    annotations = body["metadata"].get("annotations")
    if annotations is None:
        put = {
            "op": "add",
            "path": "/metadata/annotations",
            "value": {ANNOTATION_EPOCH: f"{epoch}"},
        }
    else:
        put = {"op": "add", "path": _POINTER, "value": f"{epoch}"}
    return [_version_test(body), put]


def unmark_patch(body: Body) -> Patch:
    """The JSON Patch that takes it away, and the map with it if that is all there is in it."""
    annotations = body["metadata"].get("annotations") or {}
    alone = list(annotations) == [ANNOTATION_EPOCH]
    path = "/metadata/annotations" if alone else _POINTER
    return [_version_test(body), {"op": "remove", "path": path}]


def _version_test(body: Body) -> dict[str, Any]:
    return {"op": "test", "path": "/metadata/resourceVersion", "value": version_of(body)}


def epoch_on(body: Body) -> str:
    """The epoch that an object carries, or ""."""
    return str((body["metadata"].get("annotations") or {}).get(ANNOTATION_EPOCH, ""))


class Stamper:
    """Touches the objects of one Rollout at a time."""

    def __init__(self, api: Api, sets: Store, watched: Mapping[Resource, Watched]) -> None:
        self._api = api
        self._sets = sets
        self._watched = watched

    async def stamp(self, rollout: Rollout) -> None:
        """Touch all that the Rollout names or owns, as the API server has it now.

        Nothing is taken from what was watched: it may lag, and what cannot be read at a takeover
        (a missing DestinationRule hides the routes) may be written to all the same. Raises Conflict
        when one changed meanwhile, ApiUnavailable and ApiRefused when one cannot be touched.
        """
        for resource, key in named(rollout):
            try:
                found = await self._api.request("GET", resource.path(*key))
            except Gone:
                continue  # nobody can be writing to it
            self._watched[resource].learn(found)
            await self._touch(resource, found)
        for body in await self._owned(rollout):
            if epoch_on(body) != str(self._api.epoch):
                path = REPLICA_SETS.path(*key_of(body))
                patch = mark_patch(body, self._api.epoch)
                self._sets.put(await patched(self._api, path, patch, self._sets.learn))

    async def _owned(self, rollout: Rollout) -> list[Body]:
        query = {"labelSelector": f"{LABEL_ROLLOUT}={rollout_label(rollout)}"}
        page = await self._api.request("GET", REPLICA_SETS.path(rollout.namespace), query=query)
        kind = {"apiVersion": REPLICA_SETS.api_version, "kind": REPLICA_SETS.kind}
        found = [{**item, **kind} for item in page.get("items", ())]
        return [body for body in found if owned_by(body, rollout.uid)]

    async def _touch(self, resource: Resource, body: Body) -> None:
        """One new version of a user's object, with the content it had.

        A mark that is there already was left by a leader that died between the two writes.
        """
        watched = self._watched[resource]
        if not epoch_on(body):
            body = await self._send(
                resource, body, mark_patch(body, self._api.epoch), watched.learn
            )
            watched.put(body)
        watched.put(await self._send(resource, body, unmark_patch(body), watched.learn))

    async def _send(
        self, resource: Resource, body: Body, patch: Patch, learn: Callable[[Body], None]
    ) -> Body:
        return await patched(self._api, resource.path(*key_of(body)), patch, learn)
