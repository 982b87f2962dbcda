"""A provider that says exactly what a test tells it to, byte for byte, and remembers the asking."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.adapters.prometheus.asking import NOON

ARRIVAL_S_MAX = 30.0
NOON_S = NOON.timestamp()
"""When the samples of an answer were evaluated, unless a test says otherwise."""

Play = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    line: str
    headers: Mapping[str, str]
    form: Mapping[str, str]


@dataclass
class ScriptedProvider:
    """Listens on loopback; `play` writes the answer, `requests` holds what came in."""

    port: int = 0
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list)
    play: Play | None = None
    busy: int = 0
    busy_max: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def queries(self) -> list[str]:
        return [request.form["query"] for request in self.requests]

    async def came(self, count: int) -> None:
        """Wait until so many requests have come in."""
        async with asyncio.timeout(ARRIVAL_S_MAX):
            while len(self.requests) < count:
                self.arrived.clear()
                await self.arrived.wait()

    def says(self, raw: bytes) -> None:
        self.play = writing(raw)

    def gives(self, *series: tuple[Mapping[str, str], object]) -> None:
        """A good answer: an instant vector of (labels, value)."""
        self.says(http(200, vector(*series)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.busy += 1
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                self.requests.append(await _request(reader))
                self.arrived.set()
                self.busy_max = max(self.busy, self.busy_max)
                assert self.play is not None
                await self.play(writer)
        finally:
            self.busy -= 1
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in rest)}
    body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
    return Request(line, headers, {name: values[0] for name, values in parse_qs(body).items()})


def http(status: int, body: bytes | str, **headers: str) -> bytes:
    """A whole HTTP answer that ends with the connection."""
    raw = body.encode() if isinstance(body, str) else body
    told = {"Content-Type": "application/json", "Connection": "close"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    told.setdefault("Content-Length", str(len(raw)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode() + raw


def result(kind: str, value: object, **more: object) -> str:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": value}, **more})


def vector(*series: tuple[Mapping[str, str], object], at_s: float = NOON_S, **more: object) -> str:
    listed = [{"metric": labels, "value": [at_s, str(value)]} for labels, value in series]
    return result("vector", listed, **more)


def writing(raw: bytes) -> Play:
    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return play


async def silence(_writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def trickle(writer: asyncio.StreamWriter) -> None:
    """Answer a byte at a time, for ever: each read succeeds, the whole never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def flood(writer: asyncio.StreamWriter) -> None:
    """Answer without end, as fast as it is read."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        writer.write(b" " * 65536)
        await writer.drain()


async def endless_head(writer: asyncio.StreamWriter) -> None:
    """Send header after header, none of them long, and never a body."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: x\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def continuing(writer: asyncio.StreamWriter) -> None:
    """Say for ever that the answer is about to come."""
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def reset(writer: asyncio.StreamWriter) -> None:
    """Break the connection in the middle of a good answer."""
    whole = http(200, vector(({}, 0)))
    writer.write(whole[:-20])
    await writer.drain()
    writer.transport.abort()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@asynccontextmanager
async def scripted_provider(tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedProvider]:
    """A provider on a free port of loopback, over TLS where a context is given."""
    provider = ScriptedProvider(scheme="https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(provider.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    provider.port = server.sockets[0].getsockname()[1]
    try:
        yield provider
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
