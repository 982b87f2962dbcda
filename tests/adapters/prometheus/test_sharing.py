"""Many ask, few queries go out."""

from __future__ import annotations

import asyncio

import pytest

from tests.adapters.prometheus.asking import HOST, arms, ask_one, metric, subject
from tests.adapters.prometheus.scripted import http, vector
from tidegate.adapters.prometheus import PrometheusMetrics, ProviderConfig, TelemetryConfig
from tidegate.adapters.prometheus.client import CONCURRENT_MAX
from tidegate.core.observation import Answer
from tidegate.ports.metrics import Question

ERROR_RATE = metric(template="envoy-error-rate")


def rollouts(count: int) -> list[Question]:
    hosts = (f"app-{n}.shop.svc.cluster.local" for n in range(count))
    return [Question(ERROR_RATE, subject(host=host)) for host in hosts]


def cluster(host: str, subset: str = "canary", port: int = 80) -> str:
    return f"outbound|{port}|{subset}|{host}"


def held_back(provider, gate: asyncio.Event, body: str = vector(({}, 1))):
    async def play(writer):
        await gate.wait()
        writer.write(http(200, body))
        await writer.drain()

    provider.play = play


async def test_one_query_serves_every_rollout(metrics, provider):
    questions = rollouts(500)
    provider.gives(
        *[
            ({"cluster_name": cluster(question.subject.cluster_host), "response_code": "200"}, n)
            for n, question in enumerate(questions, start=1)
        ]
    )
    readings = await metrics.ask(questions)
    assert len(provider.requests) == 1
    assert [readings[question].samples for question in questions] == list(range(1, 501))


async def test_rollouts_that_ask_one_by_one_share_too(metrics, provider):
    provider.gives()
    await asyncio.gather(*(metrics.ask([question]) for question in rollouts(50)))
    assert len(provider.requests) == 1


async def test_an_answer_is_shared_for_half_a_second(metrics, provider, clock):
    provider.gives(({}, 1))
    first = await ask_one(metrics, metric(query="up"))
    clock.advance(0.4)
    second = await ask_one(metrics, metric(query="up"))
    clock.advance(0.2)
    provider.says(http(200, vector(({}, 1), at_s=clock.now().timestamp())))
    third = await ask_one(metrics, metric(query="up"))
    assert len(provider.requests) == 2
    assert first.at == second.at < third.at == clock.now()


@pytest.mark.parametrize("template", ["envoy-error-rate", None])
async def test_an_answer_that_a_cache_gives_again_is_as_old_as_it_says(
    metrics, provider, clock, template
):
    labels = {"cluster_name": cluster(HOST), "response_code": "200"} if template else {}
    about = metric(template, None if template else "up")
    provider.gives((labels, 1))
    first = await ask_one(metrics, about)
    clock.advance(20)
    again = await ask_one(metrics, about)
    assert len(provider.requests) == 2
    assert first.at == again.at < clock.now()


async def test_a_clock_that_was_set_back_makes_no_answer_live_longer(metrics, provider, clock):
    provider.gives(({}, 1))
    await ask_one(metrics, metric(query="up"))
    clock.advance(-3600)
    await ask_one(metrics, metric(query="up"))
    assert len(provider.requests) == 2


async def test_the_same_query_never_overlaps(metrics, provider, clock):
    gate = asyncio.Event()
    held_back(provider, gate)
    first = asyncio.create_task(ask_one(metrics, metric(query="up")))
    await provider.came(1)
    clock.advance(60)
    second = asyncio.create_task(ask_one(metrics, metric(query="up")))
    await asyncio.sleep(0)
    gate.set()
    assert await first == await second
    assert provider.busy_max == len(provider.requests) == 1


async def test_a_caller_that_gives_up_takes_nothing_from_the_others(metrics, provider):
    gate = asyncio.Event()
    held_back(provider, gate)
    hasty = asyncio.create_task(ask_one(metrics, metric(query="up")))
    patient = asyncio.create_task(ask_one(metrics, metric(query="up")))
    await provider.came(1)
    hasty.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hasty
    gate.set()
    assert (await patient).answer is Answer.OK
    assert len(provider.requests) == 1


async def test_a_provider_gets_only_so_many_queries_at_once(provider, clock):
    patient = {"default": ProviderConfig(provider.url, timeout_s=30)}
    metrics = PrometheusMetrics(patient, TelemetryConfig(), clock)
    gate = asyncio.Event()
    held_back(provider, gate)
    asking = asyncio.create_task(
        metrics.ask([Question(metric(query=f"q{n}"), subject()) for n in range(50)])
    )
    await provider.came(CONCURRENT_MAX)
    gate.set()
    readings = await asking
    await metrics.close()
    assert {reading.answer for reading in readings.values()} == {Answer.OK}
    assert provider.busy_max == CONCURRENT_MAX
    assert len(provider.requests) == 50


async def test_the_line_for_a_hanging_provider_ends(hasty, provider):
    held_back(provider, asyncio.Event())
    questions = [Question(metric(query=f"q{n}"), subject()) for n in range(3 * CONCURRENT_MAX)]
    async with asyncio.timeout(20):
        readings = await hasty.ask(questions)
    assert {reading.answer for reading in readings.values()} == {Answer.ERROR}
    assert any("waited" in reading.detail for reading in readings.values())


async def test_a_hanging_provider_does_not_hold_up_another(provider, clock, other_provider):
    held_back(provider, asyncio.Event())
    other_provider.gives(({}, 1))
    metrics = PrometheusMetrics(
        {
            "default": ProviderConfig(provider.url, timeout_s=30),
            "other": ProviderConfig(other_provider.url),
        },
        TelemetryConfig(),
        clock,
    )
    stuck = asyncio.create_task(
        metrics.ask([Question(metric(query=f"q{n}"), subject()) for n in range(50)])
    )
    reading = await ask_one(metrics, metric(query="up", provider="other"))
    assert reading.answer is Answer.OK
    await metrics.close()
    with pytest.raises(asyncio.CancelledError):
        await stuck


async def test_traffic_of_all_rollouts_is_two_queries_per_half_interval(metrics, provider, clock):
    provider.gives(({"cluster_name": cluster(HOST, "stable")}, 3))
    many = [arms(f"web-{n}") for n in range(200)]
    first, second = await asyncio.gather(metrics.traffic(many), metrics.traffic(many))
    clock.advance(2.4)
    await metrics.traffic(many)
    assert len(provider.requests) == 2
    assert len(first) == len(second) == 200
    assert first["shop", "web-7"].by_subset == {"stable": 3, "canary": 0}
    clock.advance(0.2)
    await metrics.traffic(many)
    assert len(provider.requests) == 4
