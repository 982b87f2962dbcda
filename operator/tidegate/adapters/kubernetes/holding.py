"""Our finalizer on a Rollout: put there before a run, taken away at rest or when it may go."""

from __future__ import annotations

from typing import Any

from tidegate.adapters.kubernetes.api import Api, patched
from tidegate.adapters.kubernetes.replica_set_writes import RolloutBook
from tidegate.adapters.kubernetes.resources import ROLLOUTS, Body, Key, uid_of, version_of
from tidegate.api.constants import FINALIZER
from tidegate.core.decision import HoldRollout, ReleaseRollout
from tidegate.ports.cluster import Gone

PATH = "/metadata/finalizers"


class Holder:
    """Writes the finalizer under compare-and-set."""

    def __init__(self, api: Api, book: RolloutBook) -> None:
        self._api = api
        self._book = book

    async def apply(self, key: Key, effect: HoldRollout | ReleaseRollout) -> None:
        """Put it on or take it away."""
        if isinstance(effect, HoldRollout):
            await self.hold(key)
        else:
            await self.release(key)

    async def hold(self, key: Key) -> None:
        """Put it on. Raises Gone when the Rollout is not there any more."""
        known = self._known(key)
        if FINALIZER not in _finalizers(known):
            await self._patch(key, hold_patch(known))

    async def release(self, key: Key) -> None:
        """Take it away; a Rollout that was only waiting for that is gone then."""
        known = self._known(key)
        if FINALIZER not in _finalizers(known):
            return
        await self._patch(key, release_patch(known))
        if known["metadata"].get("deletionTimestamp") and len(_finalizers(known)) == 1:
            self._book.drop_rollout(key, uid_of(known))

    def _known(self, key: Key) -> Body:
        known = self._book.rollouts.get(key)
        if known is None:
            raise Gone(f"Rollout {key[0]}/{key[1]} is gone")
        return known

    async def _patch(self, key: Key, patch: list[dict[str, Any]]) -> None:
        path = ROLLOUTS.path(*key)
        self._book.put_rollout(await patched(self._api, path, patch, self._learn))

    def _learn(self, body: Body) -> None:
        self._book.put_rollout(body)


def _finalizers(body: Body) -> list[str]:
    return list(body["metadata"].get("finalizers") or ())


def _unchanged(body: Body) -> dict[str, Any]:
    return {"op": "test", "path": "/metadata/resourceVersion", "value": version_of(body)}


def hold_patch(body: Body) -> list[dict[str, Any]]:
    """Add the finalizer to those that are there."""
    if _finalizers(body):
        return [_unchanged(body), {"op": "add", "path": f"{PATH}/-", "value": FINALIZER}]
    return [_unchanged(body), {"op": "add", "path": PATH, "value": [FINALIZER]}]


def release_patch(body: Body) -> list[dict[str, Any]]:
    """Remove the finalizer, and no other."""
    place = f"{PATH}/{_finalizers(body).index(FINALIZER)}"
    return [
        _unchanged(body),
        {"op": "test", "path": place, "value": FINALIZER},
        {"op": "remove", "path": place},
    ]
