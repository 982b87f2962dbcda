"""Both arms come from the same evaluation, over the same window, each under its own name."""

from __future__ import annotations

from datetime import timedelta

from tests.adapters.prometheus.asking import HOST, NOON, metric, subject
from tidegate.core.observation import Answer
from tidegate.ports.metrics import Question

RATE = metric("envoy-error-rate")


def envoy(code: str, subset: str):
    return {"cluster_name": f"outbound|80|{subset}|{HOST}", "response_code": code}


def stable(since=None):
    return subject("def", "stable", since=since)


async def compared(metrics, about, canary=None, *, samples=False, other=None):
    question = Question(about, canary or subject(), samples, other or stable())
    return (await metrics.ask([question]))[question]


async def test_one_query_of_a_template_measures_both_arms(metrics, provider):
    provider.gives(
        (envoy("200", "canary"), 90),
        (envoy("500", "canary"), 10),
        (envoy("200", "stable"), 396),
        (envoy("500", "stable"), 4),
    )
    reading = await compared(metrics, RATE)
    assert (reading.value, reading.samples) == (0.1, 100)
    assert (reading.stable.value, reading.stable.samples) == (0.01, 400)
    assert reading.at == reading.stable.at
    assert len(provider.requests) == 1


async def test_an_arm_without_requests_is_named(metrics, provider):
    provider.gives((envoy("200", "canary"), 90))
    reading = await compared(metrics, RATE)
    assert (reading.answer, reading.stable.answer) == (Answer.OK, Answer.NODATA)
    assert reading.detail == "stable: no requests in the last 60 s"


async def test_a_canary_without_requests_is_named_beside_a_stable_that_has_some(metrics, provider):
    provider.gives((envoy("200", "stable"), 90))
    reading = await compared(metrics, RATE)
    assert (reading.answer, reading.stable.answer) == (Answer.NODATA, Answer.OK)
    assert reading.detail == "canary: no requests in the last 60 s"


async def test_the_window_of_both_is_what_the_younger_has_lived_through(metrics, provider):
    provider.gives((envoy("200", "canary"), 90))
    young, old = NOON - timedelta(seconds=10), NOON - timedelta(hours=1)
    for canary, other in ((young, old), (old, young)):
        reading = await compared(metrics, RATE, subject(since=canary), other=stable(other))
        assert reading.stable.detail == "no requests in the last 11 s"


async def test_a_query_is_filled_in_with_each_revision_and_so_are_its_samples(metrics, provider):
    provider.gives(({}, 1))
    about = metric(query='a{v="{{revision}}"}', samples='b{v="{{revision}}"}')
    reading = await compared(metrics, about, samples=True)
    asked = sorted(request.form["query"] for request in provider.requests)
    assert asked == ['a{v="abc"}', 'a{v="def"}', 'b{v="abc"}', 'b{v="def"}']
    assert (reading.samples, reading.stable.samples) == (1, 1)


async def test_a_provider_that_fails_measures_neither(metrics):
    reading = await compared(metrics, metric(query="up", provider="gone"))
    assert reading.answer is Answer.REFUSED
    assert reading.stable is None
