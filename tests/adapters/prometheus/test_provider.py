"""Which provider is asked what, with which credentials, and what is made of its answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.adapters.prometheus.asking import HOST, NOON, arms, ask_one, metric, subject
from tests.adapters.prometheus.scripted import http
from tidegate.adapters.prometheus import (
    Access,
    PrometheusMetrics,
    ProviderConfig,
    TelemetryConfig,
)
from tidegate.core.observation import Answer


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
    config = ProviderConfig(provider.url, access=Access(token_file=token))
    metrics = PrometheusMetrics({"default": config}, TelemetryConfig(), clock)
    for content in ("first\n", "second"):
        token.write_text(content)
        await ask_one(metrics, metric(query=f"up == {content!r}"))
    await metrics.close()
    sent = [request.headers["authorization"] for request in provider.requests]
    assert sent == ["Bearer first", "Bearer second"]


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
