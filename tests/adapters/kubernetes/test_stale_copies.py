"""What a copy must never believe: the past."""

from __future__ import annotations

import asyncio

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi, until
from tests.adapters.kubernetes.objects import SETS, replica_set
from tidegate.adapters.kubernetes import store as module
from tidegate.adapters.kubernetes.resources import REPLICA_SETS
from tidegate.adapters.kubernetes.store import HistoryRewoundError, Store

KEY = ("shop", "web-abc")


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch):
    monkeypatch.setattr(module, "BACKOFF_MIN_S", 0.01)


@pytest.fixture
async def followed(fake: FakeApi, api):
    """A store that follows the server from version 10 on, and the task that does it."""
    store = Store(api, REPLICA_SETS, namespaces=("shop",))
    first = {"metadata": {"resourceVersion": "10"}, "items": [replica_set()]}
    fake.says("GET", SETS, 200, first)
    task = asyncio.create_task(store.run())
    yield store, task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_was_deleted_stays_deleted_whatever_arrives_late(fake: FakeApi, followed):
    store, _task = followed
    watch = await fake.watch()
    watch.send("DELETED", replica_set(version="13"))
    await until(lambda: store.get(KEY) is None)
    store.put(replica_set(version="12"))
    assert store.get(KEY) is None
    store.learn(replica_set(version="14"))
    assert store.get(KEY) is None


async def test_a_list_older_than_what_was_seen_is_never_taken_for_the_present(
    fake: FakeApi, followed
):
    _store, task = followed
    watch = await fake.watch()
    watch.send("MODIFIED", replica_set(version="50"))
    fake.says("GET", SETS, 200, {"metadata": {"resourceVersion": "20"}, "items": []})
    watch.send("ERROR", {"code": 410, "message": "too old resource version"})
    followed_on = asyncio.create_task(fake.watch())
    await asyncio.wait({task, followed_on}, return_when=asyncio.FIRST_COMPLETED)
    followed_on.cancel()
    assert task.done()
    assert task.exception().subgroup(HistoryRewoundError)
