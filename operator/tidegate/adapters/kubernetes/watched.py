"""Users' own objects that Rollouts refer to: watched from the first reference on, and only those.

A cluster may have thousands of VirtualServices; what no Rollout names is never kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from tidegate.adapters.kubernetes.api import BARE, JSON, Api
from tidegate.adapters.kubernetes.resources import Body, Key, Resource, key_of
from tidegate.adapters.kubernetes.store import Store
from tidegate.ports.cluster import Gone, NotServed

FIRST_LIST_S = 10.0


class Watched:
    """The objects of one kind, and with labels of `selector`, that some Rollout refers to."""

    def __init__(
        self,
        api: Api,
        resource: Resource,
        namespaces: Sequence[str],
        touched: Callable[[Key], None],
        selector: str = "",
    ) -> None:
        self.resource = resource
        self._api = api
        self._touched = touched
        self._users: dict[Key, set[Key]] = {}
        self._absent: set[Key] = set()
        self._store = Store(
            api,
            resource,
            namespaces=namespaces,
            selector=selector,
            keep=self._wanted,
            changed=self._changed,
        )
        self._store.when_installed = self._installed
        self._task: asyncio.Task[None] | None = None

    def close(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()

    def forget(self, rollout: Key) -> None:
        """A Rollout is gone; what only it referred to is dropped at the next event."""
        for users in self._users.values():
            users.discard(rollout)
        self._users = {key: users for key, users in self._users.items() if users}

    def put(self, body: Body) -> None:
        """Take over what the API server answered to our own write."""
        self._store.put(body)

    def learn(self, body: Body) -> None:
        """Take over what was read after a conflict; its other users are told."""
        self._store.learn(body)

    def lost(self, key: Key, uid: str) -> None:
        """The API server says that it is gone; its users are told.

        One that was made anew while that answer was on its way stays.
        """
        self._store.drop(key, uid)
        if self._store.get(key) is None:
            self._absent.add(key)
            for user in self._users.get(key, ()):
                self._touched(user)

    async def get(self, key: Key, user: Key) -> Body | None:
        """The object, or None if there is none; remembers who asked.

        Raises ApiUnavailable while it cannot be known, ApiRefused when we may not look, NotServed
        while the kind is not installed; who asked is told when it is.
        """
        users = self._users.setdefault(key, set())
        if not users:
            self._absent.discard(key)  # while nobody asked, its creation was not listened to
        users.add(user)
        if self._task is None:
            self._task = asyncio.create_task(
                self._store.run(), name=f"watch {self.resource.plural}"
            )
            await self._store.tried(FIRST_LIST_S)
        if self._store.not_served:
            raise NotServed(self._store.not_served)
        body = self._store.get(key)
        if body is None and key not in self._absent:
            return await self.refresh(key)
        return body

    def known(self, key: Key) -> Body | None:
        """The object as it was last seen, without asking anybody; None if there is none."""
        return self._store.get(key)

    async def refresh(self, key: Key) -> Body | None:
        """Read the object from the API server now and keep what it says."""
        try:
            accept = BARE if self.resource.bare else JSON
            path = self.resource.path(key[0], key[1])
            body = await self._api.request("GET", path, media_type=accept)
        except Gone:
            known = self._store.get(key)
            if known is None:  # else the watch brought it while the 404 was on its way
                self._absent.add(key)
            return known
        self._absent.discard(key)
        self._store.put(body)
        return body

    def _installed(self) -> None:
        """The kind came or went: nothing that is known of its objects stands any more."""
        self._absent.clear()
        for user in {user for users in self._users.values() for user in users}:
            self._touched(user)

    def _wanted(self, body: Body) -> bool:
        return bool(self._users.get(key_of(body)))

    def _changed(self, body: Body) -> None:
        key = key_of(body)
        self._absent.discard(key)
        for user in self._users.get(key, ()):
            self._touched(user)
