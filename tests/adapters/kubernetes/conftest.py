from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi, connected, serving
from tidegate.adapters.kubernetes.api import Api


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeApi]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)  # reading the system's takes 25 ms a client
    async with serving() as made:
        yield made


@pytest.fixture
async def api(fake: FakeApi) -> AsyncIterator[Api]:
    async with connected(fake) as made:
        yield made
