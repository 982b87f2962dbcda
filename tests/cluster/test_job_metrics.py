"""Metrics that Jobs bring on a real API server: its controllers run them, and a test ends them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from tests.cluster.direct import administrator
from tests.cluster.places import history_ended
from tests.cluster.service_shops import GREEN, SWITCH, opened_service_shop, service_shop

pytestmark = pytest.mark.api

WAITS = {"sandbox.tidegate.io/ready-delay": "1h"}
"""The pods of the Job end only when the test says so."""
LABEL = "tidegate.io/metric"
METRIC = {"name": "survey", "job": {"cronJob": "survey", "timeout": "25s"}}
GATE = {"metric": "survey", "min": 0.9, "minSamples": 50, "interval": "30s"}
DEADLINE_S = 150.0
"""Four ticks, and pods between them."""


def _cron_job(shop: Shop) -> dict[str, Any]:
    pod = {
        "metadata": {"annotations": WAITS},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "main", "image": "docker.io/local/survey:1"}],
        },
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "survey", "namespace": shop.namespace},
        "spec": {
            "schedule": "0 0 31 2 *",
            "suspend": True,
            "jobTemplate": {"spec": {"template": pod}},
        },
    }


def _items(stage: Stage, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = administrator(stage.cluster).get(path)["items"]
    return found


def _jobs(stage: Stage, shop: Shop) -> list[dict[str, Any]]:
    path = f"/apis/batch/v1/namespaces/{shop.namespace}/jobs?labelSelector={LABEL}"
    return _items(stage, path)


def _says(stage: Stage, shop: Shop, message: str) -> None:
    """Each container of such a Job that has not ended ends now, with that as its last words."""
    names = {job["metadata"]["name"] for job in _jobs(stage, shop)}
    for pod in _items(stage, f"/api/v1/namespaces/{shop.namespace}/pods"):
        labels = pod["metadata"].get("labels", {})
        ended = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
        if ended or labels.get("batch.kubernetes.io/job-name") not in names:
            continue
        state = {"terminated": {"exitCode": 0, "reason": "Completed", "message": message}}
        container = {"name": "main", "image": "survey", "imageID": "", "ready": False}
        container |= {"restartCount": 0, "state": state}
        status = {"phase": "Succeeded", "containerStatuses": [container]}
        stage.cluster.kubectl(
            "patch",
            "pod",
            pod["metadata"]["name"],
            "-n",
            shop.namespace,
            "--subresource=status",
            "--type=merge",
            "-p",
            json.dumps({"status": status}),
        )


def test_a_release_waits_for_a_number_and_goes_on_by_it_alone(stage: Stage) -> None:
    phases = (GREEN, SWITCH | {"gates": [GATE]})
    shop = service_shop(phases=phases, extra={"metrics": [METRIC]})
    with opened_service_shop(stage, shop):
        stage.cluster.apply(_cron_job(shop))
        stage.release(shop, App("v2"))

        def refused(status: dict[str, Any]) -> bool:
            _says(stage, shop, "all is well")
            return "left 'all is well', which is no result" in status.get("message", "")

        held = stage.await_status(shop, "held without a number", refused, deadline_s=DEADLINE_S)
        assert held["weight"] == 0

        def promoted(status: dict[str, Any]) -> bool:
            _says(stage, shop, '{"value": 0.95, "samples": 120}')
            return bool(history_ended(1, "Promoted")(status))

        status = stage.await_status(shop, "promoted", promoted, deadline_s=DEADLINE_S)
        assert status["stableRevision"] == held["run"]["to"]
        jobs = _jobs(stage, shop)
        assert len({job["metadata"]["creationTimestamp"] for job in jobs}) == len(jobs)
        assert all(job["spec"]["ttlSecondsAfterFinished"] == 90 for job in jobs)
