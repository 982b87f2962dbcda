"""The HTTP of one provider: instant queries, each with a limit on time, bytes and neighbours.

The session belongs to this provider alone and knows no cluster credentials, cookies or proxy
variables; a redirect is an error, for it could lead anywhere, with our credentials.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from datetime import datetime
from functools import partial

import aiohttp

from tidegate.adapters.prometheus.access import Access
from tidegate.adapters.prometheus.answers import Failure, Vector, parse
from tidegate.adapters.prometheus.circuit import Circuit, Unanswered
from tidegate.adapters.prometheus.config import ProviderConfig
from tidegate.adapters.prometheus.counting import duration
from tidegate.adapters.prometheus.handshakes import broken_handshake, hint_of_hang_up
from tidegate.adapters.prometheus.secret_files import Unreadable, headers_of
from tidegate.adapters.prometheus.tls import TlsContexts

BODY_MAX_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
CONCURRENT_MAX = 8
"""Queries under way at one provider; Prometheus itself runs 20 at a time for everybody."""
CONNECT_TIMEOUT_S_MAX = 2.0
PROBE = "vector(1)"
"""A query that reads no data, so that every server answers it that answers at all."""


class PrometheusClient:
    """Asks one provider. The session is opened by the first query, inside the running loop.

    `name` is the provider's in the settings, for messages; `circuit` is what all clients of the
    provider share.
    """

    def __init__(self, name: str, config: ProviderConfig, circuit: Circuit) -> None:
        self._name = name
        self._config = config
        self._circuit = circuit
        tls = config.access.tls
        self._tls = None if tls is None else TlsContexts(tls)
        self._reading = threading.Lock()
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(CONCURRENT_MAX)

    async def query(self, text: str, at: datetime) -> Vector | Failure:
        """The value of a query at a time; never raises for anything that a provider does.

        Takes at most twice the provider's timeout, once in our own line and once for the answer,
        after PROBE_S_FIRST of waiting for a probe; no time at all while the circuit is open.
        """
        if (obstacle := await self._circuit.obstacle(partial(self._probe, at))) is not None:
            return obstacle
        try:
            async with asyncio.timeout(self._config.timeout_s):
                await self._slots.acquire()
        except TimeoutError:
            return Failure.error(
                f"the provider is so slow that the query waited {self._config.timeout_s:g} s for "
                f"{CONCURRENT_MAX} others; see whether Prometheus is overloaded"
            )
        try:
            result = await self._request(text, at, self._config.timeout_s)
        finally:
            self._slots.release()
        self._circuit.note(result)
        return result

    async def close(self) -> None:
        """Close the connections; a later query would open new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _probe(self, at: datetime, patience_s: float) -> Vector | Failure:
        # Not in line: with every slot taken by what hangs there would be no way to find out.
        return await self._request(PROBE, at, min(patience_s, self._config.timeout_s))

    async def _request(self, text: str, at: datetime, timeout_s: float) -> Vector | Failure:
        try:
            async with asyncio.timeout(timeout_s):
                headers, context = await self._credentials()
                return await self._exchange(text, at, headers, context)
        except TimeoutError:
            return Unanswered.error(
                f"the provider did not answer within {timeout_s:g} s; "
                "see whether Prometheus is up and not overloaded"
            )
        except Unreadable as wrong:
            return Failure.error(f"providers.{self._name}.{wrong}; mend or remount it")
        except (aiohttp.ClientError, OSError, ValueError) as broken:
            if words := broken_handshake(broken):
                return Unanswered.error(f"no TLS connection to the provider: {words}")
            over_tls = self._config.query_url.startswith("https:")
            # The kind only: messages of aiohttp may quote what a foreign server sent.
            return Unanswered.error(
                f"the provider cannot be reached ({type(broken).__name__}); "
                "check the provider's url and whether Prometheus is up"
                + (hint_of_hang_up(broken) if over_tls else "")
            )

    async def _exchange(
        self, text: str, at: datetime, headers: dict[str, str], context: ssl.SSLContext | None
    ) -> Vector | Failure:
        form = {
            "query": text,
            "time": f"{at.timestamp():.3f}",
            "timeout": duration(self._config.timeout_s),
        }
        session, tls = self._opened(), self._config.access.tls
        async with session.post(
            self._config.query_url,
            data=form,
            headers=headers,
            allow_redirects=False,
            # True verifies against the system's authorities.
            ssl=True if context is None else context,
            server_hostname=(tls.server_name or None) if tls else None,
        ) as response:
            body = await _read(response.content)
            if body is None:
                return Failure.error(
                    f"the answer is longer than {BODY_MAX_BYTES} bytes; "
                    "aggregate with sum() or avg()"
                )
            return parse(response.status, body, at)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connect_s = min(CONNECT_TIMEOUT_S_MAX, self._config.timeout_s)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONCURRENT_MAX),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=self._config.timeout_s, connect=connect_s, sock_connect=connect_s
                ),
                trust_env=False,
                # A packed answer could unpack to any size before we count its bytes.
                auto_decompress=False,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            )
        return self._session

    async def _credentials(self) -> tuple[dict[str, str], ssl.SSLContext | None]:
        """The headers that tell who asks, and the certificates, as the files are now."""
        if self._config.access == Access():
            return {}, None
        return await asyncio.to_thread(self._read_credentials)

    def _read_credentials(self) -> tuple[dict[str, str], ssl.SSLContext | None]:
        with self._reading:
            context = None if self._tls is None else self._tls.context()
        return headers_of(self._config.access), context


async def _read(content: aiohttp.StreamReader) -> bytes | None:
    """The whole body, or None once it is longer than BODY_MAX_BYTES."""
    body = bytearray()
    async for chunk in content.iter_chunked(CHUNK_BYTES):
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            return None
    return bytes(body)
