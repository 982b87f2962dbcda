"""What Rollouts cost a real Prometheus, by its own count of the queries it was asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from tests.adapters.prometheus.asking import SetClock, arms, metric, subject
from tests.adapters.prometheus.real import ON_A_REAL_PROMETHEUS, prometheus
from tidegate.adapters.prometheus import PrometheusMetrics, ProviderConfig, TelemetryConfig
from tidegate.api.constants import KUBERNETES_TEMPLATES, METRIC_TEMPLATES, SLOW_TEMPLATES
from tidegate.ports.metrics import Question

pytestmark = ON_A_REAL_PROMETHEUS

TICKS = 6
TICK_S = 10.0
COUNTED = re.compile(
    r'^prometheus_http_requests_total\{code="\d+",handler="/api/v1/query"\} (\S+)$', re.MULTILINE
)


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), {}) as address:
        yield address


async def _queries(url: str, rollouts: int) -> float:
    """Queries that Prometheus counts while so many Rollouts are asked about for one minute."""
    clock = SetClock()
    metrics = PrometheusMetrics({"default": ProviderConfig(url)}, TelemetryConfig(), clock)
    templates = [
        metric(name, threshold_s=0.25 if name in SLOW_TEMPLATES else None)
        for name in sorted(METRIC_TEMPLATES.keys() - KUBERNETES_TEMPLATES)
    ]
    hosts = [f"{rollouts}-{number}.shop.svc.cluster.local" for number in range(rollouts)]
    before = _counted(url)
    for _ in range(TICKS):
        questions = [
            Question(template, subject(host=host), samples=True, stable=subject("def", host=host))
            for template in templates
            for host in hosts
        ]
        await metrics.ask(questions)
        await metrics.traffic([arms(host=host, rollout=host) for host in hosts])
        clock.advance(TICK_S)
    await metrics.close()
    return _counted(url) - before


def _counted(url: str) -> float:
    with urlopen(f"{url}/metrics", timeout=10) as answer:
        return sum(float(count) for count in COUNTED.findall(answer.read().decode()))


async def test_500_rollouts_cost_no_more_queries_than_10(url):
    """Each Rollout with every built-in template, for a minute."""
    few, many = [await _queries(url, rollouts) for rollouts in (10, 500)]
    assert few == many
    per_tick = (
        len(METRIC_TEMPLATES.keys() - KUBERNETES_TEMPLATES) + 2
    )  # and two for the traffic of everybody
    assert 0 < many <= TICKS * per_tick
