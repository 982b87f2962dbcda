"""The HTTP of hooks: one POST a delivery, with a limit on time, bytes and neighbours.

The session knows no cluster credentials, cookies or proxy variables. A redirect is a failure, for
it could lead anywhere.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from weakref import WeakValueDictionary

import aiohttp
from yarl import URL

from tidegate.adapters.hooks.config import HookConfig
from tidegate.adapters.hooks.signing import signed_headers
from tidegate.adapters.hooks.words import harmless
from tidegate.adapters.prometheus.secret_files import Unreadable
from tidegate.core.observation import HookSight, HookView
from tidegate.ports.clock import Clock
from tidegate.ports.hooks import HookCall

ANSWER_MAX_BYTES = 16 * 1024
"""As much of an answer is read; the rest is not, for only a sentence of it is kept."""
CONNECT_TIMEOUT_S = 5.0
CONCURRENT_MAX = 64
CONCURRENT_EACH_MAX = 8
"""Of one namespace: whose Services are slow, waits for itself alone."""
JSON = "application/json"

STATUS_REDIRECT = range(300, 400)
STATUS_GOOD = range(200, 300)


def in_cluster(call: HookCall) -> URL:
    """Where a Service of the cluster answers."""
    return URL.build(scheme="http", host=call.address, port=call.port, path=call.path)


class HttpCaller:
    """ports.Caller over HTTP; `address` says where a call goes."""

    def __init__(
        self, config: HookConfig, clock: Clock, address: Callable[[HookCall], URL] = in_cluster
    ) -> None:
        self._config = config
        self._clock = clock
        self._address = address
        self._session: aiohttp.ClientSession | None = None
        self._all = asyncio.Semaphore(CONCURRENT_MAX)
        self._each: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def call(self, call: HookCall) -> HookView:
        """Send it once, when it is its turn; what came of it. Its time begins then."""
        each = self._each.setdefault(call.namespace, asyncio.Semaphore(CONCURRENT_EACH_MAX))
        async with each, self._all:
            return await self._sent(call)

    async def _sent(self, call: HookCall) -> HookView:
        body = json.dumps(call.told, separators=(",", ":")).encode()
        try:
            async with asyncio.timeout(call.timeout_s):
                return await self._exchange(call, body)
        except TimeoutError:
            return _failure(f"Service {call.service} did not answer within {call.timeout_s:g} s")
        except Unreadable as wrong:
            return _failure(f"the call cannot be signed: {wrong}; mend or remount it")
        except (aiohttp.ClientError, OSError, ValueError) as broken:
            # The kind only: messages of aiohttp may quote what a foreign server sent.
            return _failure(
                f"Service {call.service} cannot be reached on port {call.port} "
                f"({type(broken).__name__}); see whether its pods are ready"
            )

    async def close(self) -> None:
        """Close the connections; a later call would open new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _exchange(self, call: HookCall, body: bytes) -> HookView:
        key, now_s = self._config.key_of(call.namespace), self._clock.now().timestamp()
        signed = await asyncio.to_thread(signed_headers, key, now_s, body)
        host = f"{call.service}.{call.namespace}.svc:{call.port}"
        named = {"Host": host, "Content-Type": JSON, "Idempotency-Key": call.call_id}
        headers = named | signed
        async with self._opened().post(
            self._address(call), data=body, headers=headers, allow_redirects=False
        ) as response:
            if response.status in STATUS_REDIRECT:
                said = "it answers with a redirect, which is not followed"
            else:
                said = _sentence(response.content_type, await _beginning(response.content))
            good = response.status in STATUS_GOOD
            sight = HookSight.SUCCEEDED if good else HookSight.FAILED
            return HookView(sight, said, response.status)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # A call of a try long ago must not go out over a connection to a pod that is gone.
                connector=aiohttp.TCPConnector(limit=CONCURRENT_MAX, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=None, sock_connect=CONNECT_TIMEOUT_S
                ),
                trust_env=False,
                # A packed answer could unpack to any size before we count its bytes.
                auto_decompress=False,
                headers={"Accept": JSON, "Accept-Encoding": "identity"},
            )
        return self._session


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """The body up to ANSWER_MAX_BYTES; what comes after is left unread."""
    body = bytearray()
    async for chunk in content.iter_chunked(ANSWER_MAX_BYTES):
        body += chunk
        if len(body) >= ANSWER_MAX_BYTES:
            break
    return bytes(body[:ANSWER_MAX_BYTES])


def _sentence(content_type: str, body: bytes) -> str:
    """What the answer says for people: `message` of JSON, or plain text; a page says nothing."""
    text = body.decode(errors="replace")
    if content_type == "text/plain":
        return harmless(text)
    if content_type != JSON:
        return ""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    message = answer.get("message") if isinstance(answer, dict) else None
    return harmless(message) if isinstance(message, str) else ""


def _failure(why: str) -> HookView:
    return HookView(HookSight.FAILED, why)
