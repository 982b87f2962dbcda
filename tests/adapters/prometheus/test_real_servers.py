"""The templates over HTTP servers and over a user's own series, against a real Prometheus.

One exporter plays the pods of two revisions, with the labels that a PodMonitor gives.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from tests.adapters.prometheus.asking import WallClock, ask_one, metric, subject
from tests.adapters.prometheus.real import (
    ON_A_REAL_PROMETHEUS,
    WINDOW_S,
    Exporter,
    exporting,
    prometheus,
    series,
    until,
    watched,
)
from tidegate.adapters.prometheus import PrometheusMetrics, ProviderConfig, TelemetryConfig
from tidegate.adapters.prometheus import provider as provider_module
from tidegate.api.series import Counters
from tidegate.core.observation import Answer, Reading
from tidegate.ports.metrics import Subject

OLD, NEW = "0123456789", "ba9876543f"

pytestmark = ON_A_REAL_PROMETHEUS


@dataclass
class Lab:
    url: str
    pods: Exporter


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    pods = Exporter()
    with (
        exporting(pods),
        prometheus(tmp_path_factory.mktemp("prometheus"), {"pods": pods}) as url,
    ):
        yield Lab(url, pods)


@pytest.fixture
async def metrics(lab, monkeypatch) -> AsyncIterator[PrometheusMetrics]:
    monkeypatch.setattr(provider_module, "ANSWER_AGE_S_MAX", 0.01)
    made = PrometheusMetrics({"default": ProviderConfig(lab.url)}, TelemetryConfig(), WallClock())
    yield made
    await made.close()


def of_pod(name: str, revision: str = NEW, pod: str = "aaaaa", **labels: str) -> str:
    named = {"namespace": "shop", "pod": f"web-{revision}-{pod}"}
    return series(name, {**named, **labels})


async def answered(
    metrics: PrometheusMetrics, about, value: float, samples: float, who: Subject | None = None
) -> Reading:
    """Ask until the scrapes have told; fails with what is said instead."""

    async def ask() -> Reading:
        return await ask_one(metrics, about, who or subject(NEW))

    def good(reading: Reading) -> bool:
        if reading.answer is not Answer.OK:
            return False
        return reading.value == pytest.approx(value) and reading.samples == samples

    return await until(ask, good)


@pytest.mark.parametrize(
    ("prefix", "name", "label"),
    [
        ("http", "http_requests_total", "status"),
        ("otel-http", "http_server_request_duration_seconds_count", "http_response_status_code"),
    ],
)
async def test_requests_and_errors_are_those_of_the_revision_s_pods(
    lab, metrics, prefix, name, label
):
    await watched(metrics, "pods", window_s=30)
    path = {"path": "/a"}
    lab.pods.set(
        {
            of_pod(name, pod="aaaaa", **{label: "200"}, **path): 6,
            of_pod(name, pod="bbbbb", **{label: "200"}): 3,
            of_pod(name, pod="bbbbb", **{label: "503"}): 1,
            of_pod(name, OLD, **{label: "500"}): 50,
            series(name, {"namespace": "shop", "pod": "db-0", label: "500"}): 70,
        }
    )
    await answered(metrics, metric(f"{prefix}-error-rate", window_s=30), 0.1, 10)
    await answered(metrics, metric(f"{prefix}-request-rate", window_s=30), 10 / 30, 10)
    await answered(metrics, metric(f"{prefix}-error-rate", window_s=30), 1, 50, subject(OLD))


@pytest.mark.parametrize(
    ("name", "slow", "latency", "histogram"),
    [
        ("http_request_duration_seconds", "http-slow-share", "http-latency", None),
        (
            "http_server_request_duration_seconds",
            "otel-http-slow-share",
            "otel-http-latency",
            None,
        ),
        ("job_seconds", "histogram-slow-share", "histogram-quantile", 'job_seconds{queue="a"}'),
    ],
)
async def test_durations_are_those_of_the_revision_s_pods(
    lab, metrics, name, slow, latency, histogram
):
    await watched(metrics, "pods", window_s=30)
    queue = {"queue": "a"} if histogram else {}
    lab.pods.set(
        {
            of_pod(f"{name}_bucket", revision, **queue, le=edge): count
            for revision, counts in ((NEW, (90, 95, 100)), (OLD, (1, 1, 10)))
            for edge, count in zip(("0.25", "1.0", "+Inf"), counts, strict=True)
        }
    )
    lab.pods.set({of_pod(f"{name}_bucket", queue="b", le="+Inf"): 7} if histogram else {})
    for threshold_s, share in ((0.25, 0.1), (1, 0.05)):
        about = metric(slow, window_s=30, threshold_s=threshold_s, histogram=histogram)
        await answered(metrics, about, share, 100)
    about = metric(latency, window_s=30, quantile=0.9, histogram=histogram)
    await answered(metrics, about, 0.25, 100)


async def test_a_ratio_of_counters_needs_a_sign_of_life_of_the_bad_one(lab, metrics):
    await watched(metrics, "pods", window_s=30)
    lab.pods.set({of_pod("jobs_total", result="done"): 20})

    def about(bad: str):
        return metric("counter-ratio", window_s=30, counters=Counters(bad=bad, total="jobs_total"))

    await answered(metrics, about('jobs_total{result="failed"}'), 0, 20)
    unknown = await ask_one(metrics, about("jobs_faild_total"), subject(NEW))
    assert unknown.answer is Answer.NODATA
    assert "no series of counters.bad" in unknown.detail
    lab.pods.set({of_pod("jobs_total", result="failed"): 5})
    await answered(metrics, about('jobs_total{result="failed"}'), 0.2, 25)
    await answered(metrics, about('jobs_total{result=~"fail.*"}'), 0.2, 25)


async def test_a_pattern_that_is_none_is_refused_by_prometheus_itself(lab, metrics):
    counters = Counters(bad='jobs_total{result=~"("}', total="jobs_total")
    reading = await ask_one(metrics, metric("counter-ratio", counters=counters), subject(NEW))
    assert reading.answer is Answer.REFUSED
    assert "Prometheus refuses the query" in reading.detail


async def test_nothing_is_known_of_a_revision_without_pods(lab, metrics):
    for template in ("http-error-rate", "http-latency", "counter-ratio", "histogram-quantile"):
        reading = await ask_one(metrics, metric(template, window_s=WINDOW_S), subject("eeeeeeeeee"))
        assert reading.answer is Answer.NODATA
