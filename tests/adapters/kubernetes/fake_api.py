"""A Kubernetes API on loopback: keeps objects by path, and errs where a test says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import jsonpatch
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from tidegate.adapters.kubernetes.api import JSON_PATCH, Api

WAIT_S_MAX = 30.0
POLL_S = 0.002
PLURALS = {
    "configmaps",
    "cronjobs",
    "deployments",
    "destinationrules",
    "httproutes",
    "jobs",
    "leases",
    "pods",
    "replicasets",
    "rollouts",
    "secrets",
    "services",
    "virtualservices",
}

Object: TypeAlias = dict[str, Any]
Play: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def until(holds: Callable[[], object]) -> None:
    """Wait until something is so; give up loudly."""
    async with asyncio.timeout(WAIT_S_MAX):
        while not holds():  # noqa: ASYNC110 — any condition, not only one that has an event
            await asyncio.sleep(POLL_S)


@dataclass
class Call:
    """One request that came in."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    content_type: str
    headers: dict[str, str]


@dataclass
class Watch:
    """One open watch; what is put in `lines` is sent, None ends it."""

    query: dict[str, str]
    path: str = ""
    lines: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)

    def send(self, kind: str, body: Object) -> None:
        """Send one event."""
        self.lines.put_nowait(json.dumps({"type": kind, "object": body}).encode() + b"\n")

    def end(self) -> None:
        """Close it without a word."""
        self.lines.put_nowait(None)


class FakeApi:
    """Objects by path; each write counts the version up."""

    def __init__(self) -> None:
        self.url = ""
        self.version = 100
        self.calls: list[Call] = []
        self.objects: dict[str, Object] = {}
        self.plays: list[tuple[str, str, Play]] = []
        self.closing = asyncio.Event()
        self._watches: asyncio.Queue[Watch] = asyncio.Queue()
        self._open: list[Watch] = []

    def play(self, method: str, part: str, play: Play) -> None:
        """Answer the next such request whose path contains `part` in this way, once."""
        self.plays.append((method, part, play))

    def says(self, method: str, part: str, status: int, body: Any = None, **headers: str) -> None:
        """Answer the next such request with that, once."""
        raw = (
            body if isinstance(body, bytes) else json.dumps({"kind": "X", **(body or {})}).encode()
        )
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answer(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, body=raw, headers=named)

        self.play(method, part, answer)

    def hangs(self, method: str, part: str) -> None:
        """Never answer the next such request."""

        async def hang(_request: web.Request) -> web.StreamResponse:
            await self.closing.wait()
            return web.Response()

        self.play(method, part, hang)

    def put(self, path: str, body: Object) -> Object:
        """Store an object under a new version, as somebody else's write."""
        self.version += 1
        meta = {"uid": f"uid-of-{path}", **body["metadata"], "resourceVersion": f"{self.version}"}
        self.objects[path] = {"kind": "X", **body, "metadata": meta}
        return self.objects[path]

    def made(self, method: str, part: str = "") -> list[Call]:
        """The requests of that kind so far."""
        return [call for call in self.calls if call.method == method and part in call.path]

    async def watch(self) -> Watch:
        """The next watch that the client opens."""
        async with asyncio.timeout(WAIT_S_MAX):
            return await self._watches.get()

    def close(self) -> None:
        """Let go of everybody who waits."""
        self.closing.set()
        for watch in self._open:
            watch.end()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        raw = await request.read()
        body = json.loads(raw) if raw else None
        query = dict(request.query)
        headers = dict(request.headers)
        call = Call(request.method, request.path, query, body, request.content_type, headers)
        self.calls.append(call)
        for number, (method, part, play) in enumerate(self.plays):
            if method == call.method and part in call.path:
                del self.plays[number]
                return await play(request)
        if "watch" in query:
            return await self._stream(request, query)
        return self._answer(call)

    async def _stream(self, request: web.Request, query: dict[str, str]) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        watch = Watch(query, request.path)
        self._open.append(watch)
        self._watches.put_nowait(watch)
        while (line := await watch.lines.get()) is not None:
            await response.write(line)
        return response

    def _answer(self, call: Call) -> web.Response:
        if call.method == "POST":
            return self._create(call)
        path = call.path.removesuffix("/status")
        if path not in self.objects:
            if call.method == "GET" and path.rsplit("/", 1)[-1] in PLURALS:
                return self._list(path)
            return _status(404, f"{path} not found")
        if call.method == "DELETE":
            return web.json_response(self.objects.pop(path))
        if call.method == "PUT":
            return self._replace(path, call.body)
        if call.method == "PATCH":
            return self._patch(path, call)
        return web.json_response(self.objects[path])

    def _list(self, path: str) -> web.Response:
        items = [one for key, one in self.objects.items() if key.rsplit("/", 1)[0] == path]
        return web.json_response(
            {"kind": "List", "metadata": {"resourceVersion": f"{self.version}"}, "items": items}
        )

    def _create(self, call: Call) -> web.Response:
        path = f"{call.path}/{call.body['metadata']['name']}"
        if path in self.objects:
            return _status(409, f"{path} already exists")
        if call.query.get("dryRun"):
            return web.json_response(call.body, status=201)
        return web.json_response(self.put(path, call.body), status=201)

    def _replace(self, path: str, body: Object) -> web.Response:
        known = self.objects[path]["metadata"]["resourceVersion"]
        if body["metadata"].get("resourceVersion") != known:
            return _status(409, "the object has been modified")
        return web.json_response(self.put(path, body))

    def _patch(self, path: str, call: Call) -> web.Response:
        known = self.objects[path]
        if call.content_type == JSON_PATCH:
            try:
                return web.json_response(self.put(path, jsonpatch.apply_patch(known, call.body)))
            except jsonpatch.JsonPatchException as error:
                return _status(422, f"the server rejected our request: {error}")
        uid = (call.body.get("metadata") or {}).get("uid")
        if uid not in (None, known["metadata"]["uid"]):
            return _status(409, "the UID in the precondition does not match")
        version = (call.body.get("metadata") or {}).get("resourceVersion")
        if version not in (None, known["metadata"]["resourceVersion"]):
            return _status(409, "the object has been modified")
        return web.json_response(self.put(path, {**known, "status": call.body["status"]}))


def _status(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "message": message}, status=code)


@asynccontextmanager
async def serving() -> AsyncIterator[FakeApi]:
    """A fake API while the block runs."""
    fake = FakeApi()
    application = web.Application(client_max_size=2**24)
    application.router.add_route("*", "/{path:.*}", fake.serve)
    runner = web.AppRunner(application, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = "http://127.0.0.1:{1}".format(*runner.addresses[0])
    try:
        yield fake
    finally:
        fake.close()
        await runner.cleanup()


@asynccontextmanager
async def connected(fake: FakeApi) -> AsyncIterator[Api]:
    """Our client, connected to the fake."""
    configuration = Configuration()
    configuration.host = fake.url
    api = Api(ApiClient(configuration))
    try:
        yield api
    finally:
        await api.close()
