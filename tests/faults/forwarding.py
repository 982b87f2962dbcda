"""How one request goes through the proxy: noted, treated by a rule, forwarded, answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import aiohttp
from aiohttp import web
from yarl import URL

from tests.faults.calls import Call, version_in
from tests.faults.lists import Lists
from tests.faults.rules import Answer, Drop, Rules
from tests.faults.watches import End, Stream, Watches

CONNECT_S = 3.0
ANSWER_S = 60.0
HOP_BY_HOP = frozenset(
    {"connection", "host", "content-length", "transfer-encoding", "keep-alive", "upgrade"}
)
LINE_BYTES_MAX = 16 * 2**20
BOOKMARK_WITHIN = 40
"""Bytes in which an event says its type."""

Noted = Callable[[web.BaseRequest, bytes], Call]


class Forwarder:
    """Serves the proxy's requests; lives in the proxy's event loop."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        server: str,
        noted: Noted,
        rules: Rules,
        lists: Lists,
        watches: Watches,
    ) -> None:
        self._session = session
        self._server = server
        self._noted = noted
        self._rules = rules
        self._lists = lists
        self._watches = watches

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request from the first byte to the last."""
        call = self._noted(request, await request.read())
        action = self._rules.action_for(call)

        async def ask() -> Answer:
            return _OPEN if call.watch else await self._ask(request, call)

        try:
            answer = await (ask() if action is None else action(call, ask))
            if answer is _OPEN:
                return await self._watch(request, call)
        except (Drop, aiohttp.ClientError, TimeoutError, OSError):
            _abort(request)
            return web.Response(status=502)  # goes nowhere: the connection is closed
        call.status = answer.status
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    # ------------------------------------------------------------------ whole answers

    async def _ask(self, request: web.BaseRequest, call: Call) -> Answer:
        """What the API server says; a client that goes away meanwhile takes nothing back."""
        old = self._lists.old(call)
        if old is not None:
            return old
        return await asyncio.shield(asyncio.ensure_future(self._forward(request, call)))

    async def _forward(self, request: web.BaseRequest, call: Call) -> Answer:
        timeout = aiohttp.ClientTimeout(total=ANSWER_S, sock_connect=CONNECT_S)
        async with self._send(request, call, timeout) as response:
            call.committed, call.done_at_s = response.status, time.monotonic()
            answer = Answer(response.status, await response.read(), _kept(response.headers))
        if call.write:
            call.version = version_in(answer.body)
        self._lists.keep(call, answer)
        return answer

    def _send(
        self, request: web.BaseRequest, call: Call, timeout: aiohttp.ClientTimeout
    ) -> aiohttp.client._RequestContextManager:
        return self._session.request(
            call.method,
            URL(f"{self._server}{request.raw_path}", encoded=True),
            headers=_kept(request.headers),
            data=call.body or None,
            timeout=timeout,
            allow_redirects=False,
            read_bufsize=LINE_BYTES_MAX,
        )

    # ------------------------------------------------------------------ watches

    async def _watch(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
        async with self._send(request, call, timeout) as upstream:
            call.status = call.committed = upstream.status
            response = web.StreamResponse(status=upstream.status, headers=_kept(upstream.headers))
            response.enable_chunked_encoding()
            await response.prepare(request)
            stream = self._watches.open(call)
            reader = asyncio.create_task(_read_into(stream, upstream, self._watches.versions))
            try:
                await self._pass_on(stream, request, response)
            finally:
                reader.cancel()
                self._watches.close(stream)
                if upstream.connection is not None and upstream.connection.transport is not None:
                    upstream.connection.transport.abort()  # a TLS farewell would outlive the proxy
        return response

    async def _pass_on(
        self, stream: Stream, request: web.BaseRequest, response: web.StreamResponse
    ) -> None:
        while True:
            item, times = await self._watches.next_of(stream)
            if item is End.CLEAN:
                await response.write_eof()
                return
            if item is End.TORN:
                await response.write(b'{"type": "MODIFIED", "object": {"kind"')
                _abort(request)
                return
            assert isinstance(item, bytes), "an event"
            for _ in range(times):
                await response.write(item)


_OPEN = Answer(200, b"")
"""Stands for the answer to a watch, which has no end."""


def _abort(request: web.BaseRequest) -> None:
    """Close the connection without another byte."""
    if request.transport is not None:
        request.transport.abort()


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that are not about one connection only."""
    return {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}


async def _read_into(stream: Stream, upstream: aiohttp.ClientResponse, versions: set[int]) -> None:
    """Take lines from the API server as they come, so that its buffers never fill."""
    try:
        async for line in upstream.content:
            if b'"BOOKMARK"' not in line[:BOOKMARK_WITHIN]:
                versions.add(version_in(line))
            stream.waiting.put_nowait(line)
    except (aiohttp.ClientError, OSError):
        stream.waiting.put_nowait(End.TORN)
    else:
        stream.waiting.put_nowait(End.CLEAN)
