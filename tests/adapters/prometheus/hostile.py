"""What a provider may say instead of one number, and what has to be made of it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass

from tests.adapters.prometheus.asking import HOST, metric
from tests.adapters.prometheus.scripted import (
    NOON_S,
    Play,
    continuing,
    endless_head,
    flood,
    hang_up,
    http,
    reset,
    result,
    silence,
    trickle,
    vector,
    writing,
)
from tidegate.api.checks import Metric
from tidegate.core.observation import Answer

SECRET = "s3cret-of-an-internal-page"
PAGE = f"<html><body>{SECRET}</body></html>"
OWN = metric(query="up")
RATE = metric(template="envoy-error-rate")
LATENCY = metric(template="envoy-latency")
SLOW = metric(template="envoy-slow-share", threshold_s=0.25)
NODATA, ERROR, REFUSED = Answer.NODATA, Answer.ERROR, Answer.REFUSED
HOUR_S = 3600


@dataclass(frozen=True)
class Row:
    """One answer to the query of a metric; it must become `answer`, with `words` in its detail."""

    name: str
    play: Play
    answer: Answer
    words: str
    about: Metric = OWN
    late: bool = False
    """Whether it never ends, so that only a time-out does."""


def error(kind: str, words: str) -> str:
    return json.dumps({"status": "error", "errorType": kind, "error": words})


def said(status: int, body: bytes | str, **headers: str) -> Play:
    return writing(http(status, body, **headers))


def one(value: object) -> Play:
    return said(200, vector(({}, value)))


def scalar(*pair: object) -> Play:
    return said(200, result("scalar", list(pair)))


def series(*listed: object) -> Play:
    return said(200, result("vector", listed))


def data(text: str) -> Play:
    return said(200, f'{{"status":"success","data":{text}}}')


def chunked(chunks: bytes) -> Play:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return writing(head + chunks)


def counts(*listed: tuple[Mapping[str, str], object]) -> Play:
    return said(200, vector(*listed))


def requests(
    code: str | None, value: object, subset: str = "canary", port: int = 80
) -> tuple[Mapping[str, str], object]:
    """Requests that Envoy counted; without a code where it is None."""
    labels = {"cluster_name": f"outbound|{port}|{subset}|{HOST}"}
    return labels | ({} if code is None else {"response_code": code}), value


def latency(**parts: object) -> Play:
    labels = {"destination": f"canary|{HOST}"}
    return counts(*((labels | {"part": part}, value) for part, value in parts.items()))


GOOD = vector(({}, 0))
AT_NOON = f"{NOON_S:.0f}"
EMPTY = '{"resultType":"vector","result":[]}'
ZERO = f'{{"resultType":"scalar","result":[{AT_NOON},"0"]}}'

NUMBERS = (
    Row("NaN", one("NaN"), NODATA, "NaN"),
    Row("+Inf", one("+Inf"), NODATA, "+Inf"),
    Row("-Inf", one("-Inf"), NODATA, "-Inf"),
    Row("1e400", one("1e400"), NODATA, "+Inf"),
    Row("-1e999", one("-1e999"), NODATA, "-Inf"),
    Row("scalar NaN", scalar(NOON_S, "NaN"), NODATA, "NaN"),
    Row("number, not text", scalar(NOON_S, 0.5), ERROR, "not a number"),
    Row("true", scalar(NOON_S, True), ERROR, "not a number"),
    Row("null", scalar(NOON_S, None), ERROR, "not a number"),
    Row("no digits", one(""), ERROR, "not a number"),
    Row("underscores", one("1_000"), ERROR, "not a number"),
    Row("spaces", one(" 1 "), ERROR, "not a number"),
    Row("line break", one("0\n"), ERROR, "not a number"),
    Row("words", one("none"), ERROR, "not a number"),
    Row("infinity", one("Infinity"), ERROR, "not a number"),
    Row("hexadecimal", one("0x1p3"), ERROR, "not a number"),
    Row("comma", one("0,5"), ERROR, "not a number"),
    Row("foreign digits", one("\u0660"), ERROR, "not a number"),
    Row("NUL in a number", one("0\x00"), ERROR, "not a number"),
)

TIMES = (
    Row("time a text", scalar("now", "0"), ERROR, "time"),
    Row("time true", scalar(True, "0"), ERROR, "time"),
    Row("time null", scalar(None, "0"), ERROR, "time"),
    Row("time beyond all", data(ZERO.replace(AT_NOON, "1e999")), ERROR, "time"),
    Row("time of 400 digits", data(ZERO.replace(AT_NOON, "9" * 400)), ERROR, "time"),
    Row("an hour old", said(200, vector(({}, 0), at_s=NOON_S - HOUR_S)), ERROR, "another time"),
    Row("an hour ahead", said(200, vector(({}, 0), at_s=NOON_S + HOUR_S)), ERROR, "another time"),
    Row("in milliseconds", scalar(NOON_S * 1000, "0"), ERROR, "another time"),
    Row("the epoch", scalar(0, "0"), ERROR, "another time"),
    Row("old requests", said(200, vector(requests("200", 9), at_s=NOON_S - HOUR_S)), ERROR,
        "another time", RATE),
)  # fmt: skip

SHAPES = (
    Row("no series", said(200, vector()), NODATA, "no series"),
    Row("3 series", said(200, vector(*[({"a": x}, 0) for x in "bcd"])), REFUSED, "3 series"),
    Row("twins", said(200, vector(({}, 0), ({}, 0))), ERROR, "twice"),
    Row("matrix", said(200, result("matrix", [])), REFUSED, "range vector"),
    Row("string", said(200, result("string", [NOON_S, "0"])), REFUSED, "a text"),
    Row("odd type", said(200, result("table", [])), ERROR, "result type"),
    Row("no type", data('{"result":[]}'), ERROR, "result type"),
    Row("no result", data('{"resultType":"vector"}'), ERROR, "not a list"),
    Row("result null", data('{"resultType":"vector","result":null}'), ERROR, "not a list"),
    Row("result an object", data('{"resultType":"vector","result":{}}'), ERROR, "not a list"),
    Row("data null", data("null"), ERROR, "no status"),
    Row("data a list", data("[]"), ERROR, "no status"),
    Row("no status", said(200, f'{{"data":{ZERO}}}'), ERROR, "no status"),
    Row("status true", said(200, f'{{"status":true,"data":{ZERO}}}'), ERROR, "no status"),
    Row("series no object", series(1), ERROR, "not an object"),
    Row("no labels", series({"value": [NOON_S, "0"]}), ERROR, "labels"),
    Row("labels no texts", series({"metric": {"a": 1}, "value": [NOON_S, "0"]}), ERROR, "labels"),
    Row("histogram", series({"metric": {}, "histogram": [NOON_S, {}]}), ERROR, "native histogram"),
    Row("number and histogram", series({"metric": {}, "value": [NOON_S, "0"], "histogram": []}),
        ERROR, "native histogram"),
    Row("no value", series({"metric": {}}), ERROR, "pair"),
    Row("value alone", series({"metric": {}, "value": "0"}), ERROR, "pair"),
    Row("three in a pair", scalar(NOON_S, "0", "0"), ERROR, "pair"),
    Row("an object for a pair", series({"metric": {}, "value": {"0": 1, "1": "0"}}), ERROR, "pair"),
    Row("other JSON", said(200, json.dumps({"page": SECRET})), ERROR, "no status"),
    Row("a list", said(200, "[]"), ERROR, "not a JSON object"),
    Row("a number", said(200, "0"), ERROR, "not a JSON object"),
)  # fmt: skip

BYTES = (
    Row("empty body", said(200, ""), ERROR, "not whole JSON"),
    Row("HTML at 200", said(200, PAGE, Content_Type="text/html"), ERROR, "not Prometheus' format"),
    Row("truncated", said(200, GOOD[:-9]), ERROR, "not whole JSON"),
    Row("two answers", said(200, GOOD + GOOD), ERROR, "not whole JSON"),
    Row("not UTF-8", said(200, b"\xff\xfe{}"), ERROR, "not whole JSON"),
    Row("UTF-16", said(200, GOOD.encode("utf-16")), ERROR, "not whole JSON"),
    Row("UTF-32", said(200, GOOD.encode("utf-32-le")), ERROR, "not whole JSON"),
    Row("byte order mark", said(200, b"\xef\xbb\xbf" + GOOD.encode()), ERROR, "not whole JSON"),
    Row("NUL bytes", said(200, GOOD.encode() + b"\x00" * 8), ERROR, "not whole JSON"),
    Row("NUL in a label", said(200, GOOD.replace("{}", '{"a":"\x00"}')), ERROR, "not whole JSON"),
    Row("deep lists", said(200, "[" * 200_000), ERROR, "not whole JSON"),
    Row("deep objects", said(200, '{"a":' * 200_000), ERROR, "not whole JSON"),
    Row("long number", said(200, "9" * 10_000), ERROR, "not whole JSON"),
    Row("bare NaN", said(200, '{"status": NaN}'), ERROR, "not whole JSON"),
    Row("two results", data(f'{EMPTY[:-1]},"result":[{{"metric":{{}},"value":[{AT_NOON},"0"]}}]}}'),
        ERROR, "not whole JSON"),
    Row("two statuses", said(200, f'{{"status":"error","status":"success","data":{ZERO}}}'),
        ERROR, "not whole JSON"),
    Row("gzip", said(200, gzip.compress(GOOD.encode()), Content_Encoding="gzip"),
        ERROR, "not whole JSON"),
    Row("gzip bomb", said(200, gzip.compress(b" " * 64 * 1024 * 1024 + GOOD.encode()),
        Content_Encoding="gzip"), ERROR, "not whole JSON"),
    Row("too long", said(200, " " * 4 * 1024 * 1024 + GOOD), ERROR, "longer than 4194304 bytes"),
    Row("without end", flood, ERROR, "longer than 4194304 bytes"),
)  # fmt: skip

STATUSES = (
    Row("204", writing(b"HTTP/1.1 204 No\r\n\r\n"), ERROR, "HTTP 204"),
    Row("206", said(206, GOOD), ERROR, "HTTP 206"),
    *(
        Row(f"{status}", said(status, GOOD, Location="/elsewhere"), ERROR, "redirects")
        for status in (301, 302, 303, 307)
    ),
    Row("308", said(308, "", Location="http://169.254.169.254/"), ERROR, "redirects"),
    Row("bad_data", said(400, error("bad_data", "parse error: x")), REFUSED, "parse error: x"),
    Row("400 page", said(400, PAGE), ERROR, "HTTP 400"),
    Row("400 other", said(400, json.dumps({"error": SECRET})), ERROR, "HTTP 400"),
    Row("401", said(401, PAGE), ERROR, "token"),
    Row("403", said(403, PAGE), ERROR, "token"),
    Row("404", said(404, PAGE), ERROR, "url"),
    Row("422", said(422, error("execution", "too many samples")), ERROR, "too many samples"),
    Row("429", said(429, PAGE, Retry_After="9"), ERROR, "limits"),
    Row("500", said(500, PAGE), ERROR, "HTTP 500"),
    Row("500 that looks good", said(500, GOOD), ERROR, "HTTP 500"),
    Row("502", said(502, PAGE), ERROR, "HTTP 502"),
    Row("503", said(503, error("timeout", "query timed out")), ERROR, "query timed out"),
    Row("504", said(504, PAGE), ERROR, "HTTP 504"),
    Row("999", said(999, GOOD), ERROR, "HTTP 999"),
    Row("error at 200", said(200, error("internal", "oops")), ERROR, "oops"),
    Row("error with data", said(200, f'{{"status":"error","data":{ZERO}}}'), ERROR, "not say why"),
)

PARTS = (
    Row("store down", said(200, vector(({}, 0), warnings=["receive series from store-1: EOF"])),
        ERROR, "only a part"),
    Row("last of many", said(200, vector(({}, 0), warnings=["PromQL warning: x"] * 9 + ["EOF"])),
        ERROR, "only a part"),
    Row("a part of a scalar", said(200, result("scalar", [NOON_S, "0"], warnings=["EOF"])),
        ERROR, "only a part"),
    Row("isPartial", said(200, vector(({}, 0), isPartial=True)), ERROR, "only a part"),
    Row("odd warnings", said(200, vector(({}, 0), warnings={"a": 1})), ERROR, "warnings"),
    Row("odd infos", said(200, vector(({}, 0), infos="oops")), ERROR, "infos"),
)  # fmt: skip

LINES = (
    Row("hang up", hang_up, ERROR, "cannot be reached"),
    Row("reset in the body", reset, ERROR, "cannot be reached"),
    Row("cut", said(200, GOOD, Content_Length="9999"), ERROR, "cannot be reached"),
    Row("cut chunks", chunked(b'5\r\n{"sta'), ERROR, "cannot be reached"),
    Row("odd chunks", chunked(b"zz\r\n" + GOOD.encode()), ERROR, "cannot be reached"),
    Row("short of itself", said(200, GOOD, Content_Length="9"), ERROR, "check the provider's url"),
    Row("no HTTP", writing(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), ERROR, "cannot be reached"),
    Row("long header", writing(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"),
        ERROR, "cannot be reached"),
    Row("another protocol", writing(b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        ERROR, ""),
    Row("silence", silence, ERROR, "did not answer within", late=True),
    Row("slow head", endless_head, ERROR, "did not answer within", late=True),
    Row("slow body", trickle, ERROR, "did not answer within", late=True),
    Row("about to come", continuing, ERROR, "did not answer within", late=True),
)  # fmt: skip


NINE = requests("200", 9)

OF_TEMPLATES = (
    Row("errors NaN", counts(NINE, requests("503", "NaN")), NODATA, "Prometheus has", RATE),
    Row("errors Inf", counts(NINE, requests("503", "+Inf")), NODATA, "Prometheus has", RATE),
    Row("all Inf", counts(NINE, requests("200", "+Inf", port=81)), NODATA, "Prometheus has", RATE),
    Row("fewer than none", counts(NINE, requests("503", -9)), NODATA, "Prometheus has", RATE),
    Row("no code", counts(NINE, requests(None, 9)), NODATA, "Prometheus has", RATE),
    Row("odd code", counts(NINE, requests("5xx", 9)), NODATA, "Prometheus has", RATE),
    Row("no destination", counts(({"response_code": "200"}, 9)), NODATA, "no requests", RATE),
    Row("others only", counts(requests("200", 9, "stable")), NODATA, "no requests", RATE),
    Row("no requests", counts(requests("200", 0)), NODATA, "no requests", RATE),
    Row("scalar for all", scalar(NOON_S, "0"), NODATA, "no requests", RATE),
    Row("time below 0", latency(value=-1, samples=9), NODATA, "Prometheus has", LATENCY),
    Row("quantile Inf", latency(value="+Inf", samples=9), NODATA, "Prometheus has", LATENCY),
    Row("quantile NaN", latency(value="NaN", samples=9), NODATA, "Prometheus has", LATENCY),
    Row("samples NaN", latency(value=1, samples="NaN"), NODATA, "Prometheus has", LATENCY),
    Row("samples below 0", latency(value=1, samples=-9), NODATA, "Prometheus has", LATENCY),
    Row("no such edge", latency(samples=9), NODATA, "no bucket", SLOW),
    Row("fast NaN", latency(fast="NaN", samples=9), NODATA, "Prometheus has", SLOW),
    Row("more fast than all", latency(fast=10, samples=9), NODATA, "Prometheus has", SLOW),
    Row("fast alone", latency(fast=9), NODATA, "no requests", SLOW),
    Row("time alone", latency(value=1), NODATA, "no requests", LATENCY),
    Row("samples alone", latency(samples=9), NODATA, "no requests", LATENCY),
)

ROWS = (*NUMBERS, *TIMES, *SHAPES, *BYTES, *STATUSES, *PARTS, *LINES, *OF_TEMPLATES)
