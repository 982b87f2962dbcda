"""What the built-in templates ask, and what they make of the answers."""

from __future__ import annotations

from collections.abc import Mapping

import promql_parser
import pytest

from tests.adapters.prometheus.asking import HOST, ask_one, metric, subject
from tidegate.adapters.prometheus.catalogue import TEMPLATES
from tidegate.api.constants import KUBERNETES_TEMPLATES, METRIC_TEMPLATES, SLOW_TEMPLATES
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
    assert set(TEMPLATES) == set(METRIC_TEMPLATES) - KUBERNETES_TEMPLATES


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
    assert reading.detail.startswith("not measured in the last 60 s: Prometheus has ")
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
    threshold_s = 0.25 if template in SLOW_TEMPLATES else None
    reading = await ask_one(metrics, metric(template=template, threshold_s=threshold_s))
    assert (reading.answer, reading.value, reading.samples) == (Answer.NODATA, None, 0)
    assert reading.detail == f"no {TEMPLATES[template].samples} in the last 60 s"


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


def slow_share(**parts: object) -> list[tuple[dict[str, str], object]]:
    labels = {"destination": f"canary|{HOST}"}
    return [({**labels, "part": part}, count) for part, count in parts.items()]


@pytest.mark.parametrize(("fast", "share"), [(100, 0.0), (97, 0.03), (0, 1.0)])
async def test_a_slow_share_is_what_was_not_in_time(metrics, provider, fast, share):
    provider.gives(*slow_share(fast=fast, samples=100))
    reading = await ask_one(metrics, metric(template="envoy-slow-share", threshold_s=0.25))
    assert (reading.answer, reading.value, reading.samples) == (Answer.OK, share, 100)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"samples": 100}, "no bucket that ends at threshold; set it to an edge (le)"),
        ({"fast": 101, "samples": 100}, "101 of 100 requests in time"),
        ({"fast": "NaN", "samples": 100}, "nan requests in time"),
        ({"fast": -1, "samples": 100}, "-1 requests in time"),
        ({"fast": 1, "samples": "+Inf"}, "inf requests"),
    ],
)
async def test_a_slow_share_that_cannot_be_right_is_not_measured(metrics, provider, parts, words):
    provider.gives(*slow_share(**parts))
    reading = await ask_one(metrics, metric(template="envoy-slow-share", threshold_s=0.25))
    assert (reading.answer, reading.value) == (Answer.NODATA, None)
    assert words in reading.detail


async def test_a_slow_share_of_two_reporters_is_that_of_the_busier(metrics, provider):
    def reported(by: str, fast: float, samples: float) -> list[tuple[dict[str, str], float]]:
        labels = without("response_code", istio("200", reporter=by))
        return [({**labels, "part": "fast"}, fast), ({**labels, "part": "samples"}, samples)]

    provider.gives(*reported("source", 6, 12), *reported("destination", 10, 10))
    reading = await ask_one(metrics, metric(template="istio-slow-share", threshold_s=1))
    assert (reading.value, reading.samples) == (0.5, 12)


@pytest.mark.parametrize(
    ("threshold_s", "edge"),
    [
        (0.25, 'le=~"250([.]0)?"'),
        (0.0025, 'le=~"2[.]5"'),
        (1, 'le=~"1000([.]0)?"'),
        (600, 'le=~"600000([.]0)?"'),
    ],
)
async def test_a_threshold_is_an_edge_in_milliseconds(metrics, provider, threshold_s, edge):
    provider.gives()
    for mesh in ("envoy", "istio"):
        await ask_one(metrics, metric(template=f"{mesh}-slow-share", threshold_s=threshold_s))
    assert all(edge in text for text in provider.queries)
    assert len(provider.queries) == 2


async def test_a_slow_share_without_a_threshold_is_refused(metrics, provider):
    reading = await ask_one(metrics, metric(template="envoy-slow-share"))
    assert (reading.answer, provider.requests) == (Answer.REFUSED, [])
    assert reading.detail == "template envoy-slow-share needs a threshold"


@pytest.mark.parametrize("template", sorted(TEMPLATES))
@pytest.mark.parametrize("window_s", [1, 1.5, 3600])
def test_what_is_built_in_is_promql(template, window_s):
    text = TEMPLATES[template].query(window_s, metric(template=template, threshold_s=0.5))
    assert promql_parser.parse(text).prettify()


async def test_a_quantile_is_a_query_of_its_own(metrics, provider):
    provider.gives()
    for quantile in (0.5, 0.999):
        await ask_one(metrics, metric(template="istio-latency", quantile=quantile))
    assert ["histogram_quantile(0.5," in text for text in provider.queries] == [True, False]
    assert "histogram_quantile(0.999," in provider.queries[1]
