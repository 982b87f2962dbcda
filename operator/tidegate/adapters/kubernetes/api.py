"""One request to the API server: JSON in, JSON out, a hard time-out, typed refusals, no retries.

Authentication and TLS are those of the official client (`kubernetes.aio`): kubeconfig or the pod's
service account, whose token is read anew when it rotates. Models are left out on purpose: they
cost memory and drop fields they do not know.

Every write passes the fence (`fence.Fence`) right before it is sent.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from tidegate import __version__
from tidegate.adapters.kubernetes.fence import Fence
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone

CONNECT_TIMEOUT_S = 3.0
REQUEST_TIMEOUT_S = 10.0
WATCH_SILENCE_S = 75.0
"""A watch that stays silent for longer is dead: bookmarks come about once a minute."""
BODY_BYTES_MAX = 64 * 2**20
CONNECTIONS_MAX = 64
ERROR_CHARS_MAX = 500

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
BARE = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Accept only an object's metadata."""
BARE_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

STATUS_GONE = (404, 410)
STATUS_CONFLICT = 409
STATUS_BUSY = (429, 500, 502, 503, 504)


async def connect(fence: Fence | None = None) -> Api:
    """An Api from KUBECONFIG, ~/.kube/config or the pod's service account, in kubectl's order.

    Without a fence every write is let through.
    """
    configuration = Configuration()
    configuration.connection_pool_maxsize = CONNECTIONS_MAX
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ
    if in_pod:
        config.load_incluster_config(client_configuration=configuration)
    else:
        await config.load_kube_config(client_configuration=configuration)
    return Api(ApiClient(configuration), fence)


class Api:
    """The API server, as this process is allowed to see it."""

    def __init__(self, client: ApiClient, fence: Fence | None = None) -> None:
        self._client = client
        self._fence = fence or Fence()
        self.server_time: datetime | None = None
        """The API server's own time when it last answered, to the second."""

    @property
    def epoch(self) -> int:
        """The epoch under which this process writes; 0 where no Lease is used."""
        return self._fence.epoch

    def unfenced(self) -> Api:
        """The same server for the Lease itself: whether we may write is decided by that write."""
        return Api(self._client)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        media_type: str = JSON,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> dict[str, Any]:
        """Send one request and return the object it answers with.

        `media_type` is what a GET wants, and what any other request sends.
        A write of a process that may no longer lead is not sent: the process ends.

        Raises Gone (404, 410), Conflict (409), ApiUnavailable (no answer in time, 429, 5xx) or
        ApiRefused (everything else), with the server's own words.
        """
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_TIMEOUT_S)
        if method != "GET":
            self._fence.check(f"{method} {path}")
        try:
            media = {"Accept": media_type} if method == "GET" else {"Content-Type": media_type}
            response = await self._send(method, path, query, body, media, timeout)
            raw = await response.content.read(BODY_BYTES_MAX)
            while not response.content.at_eof():
                raw += await response.content.read(BODY_BYTES_MAX)
                if len(raw) > BODY_BYTES_MAX:
                    raise ApiRefused(f"{method} {path}: answer over {BODY_BYTES_MAX} bytes")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnavailable(f"{method} {path}: {type(error).__name__}: {error}") from error
        self._note_time(response)
        return _read(method, path, response, raw)

    def _note_time(self, response: aiohttp.ClientResponse) -> None:
        said = response.headers.get("Date")
        if said:
            try:
                self.server_time = parsedate_to_datetime(said)
            except ValueError:
                return  # some proxy's idea of a date

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str], accept: str = JSON
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Open a watch; iterating ends when the server ends it, ApiUnavailable on silence."""
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=WATCH_SILENCE_S
        )
        try:
            response = await self._send("GET", path, query, None, {"Accept": accept}, timeout)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnavailable(f"watch {path}: {type(error).__name__}: {error}") from error
        try:
            if response.status != 200:  # noqa: PLR2004 — HTTP OK
                try:
                    raw = await asyncio.wait_for(response.read(), REQUEST_TIMEOUT_S)
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    raise ApiUnavailable(f"watch {path}: {type(error).__name__}") from error
                _read("GET", path, response, raw)
                raise ApiUnavailable(f"watch {path}: HTTP {response.status}")
            yield _lines(path, response)
        finally:
            response.close()

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Any,
        media: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        agent = f"tidegate/{__version__}" + (f" epoch/{self.epoch}" if self.epoch else "")
        headers = {"Accept": JSON, "User-Agent": agent, **media}
        auth = await self._client.configuration.auth_settings()
        for setting in auth.values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        url = self._client.configuration.host + path
        if query:
            url += "?" + urlencode(query)
        answer = await self._client.rest_client.request(
            method, url, headers=headers, body=body, _request_timeout=limits
        )
        response: aiohttp.ClientResponse = answer.response
        return response


async def patched(
    api: Api, path: str, patch: list[dict[str, Any]], learn: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Send a JSON Patch whose first operation tests the resourceVersion; return the new object.

    The API server answers 422 to a failed test and to a refusal alike; they are told apart by
    reading the object anew, which `learn` takes over. Only if it moved on is it a Conflict.
    """
    try:
        return await api.request("PATCH", path, body=patch, media_type=JSON_PATCH)
    except (ApiRefused, Conflict) as refusal:
        fresh = await api.request("GET", path)
        learn(fresh)
        moved_on = fresh["metadata"].get("resourceVersion") != patch[0]["value"]
        if isinstance(refusal, Conflict) or moved_on:
            raise Conflict(str(refusal)) from refusal
        raise


def _read(method: str, path: str, response: aiohttp.ClientResponse, raw: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(raw) if raw else {}
    except ValueError:
        answer = {"message": f"not JSON (HTTP {response.status})"}
    status = response.status
    if status < 300:  # noqa: PLR2004 — HTTP success
        if isinstance(answer, dict) and "kind" in answer:
            return answer
        # A proxy's page, or half an answer: taken for an object it would be an empty list.
        raise ApiUnavailable(f"{method} {path}: the answer is not a Kubernetes object")
    words = answer.get("message") if isinstance(answer, dict) else None
    message = f"{method} {path}: {str(words or f'HTTP {status}')[:ERROR_CHARS_MAX]}"
    if status in STATUS_GONE:
        raise Gone(message)
    if status == STATUS_CONFLICT:
        raise Conflict(message)
    if status in STATUS_BUSY:
        raise ApiUnavailable(message, _retry_after_s(response))
    raise ApiRefused(message)


def _retry_after_s(response: aiohttp.ClientResponse) -> float | None:
    said = response.headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdigit() else None


async def _lines(path: str, response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    try:
        while line := await response.content.readline():
            event = json.loads(line)
            if isinstance(event, dict):
                yield event
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise ApiUnavailable(f"watch {path}: {type(error).__name__}: {error}") from error
    except asyncio.CancelledError:
        response.close()
        raise
