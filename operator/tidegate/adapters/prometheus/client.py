"""The HTTP of one provider: instant queries, each with a limit on time, bytes and neighbours.

The session belongs to this provider alone and knows no cluster credentials, cookies or proxy
variables; a redirect is an error, for it could lead anywhere, with our token.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import aiohttp

from tidegate.adapters.prometheus.answers import Failure, Vector, parse
from tidegate.adapters.prometheus.config import ProviderConfig
from tidegate.adapters.prometheus.counting import duration

BODY_MAX_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
TOKEN_MAX_BYTES = 16 * 1024
CONCURRENT_MAX = 8
"""Queries under way at one provider; Prometheus itself runs 20 at a time for everybody."""
CONNECT_TIMEOUT_S_MAX = 2.0


class TokenUnreadable(Exception):
    """The token file cannot be used; the message says why, without its content."""


class PrometheusClient:
    """Asks one provider. The session is opened by the first query, inside the running loop."""

    def __init__(self, config: ProviderConfig) -> None:
        self._config = config
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(CONCURRENT_MAX)

    async def query(self, text: str, at: datetime) -> Vector | Failure:
        """The value of a query at a time; never raises for anything that a provider does.

        Takes at most twice the provider's timeout: once in our own line, once for the answer.
        """
        try:
            async with asyncio.timeout(self._config.timeout_s):
                await self._slots.acquire()
        except TimeoutError:
            return Failure.error(
                f"the provider is so slow that the query waited {self._config.timeout_s:g} s for "
                f"{CONCURRENT_MAX} others; see whether Prometheus is overloaded"
            )
        try:
            return await self._request(text, at)
        finally:
            self._slots.release()

    async def close(self) -> None:
        """Close the connections; a later query would open new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _request(self, text: str, at: datetime) -> Vector | Failure:
        try:
            async with asyncio.timeout(self._config.timeout_s):
                return await self._exchange(text, at, await self._headers())
        except TimeoutError:
            return Failure.error(
                f"the provider did not answer within {self._config.timeout_s:g} s; "
                "see whether Prometheus is up and not overloaded"
            )
        except TokenUnreadable as wrong:
            return Failure.error(f"the provider's token file {wrong}; mend or remount it")
        except (aiohttp.ClientError, OSError, ValueError) as broken:
            # The kind only: messages of aiohttp may quote what a foreign server sent.
            return Failure.error(
                f"the provider cannot be reached ({type(broken).__name__}); "
                "check the provider's url and whether Prometheus is up"
            )

    async def _exchange(self, text: str, at: datetime, headers: dict[str, str]) -> Vector | Failure:
        form = {
            "query": text,
            "time": f"{at.timestamp():.3f}",
            "timeout": duration(self._config.timeout_s),
        }
        session = self._opened()
        async with session.post(
            self._config.query_url, data=form, headers=headers, allow_redirects=False
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

    async def _headers(self) -> dict[str, str]:
        path = self._config.token_file
        if path is None:
            return {}
        return {"Authorization": f"Bearer {await asyncio.to_thread(_token, path)}"}


async def _read(content: aiohttp.StreamReader) -> bytes | None:
    """The whole body, or None once it is longer than BODY_MAX_BYTES."""
    body = bytearray()
    async for chunk in content.iter_chunked(CHUNK_BYTES):
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            return None
    return bytes(body)


def _token(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(TOKEN_MAX_BYTES + 1).strip()
    except OSError as wrong:
        raise TokenUnreadable(f"cannot be read ({type(wrong).__name__})") from None
    if not raw or len(raw) > TOKEN_MAX_BYTES:
        raise TokenUnreadable("is empty or too long")
    # Anything else could end the header and start another.
    if not all(0x21 <= byte <= 0x7E for byte in raw):  # noqa: PLR2004 — the visible ASCII range
        raise TokenUnreadable("holds characters that no token has")
    return raw.decode("ascii")
