"""Each way in which the API server answers, or does not, is one of four outcomes."""

from __future__ import annotations

import gc

import pytest
from aiohttp import web

from tests.adapters.kubernetes.fake_api import FakeApi
from tidegate import __version__
from tidegate.adapters.kubernetes import api as module
from tidegate.adapters.kubernetes.api import MERGE_PATCH, Api
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone

PATH = "/api/v1/namespaces/shop/services/web"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, ApiRefused),
        (401, ApiRefused),
        (403, ApiRefused),
        (404, Gone),
        (409, Conflict),
        (410, Gone),
        (422, ApiRefused),
        (429, ApiUnavailable),
        (500, ApiUnavailable),
        (502, ApiUnavailable),
        (503, ApiUnavailable),
        (504, ApiUnavailable),
    ],
)
async def test_a_refusal_has_a_kind_and_the_servers_own_words(fake: FakeApi, api, status, outcome):
    fake.says("GET", PATH, status, {"message": "says who"})
    with pytest.raises(outcome, match=f"^GET {PATH}: says who$"):
        await api.request("GET", PATH)


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None)]
)
async def test_a_busy_server_says_how_long_to_wait(fake: FakeApi, api, said, seconds):
    fake.says("GET", PATH, 429, {"message": "slow down"}, Retry_After=said)
    with pytest.raises(ApiUnavailable) as caught:
        await api.request("GET", PATH)
    assert caught.value.retry_after_s == seconds


async def test_without_a_word_there_is_no_time_to_wait(fake: FakeApi, api):
    fake.says("GET", PATH, 503, b"")
    with pytest.raises(ApiUnavailable, match="HTTP 503") as caught:
        await api.request("GET", PATH)
    assert caught.value.retry_after_s is None


@pytest.mark.parametrize(
    ("status", "raw", "outcome", "words"),
    [
        (200, b"<html>", ApiUnavailable, "not a Kubernetes object"),
        (200, b"[1]", ApiUnavailable, "not a Kubernetes object"),
        (200, b"", ApiUnavailable, "not a Kubernetes object"),
        (200, b"{}", ApiUnavailable, "not a Kubernetes object"),
        (502, b"<html>", ApiUnavailable, "not JSON"),
        (404, b"page not found", Gone, "not JSON"),
        (403, b"null", ApiRefused, "HTTP 403"),
    ],
)
async def test_what_is_no_object_is_never_taken_for_one(
    fake: FakeApi, api, status, raw, outcome, words
):
    fake.says("GET", PATH, status, raw)
    with pytest.raises(outcome, match=words):
        await api.request("GET", PATH)


async def test_a_long_message_is_cut(fake: FakeApi, api):
    fake.says("GET", PATH, 422, {"message": "x" * 5000})
    with pytest.raises(ApiRefused) as caught:
        await api.request("GET", PATH)
    assert len(str(caught.value)) < 600


async def test_a_server_that_hangs_is_given_up(fake: FakeApi, api):
    fake.hangs("GET", PATH)
    with pytest.raises(ApiUnavailable, match="TimeoutError"):
        await api.request("GET", PATH, timeout_s=0.05)


async def test_a_server_that_is_away_is_unavailable(fake: FakeApi, api):
    api._client.configuration.host = "http://127.0.0.1:1"
    with pytest.raises(ApiUnavailable):
        await api.request("GET", PATH)
    with pytest.raises(ApiUnavailable):
        async with api.stream(PATH, {}):
            pass


async def test_an_answer_that_breaks_off_is_unavailable(fake: FakeApi, api):
    async def tear(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"metadata"')
        assert request.transport is not None
        request.transport.close()
        return response

    fake.play("GET", PATH, tear)
    with pytest.raises(ApiUnavailable, match="ClientPayloadError"):
        await api.request("GET", PATH)


@pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning")
async def test_an_answer_that_is_too_large_is_refused(fake: FakeApi, api, monkeypatch):
    monkeypatch.setattr(module, "BODY_BYTES_MAX", 1000)
    fake.says("GET", PATH, 200, b" " * 100_000)
    with pytest.raises(ApiRefused, match="answer over 1000 bytes") as caught:
        await api.request("GET", PATH)
    del caught
    gc.collect()  # the connection of a refused answer is left to the garbage collector


async def test_a_request_carries_query_body_type_and_token(fake: FakeApi, api: Api):
    api._client.configuration.api_key["BearerToken"] = "Bearer secret"
    fake.says("PATCH", PATH, 200, {"kind": "Service"})
    answer = await api.request(
        "PATCH", PATH, query={"a": "b c"}, body={"x": 1}, media_type=MERGE_PATCH
    )
    (call,) = fake.calls
    assert answer == {"kind": "Service"}
    assert (call.query, call.body, call.content_type) == ({"a": "b c"}, {"x": 1}, MERGE_PATCH)
    assert call.headers["User-Agent"] == f"tidegate/{__version__}"
    assert call.headers["Authorization"] == "Bearer secret"


async def test_a_watch_gives_events_until_the_server_ends_it(fake: FakeApi, api):
    got = []
    async with api.stream(PATH, {"watch": "1"}) as events:
        watch = await fake.watch()
        watch.send("ADDED", {"n": 1})
        watch.lines.put_nowait(b"[]\n")
        watch.send("MODIFIED", {"n": 2})
        watch.end()
        got = [event["type"] async for event in events]
    assert got == ["ADDED", "MODIFIED"]


@pytest.mark.parametrize(("status", "outcome"), [(410, Gone), (403, ApiRefused)])
async def test_a_refused_watch_has_the_kind_of_a_refused_request(
    fake: FakeApi, api, status, outcome
):
    fake.says("GET", PATH, status, {"message": "no"})
    with pytest.raises(outcome, match="no"):
        async with api.stream(PATH, {"watch": "1"}):
            pass


async def test_a_watch_that_falls_silent_is_unavailable(fake: FakeApi, api, monkeypatch):
    monkeypatch.setattr(module, "WATCH_SILENCE_S", 0.05)
    async with api.stream(PATH, {"watch": "1"}) as events:
        with pytest.raises(ApiUnavailable, match="Timeout"):
            [event async for event in events]


async def test_a_torn_event_is_unavailable(fake: FakeApi, api):
    async with api.stream(PATH, {"watch": "1"}) as events:
        watch = await fake.watch()
        watch.lines.put_nowait(b'{"type": "MODI')
        watch.end()
        with pytest.raises(ApiUnavailable, match=f"watch {PATH}: JSONDecodeError"):
            [event async for event in events]
