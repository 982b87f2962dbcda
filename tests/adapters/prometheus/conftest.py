from __future__ import annotations

from collections.abc import AsyncIterator

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
    made = PrometheusMetrics(
        {"default": ProviderConfig(provider.url, timeout_s=0.5)}, TelemetryConfig(), clock
    )
    yield made
    await made.close()


@pytest.fixture
async def other_provider() -> AsyncIterator[ScriptedProvider]:
    async with scripted_provider() as scripted:
        yield scripted
