from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.adapters.prometheus.asking import SetClock
from tests.adapters.prometheus.scripted import ScriptedProvider, scripted_provider
from tidegate.adapters.prometheus import PrometheusMetrics, ProviderConfig, TelemetryConfig


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    async with scripted_provider() as scripted:
        yield scripted


@pytest.fixture
async def metrics(provider: ScriptedProvider, clock: SetClock) -> AsyncIterator[PrometheusMetrics]:
    """Waits for an answer longer than a busy machine takes to give it."""
    async with asking(provider, clock, timeout_s=30) as made:
        yield made


@pytest.fixture
async def hasty(provider: ScriptedProvider, clock: SetClock) -> AsyncIterator[PrometheusMetrics]:
    """For what never comes."""
    async with asking(provider, clock, timeout_s=0.5) as made:
        yield made


@asynccontextmanager
async def asking(
    provider: ScriptedProvider, clock: SetClock, *, timeout_s: float
) -> AsyncIterator[PrometheusMetrics]:
    config = ProviderConfig(provider.url, timeout_s=timeout_s)
    made = PrometheusMetrics({"default": config}, TelemetryConfig(), clock)
    yield made
    await made.close()


@pytest.fixture
async def other_provider() -> AsyncIterator[ScriptedProvider]:
    async with scripted_provider() as scripted:
        yield scripted
