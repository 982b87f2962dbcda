"""What named ConfigMaps and Secrets hold makes the revision, and nothing else of them does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.kubernetes.fake_api import WAIT_S_MAX, FakeApi, until
from tests.adapters.kubernetes.objects import ROLLOUTS, SETS, SPEC, rollout, rollout_body
from tests.adapters.kubernetes.test_workloads import APPS, REF, deployment
from tidegate.adapters.kubernetes import content
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.content import annotated
from tidegate.adapters.kubernetes.replica_sets import revision_of
from tidegate.adapters.kubernetes.resources import CONFIG_MAPS
from tidegate.api.constants import ANNOTATION_CONTENT
from tidegate.api.rollout import Rollout
from tidegate.core import reasons
from tidegate.core.decision import CreateReplicaSet

CORE = "/api/v1/namespaces/shop"
CONFIG = f"{CORE}/configmaps/flags"
KEY = f"{CORE}/secrets/key"
TEMPLATE = SPEC["template"]
SERVICE = {"service": {"active": "web"}}


def held(path: str, data: dict[str, str], **meta: Any) -> dict[str, Any]:
    """A ConfigMap or Secret."""
    return {
        "metadata": {"name": path.rsplit("/", 1)[-1], "namespace": "shop", **meta},
        "data": data,
    }


def naming(uid: str = "u1", **content: list[str]) -> Rollout:
    """A Rollout that names them."""
    return rollout(uid=uid, traffic=SERVICE, contentOf=content)


@pytest.fixture
async def world(fake: FakeApi, api):
    """A Rollout beside a ConfigMap and a Secret."""
    touched: list[tuple[str, str]] = []
    cluster = KubernetesCluster(api, ("shop",), touched.append)
    fake.put(
        f"{CORE}/services/web",
        {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}}},
    )
    fake.put(CONFIG, held(CONFIG, {"dark": "off"}))
    fake.put(KEY, held(KEY, {"pin": "MTIzNA=="}))
    cluster.put_rollout(fake.put(f"{ROLLOUTS}/web", rollout_body()))
    yield SimpleNamespace(cluster=cluster, fake=fake, touched=touched)
    cluster.close()


async def target(world: SimpleNamespace, uid: str = "u1", **named_ones: list[str]) -> str:
    """The revision that is wanted now, as somebody sees it who knew nothing before."""
    cluster = KubernetesCluster(world.cluster._api, ("shop",), lambda _key: None)
    try:
        return (await cluster.observe(naming(uid, **named_ones))).target
    finally:
        cluster.close()


async def another_target(world: SimpleNamespace, here: Rollout, before: str) -> str:
    """The next revision that is wanted after `before`, with never a problem on the way."""
    async with asyncio.timeout(WAIT_S_MAX):
        while (seen := await world.cluster.observe(here)).target == before:
            assert seen.problems == ()
            await asyncio.sleep(0.005)
    assert seen.problems == ()
    return str(seen.target)


async def taken_over(world: SimpleNamespace) -> tuple[Rollout, str]:
    """A Rollout that names a Deployment and a ConfigMap, and the revision that it has pods of."""
    world.fake.put(f"{APPS}/deployments/web", deployment())
    body = rollout_body(traffic=SERVICE, workloadRef=REF, contentOf={"configMaps": ["flags"]})
    del body["spec"]["template"]
    here = Rollout.parse(body)
    revision = (await world.cluster.observe(here)).target
    await world.cluster.apply(here, CreateReplicaSet(revision, 2))
    made = dict(world.fake.objects[f"{SETS}/web-{revision}"])
    age = {"creationTimestamp": "2026-01-01T00:00:00Z"}
    world.cluster.replica_sets.put(made | {"metadata": made["metadata"] | age})
    return here, revision


async def test_without_it_the_revision_is_the_templates_alone(world):
    plain = rollout(traffic=SERVICE)
    assert (await world.cluster.observe(plain)).target == revision_of(TEMPLATE)
    assert not world.fake.made("GET", "configmaps")
    assert not world.fake.made("GET", "secrets")


@pytest.mark.parametrize(("path", "named"), [(CONFIG, "configMaps"), (KEY, "secrets")])
async def test_other_content_is_another_revision_and_the_old_content_the_old_one(
    world, path, named
):
    named_ones = {named: [path.rsplit("/", 1)[-1]]}
    before = world.fake.objects[path]["data"]
    first = await target(world, **named_ones)
    world.fake.put(path, held(path, {"dark": "on"}))
    second = await target(world, **named_ones)
    world.fake.put(path, held(path, before))
    assert first != second
    assert await target(world, **named_ones) == first


@pytest.mark.parametrize(("path", "named"), [(CONFIG, "configMaps"), (KEY, "secrets")])
async def test_a_label_or_a_new_object_with_the_same_content_releases_nothing(world, path, named):
    named_ones = {named: [path.rsplit("/", 1)[-1]]}
    first = await target(world, **named_ones)
    data = world.fake.objects[path]["data"]
    world.fake.put(path, held(path, data, labels={"team": "b"}, uid="another"))
    assert await target(world, **named_ones) == first


async def test_the_order_of_names_says_nothing(world):
    other = f"{CORE}/configmaps/other"
    world.fake.put(other, held(other, {"a": "b"}))
    first = await target(world, configMaps=["flags", "other"])
    assert await target(world, configMaps=["other", "flags"]) == first
    assert await target(world, configMaps=["flags"]) != first


async def test_the_pods_carry_a_digest_and_none_of_the_content(world):
    here = naming(configMaps=["flags"], secrets=["key"])
    seen = await world.cluster.observe(here)
    await world.cluster.apply(here, CreateReplicaSet(seen.target, 2))
    made = world.fake.objects[f"{SETS}/web-{seen.target}"]["spec"]["template"]
    assert made["metadata"]["annotations"].keys() == {"note", ANNOTATION_CONTENT}
    assert "MTIzNA==" not in str(made)
    assert made["spec"] == TEMPLATE["spec"]


async def test_the_digest_of_a_secret_is_each_rollouts_own(world):
    assert await target(world, secrets=["key"]) != await target(world, "u2", secrets=["key"])


async def test_what_has_not_changed_is_read_once(world):
    here = naming(configMaps=["flags"], secrets=["key"])
    for _ in range(3):
        await world.cluster.observe(here)
    assert len(world.fake.made("GET", CONFIG)) == 1
    assert len(world.fake.made("GET", KEY)) == 1


async def test_of_config_maps_only_metadata_is_listed_and_watched(world):
    await world.cluster.observe(naming(configMaps=["flags"]))
    for _ in ("services", "configmaps"):
        await world.fake.watch()
    calls = [call for call in world.fake.calls if call.path.endswith("/configmaps")]
    assert len(calls) > 1
    assert all("as=PartialObjectMetadata" in call.headers["Accept"] for call in calls)


async def test_secrets_are_read_by_name_alone_and_once_more_after_a_while(world, monkeypatch):
    here = naming(secrets=["key"])
    before = (await world.cluster.observe(here)).target
    world.fake.put(KEY, held(KEY, {"pin": "other"}))
    assert (await world.cluster.observe(here)).target == before
    monkeypatch.setattr(content, "SECRETS_AGAIN_S", 0.01)
    world.cluster.forget(("shop", "web"))
    after = (await world.cluster.observe(here)).target
    world.fake.put(KEY, held(KEY, {"pin": "another one"}))
    await another_target(world, here, after)
    assert before != after
    assert all(call.path == KEY for call in world.fake.made("GET", "/secrets"))


async def test_a_secret_that_falls_due_wakes_its_rollout(world, monkeypatch):
    monkeypatch.setattr(content, "SECRETS_AGAIN_S", 0.01)
    here = naming(secrets=["key"])
    await world.cluster.observe(here)
    world.touched.clear()
    async with asyncio.timeout(WAIT_S_MAX):
        while not world.touched:  # what fell due before is read again, and falls due again
            await world.cluster.observe(here)
            await asyncio.sleep(0.005)


async def test_a_secret_that_takes_its_time_keeps_no_pass_waiting(world, monkeypatch):
    monkeypatch.setattr(content, "SECRETS_AGAIN_S", 0.25)
    here = naming(secrets=["key"])
    before = (await world.cluster.observe(here)).target
    world.fake.hangs("GET", KEY)
    async with asyncio.timeout(WAIT_S_MAX):
        while len(world.fake.made("GET", KEY)) < 2:
            await world.cluster.observe(here)
            await asyncio.sleep(0.005)
    async with asyncio.timeout(1.0):
        seen = [await world.cluster.observe(here) for _ in range(20)]
    assert [(one.target, one.problems) for one in seen] == [(before, ())] * 20
    assert len(world.fake.made("GET", KEY)) <= 2


async def test_what_was_never_read_is_waited_for_only_so_long_and_woken_for(world, monkeypatch):
    monkeypatch.setattr(content, "FIRST_READ_S", 0.01)
    gate = asyncio.Event()

    async def late(_request: web.Request) -> web.StreamResponse:
        await gate.wait()
        return web.json_response(world.fake.objects[KEY])

    world.fake.play("GET", KEY, late)
    here = naming(secrets=["key"])
    seen = await world.cluster.observe(here)
    assert [p.reason for p in seen.problems] == [reasons.CONTENT_UNREADABLE]
    assert seen.target == ""
    world.touched.clear()
    gate.set()
    await until(lambda: world.touched)
    assert not (await world.cluster.observe(here)).problems


async def test_a_secret_that_is_missing_is_not_looked_for_in_every_pass(world):
    del world.fake.objects[KEY]
    for _ in range(5):
        seen = await world.cluster.observe(naming(secrets=["key"]))
        assert [p.reason for p in seen.problems] == [reasons.CONTENT_NOT_FOUND]
    assert len(world.fake.made("GET", KEY)) == 1


async def test_all_that_name_a_config_map_are_told_of_what_one_of_them_has_read(world):
    first, second = (naming(configMaps=["flags"]) for _ in range(2))
    second = replace(second, name="other", uid="u2")
    before = (await world.cluster.observe(second)).target
    world.fake.put(CONFIG, held(CONFIG, {"dark": "on"}))
    world.touched.clear()
    await world.cluster._contents._read(first, (CONFIG_MAPS, "flags"), None)
    assert ("shop", "other") in world.touched
    assert await another_target(world, second, before)


async def test_a_rollout_made_anew_under_the_same_name_has_a_digest_of_its_own(world):
    old = (await world.cluster.observe(naming("u1", secrets=["key"]))).target
    new = (await world.cluster.observe(naming("u2", secrets=["key"]))).target
    assert new == await target(world, "u2", secrets=["key"])
    assert new != old


async def test_a_deployment_is_given_back_whatever_has_become_of_the_content(world):
    here, stable = await taken_over(world)
    stored = world.fake.objects[f"{ROLLOUTS}/web"] | {"status": {"stableRevision": stable}}
    world.cluster.put_rollout(world.fake.put(f"{ROLLOUTS}/web", stored))
    del world.fake.objects[CONFIG]
    world.cluster.forget(("shop", "web"))
    gone = replace(here, deleting=True)
    assert (await world.cluster.observe(gone)).target == stable


@pytest.mark.parametrize("path", [CONFIG, KEY])
async def test_an_api_server_that_does_not_answer_has_changed_nothing(world, path, monkeypatch):
    monkeypatch.setattr(content, "SECRETS_AGAIN_S", 0.01)
    here = naming(configMaps=["flags"], secrets=["key"])
    before = (await world.cluster.observe(here)).target
    opened = [await world.fake.watch() for _ in range(2)]  # the other one is of Services
    watch = next(one for one in opened if one.path.endswith("/configmaps"))
    changed = world.fake.put(path, held(path, {"dark": "on"}))
    if path == CONFIG:  # a Secret falls due by itself, and may have done so already
        world.touched.clear()
        watch.send("MODIFIED", {part: of for part, of in changed.items() if part != "data"})
        await until(lambda: world.touched)
    world.fake.says("GET", path, 503)
    assert await another_target(world, here, before)
    assert len(world.fake.made("GET", path)) > 2


async def test_a_change_that_is_watched_wakes_the_rollout_and_is_read(world):
    here = naming(configMaps=["flags"])
    before = (await world.cluster.observe(here)).target
    opened = [await world.fake.watch() for _ in range(2)]  # the other one is of Services
    watch = next(one for one in opened if one.path.endswith("/configmaps"))
    world.touched.clear()
    changed = world.fake.put(CONFIG, held(CONFIG, {"dark": "on"}))
    watch.send("MODIFIED", {part: value for part, value in changed.items() if part != "data"})
    await until(lambda: world.touched)
    assert await another_target(world, here, before)


async def test_what_is_missing_is_named_and_is_no_other_revision(world):
    del world.fake.objects[CONFIG]
    seen = await world.cluster.observe(naming(configMaps=["flags"]))
    assert seen.target == ""
    assert [p.reason for p in seen.problems] == [reasons.CONTENT_NOT_FOUND]
    assert "spec.contentOf: ConfigMap shop/flags not found" in seen.problems[0].message


async def test_what_may_not_be_read_says_who_can_change_that(world):
    world.fake.says("GET", "/secrets/key", 403, {"message": "forbidden"})
    seen = await world.cluster.observe(naming(secrets=["key"]))
    assert seen.target == ""
    assert "Secret shop/key cannot be read" in seen.problems[0].message
    assert "rbac.secrets" in seen.problems[0].message


async def test_a_deployments_template_and_content_make_one_revision(world):
    here, before = await taken_over(world)
    assert (await world.cluster.observe(here)).target == before != revision_of(TEMPLATE)


@given(st.dictionaries(st.text(), st.text()), st.text(min_size=1))
def test_a_template_keeps_all_that_is_its_own(annotations: dict[str, str], digest: str):
    template = {"metadata": {"annotations": annotations}, "spec": {}}
    found = annotated(template, digest)["metadata"]["annotations"]
    assert found == annotations | {ANNOTATION_CONTENT: digest}
    assert annotated(template, "") == template
