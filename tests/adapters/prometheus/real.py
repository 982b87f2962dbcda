"""A real Prometheus that scrapes exporters which a test plays, every second."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import TypeVar
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from sandbox.ports import free_port
from tests.adapters.prometheus.asking import ask_one, metric
from tidegate.adapters.prometheus import PrometheusMetrics
from tidegate.core.observation import Reading
from tidegate.ports.metrics import Subject

SCRAPE_S = 1
START_S_MAX = 60.0
POLL_S = 0.1
WINDOW_S = 4
"""How far the questions look back: a few scrapes."""

ON_A_REAL_PROMETHEUS = [
    pytest.mark.prometheus,
    pytest.mark.skipif(
        shutil.which("prometheus") is None,
        reason="no prometheus on the PATH; on Debian: apt-get install prometheus",
    ),
]
"""The `pytestmark` of tests that start one."""

T = TypeVar("T")


@dataclass
class Exporter:
    """One scrape target: `values` by series, as in `name{label="x"}`; may fail on demand."""

    port: int = 0
    values: dict[str, float] = field(default_factory=dict)
    failing: bool = False
    scrapes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, values: Mapping[str, float]) -> None:
        """Change several series at once: a scrape sees all of it or nothing."""
        with self.lock:
            self.values.update(values)

    def page(self) -> bytes | None:
        with self.lock:
            self.scrapes += 1
            if self.failing:
                return None
            return "".join(f"{key} {value}\n" for key, value in self.values.items()).encode()


def series(name: str, labels: Mapping[str, str]) -> str:
    return name + "{" + ",".join(f"{key}={json.dumps(text)}" for key, text in labels.items()) + "}"


def envoy(host: str, code: str, subset: str = "canary", port: int = 80) -> str:
    cluster = f"outbound|{port}|{subset}|{host}"
    return series("envoy_cluster_upstream_rq", {"cluster_name": cluster, "response_code": code})


def istio(namespace: str, revision: str, code: str, reporter: str = "source") -> str:
    labels = {
        "reporter": reporter,
        "destination_workload_namespace": namespace,
        "destination_canonical_revision": revision,
        "response_code": code,
    }
    return series("istio_requests_total", labels)


def buckets(name: str, labels: dict[str, str], counts: dict[str, float]) -> dict[str, float]:
    return {series(name, {**labels, "le": le}): count for le, count in counts.items()}


@contextmanager
def exporting(exporter: Exporter) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = exporter.page()
            self.send_response(500 if page is None else 200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(page or b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        exporter.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def prometheus(folder: Path, exporters: Mapping[str, Exporter]) -> Iterator[str]:
    """Run Prometheus on a free port until the end of the block; yields its URL."""
    binary = shutil.which("prometheus")
    assert binary is not None
    config = {
        "global": {"scrape_interval": f"{SCRAPE_S}s", "scrape_timeout": f"{SCRAPE_S}s"},
        "scrape_configs": [
            {
                "job_name": name,
                "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}],
            }
            for name, exporter in exporters.items()
        ],
    }
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(config))  # JSON is YAML
    address = f"127.0.0.1:{free_port()}"
    command = [
        binary,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True) as process,
    ):
        try:
            _await_ready(f"http://{address}/-/ready", process, folder / "log")
            yield f"http://{address}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def _await_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = monotonic() + START_S_MAX
    while monotonic() < deadline and process.poll() is None:
        with suppress(URLError, OSError), urlopen(url, timeout=1):
            return
        threading.Event().wait(POLL_S)
    raise AssertionError(f"prometheus did not start: {log.read_text()}")


async def until(
    ask: Callable[[], Awaitable[T]], good: Callable[[T], bool], seconds_max: float = 60
) -> T:
    """Ask until the answer is good; fails with the last answer after `seconds_max`."""
    deadline = monotonic() + seconds_max
    while True:
        answer = await ask()
        if good(answer):
            return answer
        assert monotonic() < deadline, f"still {answer}"
        await asyncio.sleep(POLL_S)


async def throughout(
    ask: Callable[[], Awaitable[T]], good: Callable[[T], bool], seconds: float
) -> list[T]:
    """Ask for so many seconds; every answer must be good. Gives them all."""
    deadline, answers = monotonic() + seconds, []
    while monotonic() < deadline:
        answers.append(await ask())
        assert good(answers[-1]), f"suddenly {answers[-1]}"
        await asyncio.sleep(POLL_S)
    return answers


@dataclass
class Asker:
    """One question about a template, to be asked again and again."""

    metrics: PrometheusMetrics
    template: str
    who: Subject
    window_s: float = WINDOW_S
    threshold_s: float | None = None

    async def __call__(self) -> Reading:
        about = metric(template=self.template, window_s=self.window_s, threshold_s=self.threshold_s)
        return await ask_one(self.metrics, about, self.who)


async def number(metrics: PrometheusMetrics, query: str) -> float | None:
    """What a query of the test's own gives."""
    return (await ask_one(metrics, metric(query=query))).value


async def watched(
    metrics: PrometheusMetrics, job: str = "gateway", window_s: int = WINDOW_S
) -> None:
    """Wait until a target has been scraped since before the window."""
    query = f'max_over_time(up{{job="{job}"}}[5m] offset {window_s + 1}s)'
    await until(lambda: number(metrics, query), lambda value: value == 1, window_s + 60)
