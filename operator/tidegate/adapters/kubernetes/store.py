"""A watched copy of some objects: list, then watch, for ever; older versions never win.

What we wrote ourselves is put in at once (`put`), so the next pass reads its own writes. An event
that is older than what the store has, late from a lagging watch, is left out.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from tidegate.adapters.kubernetes.api import BARE, BARE_LIST, JSON, Api
from tidegate.adapters.kubernetes.resources import Body, Key, Resource, key_of, uid_of, version_of
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone, NotServed

PAGE_OBJECTS = 500
WATCH_S = 600
WATCH_PAUSE_S = 0.1
"""Between two watches, lest a server that closes them at once is asked without end."""
BACKOFF_MIN_S = 0.5
BACKOFF_MAX_S = 10.0

STEADY_S = 30.0
"""A watch that lasted so long starts the next back-off from the beginning."""
GONE_KEPT = 10_000
"""Uids of deleted objects remembered; a late answer to our own write must not revive one."""

logger = logging.getLogger(__name__)


class HistoryRewoundError(Exception):
    """The API server is at an older version than it was: etcd was restored. Start anew."""


def newer(ours: Body | None, theirs: Body) -> bool:
    """Whether `theirs` is at least as new as `ours`.

    Versions of one object are compared as numbers, which Kubernetes guarantees since 1.35 and
    etcd always gave; another uid is another object.
    """
    if ours is None or uid_of(ours) != uid_of(theirs):
        return True
    mine, other = version_of(ours), version_of(theirs)
    if not (mine.isdigit() and other.isdigit()):
        return True
    return int(other) >= int(mine)


def _after(body: Body, version: str) -> bool:
    """Whether the object was written after the list was taken, so that its absence says nothing."""
    mine = version_of(body)
    return mine.isdigit() and version.isdigit() and int(mine) > int(version)


def _same(ours: Body, theirs: Body) -> bool:
    """Whether both are one version of one object."""
    return uid_of(ours) == uid_of(theirs) and version_of(ours) == version_of(theirs)


class Store:
    """The objects of one kind that `keep` wants, in some namespaces (None: in all)."""

    def __init__(
        self,
        api: Api,
        resource: Resource,
        *,
        namespaces: Sequence[str] = (),
        selector: str = "",
        keep: Callable[[Body], bool] = lambda _body: True,
        changed: Callable[[Body], None] = lambda _body: None,
    ) -> None:
        self._api = api
        self._resource = resource
        self._scopes: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._selector = selector
        self._keep = keep
        self._changed = changed
        self._tried = asyncio.Event()
        self._objects: dict[Key, Body] = {}
        self._synced = {scope: asyncio.Event() for scope in self._scopes}
        self._gone: dict[str, None] = {}
        self._high = dict.fromkeys(self._scopes, 0)
        self.trouble = ""
        self.not_served = ""
        """Why the kind is not there at all, in the API server's words; "" when it is."""
        self.when_installed: Callable[[], None] = lambda: None
        """Called when the kind came or went."""

    def get(self, key: Key) -> Body | None:
        """The object, or None."""
        return self._objects.get(key)

    def __iter__(self) -> Iterator[Body]:
        return iter(tuple(self._objects.values()))

    def put(self, body: Body) -> None:
        """Take over an object that the API server just answered with to our own write."""
        if uid_of(body) not in self._gone and newer(self._objects.get(key_of(body)), body):
            self._objects[key_of(body)] = body

    def learn(self, body: Body) -> None:
        """Take over an object that was read; what somebody else changed in it is told on."""
        if uid_of(body) not in self._gone:
            self._take(self._typed(body))

    def drop(self, key: Key, uid: str) -> None:
        """Forget an object that the API server just said is gone, unless a namesake came since."""
        known = self._objects.get(key)
        if known is not None and uid_of(known) == uid:
            self._mark_gone(known)
            self._remove(known)

    async def synced(self, timeout_s: float) -> bool:
        """Whether every scope was listed, waiting at most that long."""
        waits = [asyncio.wait_for(event.wait(), timeout_s) for event in self._synced.values()]
        results = await asyncio.gather(*waits, return_exceptions=True)
        return not any(isinstance(result, BaseException) for result in results)

    async def tried(self, timeout_s: float) -> bool:
        """Wait until all was listed, or a list was refused; False if neither within that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._tried.wait()
        return self._tried.is_set()

    async def run(self) -> None:
        """Keep the store up to date until cancelled."""
        async with asyncio.TaskGroup() as group:
            for scope in self._scopes:
                group.create_task(self._follow(scope))

    async def _follow(self, scope: str | None) -> None:
        backoff_s, plural = BACKOFF_MIN_S, self._resource.plural
        while True:
            began = time.monotonic()
            try:
                version = await self._list(scope)
                self._listed(scope)
                await self._watch(scope, version)
            except HistoryRewoundError:
                raise
            except NotServed as error:
                self._missing(str(error))
            except (ApiUnavailable, ApiRefused, Conflict, Gone) as error:
                self.trouble = str(error)
                if isinstance(error, ApiRefused):
                    self._tried.set()
                logger.warning("%s: %s; trying again", plural, error)
            except Exception as error:  # one odd object must not end the watch
                self.trouble = repr(error)
                logger.exception("%s: the watch failed; trying again", plural)
            if time.monotonic() - began > STEADY_S:
                backoff_s = BACKOFF_MIN_S
            # Spread over time: many watches die together when an API server restarts.
            await asyncio.sleep(backoff_s * random.uniform(0.5, 1.5))  # noqa: S311 — jitter
            backoff_s = min(BACKOFF_MAX_S, backoff_s * 2)

    def _listed(self, scope: str | None) -> None:
        self._synced[scope].set()
        if all(event.is_set() for event in self._synced.values()):
            self._tried.set()
        self.trouble = ""
        if self.not_served:
            self.not_served = ""
            logger.info("%s: the kind is served now", self._resource.plural)
            self.when_installed()

    def _missing(self, why: str) -> None:
        """The kind is not installed (any more); it is looked for until it is."""
        self._tried.set()
        self.trouble = why
        if not self.not_served:
            self.not_served = why
            logger.warning("%s: not installed: %s; looking again", self._resource.plural, why)
            self.when_installed()

    async def _list(self, scope: str | None) -> str:
        seen: set[Key] = set()
        query = {"limit": str(PAGE_OBJECTS)} | self._select()
        while True:
            page = await self._page(scope, query)
            self._advance(scope, version_of(page))
            for item in page.get("items", ()):
                body = self._typed(item)
                seen.add(key_of(body))
                self._take(body)
            meta = page.get("metadata", {})
            if not meta.get("continue"):
                break
            query["continue"] = meta["continue"]
        version = str(meta.get("resourceVersion", ""))
        for key, body in tuple(self._objects.items()):
            if key not in seen and scope in (None, key[0]) and not _after(body, version):
                self._mark_gone(body)
                self._remove(body)
        return version

    async def _page(self, scope: str | None, query: Mapping[str, str]) -> dict[str, Any]:
        try:
            accept = BARE_LIST if self._resource.bare else JSON
            path = self._resource.path(scope)
            return await self._api.request("GET", path, query=query, media_type=accept)
        except Gone as error:
            if "continue" in query:  # else what is gone is the place in an old list
                raise
            raise NotServed(str(error)) from error

    def _advance(self, scope: str | None, version: str) -> None:
        """A list is never older than what was seen before, unless history itself is."""
        if not version.isdigit():
            return
        if int(version) < self._high[scope]:
            raise HistoryRewoundError(
                f"{self._resource.plural}: {self._high[scope]}, now {version}"
            )
        self._high[scope] = int(version)

    def _mark_gone(self, body: Body) -> None:
        self._gone[uid_of(body)] = None
        if len(self._gone) > GONE_KEPT:
            del self._gone[next(iter(self._gone))]

    async def _watch(self, scope: str | None, version: str) -> None:
        """Follow events until the version is too old (then the caller lists again)."""
        path, accept = self._resource.path(scope), BARE if self._resource.bare else JSON
        while True:
            query = self._select() | {
                "watch": "1",
                "allowWatchBookmarks": "true",
                "timeoutSeconds": str(WATCH_S),
                "resourceVersion": version,
            }
            async with self._api.stream(path, query, accept) as events:
                async for event in events:
                    body = event.get("object", {})
                    if event.get("type") == "ERROR":
                        if body.get("code") == 410:  # noqa: PLR2004 — HTTP Gone: list again
                            raise Gone(f"watch {path}: {body.get('message', 'too old')}")
                        raise ApiUnavailable(f"watch {path}: {body.get('message', 'error')}")
                    version = version_of(body) or version
                    if version.isdigit():
                        self._high[scope] = max(self._high[scope], int(version))
                    self._event(str(event.get("type")), body)
            await asyncio.sleep(WATCH_PAUSE_S)

    def _event(self, kind: str, body: Mapping[str, Any]) -> None:
        if kind in ("ADDED", "MODIFIED"):
            self._take(self._typed(body))
        elif kind == "DELETED":
            self._mark_gone(body)
            self._remove(body)

    def _take(self, body: Body) -> None:
        key = key_of(body)
        if not self._keep(body):
            if key in self._objects:
                self._remove(body)
            return
        known = self._objects.get(key)
        if known is not None and (_same(known, body) or not newer(known, body)):
            return
        self._objects[key] = body
        self._changed(body)

    def _remove(self, body: Body) -> None:
        known = self._objects.get(key_of(body))
        if known is not None and uid_of(known) == uid_of(body):
            del self._objects[key_of(body)]
            self._changed(body)

    def _select(self) -> dict[str, str]:
        return {"labelSelector": self._selector} if self._selector else {}

    def _typed(self, body: Mapping[str, Any]) -> Body:
        """Items of a list come without kind, writes need it; managed fields only cost memory."""
        meta = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
        return {
            **body,
            "apiVersion": self._resource.api_version,
            "kind": self._resource.kind,
            "metadata": meta,
        }
