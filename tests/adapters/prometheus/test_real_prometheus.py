"""The counting, the templates and the errors against a real Prometheus with 1-s scrapes.

Each test has hosts or namespaces of its own, so that all share one server; `gateway` is never
disturbed, `frail` fails scrapes, `newcomer` cannot be scraped at first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.adapters.prometheus.asking import WallClock, arms, ask_one, metric, subject
from tests.adapters.prometheus.real import (
    ON_A_REAL_PROMETHEUS,
    WINDOW_S,
    Asker,
    Exporter,
    buckets,
    envoy,
    exporting,
    istio,
    number,
    prometheus,
    throughout,
    until,
    watched,
)
from tidegate.adapters.prometheus import PrometheusMetrics, ProviderConfig, TelemetryConfig
from tidegate.adapters.prometheus import provider as provider_module
from tidegate.adapters.prometheus.counting import latest
from tidegate.core.observation import Answer, Reading
from tidegate.ports.metrics import Question, Subject

LIFETIME = 1_000_000
"""What a long-lived proxy had counted before anybody watched."""

pytestmark = ON_A_REAL_PROMETHEUS


@dataclass
class Lab:
    url: str
    gateway: Exporter
    frail: Exporter
    newcomer: Exporter


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    gateway, frail = Exporter(), Exporter()
    newcomer = Exporter(failing=True)
    gateway.set({envoy("old.x", "503"): LIFETIME, envoy("old.x", "200"): LIFETIME})
    frail.set({envoy("frail.x", "503"): LIFETIME, envoy("dim.x", "200"): LIFETIME})
    newcomer.set({envoy("new.x", "503"): LIFETIME})
    with ExitStack() as stack:
        exporters = {"gateway": gateway, "frail": frail, "newcomer": newcomer}
        for exporter in exporters.values():
            stack.enter_context(exporting(exporter))
        folder = tmp_path_factory.mktemp("prometheus")
        yield Lab(stack.enter_context(prometheus(folder, exporters)), gateway, frail, newcomer)


@pytest.fixture
async def metrics(lab, monkeypatch) -> AsyncIterator[PrometheusMetrics]:
    monkeypatch.setattr(provider_module, "ANSWER_AGE_S_MAX", 0.01)
    made = PrometheusMetrics(
        {"default": ProviderConfig(lab.url)},
        TelemetryConfig(window_s=WINDOW_S, interval_s=0.02),
        WallClock(),
    )
    yield made
    await made.close()


async def test_the_past_of_a_proxy_is_not_the_last_minute(lab, metrics):
    ask = Asker(metrics, "envoy-request-rate", subject(host="old.x"))
    await until(
        lambda: number(metrics, "count(envoy_cluster_upstream_rq)"), lambda value: value is not None
    )
    await throughout(ask, lambda reading: reading.answer is Answer.NODATA, WINDOW_S + 2)
    lab.gateway.set({envoy("old.x", "200"): LIFETIME + 4})
    reading = await until(ask, lambda reading: reading.answer is Answer.OK)
    assert (reading.samples, reading.value) == (4, 4 / WINDOW_S)
    await until(ask, lambda reading: reading.answer is Answer.NODATA)


async def test_the_first_scrape_with_errors_counts(lab, metrics):
    await watched(metrics)
    ask = Asker(metrics, "envoy-error-rate", subject(host="first.x"))
    lab.gateway.set({envoy("first.x", "200"): 7, envoy("first.x", "503"): 3})
    reading = await until(ask, lambda reading: reading.answer is Answer.OK)
    assert (reading.value, reading.samples) == (0.3, 10)
    lab.gateway.set({envoy("first.x", "200"): 17})
    reading = await until(ask, lambda reading: reading.samples == 20)
    assert reading.value == pytest.approx(0.15)
    await until(ask, lambda reading: reading.answer is Answer.NODATA)


async def test_a_new_kind_of_error_counts_beside_old_successes(lab, metrics):
    await watched(metrics)
    lab.gateway.set({envoy("kind.x", "200"): 100})
    ask = Asker(metrics, "envoy-error-rate", subject(host="kind.x"))
    reading = await until(ask, lambda reading: reading.answer is Answer.OK)
    assert reading.value == 0
    await until(ask, lambda reading: reading.answer is Answer.NODATA)
    lab.gateway.set({envoy("kind.x", "200"): 106, envoy("kind.x", "500"): 2})
    reading = await until(ask, lambda reading: reading.answer is Answer.OK)
    assert (reading.value, reading.samples) == (0.25, 8)


async def test_a_reset_counts_from_zero(lab, metrics):
    await watched(metrics)
    ask = Asker(metrics, "envoy-request-rate", subject(host="reset.x"))
    lab.gateway.set({envoy("reset.x", "200"): 100})
    await until(ask, lambda reading: reading.samples == 100)
    await until(ask, lambda reading: reading.answer is Answer.NODATA)
    lab.gateway.set({envoy("reset.x", "200"): 2})
    await until(ask, lambda reading: reading.samples == 2)
    # Above the old value again, within the window: the difference alone would say 50.
    lab.gateway.set({envoy("reset.x", "200"): 150})
    seen: list[float | None] = []

    async def note() -> Reading:
        reading = await ask()
        seen.append(reading.samples)
        return reading

    await until(note, lambda reading: reading.answer is Answer.NODATA)
    # 148 once the 2 were counted before the window; never 50, and 2 only until the next scrape.
    assert {150, 0} <= set(seen) <= {2, 150, 148, 0}


async def test_a_reset_above_the_old_value_is_seen(lab, metrics):
    await watched(metrics)
    ask = Asker(metrics, "envoy-request-rate", subject(host="again.x"))
    for count, told in ((5, 5), (5, 0), (100, 95)):
        lab.gateway.set({envoy("again.x", "200"): count})
        await until(ask, lambda reading, told=told: reading.samples == told)
    lab.gateway.set({envoy("again.x", "200"): 7})
    # The difference alone would say 2.
    await throughout(ask, lambda reading: reading.samples in (95, 7, 0), WINDOW_S + 1)


async def test_a_failed_scrape_at_the_windows_start_brings_nothing_back(lab, metrics):
    await watched(metrics, "frail")
    ask = Asker(metrics, "envoy-error-rate", subject(host="frail.x"))
    selector = 'envoy_cluster_upstream_rq{cluster_name=~".*frail.x"}'
    lab.frail.failing = True
    await until(lambda: number(metrics, 'up{job="frail"}'), lambda value: value == 0)
    lab.frail.failing = False
    naive = f"sum(({selector} - {selector} offset {WINDOW_S}s) >= 0 or {selector})"
    seen: list[float | None] = []

    async def both() -> Reading:
        seen.append(await number(metrics, naive))
        return await ask()

    await throughout(both, lambda reading: reading.answer is Answer.NODATA, WINDOW_S + 3)
    # The plain formula does take all of the past for new here: the test sees what it is about.
    assert LIFETIME in seen


async def test_a_target_that_was_not_watched_counts_from_its_first_scrape(lab, metrics):
    # So long a window that the series cannot have been there before it while this test runs.
    ask = Asker(metrics, "envoy-error-rate", subject(host="new.x"), window_s=60)
    await watched(metrics)
    lab.newcomer.failing = False
    await until(
        lambda: number(metrics, 'envoy_cluster_upstream_rq{cluster_name=~".*new.x"}'),
        lambda value: value == LIFETIME,
    )
    lab.newcomer.set({envoy("new.x", "503"): LIFETIME + 5})
    reading = await until(ask, lambda reading: reading.answer is not Answer.NODATA)
    assert (reading.value, reading.samples) == (1, 5)


async def test_requests_before_the_revision_do_not_count(lab, metrics):
    host, long_s = "since.x", 20
    await watched(metrics, window_s=long_s)
    lab.gateway.set({envoy(host, "503"): 50})
    everything = Asker(metrics, "envoy-error-rate", subject(host=host), long_s)
    await until(everything, lambda reading: reading.samples == 50)
    # Two scrapes later the subset is idle for all to see, and is re-pointed.
    scrapes = lab.gateway.scrapes

    async def scraped() -> int:
        return lab.gateway.scrapes

    await until(scraped, lambda count: count >= scrapes + 2)
    since = Asker(metrics, "envoy-error-rate", subject(host=host, since=datetime.now(UTC)), long_s)
    await throughout(since, lambda reading: reading.answer is Answer.NODATA, 3)
    lab.gateway.set({envoy(host, "200"): 10})
    reading = await until(since, lambda reading: reading.answer is Answer.OK)
    assert (reading.value, reading.samples) == (0, 10)
    assert (await everything()).samples == 60


async def test_ports_and_subsets(lab, metrics):
    await watched(metrics)
    host = "ports.x"
    lab.gateway.set(
        {
            envoy(host, "200", port=80): 3,
            envoy(host, "503", port=8080): 1,
            envoy(host, "200", subset="stable"): 40,
            envoy(host, "200", subset=""): 7,
        }
    )
    wanted = {"canary": (0.25, 4), "stable": (0, 40), "": (0, 7)}
    about = metric(template="envoy-error-rate", window_s=WINDOW_S)
    questions = {subset: Question(about, subject(host=host, subset=subset)) for subset in wanted}

    async def ask() -> dict[str, tuple[float | None, float | None]]:
        readings = await metrics.ask(questions.values())
        told = {subset: readings[question] for subset, question in questions.items()}
        return {subset: (reading.value, reading.samples) for subset, reading in told.items()}

    await until(ask, lambda told: told == wanted)


async def test_envoy_latency_over_two_ports(lab, metrics):
    await watched(metrics)
    host = "slow.x"
    name = "envoy_cluster_upstream_rq_time_bucket"
    for port, counts in ((80, (90, 90, 90)), (81, (0, 10, 10))):
        cluster = {"cluster_name": f"outbound|{port}|canary|{host}"}
        lab.gateway.set(
            buckets(name, cluster, dict(zip(("100", "300", "+Inf"), counts, strict=True)))
        )
    reading = await until(
        Asker(metrics, "envoy-latency", subject(host=host)),
        lambda reading: reading.samples == 100,
    )
    # The 95th of 100 is the 5th of the 10 between 100 and 300 ms.
    assert reading.value == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("spelled", "threshold_s"), [("250", 0.25), ("250.0", 0.25), ("2.5", 0.0025)]
)
async def test_envoy_slow_share_over_two_ports(lab, metrics, spelled, threshold_s):
    await watched(metrics)
    host = f"share-{spelled}.x"
    name = "envoy_cluster_upstream_rq_time_bucket"
    for port, counts in ((80, (88, 90)), (81, (0, 10))):
        cluster = {"cluster_name": f"outbound|{port}|canary|{host}"}
        lab.gateway.set(buckets(name, cluster, dict(zip((spelled, "+Inf"), counts, strict=True))))
    ask = Asker(metrics, "envoy-slow-share", subject(host=host), threshold_s=threshold_s)
    reading = await until(ask, lambda reading: reading.samples == 100)
    assert reading.value == pytest.approx(0.12)
    between = Asker(metrics, "envoy-slow-share", subject(host=host), threshold_s=0.3)
    reading = await between()
    assert (reading.answer, reading.value) == (Answer.NODATA, None)
    assert "no bucket that ends at threshold" in reading.detail
    await until(ask, lambda reading: reading.samples == 0)


async def test_istio_templates(lab, metrics):
    await watched(metrics)
    namespace = "istio-rates"
    lab.gateway.set(
        {
            istio(namespace, "abc", "200"): 8,
            istio(namespace, "abc", "503"): 2,
            istio(namespace, "abc", "0"): 5,
            istio(namespace, "abc", "200", reporter="destination"): 8,
            istio(namespace, "latest", "500"): 99,
            **buckets(
                "istio_request_duration_milliseconds_bucket",
                {
                    "reporter": "source",
                    "destination_workload_namespace": namespace,
                    "destination_canonical_revision": "abc",
                },
                {"100": 0, "200": 10, "+Inf": 10},
            ),
        }
    )
    who = subject("abc", namespace=namespace)
    ok = Answer.OK
    errors = await until(Asker(metrics, "istio-error-rate", who), lambda it: it.answer is ok)
    assert (errors.value, errors.samples) == (0.2, 10)
    rate = await Asker(metrics, "istio-request-rate", who)()
    assert (rate.value, rate.samples) == (15 / WINDOW_S, 15)
    latency = await Asker(metrics, "istio-latency", who)()
    assert (latency.value, latency.samples) == (pytest.approx(0.195), 10)
    for threshold_s, share in ((0.1, 1), (0.2, 0)):
        slow = await Asker(metrics, "istio-slow-share", who, threshold_s=threshold_s)()
        assert (slow.value, slow.samples) == (share, 10)


async def test_traffic_by_subset_is_exactly_zero_at_rest(lab, metrics):
    await watched(metrics)
    host = "calm.x"
    lab.gateway.set({envoy(host, "200", "stable"): 30, envoy(host, "200"): 10})
    ask = traffic(metrics, host=host)
    reading = await until(ask, lambda reading: bool(reading.by_subset))
    assert reading.by_subset == {"stable": 30, "canary": 10}
    await until(ask, lambda reading: reading.by_subset == {"stable": 0, "canary": 0})
    lab.gateway.set({envoy(host, "200", "stable"): 31})
    await until(ask, lambda reading: reading.by_subset == {"stable": 1, "canary": 0})
    assert reading.by_revision is None


async def test_traffic_by_revision_takes_the_larger_report(lab, metrics):
    await watched(metrics)
    namespace = "istio-traffic"
    lab.gateway.set(
        {
            istio(namespace, "abc", "200"): 6,
            istio(namespace, "abc", "503"): 1,
            istio(namespace, "abc", "200", reporter="destination"): 6,
        }
    )
    ask = traffic(metrics, host="nowhere.x", namespace=namespace)
    reading = await until(ask, lambda reading: bool(reading.by_revision))
    assert reading.by_revision == {"abc": 7, "def": 0}
    assert (reading.by_subset, reading.error) == (None, "")
    await until(ask, lambda reading: reading.by_revision == {"abc": 0, "def": 0})


async def test_traffic_through_a_proxy_out_of_sight_is_unknown(lab, metrics):
    await watched(metrics, "frail")
    host = "dim.x"
    ask, calm = traffic(metrics, host=host), traffic(metrics, host="old.x")
    await until(ask, lambda reading: reading.by_subset == {"stable": 0, "canary": 0})
    lab.frail.failing = True
    reading = await until(ask, lambda reading: reading.by_subset is None)
    assert "a proxy that sends to canary cannot be scraped" in reading.error
    # Well beyond the window, when nothing of the proxy is left in it.
    await throughout(ask, lambda reading: reading.by_subset is None, WINDOW_S + 2)
    assert (await calm()).by_subset == {"stable": 0, "canary": 0}
    lab.frail.set({envoy(host, "200"): LIFETIME + 9})
    lab.frail.failing = False
    # What happened unseen is counted once the proxy is back.
    await until(ask, lambda reading: reading.by_subset == {"stable": 0, "canary": 9})
    await until(ask, lambda reading: reading.by_subset == {"stable": 0, "canary": 0})


def traffic(metrics: PrometheusMetrics, **who: str):
    one = arms(**who)

    async def ask():
        return (await metrics.traffic([one]))[one.namespace, one.rollout]

    return ask


@pytest.mark.parametrize(
    ("query", "answer", "words"),
    [
        ("1 + 1", Answer.OK, ""),
        ("vector(0)", Answer.OK, ""),
        ("nothing_of_that_name", Answer.NODATA, "no series"),
        ("0 / 0", Answer.NODATA, "NaN"),
        ("1 / 0", Answer.NODATA, "+Inf"),
        ("up", Answer.REFUSED, "3 series"),
        ("up[1m]", Answer.REFUSED, "range vector"),
        ('"text"', Answer.REFUSED, "a text"),
        ("sum(", Answer.REFUSED, "parse error"),
        ("rate(up)", Answer.REFUSED, "range vector"),
        ('label_replace(up, "job", "a", "", "") + on (job) up', Answer.NODATA, "no series"),
        ('up + on () up{job="gateway"} + on () up', Answer.ERROR, "HTTP 422"),
        ('up{a="{{rollout}}",b=~"{{revision}}.*",c!~\'{{namespace}}\'}[{{window}}:1s]',
         Answer.REFUSED, "range vector"),
    ],
)  # fmt: skip
async def test_what_prometheus_itself_says(metrics, query, answer, words):
    await watched(metrics)
    odd = Subject("a.b'\"`\n\\", "x{}[]\t$", "r\"} or up{job='(", "h", "s")
    reading = await ask_one(metrics, metric(query=query), odd if "{{" in query else None)
    assert reading.answer is answer, reading
    assert words in reading.detail


async def test_counts_are_whole_numbers_however_odd_the_window(lab, metrics):
    await watched(metrics)
    selector = envoy("old.x", "503")
    for window in ("1s", "1500ms", "7s", "3600s"):
        assert await number(metrics, f"sum({latest(selector, window)})") in (0, None)
