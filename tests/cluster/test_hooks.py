"""Hooks on a real API server: its own controllers run the Jobs, and simulated nodes end them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox.waiting import wait_until
from tests.cluster.direct import administrator
from tests.cluster.places import history_ended
from tests.cluster.service_shops import GREEN, SWITCH, opened_service_shop, service_shop

pytestmark = pytest.mark.api

CRASH = {"sandbox.tidegate.io/ready": "crash"}
NEVER = {"sandbox.tidegate.io/ready": "never"}
LABEL = "tidegate.io/hook"


def cron_job(shop: Shop, name: str, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    """A template that never runs by itself; its pods end as their annotation says."""
    pod = {
        "metadata": {"annotations": annotations or {}},
        "spec": {
            "restartPolicy": "OnFailure",
            "containers": [{"name": "main", "image": "docker.io/local/work:1"}],
        },
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": shop.namespace},
        "spec": {
            "schedule": "0 0 31 2 *",
            "suspend": True,
            "jobTemplate": {"spec": {"backoffLimit": 4, "template": pod}},
        },
    }


@contextmanager
def _opened(
    stage: Stage, *hooks: dict[str, Any], pods: dict[str, str] | None = None, **extra: Any
) -> Iterator[Shop]:
    """A shop whose first phase has those hooks, and the CronJobs `work` and `tidy`."""
    phases = (GREEN | {"hooks": list(hooks)}, SWITCH)
    shop = service_shop(phases=phases, extra=extra)
    with opened_service_shop(stage, shop):
        stage.cluster.apply(cron_job(shop, "work", pods))
        stage.cluster.apply(cron_job(shop, "tidy"))
        yield shop


def jobs_of(stage: Stage, shop: Shop) -> list[dict[str, Any]]:
    """The Jobs of its hooks."""
    path = f"/apis/batch/v1/namespaces/{shop.namespace}/jobs?labelSelector={LABEL}"
    items: list[dict[str, Any]] = administrator(stage.cluster).get(path)["items"]
    return items


def hook_of(status: dict[str, Any], name: str) -> dict[str, Any]:
    """The entry of that hook, empty when there is none."""
    found = (one for one in status.get("hooks", ()) if one["name"] == name)
    return next(found, {})


def _held(status: dict[str, Any]) -> bool:
    return "Ask retry" in status.get("message", "")


def test_a_job_that_completes_lets_the_release_go_on_and_is_kept_to_be_looked_at(
    stage: Stage,
) -> None:
    with _opened(stage, {"name": "warm", "cronJob": "work"}) as shop:
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        hook = hook_of(status, "warm")
        assert (hook["result"], hook["try"], hook["exitCode"]) == ("Succeeded", 1, 0)
        (job,) = jobs_of(stage, shop)
        assert job["metadata"]["name"] == hook["job"]
        assert job["metadata"]["labels"][LABEL] == "warm"
        assert job["spec"]["backoffLimit"] == 0
        (container,) = job["spec"]["template"]["spec"]["containers"]
        told = {one["name"]: one["value"] for one in container["env"]}
        assert told["TIDEGATE_REVISION"] == status["stableRevision"]
        assert told["TIDEGATE_PHASE"] == "green"
        reasons = [entry["reason"] for entry in status["lastRun"]["history"]]
        assert reasons.count("HookStarted") == reasons.count("HookSucceeded") == 1


def test_a_job_that_fails_holds_after_its_tries_and_runs_again_when_asked(stage: Stage) -> None:
    with _opened(stage, {"name": "warm", "cronJob": "work", "retries": 1}, pods=CRASH) as shop:
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "held by its hook", _held, deadline_s=60)
        assert (hook_of(status, "warm")["try"], len(jobs_of(stage, shop))) == (2, 2)
        assert {c["type"] for c in status["conditions"] if c["status"] == "True"} >= {"Stalled"}
        stage.cluster.apply(cron_job(shop, "work"))
        stage.act(shop, "retry", "mended")
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        assert (hook_of(status, "warm")["try"], len(jobs_of(stage, shop))) == (3, 3)


def test_a_job_that_never_ends_is_ended_at_its_timeout_and_its_clean_up_runs(
    stage: Stage,
) -> None:
    hooks = (
        {"name": "warm", "cronJob": "work", "timeout": "3s", "onFailure": "revert"},
        {"name": "clear", "cronJob": "tidy", "when": "revert"},
    )
    run_hooks = [{"name": "tidy", "cronJob": "tidy", "when": "revert"}]
    with _opened(stage, *hooks, pods=NEVER, hooks=run_hooks) as shop:
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "reverted", history_ended(1, "Reverted"), deadline_s=60)
        assert "DeadlineExceeded" in status["lastRun"]["message"]
        status = stage.await_status(
            shop,
            "cleaned up",
            lambda now: hook_of(now, "tidy").get("result") == "Succeeded",
            deadline_s=60,
        )
        assert hook_of(status, "clear")["result"] == "Succeeded"


def test_an_abort_does_not_wait_for_a_job_and_deletes_it(stage: Stage) -> None:
    with _opened(stage, {"name": "warm", "cronJob": "work"}, pods=NEVER) as shop:
        stage.release(shop, App("v2"))
        stage.await_status(
            shop, "runs", lambda now: bool(hook_of(now, "warm").get("sentAt")), deadline_s=60
        )
        stage.act(shop, "abort", "not today")
        stage.await_status(shop, "reverted", history_ended(1, "Reverted"), deadline_s=20)
        wait_until(lambda: not jobs_of(stage, shop), 30, "the Job is deleted")
        assert hook_of(stage.status(shop), "warm")["result"] == "Cancelled"


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        ({"cronJob": "nobody"}, "there is no CronJob nobody"),
        ({"service": "nobody"}, "there is no Service nobody"),
        ({"service": "shop", "port": 9}, "has no port 9"),
    ],
)
def test_what_is_not_there_fails_the_hook_with_its_name(
    stage: Stage, hook: dict[str, Any], words: str
) -> None:
    with _opened(stage, {"name": "warm"} | hook) as shop:
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "held by its hook", _held, deadline_s=60)
        assert words in status["message"]
        assert status["state"] == "Progressing"
