"""A dead provider costs its first queries their time, and the others none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from tests.adapters.prometheus.asking import SetClock, arms, ask_one, metric, subject
from tests.adapters.prometheus.scripted import ScriptedProvider, hang_up, http, silence, vector
from tidegate.adapters.prometheus import PrometheusMetrics, ProviderConfig, TelemetryConfig
from tidegate.adapters.prometheus import circuit as module
from tidegate.adapters.prometheus.answers import Vector
from tidegate.adapters.prometheus.breaker import FAILURES_MAX, PAUSE_S_FIRST, PAUSE_S_MAX
from tidegate.adapters.prometheus.circuit import Circuit, Unanswered
from tidegate.adapters.prometheus.client import PROBE
from tidegate.core.observation import Answer, Reading
from tidegate.ports.metrics import Question

AGAIN = "; it is asked again in "


class SetSeconds:
    """Steady seconds that stand still until told otherwise."""

    def __init__(self) -> None:
        self.now_s = 500.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def seconds() -> SetSeconds:
    return SetSeconds()


@pytest.fixture
async def metrics(
    provider: ScriptedProvider, other_provider: ScriptedProvider, seconds: SetSeconds
) -> AsyncIterator[PrometheusMetrics]:
    made = PrometheusMetrics(
        {
            "default": ProviderConfig(provider.url, timeout_s=30),
            "other": ProviderConfig(other_provider.url, timeout_s=30),
        },
        TelemetryConfig(),
        SetClock(),
        seconds,
    )
    yield made
    await made.close()


async def each(metrics: PrometheusMetrics, count: int, prefix: str = "q") -> list[Reading]:
    """One different query after the other."""
    return [await ask_one(metrics, metric(query=f"{prefix}{n}")) for n in range(count)]


async def opened(metrics: PrometheusMetrics, provider: ScriptedProvider) -> int:
    """Let it fail until it is left alone; gives the number of requests that this took."""
    provider.play = hang_up
    await each(metrics, FAILURES_MAX + 1, "opening")
    assert provider.queries[-1] == PROBE
    return len(provider.requests)


async def test_whoever_asks_a_silent_provider_is_answered_without_asking(metrics, provider):
    came = await opened(metrics, provider)
    assert came == FAILURES_MAX + 1
    readings = await each(metrics, 20)
    template = await ask_one(metrics, metric("envoy-error-rate"))
    traffic = (await metrics.traffic([arms()]))["shop", "web"]
    assert len(provider.requests) == came
    for reading in (*readings, template):
        assert (reading.answer, reading.value) == (Answer.ERROR, None)
        assert "the provider cannot be reached (" in reading.detail
        assert reading.detail.endswith(f"{AGAIN}1 s")
    assert (traffic.by_revision, traffic.by_subset) == (None, None)
    assert AGAIN in traffic.error


async def test_another_provider_is_asked_all_the_same(metrics, provider, other_provider):
    await opened(metrics, provider)
    other_provider.gives(({}, 1))
    reading = await ask_one(metrics, metric(query="up", provider="other"))
    assert reading.answer is Answer.OK


async def test_after_the_pause_one_probe_tells_for_all(metrics, provider, seconds):
    came = await opened(metrics, provider)
    provider.gives(({}, 1))
    seconds.now_s += PAUSE_S_FIRST
    questions = [Question(metric(query=f"q{n}"), subject()) for n in range(20)]
    readings = await metrics.ask(questions)
    assert {reading.answer for reading in readings.values()} == {Answer.OK}
    assert provider.queries[came] == PROBE
    assert provider.queries.count(PROBE) == 2
    assert len(provider.requests) == came + 1 + 20


async def test_while_it_stays_silent_only_probes_are_sent_and_ever_less(metrics, provider, seconds):
    came = await opened(metrics, provider)
    pauses = []
    for turn in range(6):
        (reading,) = await each(metrics, 1, f"turn{turn}-")
        pauses.append(int(reading.detail.split(AGAIN)[1].split()[0]))
        seconds.now_s += pauses[-1]
    assert provider.queries[came:] == [PROBE] * 5
    assert pauses == [1, 2, 4, 5, 5, 5]
    assert max(pauses) == PAUSE_S_MAX


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
async def test_who_answers_with_an_error_is_asked_on(metrics, provider, status):
    provider.says(http(status, "no"))
    readings = await each(metrics, 3 * FAILURES_MAX)
    assert PROBE not in provider.queries
    assert len(provider.requests) == len(readings)


async def test_one_answer_among_failures_counts_them_anew(metrics, provider):
    for turn in range(3):
        provider.play = hang_up
        await each(metrics, FAILURES_MAX - 1, f"bad{turn}-")
        provider.gives(({}, 1))
        await each(metrics, 1, f"good{turn}-")
    assert PROBE not in provider.queries


async def test_queries_that_fail_by_themselves_take_nothing_from_others(metrics, provider):
    """The server is there: whatever is asked but by one Rollout is answered."""

    async def play(writer: asyncio.StreamWriter) -> None:
        if provider.queries[-1].startswith("heavy"):
            await hang_up(writer)
            return
        writer.write(http(200, vector(({}, 1))))
        await writer.drain()

    provider.play = play
    for turn in range(4):
        await each(metrics, FAILURES_MAX, f"heavy{turn}-")
        (reading,) = await each(metrics, 1, f"light{turn}-")
        assert reading.answer is Answer.OK


async def test_a_probe_that_hangs_ends_by_itself(provider, seconds):
    config = ProviderConfig(provider.url, timeout_s=0.2)
    metrics = PrometheusMetrics({"default": config}, TelemetryConfig(), SetClock(), seconds)
    provider.play = silence
    async with asyncio.timeout(60):
        readings = await each(metrics, FAILURES_MAX + 2)
    await metrics.close()
    assert "did not answer within 0.2 s" in readings[-1].detail
    assert AGAIN in readings[-1].detail
    assert AGAIN in readings[-2].detail


async def test_closing_ends_a_probe(metrics, provider):
    provider.play = hang_up
    await each(metrics, FAILURES_MAX)
    provider.play = silence
    waiting = asyncio.create_task(ask_one(metrics, metric(query="last")))
    await provider.came(FAILURES_MAX + 1)
    async with asyncio.timeout(10):
        await metrics.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_it_is_logged_once_when_it_opens_and_once_when_it_closes(
    metrics, provider, seconds, caplog
):
    caplog.set_level(logging.INFO, logger="tidegate.adapters.prometheus.circuit")
    await opened(metrics, provider)
    for turn in range(3):
        await each(metrics, 3, f"turn{turn}-")
        seconds.now_s += PAUSE_S_MAX
    provider.gives(({}, 1))
    await each(metrics, 5, "after")
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert [level for level, _ in told] == ["WARNING", "INFO"]
    assert told[0][1].startswith("provider default does not answer, queries to it fail until")
    assert told[1][1] == "provider default answers again"


async def test_a_provider_that_is_slower_than_the_first_probe_is_found_to_answer(seconds):
    circuit, allowed = Circuit("slow", seconds), []

    async def takes_five_seconds(patience_s: float) -> Vector | Unanswered:
        allowed.append(patience_s)
        return Vector(()) if patience_s >= 5 else Unanswered.error("nothing in time")

    async def obstacle():
        seconds.now_s += PAUSE_S_MAX
        return await circuit.obstacle(takes_five_seconds)

    for _ in range(FAILURES_MAX):
        circuit.note(Unanswered.error("nothing in time"))
    said = [await obstacle() for _ in range(4)]
    assert [one is None for one in said] == [False, False, True, True]
    for _ in range(FAILURES_MAX):
        circuit.note(Unanswered.error("nothing in time"))
    await obstacle()
    assert allowed == [2, 4, 8, 2]


async def test_nobody_waits_for_the_whole_of_a_long_probe(seconds, monkeypatch):
    monkeypatch.setattr(module, "PROBE_S_FIRST", 0.01)
    circuit, over = Circuit("slow", seconds), asyncio.Event()
    probes: list[float] = []

    async def silent(patience_s: float) -> Vector | Unanswered:
        probes.append(patience_s)
        if len(probes) > 1:
            await over.wait()
        return Unanswered.error("nothing in time")

    for _ in range(FAILURES_MAX):
        circuit.note(Unanswered.error("nothing in time"))
    await circuit.obstacle(silent)
    seconds.now_s += PAUSE_S_MAX
    async with asyncio.timeout(30):
        said = [await circuit.obstacle(silent) for _ in range(3)]
    assert [one.detail.split(";")[0] for one in said] == ["nothing in time"] * 3
    assert len(probes) == 2
    await circuit.close()
