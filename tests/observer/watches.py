"""Watches of the observer's own, straight to the API server, in a thread of their own.

They survive an API server that restarts: a watch goes on from the version it had, and only when
that is too old is everything listed anew, which leaves a gap that is said.
"""

from __future__ import annotations

import asyncio
import json
import queue
import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import Configuration

from tests.observer.happenings import KINDS, Body, Key, Kind, key_of, version_of

CONNECT_TIMEOUT_S = 3.0
REQUEST_TIMEOUT_S = 10.0
SILENCE_S = 75.0
"""A watch that stays silent for longer is dead: bookmarks come about once a minute."""
AGAIN_S = 0.2
"""Wait before a list or watch that failed is tried again."""
LINE_BYTES_MAX = 4 * 2**20
STOP_S = 10.0
POLL_S = 0.05
JSON = "application/json"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
HTTP_OK = 200
HTTP_GONE = 410
HTTP_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Told:
    """What a watch says: an object is there or gone, or a list has ended."""

    what: Literal["there", "gone", "listed"]
    kind: Kind
    at_s: float
    version: int
    body: Body | None = None
    again: bool = False
    """Whether it comes from a list that is not the first of its kind: something was missed."""
    listed: frozenset[Key] = frozenset()
    """What a list had, when all of it was told."""


class NotServedError(aiohttp.ClientError):
    """The API server has no such kind."""


class TooOldError(Exception):
    """The version that a watch wanted to go on from is not kept any more."""


async def connection(kubeconfig: Path) -> tuple[aiohttp.ClientSession, str]:
    """A session with the kubeconfig's own credentials, and the API server's URL."""
    found = Configuration()
    await config.load_kube_config(config_file=str(kubeconfig), client_configuration=found)
    context = ssl.create_default_context(cafile=found.ssl_ca_cert)
    if found.cert_file:
        context.load_cert_chain(found.cert_file, found.key_file)
    headers = {"User-Agent": "tidegate-observer"}
    settings: Any = await found.auth_settings()
    for setting in settings.values():
        if setting["in"] == "header" and setting["value"]:
            headers[setting["key"]] = setting["value"]
    connector = aiohttp.TCPConnector(ssl=context, limit=2 * len(KINDS))
    session = aiohttp.ClientSession(
        connector=connector, headers=headers, read_bufsize=LINE_BYTES_MAX
    )
    return session, str(found.host)


class Watches:
    """Follows all kinds from `start` to `stop`; what they say comes out of `told`, in order."""

    def __init__(self, kubeconfig: Path, kinds: Iterable[Kind] = KINDS) -> None:
        self._kubeconfig = kubeconfig
        self.kinds = tuple(kinds)
        self.told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self.synced = threading.Event()
        """Set once every kind was listed."""
        self.trouble = ""
        self.seen: dict[Kind, dict[Key, int]] = {kind: {} for kind in self.kinds}
        """Versions as they were told, for whoever asks how far the watches have come."""
        self._listed: set[Kind] = set()
        self._reached: dict[Kind, str] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._work, name="observer", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End all watches and the thread."""
        if self._loop is not None and self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(STOP_S)

    def _work(self) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self._main())

    async def _main(self) -> None:
        self._task = asyncio.current_task()
        session, url = await connection(self._kubeconfig)
        try:
            await asyncio.gather(*(self._follow(session, url, kind) for kind in self.kinds))
        except asyncio.CancelledError:
            return
        finally:
            await session.close()

    async def _follow(self, session: aiohttp.ClientSession, url: str, kind: Kind) -> None:
        while True:
            try:
                version = self._reached.get(kind) or await self._list(session, url, kind)
                self._reached[kind] = version
                await self._watch(session, url, kind, version)
            except TooOldError:
                self._reached.pop(kind, None)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                self.trouble = f"{kind.plural}: {type(error).__name__}: {error}"
                await asyncio.sleep(AGAIN_S)

    async def _watch(
        self, session: aiohttp.ClientSession, url: str, kind: Kind, version: str
    ) -> None:
        """Follow events until the server ends the watch, noting the version to go on from."""
        query = _selected(kind) | {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
        }
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_S
        )
        async with session.get(url + kind.path, params=query, timeout=timeout) as response:
            if response.status != HTTP_OK:  # also a version from before etcd was set back
                raise TooOldError
            try:
                while line := await response.content.readline():
                    version = self._take(kind, json.loads(line)) or version
                    self._reached[kind] = version
            finally:
                _abort(response)

    def _take(self, kind: Kind, event: dict[str, Any]) -> str:
        body = event.get("object") or {}
        match event.get("type"):
            case "ADDED" | "MODIFIED":
                self._tell("there", kind, body)
            case "DELETED":
                self._tell("gone", kind, body)
            case "ERROR":
                raise TooOldError if body.get("code") == HTTP_GONE else ValueError(str(body))
            case _:  # a bookmark: only its version counts
                pass
        return str((body.get("metadata") or {}).get("resourceVersion", ""))

    def _tell(
        self, what: Literal["there", "gone"], kind: Kind, body: Body, *, again: bool = False
    ) -> None:
        self.told.put(Told(what, kind, time.time(), version_of(body), body, again))
        seen = self.seen[kind]
        if what == "there":
            seen[key_of(body)] = version_of(body)
        else:
            seen.pop(key_of(body), None)

    async def _list(self, session: aiohttp.ClientSession, url: str, kind: Kind) -> str:
        try:
            page = await _get(session, url + kind.path, _selected(kind))
        except NotServedError:
            if kind.may_be_missing:
                self._is_listed(kind)
            raise
        again = kind in self._listed
        items = [{"kind": kind.kind, **item} for item in page.get("items") or ()]
        self.seen[kind] = {}
        for item in items:
            self._tell("there", kind, item, again=again)
        listed = frozenset(key_of(item) for item in items)
        version = version_of(page)
        self.told.put(Told("listed", kind, time.time(), version, None, again, listed))
        self._is_listed(kind)
        return str(version)

    def _is_listed(self, kind: Kind) -> None:
        self._listed.add(kind)
        if len(self._listed) == len(self.kinds):
            self.synced.set()

    # ------------------------------------------------------------ catching up

    def catch_up(self, mark: str, within_s: float) -> None:
        """Return once everything that is stored now has been told.

        The API server is asked what there is, by its metadata alone; then its audit log gets a
        request that carries the mark. AssertionError when the watches do not come that far.
        """
        assert self._loop is not None, "the watches have not begun"
        future = asyncio.run_coroutine_threadsafe(self._caught_up(mark, within_s), self._loop)
        future.result(within_s + REQUEST_TIMEOUT_S)

    async def _caught_up(self, mark: str, within_s: float) -> None:
        session, url = await connection(self._kubeconfig)
        end = time.monotonic() + within_s
        try:
            while missing := await self._missing(session, url):
                if time.monotonic() > end:
                    trouble = f" ({self.trouble})" if self.trouble else ""
                    raise AssertionError(f"the observer was not told of {missing}{trouble}")
                await asyncio.sleep(POLL_S)
            await _get(session, f"{url}/version", {"mark": mark})
        finally:
            await session.close()

    async def _missing(self, session: aiohttp.ClientSession, url: str) -> str:
        """The first thing that is stored and was not told, or told and is not stored any more."""
        for kind in self.kinds:
            try:
                page = await _get(session, url + kind.path, _selected(kind), METADATA)
            except NotServedError as error:
                if kind.may_be_missing and not self.seen[kind]:
                    continue
                return f"{kind.plural}: {error}"
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                return f"{kind.plural}: {error}"
            await asyncio.sleep(0)
            for item in page.get("items") or ():
                told = self.seen[kind].get(key_of(item), -1)
                if told < version_of(item):
                    return f"{kind.kind} {key_of(item)} version {version_of(item)}"
            gone = self.seen[kind].keys() - {key_of(item) for item in page.get("items") or ()}
            for key in gone:
                if self.seen[kind][key] <= version_of(page):
                    return f"the end of {kind.kind} {key}"
        return ""


def _abort(response: aiohttp.ClientResponse) -> None:
    """End a watch at once: a farewell by TLS would outlive the loop."""
    held = response.connection
    if held is not None and held.transport is not None:
        held.transport.abort()


def _selected(kind: Kind) -> dict[str, str]:
    return {"labelSelector": kind.selector} if kind.selector else {}


async def _get(
    session: aiohttp.ClientSession, url: str, query: dict[str, str], accept: str = JSON
) -> dict[str, Any]:
    timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S)
    async with session.get(
        url, params=query, timeout=timeout, headers={"Accept": accept}
    ) as response:
        if response.status == HTTP_NOT_FOUND:
            raise NotServedError(f"GET {url}: there is no such kind")
        if response.status != HTTP_OK:
            raise aiohttp.ClientError(f"GET {url}: HTTP {response.status}")
        found: dict[str, Any] = json.loads(await response.read())
        return found
