import http.server
import shutil
import threading
from pathlib import Path

import pytest

from sandbox import Load, Record, read_records
from sandbox.load import parse


@pytest.fixture
def server():
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            bad = self.headers["Host"] == "bad.example"
            self.send_response(500 if bad else 200)
            self.send_header("x-version", "v7")
            self.end_headers()

        def log_message(self, *_):
            pass

    class Serving(http.server.ThreadingHTTPServer):
        request_queue_size = 100  # a load that is late sends at once what was due

    with Serving(("127.0.0.1", 0), Answer) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}/"
        serving.shutdown()


needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="go is not on PATH")


def test_a_line_is_a_record():
    record = parse("1700000000000000000,2500000,0,,connection refused, twice\n")
    assert record == Record(1700000000000000000, 2500000, 0, "", "connection refused, twice")
    assert record.failed
    assert record.sent_at_s == 1.7e9


def test_half_a_line_is_read_when_it_is_whole(tmp_path: Path):
    file = tmp_path / "records"
    assert read_records(file) == ([], 0)
    file.write_text("1,2,200,v1,\n3,4,20")
    first, offset = read_records(file)
    file.write_text("1,2,200,v1,\n3,4,200,v2,\n")
    second, _ = read_records(file, offset)
    assert [record.version for record in (*first, *second)] == ["v1", "v2"]


@needs_go
def test_every_request_is_recorded_and_counted(server: str, tmp_path: Path):
    load = Load(server, tmp_path / "records", rate_per_s=100, duration_s=0.5).start()
    summary = load.wait(30)
    assert summary.requests == 50
    assert summary.failures == 0
    assert summary.versions["v7"].requests == summary.requests == len(load.records())


@needs_go
def test_failures_are_counted_by_version(server: str, tmp_path: Path):
    with Load(server, tmp_path / "records", rate_per_s=50, host="bad.example") as load:
        load.await_records(5, deadline_s=30)
    assert load.summary.failures == load.summary.requests >= 5


@needs_go
def test_a_server_that_is_not_there_is_a_failure_not_a_gap(tmp_path: Path):
    summary = (
        Load("http://127.0.0.1:9/", tmp_path / "r", rate_per_s=50, duration_s=0.2).start().wait(30)
    )
    assert summary.failures == summary.requests > 0
