"""Before the first pod on a real API server: a Job, people, and nothing of the new revision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox.waiting import wait_until
from tests.cluster.looks import recorded, revisions, sizes
from tests.cluster.places import condition, history_ended
from tests.cluster.service_shops import opened_service_shop, service_shop
from tests.cluster.test_hooks import CRASH, NEVER, cron_job, hook_of, jobs_of

pytestmark = pytest.mark.api

BACKUP = {"name": "backup", "cronJob": "work"}


@contextmanager
def _opened(
    stage: Stage, preflight: dict[str, Any], pods: dict[str, str] | None = None
) -> Iterator[Shop]:
    """A shop with that pre-flight and the CronJob `work`, its first version served."""
    shop = service_shop(extra={"preflight": preflight})
    with opened_service_shop(stage, shop):
        assert "run" not in stage.status(shop), "a first deployment has no pre-flight"
        stage.cluster.apply(cron_job(shop, "work", pods))
        yield shop


def _approved(stage: Stage, shop: Shop, by: str) -> None:
    revision = stage.status(shop)["canaryRevision"]
    more = {"requestedBy": by, "revision": revision, "phase": "preflight"}
    stage.act(shop, "approve", "the backup is there", **more)


def _asked(status: dict[str, Any]) -> bool:
    return status.get("state") == "AwaitingApproval"


def test_a_release_has_its_backup_and_the_go_of_two_before_it_has_a_pod(stage: Stage) -> None:
    with _opened(stage, {"hooks": [BACKUP], "approval": {"required": 2}}) as shop:
        blue = revisions(stage, shop)
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "asked", _asked, deadline_s=60)
        assert (status["run"]["stage"], status["phase"]["name"]) == ("Preflight", "preflight")
        assert hook_of(status, "backup")["result"] == "Succeeded"
        assert condition(status, "AwaitingApproval")["message"].startswith("The pre-flight waits")
        place = ("get", "rollouts.tidegate.io", shop.name, "-n", shop.namespace)
        assert "preflight" in stage.cluster.kubectl(*place)
        _approved(stage, shop, "ann")
        one = "1 of 2 approvals given (by ann)"
        stage.await_status(shop, "one", lambda s: one in s.get("message", ""), deadline_s=60)
        assert revisions(stage, shop) == blue
        _approved(stage, shop, "ben")
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        assert len(jobs_of(stage, shop)) == 1
        run = recorded(stage, shop, 1, "Promoted", "Promoted")
        reasons = [entry["reason"] for entry in run["status"]["history"]]
        assert reasons.index("HookSucceeded") < reasons.index("PreflightPassed")
        assert reasons.index("PreflightPassed") < reasons.index("PhaseStarted")


def test_a_backup_that_fails_holds_and_a_person_may_leave_it_out(stage: Stage) -> None:
    with _opened(stage, {"hooks": [BACKUP]}, CRASH) as shop:
        blue = revisions(stage, shop)
        stage.release(shop, App("v2"))
        words = "hook backup of the pre-flight failed"
        status = stage.await_status(
            shop, "held", lambda s: words in s.get("message", ""), deadline_s=60
        )
        assert condition(status, "Stalled")["reason"] == "HookFailed"
        assert revisions(stage, shop) == blue
        stage.act(shop, "skip", "the database is empty")
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)


def test_a_backup_that_fails_and_reverts_ends_the_run_without_a_pod(stage: Stage) -> None:
    with _opened(stage, {"hooks": [BACKUP | {"onFailure": "revert"}]}, CRASH) as shop:
        blue = revisions(stage, shop)
        stage.release(shop, App("v2"))
        stage.await_status(shop, "reverted", history_ended(1, "Reverted"), deadline_s=60)
        assert stage.status(shop)["state"] == "Reverted"
        assert revisions(stage, shop) == blue


def test_an_abort_waits_for_no_job_and_the_next_template_begins_anew(stage: Stage) -> None:
    with _opened(stage, {"hooks": [BACKUP]}, NEVER) as shop:
        blue = sizes(stage, shop)
        stage.release(shop, App("v2"))
        stage.await_status(
            shop, "runs", lambda now: bool(hook_of(now, "backup").get("sentAt")), deadline_s=60
        )
        stage.act(shop, "abort", "not today")
        stage.await_status(shop, "reverted", history_ended(1, "Reverted"), deadline_s=20)
        wait_until(lambda: not jobs_of(stage, shop), 30, "the Job is deleted")
        assert sizes(stage, shop) == blue
        stage.cluster.apply(cron_job(shop, "work"))
        stage.release(shop, App("v3"))
        status = stage.await_status(shop, "promoted", history_ended(2, "Promoted"), deadline_s=60)
        assert hook_of(status, "backup")["result"] == "Succeeded"


def test_a_gate_on_pods_that_are_not_there_is_said_and_nothing_begins(stage: Stage) -> None:
    metrics = [{"name": "errors", "template": "istio-error-rate"}]
    shop = service_shop(extra={"metrics": metrics})
    with opened_service_shop(stage, shop):
        body = shop.rollout(App("v2"))
        body["spec"]["preflight"] = {"gates": [{"metric": "errors", "max": 0.01}]}
        stage.cluster.apply(body)
        status = stage.await_state(shop, "Invalid", deadline_s=30)
        assert "spec.preflight.gates[0].metric" in status["message"]
        assert "before the first of them there is nothing to measure" in status["message"]
        assert "run" not in status
