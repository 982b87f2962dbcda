"""Hooks at an API server: Jobs made once and read again, and Services that may be called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi, until
from tests.adapters.kubernetes.objects import ROLLOUTS, rollout, rollout_body
from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.hook_jobs import job_body, last_words
from tidegate.api.hook_status import HookResult, HookStatus
from tidegate.api.hooks import Hook
from tidegate.core.decision import StartHook, StopHook
from tidegate.core.hook_places import view_key
from tidegate.core.observation import HookSight, HookView
from tidegate.ports.hooks import HookCall

CRON = "/apis/batch/v1/namespaces/shop/cronjobs/preload"
JOBS = "/apis/batch/v1/namespaces/shop/jobs"
SERVICE = "/api/v1/namespaces/shop/services/checker"
OWN = {"selector": {"app": "checker"}, "clusterIP": "10.96.0.7", "ports": [{"port": 8080}]}
POD = "/api/v1/namespaces/shop/pods/web-3-warm-abc"
KEY = ("shop", "web")
WARM = Hook(name="warm", cron_job="preload", timeout_s=90.5)
CHECK = Hook(name="check", service="checker", port=8080, path="/verify")
JOB = "web-3-phase-ten-before-warm-1-0123456789"
CRON_JOB: dict[str, Any] = {
    "metadata": {"name": "preload"},
    "spec": {
        "jobTemplate": {
            "metadata": {"labels": {"team": "a"}, "annotations": {"note": "kept"}},
            "spec": {
                "backoffLimit": 6,
                "suspend": True,
                "podFailurePolicy": {"rules": []},
                "template": {
                    "spec": {
                        "restartPolicy": "OnFailure",
                        "initContainers": [{"name": "first"}],
                        "containers": [
                            {"name": "main", "env": [{"name": "TIDEGATE_RUN", "value": "x"}]}
                        ],
                    }
                },
            },
        }
    },
}


def entry(hook: Hook = WARM, **fields: Any) -> HookStatus:
    """A try that is under way."""
    usual: dict[str, Any] = {
        "id": f"3/phase/ten/before/{hook.name}",
        "run": 3,
        "name": hook.name,
        "phase": "ten",
        "when": "before",
        "result": HookResult.RUNNING,
        "attempt": 1,
        "tries": 2,
        "job": JOB if hook.cron_job else "",
        "revision": "B",
        "stable_revision": "A",
        "weight": 10,
    }
    return HookStatus(**(usual | fields))


class Caller:
    """Keeps what it is asked to send, and answers when it is told to."""

    def __init__(self) -> None:
        self.calls: list[HookCall] = []
        self.answer = asyncio.Event()

    async def call(self, call: HookCall) -> HookView:
        self.calls.append(call)
        await self.answer.wait()
        return HookView(HookSight.SUCCEEDED, "fine", 200)

    async def close(self) -> None:
        return


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.fixture
async def cluster(api: Api, fake: FakeApi, caller: Caller) -> AsyncIterator[KubernetesCluster]:
    made = KubernetesCluster(api, ("shop",), lambda _key: None, caller)
    fake.put(CRON, CRON_JOB)
    yield made
    made.close()


def _stored(fake: FakeApi, cluster: KubernetesCluster, *entries: HookStatus) -> None:
    body = rollout_body()
    hooks = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in entries]
    cluster.put_rollout(fake.put(f"{ROLLOUTS}/web", {**body, "status": {"hooks": hooks}}))


async def _seen(cluster: KubernetesCluster, one: HookStatus) -> HookView | None:
    observed = await cluster.observe(rollout())
    return observed.hooks.get(view_key(one))


def _ended(fake: FakeApi, kind: str, **more: str) -> None:
    path = f"{JOBS}/{JOB}"
    condition = {"type": kind, "status": "True", **more}
    fake.put(path, {**fake.objects[path], "status": {"conditions": [condition]}})


def test_a_job_is_the_cron_jobs_with_one_try_one_end_and_what_it_is_told():
    body = job_body(rollout(), WARM, entry(), CRON_JOB)
    spec, pod = body["spec"], body["spec"]["template"]["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"], spec["suspend"]) == (0, 91, False)
    assert pod["restartPolicy"] == "Never"
    assert "podFailurePolicy" not in spec
    for container in (*pod["initContainers"], *pod["containers"]):
        told = {one["name"]: one["value"] for one in container["env"]}
        assert len(container["env"]) == len(told), "a name twice"
        assert told == {
            "TIDEGATE_ROLLOUT": "web",
            "TIDEGATE_NAMESPACE": "shop",
            "TIDEGATE_RUN": "3",
            "TIDEGATE_PHASE": "ten",
            "TIDEGATE_HOOK": "warm",
            "TIDEGATE_REVISION": "B",
            "TIDEGATE_STABLE_REVISION": "A",
            "TIDEGATE_WEIGHT": "10",
        }
    meta = body["metadata"]
    assert meta["labels"] == {
        "team": "a",
        "tidegate.io/rollout": "web",
        "tidegate.io/hook": "warm",
    }
    assert meta["ownerReferences"][0]["uid"] == "u1"
    assert CRON_JOB["spec"]["jobTemplate"]["spec"]["backoffLimit"] == 6, "the CronJob is not ours"


async def test_a_try_is_not_seen_before_it_is_made_and_then_runs(fake, cluster):
    _stored(fake, cluster, entry())
    assert await _seen(cluster, entry()) is None
    await cluster.apply(rollout(), StartHook(entry(), WARM))
    view = await _seen(cluster, entry())
    assert view is not None
    assert view.sight is HookSight.RUNNING


async def test_a_job_that_is_there_already_is_taken_for_the_try_and_made_no_second_time(
    fake, cluster
):
    _stored(fake, cluster, entry())
    await cluster.apply(rollout(), StartHook(entry(), WARM))
    await cluster.apply(rollout(), StartHook(entry(), WARM))
    assert [path for path in fake.objects if path.startswith(JOBS)] == [f"{JOBS}/{JOB}"]
    assert (await _seen(cluster, entry())).sight is HookSight.RUNNING


async def test_a_namesake_of_somebody_else_fails_the_hook_and_stays(fake, cluster):
    _stored(fake, cluster, entry())
    fake.put(f"{JOBS}/{JOB}", {"metadata": {"name": JOB, "namespace": "shop"}})
    await cluster.apply(rollout(), StartHook(entry(), WARM))
    view = await _seen(cluster, entry())
    assert view.sight is HookSight.FAILED
    assert "is not this Rollout's" in view.message


@pytest.mark.parametrize(
    ("ends", "sight", "code"),
    [("Complete", HookSight.SUCCEEDED, 0), ("Failed", HookSight.FAILED, 3)],
)
async def test_the_end_of_a_job_comes_with_the_last_words_of_its_container(
    api, fake, cluster, ends, sight, code
):
    _stored(fake, cluster, entry())
    await cluster.apply(rollout(), StartHook(entry(), WARM))
    ended = {"terminated": {"exitCode": code, "message": "5 of\n7 pages"}}
    status = {"containerStatuses": [{"name": "main", "state": ended}]}
    fake.put(POD, {"metadata": {"name": "p", "namespace": "shop"}, "status": status})
    _ended(fake, ends, reason="BackoffLimitExceeded", message="no more tries")
    other = KubernetesCluster(api, ("shop",), lambda _key: None)  # after a restart
    _stored(fake, other, entry())
    view = await _seen(other, entry())
    other.close()
    assert (view.sight, view.exit_code) == (sight, code)
    assert view.message.startswith("5 of 7 pages")
    assert ("no more tries" in view.message) is (sight is HookSight.FAILED)


async def test_a_job_that_somebody_deleted_has_failed_once_it_was_made(fake, cluster):
    sent = entry(sent_at="2026-01-01T00:00:00Z")
    _stored(fake, cluster, sent)
    view = await _seen(cluster, sent)
    assert view.sight is HookSight.FAILED
    assert "deleted" in view.message


async def test_a_cron_job_that_is_not_there_fails_the_hook_and_not_the_pass(fake, cluster):
    del fake.objects[CRON]
    _stored(fake, cluster, entry())
    await cluster.apply(rollout(), StartHook(entry(), WARM))
    view = await _seen(cluster, entry())
    assert view.sight is HookSight.FAILED
    assert view.message == "there is no CronJob preload in namespace shop"


async def test_a_job_that_the_api_server_refuses_fails_in_its_words(fake, cluster):
    _stored(fake, cluster, entry())
    fake.says("POST", "/jobs", 403, {"message": "exceeded quota: small"})
    await cluster.apply(rollout(), StartHook(entry(), WARM))
    assert "exceeded quota: small" in (await _seen(cluster, entry())).message


async def test_a_job_of_nobody_any_more_is_deleted_and_one_that_is_gone_is_fine(fake, cluster):
    _stored(fake, cluster, entry())
    await cluster.apply(rollout(), StartHook(entry(), WARM))
    await cluster.apply(rollout(), StopHook(entry()))
    assert f"{JOBS}/{JOB}" not in fake.objects
    await cluster.apply(rollout(), StopHook(entry()))


async def test_a_call_is_sent_once_and_its_answer_kept_until_it_is_recorded(fake, cluster, caller):
    called = entry(CHECK)
    fake.put(SERVICE, {"metadata": {"name": "checker", "namespace": "shop"}, "spec": OWN})
    _stored(fake, cluster, called)
    assert await _seen(cluster, called) is None
    await cluster.apply(rollout(), StartHook(called, CHECK))
    await cluster.apply(rollout(), StartHook(called, CHECK))
    assert (await _seen(cluster, called)).sight is HookSight.RUNNING
    caller.answer.set()
    await until(lambda: not cluster._hooks._calls)
    assert (await _seen(cluster, called)).message == "fine"
    sent = caller.calls
    assert [(one.service, one.port, one.path) for one in sent] == [("checker", 8080, "/verify")]
    assert sent[0].address == OWN["clusterIP"]
    assert [sent[0].told[name] for name in ("service", "port", "path")] == [
        *("checker", 8080, "/verify")
    ]
    assert sent[0].call_id == sent[0].told["id"] == "u1/3/phase/ten/before/check/1"
    _stored(fake, cluster, called.model_copy(update={"result": HookResult.SUCCEEDED}))
    assert await _seen(cluster, called) is None


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (None, "there is no Service checker"),
        ({"type": "ExternalName", "externalName": "kubernetes.default.svc"}, "ExternalName"),
        (OWN | {"ports": [{"port": 80}, {"port": 9090}]}, "has no port 8080; it has 80, 9090"),
        (OWN | {"selector": None}, "has no selector or no cluster IP"),
        (OWN | {"clusterIP": "None"}, "has no selector or no cluster IP"),
        (OWN | {"clusterIP": ""}, "has no selector or no cluster IP"),
    ],
)
async def test_a_service_that_leads_elsewhere_is_not_called(fake, cluster, caller, spec, words):
    called = entry(CHECK)
    if spec is not None:
        fake.put(SERVICE, {"metadata": {"name": "checker", "namespace": "shop"}, "spec": spec})
    _stored(fake, cluster, called)
    await cluster.apply(rollout(), StartHook(called, CHECK))
    view = await _seen(cluster, called)
    assert view.sight is HookSight.FAILED
    assert words in view.message
    assert not caller.calls


def test_of_a_pod_that_never_started_its_wait_is_told():
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    pod = {"metadata": {}, "status": {"containerStatuses": [{"state": waiting}]}}
    assert last_words([pod]) == (None, "ImagePullBackOff: no such image")
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    assert last_words([{"metadata": {}, "status": {"conditions": [unscheduled]}}]) == (
        None,
        "Unschedulable",
    )
    assert last_words([]) == (None, "")
