"""A Prometheus that says what a script tells it, over the real query API."""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

GOOD, BAD = 0.0, 0.9
START_S = 5.0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: Any) -> None:
        """Tests do not want to read of every request."""

    def do_GET(self) -> None:
        """Answer an instant query given in the URL."""
        self._answer(urlsplit(self.path).query)

    def do_POST(self) -> None:
        """Answer an instant query given as a form."""
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())

    def _answer(self, form: str) -> None:
        if not self.server.provider.up:  # a kept connection would outlive its server
            self.close_connection = True
            return
        asked = parse_qs(form)
        query = asked.get("query", [""])[0]
        # As Prometheus does: at the time the asker names, by whatever clock.
        at_s = float(asked.get("time", [time.time()])[0])
        body = json.dumps(self.server.provider.answer(query, at_s)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        """Clients are killed here all the time; nobody wants to read of each."""

    def __init__(self, provider: Provider, port: int) -> None:
        self.provider = provider
        super().__init__(("127.0.0.1", port), _Handler)


class Provider:
    """Error rates by revision: good until told otherwise. Requests are not counted by it."""

    def __init__(self) -> None:
        self._bad: set[str] = set()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._port = 0
        self.asked = 0
        self.up = False

    @property
    def url(self) -> str:
        """Its base URL, also while it is down."""
        return f"http://127.0.0.1:{self._port}"

    def turn_bad(self, revision: str) -> None:
        """From now on that revision fails."""
        self._bad.add(revision)

    def answer(self, query: str, at_s: float) -> dict[str, Any]:
        """The API's answer at a Unix time: one sample for a query that names a revision."""
        self.asked += 1
        named = re.search(r'revision="([^"]+)"', query)
        series = []
        if query.startswith("errors{") and named:
            value = BAD if named.group(1) in self._bad else GOOD
            series = [{"metric": {}, "value": [at_s, str(value)]}]
        return {"status": "success", "data": {"resultType": "vector", "result": series}}

    def start(self) -> Self:
        """Serve; at the same address after every stop."""
        self._server = _Server(self, self._port)
        self._port = self._server.server_port
        self.up = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Refuse connections, and drop those that are kept."""
        self.up = False
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join(START_S)
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
