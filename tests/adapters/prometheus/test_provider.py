"""Which provider is asked what, with which credentials, and what is made of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from tests.adapters.prometheus.asking import HOST, NOON, arms, ask_one, metric, subject
from tests.adapters.prometheus.scripted import http
from tidegate.adapters.prometheus import PrometheusMetrics, ProviderConfig, TelemetryConfig
from tidegate.adapters.prometheus.templates import TEMPLATES
from tidegate.api.constants import METRIC_TEMPLATES
from tidegate.core.observation import Answer


def envoy(code: str, subset: str = "canary", port: int = 80, host: str = HOST):
    return {"cluster_name": f"outbound|{port}|{subset}|{host}", "response_code": code}


def istio(code: str, revision: str = "abc", reporter: str = "source", namespace: str = "shop"):
    return {
        "destination_workload_namespace": namespace,
        "destination_canonical_revision": revision,
        "reporter": reporter,
        "response_code": code,
    }


def test_every_template_that_users_may_name_is_built_in():
    assert set(TEMPLATES) == set(METRIC_TEMPLATES)


async def test_an_unknown_provider_is_refused_by_name(metrics, provider):
    reading = await ask_one(metrics, metric(query="up", provider="thanos"))
    assert reading.answer is Answer.REFUSED
    assert reading.detail == "provider thanos is not configured (has: default)"
    assert provider.requests == []


async def test_an_unknown_template_is_refused_with_the_list(metrics, provider):
    reading = await ask_one(metrics, metric(template="linkerd"))
    assert reading.answer is Answer.REFUSED
    assert "envoy-error-rate" in reading.detail
    assert provider.requests == []


async def test_a_query_is_a_form_and_carries_the_time(metrics, provider, clock):
    provider.gives(({}, 1))
    await ask_one(metrics, metric(query='up{a="{{revision}}"}'))
    (request,) = provider.requests
    assert request.line == "POST /api/v1/query HTTP/1.1"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.form == {
        "query": 'up{a="abc"}',
        "time": f"{NOON.timestamp():.3f}",
        "timeout": "30s",
    }


async def test_no_credentials_are_sent_that_nobody_configured(metrics, provider, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NETRC", "/dev/null")
    provider.says(http(200, '{"status":"error"}', Set_Cookie="a=b"))
    for text in ("up", "down"):
        await ask_one(metrics, metric(query=text))
    assert len(provider.requests) == 2
    for request in provider.requests:
        assert {"authorization", "cookie"}.isdisjoint(request.headers)


async def test_a_rotated_token_is_used_at_once(provider, clock, tmp_path):
    provider.gives(({}, 1))
    token = tmp_path / "token"
    config = ProviderConfig(provider.url, token_file=token)
    metrics = PrometheusMetrics({"default": config}, TelemetryConfig(), clock)
    for content in ("first\n", "second"):
        token.write_text(content)
        await ask_one(metrics, metric(query=f"up == {content!r}"))
    await metrics.close()
    sent = [request.headers["authorization"] for request in provider.requests]
    assert sent == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read (FileNotFoundError)"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"x" * 20_000, "too long"),
        (b"a\r\nHost: evil", "characters"),
        (b"caf\xc3\xa9", "characters"),
    ],
)
async def test_a_token_that_is_none_is_an_error(provider, clock, tmp_path, content, words):
    token = tmp_path / "token"
    if content is not None:
        token.write_bytes(content)
    config = ProviderConfig(provider.url, token_file=token)
    metrics = PrometheusMetrics({"default": config}, TelemetryConfig(), clock)
    reading = await ask_one(metrics, metric(query="up"))
    await metrics.close()
    assert reading.answer is Answer.ERROR
    assert words in reading.detail
    assert "evil" not in reading.detail
    assert provider.requests == []


@pytest.mark.parametrize(
    "url",
    ["", "prometheus:9090", "ftp://host", "http://", "http://a:b@host", "http://host/?a=b"],
)
def test_an_odd_url_is_refused_at_the_start(url):
    with pytest.raises(ValueError, match="url must"):
        ProviderConfig(url)


def test_a_path_before_the_api_is_kept():
    config = ProviderConfig("https://mimir.example/prometheus/")
    assert config.query_url == "https://mimir.example/prometheus/api/v1/query"


@pytest.mark.parametrize("wrong", [{"window_s": 0.5}, {"interval_s": 0}, {"interval_s": 61}])
def test_odd_telemetry_times_are_refused_at_the_start(wrong):
    with pytest.raises(ValueError, match="telemetry"):
        TelemetryConfig(**wrong)


@pytest.mark.parametrize(
    ("series", "value", "samples"),
    [
        ([(envoy("200"), 97), (envoy("503"), 3)], 0.03, 100),
        ([(envoy("200"), 5)], 0.0, 5),
        ([(envoy("500"), 1), (envoy("502"), 1)], 1.0, 2),
        ([(envoy("200", port=80), 3), (envoy("503", port=8080), 1)], 0.25, 4),
        ([(envoy("200"), 4), (envoy("503", subset="stable"), 9)], 0.0, 4),
        ([(envoy("200"), 4), (envoy("503", host="x.y"), 9)], 0.0, 4),
        ([(envoy("200"), 4), (envoy("404"), 4)], 0.0, 8),
        ([(envoy("200"), 4), ({"cluster_name": "odd", "response_code": "503"}, 9)], 0.0, 4),
    ],
)
async def test_envoy_error_rate(metrics, provider, series, value, samples):
    provider.gives(*series)
    reading = await ask_one(metrics, metric(template="envoy-error-rate"))
    assert (reading.answer, reading.value, reading.samples) == (Answer.OK, value, samples)


@pytest.mark.parametrize(
    ("series", "value", "samples"),
    [
        ([(istio("200"), 9), (istio("500"), 1)], 0.1, 10),
        # both report the same requests: once is enough
        ([(istio("200"), 9), (istio("200", reporter="destination"), 9)], 0.0, 9),
        # the source saw one that never arrived
        (
            [(istio("200"), 9), (istio("503"), 1), (istio("200", reporter="destination"), 9)],
            0.1,
            10,
        ),
        # most clients are outside the mesh
        ([(istio("200"), 1), (istio("500", reporter="destination"), 9)], 1.0, 9),
        # nobody was there to get the answer
        ([(istio("200"), 9), (istio("0"), 90)], 0.0, 9),
        ([(istio("200"), 9), (istio("500", revision="def"), 9)], 0.0, 9),
        ([(istio("200"), 9), (istio("500", namespace="else"), 9)], 0.0, 9),
    ],
)
async def test_istio_error_rate(metrics, provider, series, value, samples):
    provider.gives(*series)
    reading = await ask_one(metrics, metric(template="istio-error-rate"))
    assert (reading.answer, reading.value, reading.samples) == (Answer.OK, value, samples)


def without(label: str, labels: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in labels.items() if name != label}


@pytest.mark.parametrize(
    ("template", "wrong", "words"),
    [
        ("envoy-error-rate", (envoy("503"), "NaN"), "nan requests"),
        ("envoy-request-rate", (envoy("503"), -1), "-1 requests"),
        ("istio-error-rate", (istio("503"), "+Inf"), "inf requests"),
        ("istio-error-rate", (istio("503", reporter="destination"), -1), "-1 requests"),
        # Istio's tagOverrides can take the label away, and then no request ever fails.
        ("istio-error-rate", (without("response_code", istio("503")), 9), "response_code ''"),
        ("istio-error-rate", (istio("error"), 9), "response_code 'error'"),
    ],
)
async def test_a_series_that_cannot_be_right_leaves_its_destination_unmeasured(
    metrics, provider, template, wrong, words
):
    provider.gives(
        (envoy("200"), 4),
        (istio("200"), 4),
        wrong,
        (envoy("200", subset="stable"), 4),
        (istio("200", revision="def"), 4),
    )
    reading = await ask_one(metrics, metric(template=template))
    assert (reading.answer, reading.value, reading.samples) == (Answer.NODATA, None, None)
    assert reading.detail.startswith("no count of the last 60 s can be right: Prometheus has ")
    assert words in reading.detail
    other = await ask_one(metrics, metric(template=template), subject("def", "stable"))
    assert (other.answer, other.samples) == (Answer.OK, 4)


@pytest.mark.parametrize("mesh", ["envoy", "istio"])
async def test_requests_without_a_code_are_requests(metrics, provider, mesh):
    of_mesh = {"envoy": envoy, "istio": istio}[mesh]
    provider.gives((of_mesh("200"), 4), (without("response_code", of_mesh("200")), 8))
    reading = await ask_one(metrics, metric(template=f"{mesh}-request-rate"))
    assert (reading.value, reading.samples) == (0.2, 12)


@pytest.mark.parametrize("template", sorted(TEMPLATES))
async def test_no_requests_are_no_data(metrics, provider, template):
    provider.gives((envoy("200", subset="stable"), 5), (istio("200", revision="def"), 5))
    reading = await ask_one(metrics, metric(template=template))
    assert (reading.answer, reading.value, reading.samples) == (Answer.NODATA, None, 0)
    assert reading.detail == "no requests in the last 60 s"


async def test_hangs_alone_are_no_data_but_requests(metrics, provider):
    provider.gives((istio("0"), 30))
    errors = await ask_one(metrics, metric(template="istio-error-rate"))
    assert errors.answer is Answer.NODATA
    rate = await ask_one(metrics, metric(template="istio-request-rate"))
    assert (rate.value, rate.samples) == (0.5, 30)


async def test_latency_is_in_seconds_and_counts_its_requests(metrics, provider):
    labels = {"destination": f"canary|{HOST}"}
    provider.gives(({**labels, "part": "value"}, 250), ({**labels, "part": "samples"}, 40))
    reading = await ask_one(metrics, metric(template="envoy-latency"))
    assert (reading.value, reading.samples) == (0.25, 40)
    assert "histogram_quantile(0.95," in provider.queries[0]


@pytest.mark.parametrize("part", ["value", "samples"])
async def test_half_a_latency_is_none(metrics, provider, part):
    provider.gives(({"destination": f"canary|{HOST}", "part": part}, 1))
    reading = await ask_one(metrics, metric(template="envoy-latency"))
    assert reading.answer is Answer.NODATA


async def test_a_quantile_is_a_query_of_its_own(metrics, provider):
    provider.gives()
    for quantile in (0.5, 0.999):
        await ask_one(metrics, metric(template="istio-latency", quantile=quantile))
    assert ["histogram_quantile(0.5," in text for text in provider.queries] == [True, False]
    assert "histogram_quantile(0.999," in provider.queries[1]


@pytest.mark.parametrize(
    ("age_s", "window"),
    [(3600, "60s"), (59, "60s"), (58, "59s"), (12.4, "14s"), (1.5, "3s"), (0, "1s"), (-30, "1s")],
)
async def test_the_window_begins_where_the_destination_was_still_idle(
    metrics, provider, age_s, window
):
    provider.gives()
    who = subject(since=NOON - timedelta(seconds=age_s))
    await ask_one(metrics, metric(template="envoy-error-rate"), who)
    assert f"offset {window})" in provider.queries[0]


@pytest.mark.parametrize(
    "asked",
    [{"template": "istio-error-rate"}, {"query": 'x offset {{window}}) or y{r="{{revision}}"}'}],
)
async def test_a_revision_tried_again_is_not_judged_on_its_past(metrics, provider, asked):
    provider.gives()
    await ask_one(metrics, metric(**asked), subject(since=NOON))
    assert "offset 1s)" in provider.queries[0]


async def test_samples_are_asked_when_wanted(metrics, provider):
    provider.gives(({}, 12))
    about = metric(query="up", samples='count(up{r="{{revision}}"})')
    without = await ask_one(metrics, about)
    assert without.samples is None
    assert provider.queries == ["up"]
    with_samples = await ask_one(metrics, about, samples=True)
    assert with_samples.samples == 12
    assert 'count(up{r="abc"})' in provider.queries


async def test_samples_unknown_leave_the_value_and_say_so(metrics, provider):
    provider.gives(({"a": "1"}, 1), ({"a": "2"}, 1))
    reading = await ask_one(metrics, metric(query="q", samples="{{who}}"), samples=True)
    assert reading.answer is Answer.REFUSED
    reading = await ask_one(metrics, metric(query="q", samples="s"), samples=True)
    assert reading.samples is None
    assert "samples unknown" in reading.detail


async def test_traffic_is_none_without_series_and_zero_beside_others(metrics, provider):
    provider.gives(
        ({"namespace": "shop", "revision": "def"}, 8),
        ({"namespace": "shop", "revision": "someone-else"}, 8),
        ({"cluster_name": f"outbound|80|stable|{HOST}"}, 5),
        ({"cluster_name": f"outbound|81|stable|{HOST}"}, 3),
    )
    other = arms("other", host="other.shop.svc.cluster.local", namespace="else")
    readings = await metrics.traffic([arms(), other])
    ours, theirs = readings["shop", "web"], readings["else", "other"]
    assert ours.by_revision == {"abc": 0, "def": 8}
    assert ours.by_subset == {"stable": 8, "canary": 0}
    assert (theirs.by_revision, theirs.by_subset, theirs.error) == (None, None, "")
    assert (ours.at, ours.window_s, ours.error) == (NOON, 60, "")


async def test_traffic_says_why_it_is_unknown(metrics, provider):
    provider.says(http(500, "<html>"))
    reading = (await metrics.traffic([arms()]))["shop", "web"]
    assert "requests per revision are unknown: the provider answered HTTP 500" in reading.error
    assert "requests per subset are unknown" in reading.error


async def test_a_proxy_out_of_sight_is_not_idle(metrics, provider):
    canary = {"cluster_name": f"outbound|80|canary|{HOST}"}
    provider.gives(
        (canary, 0), ({**canary, "unseen": "yes"}, 1), ({"namespace": "shop", "revision": "abc"}, 0)
    )
    reading = (await metrics.traffic([arms()]))["shop", "web"]
    assert reading.by_subset is None
    assert reading.by_revision == {"abc": 0, "def": 0}
    assert "a proxy that sends to canary cannot be scraped" in reading.error


@pytest.mark.parametrize("count", ["NaN", "+Inf", -5])
async def test_what_is_no_count_is_no_proof_of_idleness(metrics, provider, count):
    provider.gives(
        ({"cluster_name": f"outbound|80|canary|{HOST}"}, 5),
        ({"cluster_name": f"outbound|81|canary|{HOST}"}, count),
    )
    reading = (await metrics.traffic([arms()]))["shop", "web"]
    assert reading.by_subset is None
    assert "its count is no count" in reading.error


async def test_configured_traffic_queries_get_the_window(provider, clock):
    provider.gives()
    telemetry = TelemetryConfig(window_s=30, revision_query="r[{{window}}]", subset_query="s")
    metrics = PrometheusMetrics({"default": ProviderConfig(provider.url)}, telemetry, clock)
    await metrics.traffic([arms()])
    await metrics.close()
    assert sorted(provider.queries) == ["r[30s]", "s"]


async def test_without_a_provider_nothing_is_counted_which_is_no_error(clock):
    metrics = PrometheusMetrics({}, TelemetryConfig(), clock)
    reading = (await metrics.traffic([arms()]))["shop", "web"]
    assert (reading.by_revision, reading.by_subset, reading.error) == (None, None, "")
    assert reading.at == NOON
