"""Calls to a real HTTP server that answers as servers do: well, badly, slowly, or with too much."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from tidegate.adapters.hooks.caller import ANSWER_MAX_BYTES, HttpCaller, in_cluster
from tidegate.adapters.hooks.config import HookConfig
from tidegate.adapters.hooks.words import harmless
from tidegate.api.limits import MAX_DETAIL_CHARS
from tidegate.core.observation import HookSight
from tidegate.ports.hooks import HookCall

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
FAR_S = 30.0


class Noon:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOON


@dataclass
class Server:
    """Keeps what it was sent, and answers as a test says."""

    url: str = ""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.path, dict(request.headers), await request.read()))
        if self.answer is None:
            return web.json_response({"message": "all good"})
        return await self.answer(request)

    def says(
        self, status: int, body: str = "", kind: str = "application/json", **more: str
    ) -> None:
        async def answer(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, text=body, content_type=kind, headers=more)

        self.answer = answer


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.serve)
    runner = web.AppRunner(application, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = "http://127.0.0.1:{1}".format(*runner.addresses[0])
    yield made
    made.closing.set()
    await runner.cleanup()


def caller(
    server: Server, key_file: Path | None = None, own: Mapping[str, Path] | None = None
) -> HttpCaller:
    """Calls that end at the server, whatever Service they name."""
    config = HookConfig(key_file, own or {})
    return HttpCaller(config, Noon(), lambda call: URL(server.url + call.path))


def call(timeout_s: float = FAR_S) -> HookCall:
    """One try of a hook."""
    return HookCall(
        "shop", "checker", 8080, "/verify", timeout_s, "u1/3/1", {"try": 1, "run": 3}, "10.96.0.7"
    )


@pytest.fixture
async def calling(server: Server) -> AsyncIterator[HttpCaller]:
    made = caller(server)
    yield made
    await made.close()


async def test_a_good_answer_passes_and_its_message_is_kept(server, calling):
    view = await calling.call(call())
    assert (view.sight, view.message, view.exit_code) == (HookSight.SUCCEEDED, "all good", 200)
    path, headers, body = server.requests[0]
    assert path == "/verify"
    assert json.loads(body) == {"try": 1, "run": 3}
    assert headers["Idempotency-Key"] == "u1/3/1"
    assert headers["Content-Type"] == "application/json"
    assert "Tidegate-Signature" not in headers


async def test_two_deliveries_of_one_try_carry_one_key(server, calling):
    await calling.call(call())
    await calling.call(call())
    assert {headers["Idempotency-Key"] for _, headers, _ in server.requests} == {"u1/3/1"}


async def test_a_call_is_signed_so_that_its_receiver_can_tell(server, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(b"secret\n")
    calling = caller(server, key)
    await calling.call(call())
    await calling.close()
    _, headers, body = server.requests[0]
    stamp = headers["Tidegate-Timestamp"]
    expected = hmac.new(b"secret", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["Tidegate-Signature"] == f"sha256={expected}"
    assert int(stamp) == NOON.timestamp()


async def test_without_its_key_nothing_is_sent_and_the_field_is_named(server, tmp_path):
    calling = caller(server, tmp_path / "missing")
    view = await calling.call(call())
    await calling.close()
    assert view.sight is HookSight.FAILED
    assert "hooks.signingKeyFile" in view.message
    assert not server.requests


async def test_a_namespace_with_a_key_of_its_own_gets_calls_with_that_one_alone(server, tmp_path):
    (tmp_path / "rest").write_bytes(b"rest")
    (tmp_path / "own").write_bytes(b"own")
    namespace = call().namespace
    for keys, secret in (
        ({namespace: tmp_path / "own"}, b"own"),
        ({"x": tmp_path / "own"}, b"rest"),
    ):
        calling = caller(server, tmp_path / "rest", keys)
        await calling.call(call())
        await calling.close()
        _, headers, body = server.requests[-1]
        signed = headers["Tidegate-Timestamp"].encode() + b"." + body
        expected = hmac.new(secret, signed, hashlib.sha256).hexdigest()
        assert headers["Tidegate-Signature"] == f"sha256={expected}"


async def test_no_other_key_stands_in_for_one_that_cannot_be_read(server, tmp_path):
    (tmp_path / "rest").write_bytes(b"rest")
    calling = caller(server, tmp_path / "rest", {call().namespace: tmp_path / "missing"})
    view = await calling.call(call())
    await calling.close()
    assert view.sight is HookSight.FAILED
    assert f"hooks.signingKeyFiles.{call().namespace}" in view.message
    assert not server.requests


@pytest.mark.parametrize("status", [400, 404, 409, 500, 503])
async def test_any_other_status_fails_with_what_was_said(server, calling, status):
    server.says(status, '{"message": "3 of 5 checks failed"}')
    view = await calling.call(call())
    assert view.sight is HookSight.FAILED
    assert (view.exit_code, view.message) == (status, "3 of 5 checks failed")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(server, calling, status):
    server.says(status, Location=f"{server.url}/elsewhere")
    view = await calling.call(call())
    assert view.sight is HookSight.FAILED
    assert "redirect" in view.message
    assert [path for path, _, _ in server.requests] == ["/verify"]


async def test_an_answer_that_never_comes_fails_in_time(server, calling):
    async def hang(_request: web.Request) -> web.StreamResponse:
        await server.closing.wait()
        return web.Response()

    server.answer = hang
    view = await calling.call(call(timeout_s=0.3))
    assert view.sight is HookSight.FAILED
    assert view.message == "Service checker did not answer within 0.3 s"


async def test_an_endless_answer_is_read_no_further_than_its_beginning(server, calling):
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        while not server.closing.is_set():
            await response.write(b"x" * ANSWER_MAX_BYTES)
        return response

    server.answer = pour
    view = await calling.call(call())
    assert view.sight is HookSight.SUCCEEDED
    assert len(view.message) == MAX_DETAIL_CHARS


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("<html>nginx</html>", "text/html", ""),
        ("plain words", "text/plain", "plain words"),
        ("{half", "application/json", ""),
        ("[1]", "application/json", ""),
        ('{"message": 7}', "application/json", ""),
        ('{"message": "red\\u001b[31m\\nline"}', "application/json", "red [31m line"),
        ("[" * 100_000, "application/json", ""),
    ],
)
async def test_only_words_are_kept_of_an_answer(server, calling, body, kind, message):
    server.says(200, body, kind)
    view = await calling.call(call())
    assert (view.sight, view.message) == (HookSight.SUCCEEDED, message)


async def test_a_service_that_nobody_answers_for_fails_with_its_name(server):
    calling = HttpCaller(HookConfig(), Noon(), lambda _call: URL("http://127.0.0.1:1/"))
    view = await calling.call(call())
    await calling.close()
    assert view.sight is HookSight.FAILED
    assert "Service checker cannot be reached on port 8080" in view.message


def test_a_call_goes_to_the_service_of_its_namespace_and_nowhere_else():
    assert str(in_cluster(call())) == "http://10.96.0.7:8080/verify"


def test_words_are_cut_and_stay_on_one_line():
    assert harmless("a\n\u202eb\x00c") == "a b c"
    assert len(harmless("x" * 10_000)) == MAX_DETAIL_CHARS
