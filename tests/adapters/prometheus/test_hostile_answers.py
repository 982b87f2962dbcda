"""No answer, however odd, is a value unless it is one number and nothing else."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.adapters.prometheus.asking import NOON, arms, ask_one, metric
from tests.adapters.prometheus.scripted import (
    flood,
    hang_up,
    http,
    result,
    silence,
    trickle,
    vector,
    writing,
)
from tidegate.adapters.prometheus import PrometheusMetrics, ProviderConfig, TelemetryConfig
from tidegate.adapters.prometheus.answers import SERIES_MAX
from tidegate.core.observation import Answer

CANARY = "s3cret-of-an-internal-page"
PAGE = f"<html><body>{CANARY}</body></html>"


def error(kind: str, words: str) -> str:
    return json.dumps({"status": "error", "errorType": kind, "error": words})


def said(status: int, body: bytes | str, **headers: str):
    return writing(http(status, body, **headers))


def one(value: object):
    return said(200, vector(({}, value)))


ANSWERS = [
    # the empty and the endless
    ("no series", said(200, vector()), Answer.NODATA, "no series"),
    ("NaN", one("NaN"), Answer.NODATA, "NaN"),
    ("+Inf", one("+Inf"), Answer.NODATA, "+Inf"),
    ("-Inf", one("-Inf"), Answer.NODATA, "-Inf"),
    ("1e400", one("1e400"), Answer.NODATA, "+Inf"),
    ("scalar NaN", said(200, result("scalar", [1, "NaN"])), Answer.NODATA, "NaN"),
    # the query's own fault
    ("bad_data", said(400, error("bad_data", "parse error: x")), Answer.REFUSED, "parse error: x"),
    ("matrix", said(200, result("matrix", [])), Answer.REFUSED, "range vector"),
    ("string", said(200, result("string", [1, "x"])), Answer.REFUSED, "a text"),
    ("3 series", said(200, vector(*[({"a": x}, 1) for x in "bcd"])), Answer.REFUSED, "3 series"),
    # the provider's fault, in its own words
    ("422", said(422, error("execution", "too many samples")), Answer.ERROR, "too many samples"),
    ("503", said(503, error("timeout", "query timed out")), Answer.ERROR, "query timed out"),
    ("status error", said(200, error("internal", "oops")), Answer.ERROR, "oops"),
    ("no words", said(200, '{"status":"error"}'), Answer.ERROR, "does not say why"),
    # not Prometheus at all
    ("400 page", said(400, PAGE), Answer.ERROR, "HTTP 400"),
    ("401 page", said(401, PAGE), Answer.ERROR, "token"),
    ("403 page", said(403, PAGE), Answer.ERROR, "token"),
    ("404 page", said(404, PAGE), Answer.ERROR, "url"),
    ("429 page", said(429, PAGE), Answer.ERROR, "limits"),
    ("500 page", said(500, PAGE), Answer.ERROR, "HTTP 500"),
    ("502 page", said(502, PAGE), Answer.ERROR, "HTTP 502"),
    ("HTML at 200", said(200, PAGE), Answer.ERROR, "not Prometheus' format"),
    ("204", writing(b"HTTP/1.1 204 No\r\n\r\n"), Answer.ERROR, "HTTP 204"),
    ("empty body", said(200, ""), Answer.ERROR, "not whole JSON"),
    ("other JSON", said(200, json.dumps({"page": CANARY})), Answer.ERROR, "no status"),
    ("JSON list", said(200, "[]"), Answer.ERROR, "not a JSON object"),
    ("other error", said(400, json.dumps({"error": CANARY})), Answer.ERROR, "HTTP 400"),
    ("redirect", said(302, PAGE, Location="/elsewhere"), Answer.ERROR, "redirects"),
    ("permanent", said(308, "", Location="http://169.254.169.254/"), Answer.ERROR, "redirects"),
    # almost Prometheus
    ("truncated JSON", said(200, vector(({}, 1))[:-9]), Answer.ERROR, "not whole JSON"),
    ("cut", said(200, vector(({}, 1)), Content_Length="9999"), Answer.ERROR, "cannot be reached"),
    ("not UTF-8", said(200, b"\xff\xfe{}"), Answer.ERROR, "not whole JSON"),
    ("deep", said(200, "[" * 200_000), Answer.ERROR, "not whole JSON"),
    ("long number", said(200, "9" * 10_000), Answer.ERROR, "not whole JSON"),
    ("bare NaN", said(200, '{"status": NaN}'), Answer.ERROR, "not whole JSON"),
    ("gzip", said(200, gzip.compress(vector(({}, 1)).encode()), Content_Encoding="gzip"),
     Answer.ERROR, "not whole JSON"),
    ("odd type", said(200, result("table", [])), Answer.ERROR, "result type"),
    ("no result", said(200, '{"status":"success","data":{"resultType":"vector"}}'),
     Answer.ERROR, "not a list"),
    ("series no object", said(200, result("vector", [1])), Answer.ERROR, "not an object"),
    ("labels no texts", said(200, result("vector", [{"metric": {"a": 1}, "value": [1, "1"]}])),
     Answer.ERROR, "labels"),
    ("histogram", said(200, result("vector", [{"metric": {}, "histogram": [1, {}]}])),
     Answer.ERROR, "native histogram"),
    ("number, not text", said(200, result("scalar", [1, 0.5])), Answer.ERROR, "not a number"),
    ("underscores", one("1_000"), Answer.ERROR, "not a number"),
    ("spaces", one(" 1 "), Answer.ERROR, "not a number"),
    ("words", one("none"), Answer.ERROR, "not a number"),
    ("hexadecimal", one("0x1p3"), Answer.ERROR, "not a number"),
    ("time no number", said(200, result("scalar", ["now", "1"])), Answer.ERROR, "time"),
    ("time is true", said(200, result("scalar", [True, "1"])), Answer.ERROR, "time"),
    ("three in a pair", said(200, result("scalar", [1, "1", "2"])), Answer.ERROR, "pair"),
    # all there, or only a part
    ("store down", said(200, vector(({}, 0), warnings=["receive series from store-1: EOF"])),
     Answer.ERROR, "only a part"),
    ("isPartial", said(200, vector(({}, 0), isPartial=True)), Answer.ERROR, "only a part"),
    ("odd warnings", said(200, vector(({}, 0), warnings={"a": 1})), Answer.ERROR, "warnings"),
    # the line itself
    ("hang up", hang_up, Answer.ERROR, "cannot be reached"),
    ("no HTTP", writing(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Answer.ERROR, "cannot be reached"),
    ("long header", writing(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"),
     Answer.ERROR, "cannot be reached"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("play", "answer", "words"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
async def test_what_is_no_number_is_no_value(metrics, provider, play, answer, words):
    provider.play = play
    reading = await ask_one(metrics, metric(query="up"))
    assert (reading.answer, reading.value) == (answer, None)
    assert words in reading.detail
    assert CANARY not in reading.detail
    assert len(reading.detail) < 512
    assert reading.at == NOON
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "play",
    [row[1] for row in ANSWERS if row[2] is not Answer.NODATA],
    ids=[row[0] for row in ANSWERS if row[2] is not Answer.NODATA],
)
async def test_what_is_no_number_is_no_measurement_of_a_template_either(metrics, provider, play):
    provider.play = play
    reading = await ask_one(metrics, metric(template="envoy-error-rate"))
    assert reading.answer is not Answer.OK


@pytest.mark.parametrize("play", [row[1] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
async def test_what_is_no_number_is_no_proof_of_idleness(metrics, provider, play):
    provider.play = play
    reading = (await metrics.traffic([arms()]))["shop", "web"]
    assert (reading.by_revision, reading.by_subset) == (None, None)


@pytest.mark.parametrize("play", [silence, trickle])
async def test_what_does_not_come_in_time_is_no_value_and_no_proof(hasty, provider, play):
    provider.play = play
    reading = await ask_one(hasty, metric(query="up"))
    assert (reading.answer, reading.value, reading.at) == (Answer.ERROR, None, NOON)
    assert "within 0.5 s" in reading.detail
    reading = await ask_one(hasty, metric(template="envoy-error-rate"))
    assert reading.answer is Answer.ERROR
    counted = (await hasty.traffic([arms()]))["shop", "web"]
    assert (counted.by_revision, counted.by_subset) == (None, None)


async def test_an_endless_answer_is_cut(provider, clock):
    provider.play = flood
    config = ProviderConfig(provider.url, timeout_s=30)
    metrics = PrometheusMetrics({"default": config}, TelemetryConfig(), clock)
    reading = await ask_one(metrics, metric(query="up"))
    await metrics.close()
    assert reading.answer is Answer.ERROR
    assert "longer than 4194304 bytes" in reading.detail


async def test_too_many_series_are_not_read(metrics, provider):
    provider.gives(*[({"n": str(n)}, n) for n in range(SERIES_MAX + 1)])
    reading = await ask_one(metrics, metric(template="envoy-error-rate"))
    assert reading.answer is Answer.ERROR
    assert "10001 series" in reading.detail


async def test_nobody_listens(metrics, clock, unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}"
    alone = PrometheusMetrics({"default": ProviderConfig(url)}, TelemetryConfig(), clock)
    reading = await ask_one(alone, metric(query="up"))
    await alone.close()
    assert reading.answer is Answer.ERROR
    assert "cannot be reached" in reading.detail


async def test_foreign_words_are_short_and_on_one_line(metrics, provider):
    provider.says(http(400, error("bad_data", "a\nb\x1b[31m " + "long " * 1000)))
    reading = await ask_one(metrics, metric(query="up"))
    assert reading.answer is Answer.REFUSED
    assert reading.detail.isprintable()
    assert len(reading.detail) < 400


@pytest.mark.parametrize(
    ("body", "value", "detail"),
    [
        (vector(({"any": "label"}, "0.25")), 0.25, ""),
        (vector(({}, "-0")), 0.0, ""),
        (vector(({}, "1e-3")), 0.001, ""),
        (result("scalar", [1, "7"]), 7.0, ""),
        (vector(({}, 1), warnings=["PromQL warning: odd"]), 1.0, "PromQL warning: odd"),
        (vector(({}, 1), infos=["PromQL info: no counter"]), 1.0, "PromQL info: no counter"),
        (vector(({}, 1), warnings=None, isPartial=False), 1.0, ""),
    ],
)
async def test_one_number_is_a_value(metrics, provider, body, value, detail):
    provider.says(http(200, body))
    reading = await ask_one(metrics, metric(query="up"))
    assert (reading.answer, reading.value, reading.detail) == (Answer.OK, value, detail)
