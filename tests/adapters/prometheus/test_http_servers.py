"""What HTTP servers count of themselves, by the pod they count in."""

from __future__ import annotations

import asyncio

import pytest

from tests.adapters.prometheus.asking import ask_one, metric, subject
from tidegate.adapters.prometheus.http_servers import HTTP_TEMPLATES
from tidegate.api.constants import SLOW_TEMPLATES
from tidegate.core.observation import Answer
from tidegate.ports.metrics import Question

REVISION, STABLE = "0123456789", "ba9876543f"
NEW = subject(REVISION)

each_prefix = pytest.mark.parametrize("prefix", ["http", "otel-http"])


def of_set(revision: str = REVISION, **labels: str) -> dict[str, str]:
    return {
        "namespace": "shop",
        "replica_set": f"web-{revision}",
        "job": "web",
        **labels,
    }


def counted(prefix: str, code: str, revision: str = REVISION, **labels: str) -> dict[str, str]:
    label = "http_response_status_code" if prefix == "otel-http" else "code"
    return of_set(revision, **{label: code}, **labels)


@each_prefix
@pytest.mark.parametrize(
    ("counts", "value", "samples"),
    [
        ([("200", 97), ("503", 3)], 0.03, 100),
        ([("200", 5)], 0.0, 5),
        ([("500", 1), ("502", 1)], 1.0, 2),
        ([("200", 4), ("404", 4)], 0.0, 8),
        ([("2xx", 9), ("5xx", 1)], 0.1, 10),
        ([("2XX", 9), ("4XX", 1)], 0.0, 10),
    ],
)
async def test_an_error_rate_is_the_share_of_5xx(metrics, provider, prefix, counts, value, samples):
    provider.gives(*[(counted(prefix, code), count) for code, count in counts])
    reading = await ask_one(metrics, metric(f"{prefix}-error-rate"), NEW)
    assert (reading.answer, reading.value, reading.samples) == (Answer.OK, value, samples)


@pytest.mark.parametrize("label", ["code", "status", "status_code"])
async def test_the_code_is_found_under_each_of_its_usual_names(metrics, provider, label):
    provider.gives((of_set(**{label: "200"}), 3), (of_set(**{label: "500"}), 1))
    reading = await ask_one(metrics, metric("http-error-rate"), NEW)
    assert (reading.value, reading.samples) == (0.25, 4)
    assert "code,status,status_code" in provider.queries[0]


@each_prefix
async def test_a_revision_is_the_set_of_its_rollout_in_its_namespace(metrics, provider, prefix):
    provider.gives(
        (counted(prefix, "200"), 4),
        (counted(prefix, "500", STABLE), 9),
        (counted(prefix, "500", namespace="else"), 9),
        (counted(prefix, "500", replica_set=f"other-{REVISION}"), 9),
        (counted(prefix, "500", replica_set=""), 9),
        (counted(prefix, "500", namespace=""), 9),
    )
    reading = await ask_one(metrics, metric(f"{prefix}-error-rate"), NEW)
    assert (reading.answer, reading.value, reading.samples) == (Answer.OK, 0, 4)


@each_prefix
async def test_of_two_jobs_that_scrape_the_same_pods_the_busier_counts(metrics, provider, prefix):
    provider.gives(
        (counted(prefix, "200", job="pods"), 8),
        (counted(prefix, "500", job="pods"), 2),
        (counted(prefix, "200", job="services"), 6),
    )
    errors = await ask_one(metrics, metric(f"{prefix}-error-rate"), NEW)
    assert (errors.value, errors.samples) == (0.2, 10)
    rate = await ask_one(metrics, metric(f"{prefix}-request-rate", window_s=5), NEW)
    assert (rate.value, rate.samples) == (2, 10)


@each_prefix
@pytest.mark.parametrize(
    ("code", "count", "words"),
    [
        ("200", "NaN", "nan requests"),
        ("500", -1, "-1 requests"),
        ("", 9, "response_code ''"),
        ("error", 9, "response_code 'error'"),
        ("9xx", 9, "response_code '9xx'"),
    ],
)
async def test_what_cannot_be_right_leaves_a_revision_unmeasured(
    metrics, provider, prefix, code, count, words
):
    provider.gives(
        (counted(prefix, "200"), 9),
        (counted(prefix, code, job="other"), count),
        (counted(prefix, "200", STABLE), 4),
    )
    question = Question(metric(f"{prefix}-error-rate"), NEW, stable=subject(STABLE))
    reading = (await metrics.ask([question]))[question]
    assert (reading.answer, reading.value) == (Answer.NODATA, None)
    assert words in reading.detail
    assert (reading.stable.answer, reading.stable.samples) == (Answer.OK, 4)


@each_prefix
async def test_latency_is_in_seconds_and_counts_its_requests(metrics, provider, prefix):
    provider.gives((of_set(part="value"), 250), (of_set(part="samples"), 40))
    reading = await ask_one(metrics, metric(f"{prefix}-latency", quantile=0.9), NEW)
    assert (reading.value, reading.samples) == (0.25, 40)
    assert "1000 * histogram_quantile(0.9," in provider.queries[0]


@each_prefix
async def test_a_slow_share_is_what_was_not_in_time(metrics, provider, prefix):
    provider.gives((of_set(part="fast"), 97), (of_set(part="samples"), 100))
    reading = await ask_one(metrics, metric(f"{prefix}-slow-share", threshold_s=0.25), NEW)
    assert (reading.value, reading.samples) == (0.03, 100)
    assert 'le=~"0[.]25"' in provider.queries[0]


@each_prefix
async def test_a_threshold_that_is_no_edge_is_told(metrics, provider, prefix):
    provider.gives((of_set(part="samples"), 100))
    reading = await ask_one(metrics, metric(f"{prefix}-slow-share", threshold_s=0.3), NEW)
    assert reading.answer is Answer.NODATA
    assert "no bucket that ends at threshold" in reading.detail


@pytest.mark.parametrize("template", sorted(HTTP_TEMPLATES))
async def test_one_query_serves_every_rollout(metrics, provider, template):
    provider.gives()
    about = metric(template, threshold_s=0.25 if template in SLOW_TEMPLATES else None)
    questions = [
        Question(about, subject(f"{n:010x}", namespace=f"team-{n % 7}")) for n in range(300)
    ]
    await asyncio.gather(*(metrics.ask([question]) for question in questions))
    assert len(provider.requests) == 1
