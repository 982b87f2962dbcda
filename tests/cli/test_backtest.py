"""`tidegate backtest` against servers that answer anything, or nothing."""

from __future__ import annotations

import builtins
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from tests.rehearsal.rollouts import manifest
from tidegate.adapters.prometheus import history
from tidegate.cli import recorded
from tidegate.cli.main import app

START_S = 1_767_268_800
RANGE = ["--from", "2026-01-01T12:00:00Z", "--to", "2026-01-01T12:10:00Z"]
SECRET = "s3cret-of-an-internal-page"

Play = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def server(play: Play) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.close_connection = True
            with suppress(OSError):
                play(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}", asked
        finally:
            http.shutdown()
            thread.join()


def says(body: bytes | str, status: int = 200, **headers: str) -> Play:
    raw = body.encode() if isinstance(body, str) else body

    def play(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    return play


def matrix(*series: object, **more: object) -> str:
    data = {"resultType": "matrix", "result": series}
    return json.dumps({"status": "success", "data": data, **more})


def one(values: object, **labels: str) -> dict[str, object]:
    return {"metric": {"revision": "a", **labels}, "values": values}


def error(words: str) -> str:
    return json.dumps({"status": "error", "errorType": "bad_data", "error": words})


def flood(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 65536)


HOSTILE = {
    "page": (says(f"<html>{SECRET}</html>"), "not whole JSON"),
    "page of a proxy": (says(SECRET, 502), "HTTP 502"),
    "redirect": (says("", 302, Location="http://169.254.169.254/"), "redirects are not followed"),
    "own words": (says(error("parse error: x"), 400), "parse error: x"),
    "vector": (says('{"status":"success","data":{"resultType":"vector","result":[]}}'), "no range"),
    "no list": (says(matrix().replace("[]", "{}")), "no range"),
    "deep": (says("[" * 100_000), "not whole JSON"),
    "twins": (says(matrix(one([[START_S, "1"]]), one([[START_S, "1"]]))), "twice"),
    "not a number": (says(matrix(one([[START_S, "1_0"]]))), "not a number"),
    "no pair": (says(matrix(one([[START_S]]))), "not a pair"),
    "values no list": (says(matrix(one({"0": 1}))), "no values"),
    "histogram": (says(matrix(one([]) | {"histograms": []})), "native histogram"),
    "labels": (says(matrix({"metric": {"revision": 1}, "values": []})), "not texts"),
    "another time": (says(matrix(one([[START_S + 1, "1"]]))), "not asked for"),
    "far future": (says(matrix(one([[1e300, "1"]]))), "not asked for"),
    "backwards": (says(matrix(one([[START_S + 15, "1"], [START_S, "1"]]))), "order of time"),
    "half": (says(matrix(one([[START_S, "1"]]), warnings=["store-1: EOF"])), "only a part"),
    "no revision": (says(matrix(one([[START_S, "1"]], revision=""))), "label revision"),
    "long header": (says("{}", **{"X-Pad": "y" * 70_000}), "cannot be reached"),
}


def backtest(tmp_path, url: str, *options: str):
    file = tmp_path / "shop.yaml"
    file.write_text(manifest())
    done = CliRunner().invoke(
        app, ["backtest", str(file), "--prometheus", url, *RANGE, "--revisions", "q", *options]
    )
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize(("play", "words"), HOSTILE.values(), ids=HOSTILE)
def test_an_answer_of_no_use_ends_in_one_sentence(tmp_path, play, words):
    with server(play) as (url, asked):
        done = backtest(tmp_path, url)
    assert done.exit_code == 2
    assert words in done.stderr
    assert SECRET not in done.stderr
    assert len(asked) == 1, "what fails is not asked again"


def two_revisions(handler: BaseHTTPRequestHandler) -> None:
    """Revision a all the time, b beside it from the third minute on; no metric has data."""
    asked = parse_qs(urlsplit(handler.path).query)
    start, end, step = (int(float(asked[name][0])) for name in ("start", "end", "step"))
    times = range(start, end + 1, step)
    late = [time for time in times if time >= START_S + 120]
    series = [
        one([[time, "1"] for time in seconds], revision=revision)
        for revision, seconds in (("a", times), ("b", late))
        if seconds and asked["query"] == ["q"]
    ]
    says(matrix(*series))(handler)


@pytest.mark.parametrize(("judged_max", "told"), [(31, True), (32, False)])
def test_what_is_left_out_of_a_long_release_is_told(tmp_path, monkeypatch, judged_max, told):
    monkeypatch.setattr(recorded, "STEPS_EACH_MAX", judged_max)
    with server(two_revisions) as (url, _):
        done = backtest(tmp_path, url, "--step", "15s")
    assert done.exit_code in (0, 1)
    words = "of the release a -> b only the first 7m45s are judged: 31 of 32 moments"
    assert (words in " ".join((done.stdout + done.stderr).split())) is told


def test_who_never_ends_is_left_after_the_time_out(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "TIMEOUT_S", 0.5)
    over = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not over.wait(0.05):
            handler.wfile.write(b" ")

    with server(trickle) as (url, _):
        done = backtest(tmp_path, url)
        over.set()
    assert done.exit_code == 2
    assert "did not answer within 0.5 s" in done.stderr


def test_too_long_an_answer_is_asked_for_in_smaller_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "BODY_MAX_BYTES", 100_000)
    with server(flood) as (url, asked):
        done = backtest(tmp_path, url)
    assert done.exit_code == 2
    assert "longer than 100000 bytes" in done.stderr
    assert 3 < len(asked) < 10


def test_nobody_there_is_told(tmp_path):
    done = backtest(tmp_path, "http://127.0.0.1:9")
    assert done.exit_code == 2
    assert "cannot be reached" in done.stderr


def test_the_missing_extra_is_told_with_what_to_do(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name.startswith("prometheus_api_client"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    done = backtest(tmp_path, "http://127.0.0.1:9")
    assert done.exit_code == 2
    assert "pip install 'tidegate[backtest]'" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--step", "1500ms"], "whole seconds"),
        (["--from", "tomorrow"], "neither a time"),
        (["--from", "2026-13-01T00:00:00Z"], "neither a time"),
        (["--from", "1h", "--to", "2h"], "must be before"),
        (["--from", "9999999d"], "neither a time"),
        (["--from", "3650d", "--to", "now"], "more than 200000 moments"),
        (["--prometheus", "ftp://x"], "--prometheus ftp://x"),
        (["--revisions", "{{nobody}}"], "unknown variable"),
    ],
)
def test_options_that_make_no_sense_are_told(tmp_path, options, words):
    done = backtest(tmp_path, "http://127.0.0.1:9", *options)
    assert done.exit_code == 2
    assert words in done.stderr
