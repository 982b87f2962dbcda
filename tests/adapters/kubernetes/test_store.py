"""The watched copy follows the server, and no late word ever beats a newer one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi, until
from tests.adapters.kubernetes.objects import SETS, replica_set
from tidegate.adapters.kubernetes import store as module
from tidegate.adapters.kubernetes.resources import REPLICA_SETS, version_of
from tidegate.adapters.kubernetes.store import Store, newer

KEY = ("shop", "web-abc")


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch):
    monkeypatch.setattr(module, "BACKOFF_MIN_S", 0.01)
    monkeypatch.setattr(module, "WATCH_PAUSE_S", 0.001)


@asynccontextmanager
async def following(store: Store):
    task = asyncio.create_task(store.run())
    try:
        yield store
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def store_of(api, **options):
    return Store(api, REPLICA_SETS, namespaces=("shop",), **options)


def listed(fake: FakeApi, *bodies, version="10", more=None):
    meta = {"resourceVersion": version} | ({"continue": more} if more else {})
    fake.says("GET", SETS, 200, {"metadata": meta, "items": list(bodies)})


def version_in(store):
    body = store.get(KEY)
    return None if body is None else version_of(body)


@pytest.mark.parametrize(
    ("ours", "theirs", "takes"),
    [
        (None, replica_set(), True),
        (replica_set(version="9"), replica_set(version="10"), True),
        (replica_set(version="10"), replica_set(version="9"), False),
        (replica_set(version="10"), replica_set(version="10"), True),
        (replica_set(version="10"), replica_set(version="9", uid="other"), True),
        (replica_set(version="x"), replica_set(version="9"), True),
    ],
)
def test_versions_are_compared_as_numbers_within_one_object(ours, theirs, takes):
    assert newer(ours, theirs) is takes


async def test_a_list_is_read_page_by_page_and_then_watched(fake: FakeApi, api):
    listed(fake, replica_set("web-a"), more="page 2")
    listed(fake, replica_set("web-b", metadata=None), version="12")
    async with following(store_of(api, selector="x")) as store:
        watch = await fake.watch()
        assert await store.synced(1)
        assert sorted(body["metadata"]["name"] for body in store) == ["web-a", "web-b"]
    first, second, _ = fake.calls
    assert first.query == {"limit": "500", "labelSelector": "x"}
    assert second.query["continue"] == "page 2"
    assert (watch.query["resourceVersion"], watch.query["labelSelector"]) == ("12", "x")
    assert watch.query["allowWatchBookmarks"] == "true"


async def test_items_get_their_kind_and_lose_managed_fields(fake: FakeApi, api):
    bare = replica_set(managedFields=[{"much": "text"}])
    del bare["kind"], bare["apiVersion"]
    listed(fake, bare)
    async with following(store_of(api)) as store:
        await until(lambda: store.get(KEY))
        body = store.get(KEY)
    assert body is not None
    assert (body["apiVersion"], body["kind"]) == ("apps/v1", "ReplicaSet")
    assert "managedFields" not in body["metadata"]


async def test_events_are_followed(fake: FakeApi, api):
    seen = []
    listed(fake)
    changed = lambda body: seen.append(version_of(body))  # noqa: E731 — one line, used once
    async with following(store_of(api, changed=changed)) as store:
        watch = await fake.watch()
        watch.send("ADDED", replica_set(version="11"))
        watch.send("MODIFIED", replica_set(version="12"))
        await until(lambda: version_in(store) == "12")
        watch.send("DELETED", replica_set(version="13"))
        await until(lambda: version_in(store) is None)
    assert seen == ["11", "12", "13"]


async def test_what_was_put_beats_a_late_event(fake: FakeApi, api):
    listed(fake, replica_set(version="5"))
    async with following(store_of(api)) as store:
        watch = await fake.watch()
        store.put(replica_set(version="20"))
        store.put(replica_set(version="19"))
        watch.send("MODIFIED", replica_set(version="11"))
        watch.send("ADDED", replica_set("web-later", version="21"))
        await until(lambda: store.get(("shop", "web-later")))
        assert version_in(store) == "20"


async def test_our_own_write_is_not_news_when_its_event_comes(fake: FakeApi, api):
    seen = []
    listed(fake)
    async with following(store_of(api, changed=seen.append)) as store:
        watch = await fake.watch()
        store.put(replica_set(version="20"))
        watch.send("MODIFIED", replica_set(version="20"))
        watch.send("MODIFIED", replica_set(version="21"))
        await until(lambda: seen)
    assert [version_of(body) for body in seen] == ["21"]


async def test_an_object_made_anew_replaces_the_old_one(fake: FakeApi, api):
    listed(fake, replica_set(uid="old", version="9"))
    async with following(store_of(api)) as store:
        watch = await fake.watch()
        store.put(replica_set(uid="new", version="8"))
        watch.send("DELETED", replica_set(uid="old", version="10"))
        watch.send("ADDED", replica_set("web-later", version="21"))
        await until(lambda: store.get(("shop", "web-later")))
        assert version_in(store) == "8"
        store.drop(KEY, "old")
        assert store.get(KEY) is not None, "that was another one of the same name"
        store.drop(KEY, "new")
        store.drop(KEY, "new")
        assert store.get(KEY) is None


async def test_what_is_not_wanted_is_not_kept(fake: FakeApi, api):
    wanted = {"web-abc"}
    listed(fake, replica_set(), replica_set("web-other"))
    keep = lambda body: body["metadata"]["name"] in wanted  # noqa: E731 — one line, used once
    async with following(store_of(api, keep=keep)) as store:
        watch = await fake.watch()
        assert [body["metadata"]["name"] for body in store] == ["web-abc"]
        wanted.clear()
        watch.send("MODIFIED", replica_set(version="11"))
        await until(lambda: not list(store))


async def test_listing_again_removes_what_vanished_but_nothing_newer(fake: FakeApi, api):
    seen = []
    listed(fake, replica_set("web-gone", version="5"), replica_set(version="6"))
    changed = lambda body: seen.append(body["metadata"]["name"])  # noqa: E731 — used once
    async with following(store_of(api, changed=changed)) as store:
        watch = await fake.watch()
        seen.clear()
        store.put(replica_set("web-new", version="31"))
        listed(fake, replica_set(version="6"), version="30")
        watch.send("ERROR", {"code": 410, "message": "too old resource version"})
        again = await fake.watch()
        names = {body["metadata"]["name"] for body in store}
    assert names == {"web-abc", "web-new"}
    assert seen == ["web-gone"]
    assert again.query["resourceVersion"] == "30"


async def test_another_namespaces_objects_do_not_vanish_with_a_list(fake: FakeApi, api):
    store = Store(api, REPLICA_SETS, namespaces=("shop", "other"))
    listed(fake, replica_set())
    async with following(store):
        for _ in store._scopes:
            await fake.watch()
        assert await store.synced(1)
        assert store.get(KEY) is not None


async def test_an_expired_version_is_listed_again(fake: FakeApi, api):
    listed(fake, replica_set(version="5"))
    async with following(store_of(api)) as store:
        (await fake.watch()).end()
        fake.says("GET", SETS, 410, {"message": "expired"})
        listed(fake, replica_set(version="40"), version="41")
        await until(lambda: version_in(store) == "40")


async def test_an_error_event_is_trouble_and_then_listed_again(fake: FakeApi, api):
    listed(fake, replica_set(version="5"))
    async with following(store_of(api)) as store:
        watch = await fake.watch()
        fake.says("GET", SETS, 500, {"message": "still bad"})
        listed(fake, replica_set(version="40"), version="41")
        watch.send("ERROR", {"code": 500, "message": "etcd is away"})
        await until(lambda: "still bad" in store.trouble)
        await until(lambda: version_in(store) == "40")
        await fake.watch()
        assert store.trouble == ""


async def test_a_silent_close_is_watched_on_from_the_last_version(fake: FakeApi, api):
    listed(fake, replica_set(version="5"), version="10")
    async with following(store_of(api)) as store:
        watch = await fake.watch()
        watch.send("MODIFIED", replica_set(version="15"))
        watch.send("BOOKMARK", {"metadata": {"resourceVersion": "19"}})
        watch.end()
        again = await fake.watch()
        assert again.query["resourceVersion"] == "19"
        again.send("MODIFIED", replica_set(version="25"))
        await until(lambda: version_in(store) == "25")
    assert len([call for call in fake.calls if "watch" not in call.query]) == 1


async def test_a_store_is_not_synced_before_its_first_list(fake: FakeApi, api):
    fake.hangs("GET", SETS)
    async with following(store_of(api)) as store:
        assert not await store.synced(0.02)
