"""Pods that never get ready, die, are evicted, restarted or old: what becomes of the release."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.cluster.looks import NEVER, SLOW, annotated, patched, pods_of, recorded, sizes, weights
from tests.cluster.places import condition, history_ended, opened, quick_shop

pytestmark = pytest.mark.api

TEN = ({"name": "ten", "weight": 10, "hold": "1h"},)
HALF = ({"name": "half", "weight": 50, "hold": "1h"},)
KEPT, LET_GO = {"drain": {"min": "1h", "max": "2h"}}, {"drain": {"min": "500ms"}}
SOON, LATE = {"progressDeadline": "3s"}, {"progressDeadline": "1h"}


def _number(number: int) -> Callable[[dict[str, Any]], bool]:
    """A predicate: that run is on."""
    return lambda status: (status.get("run") or {}).get("number") == number


@pytest.mark.parametrize("waited", [True, False], ids=["waited out", "superseded"])
def test_good_bad_bad_good_and_no_bad_one_gets_a_request(stage: Stage, waited: bool) -> None:
    shop = quick_shop()
    bad = shop.with_(extra=shop.extra | (SOON if waited else LATE))
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        for number in (1, 2):
            stage.cluster.apply(annotated(bad, f"bad-{number}", NEVER))
            holds = history_ended(number, "Reverted") if waited else _number(number)
            stage.await_status(shop, f"run {number}", holds, deadline_s=30)
            assert weights(stage, shop) == [100, 0]
            assert sizes(stage, shop)[first] == (2, 2)
        stage.release(shop, App("good"))
        status = stage.await_status(shop, "promoted", history_ended(3, "Promoted"), deadline_s=60)
        expected = {status["stableRevision"]: (2, 2)}
        wait_until(lambda: sizes(stage, shop) == expected, 30, "only good pods")
        end = ("Reverted", "ProgressDeadlineExceeded") if waited else ("Superseded", "Superseded")
        for number in (1, 2):
            run = recorded(stage, shop, number, *end)
            assert "PhaseStarted" not in {entry["reason"] for entry in run["status"]["history"]}


def test_a_pause_does_not_keep_pods_that_never_get_ready(stage: Stage) -> None:
    shop = quick_shop(extra=LATE)
    with opened(stage, shop):
        stage.cluster.apply(annotated(shop, "v2", NEVER))
        stage.await_status(shop, "run 1", _number(1), deadline_s=20)
        stage.act(shop, "pause", "to have a look")
        stage.await_state(shop, "Paused", deadline_s=20)
        patched(stage, shop, SOON)
        status = stage.await_state(shop, "Reverted", deadline_s=30)
        assert status["lastRun"]["reason"] == "ProgressDeadlineExceeded"
        assert weights(stage, shop) == [100, 0]


def test_neither_a_hold_nor_a_pause_is_a_missed_deadline(stage: Stage) -> None:
    """The deadline is shortened once the pods are ready: only they are asked for in time."""
    whole = TEN[0] | {"replicas": "100%"}
    shop = quick_shop(phases=(whole,))
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        stage.act(shop, "pause", "for longer than the deadline")
        stage.await_state(shop, "Paused", deadline_s=20)
        patched(stage, shop, {"progressDeadline": "1s", "phases": [whole | {"hold": "1s"}]})
        over = datetime.now(UTC) + timedelta(seconds=3)
        wait_until(lambda: datetime.now(UTC) > over, 20, "hold and deadline are over")
        status = stage.await_state(shop, "Paused", deadline_s=20)
        assert status["weight"] == 10
        assert not condition(status, "Stalled")
        stage.act(shop, "resume", "and on")
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)


def test_a_canary_whose_pods_are_all_deleted_has_no_traffic_until_they_are_back(
    stage: Stage,
) -> None:
    shop = quick_shop(replicas=4, phases=HALF)
    with opened(stage, shop):
        stage.cluster.apply(annotated(shop, "v2", SLOW))
        canary = stage.await_weight(shop, 50, deadline_s=60)["canaryRevision"]
        with stage.routes(shop) as routes:
            wait_until(lambda: bool(routes.shares), 30, "the routes are watched")
            _delete_pods(stage, shop, canary)
            wait_until(
                lambda: [share.canary for share in routes.shares] == [50, 0, 50],
                60,
                "nobody is sent to no pods, and all as before once they are back",
            )
        assert "no canary pod is ready" in stage.describe(shop)
        _delete_pods(stage, shop, canary)
        stage.act(shop, "abort", "they die")
        stage.await_state(shop, "Reverted", deadline_s=40)
        assert weights(stage, shop) == [100, 0]


def _delete_pods(stage: Stage, shop: Shop, revision: str) -> None:
    pods = pods_of(stage, shop, revision)
    stage.cluster.kubectl("delete", "pod", *pods, "-n", shop.namespace, "--wait=false")


def _evict(stage: Stage, shop: Shop, pod: str) -> None:
    meta = {"name": pod, "namespace": shop.namespace}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
    path = f"/api/v1/namespaces/{shop.namespace}/pods/{pod}/eviction"
    stage.cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))


def _budget(stage: Stage, shop: Shop, least: int, allowed: int) -> None:
    """A PodDisruptionBudget that lets so many go."""
    meta = {"name": shop.name, "namespace": shop.namespace}
    spec = {"minAvailable": least, "selector": {"matchLabels": {"app": shop.name}}}
    stage.cluster.apply(
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": spec}
    )

    def counted() -> bool:
        body = stage.cluster.get("poddisruptionbudget", shop.name, "-n", shop.namespace)
        status = body.get("status", {})
        current = status.get("observedGeneration") == body["metadata"]["generation"]
        return current and status.get("disruptionsAllowed") == allowed

    wait_until(counted, 30, f"{allowed} pods may go")


def test_a_disruption_budget_covers_the_pods_and_stops_no_release(stage: Stage) -> None:
    shop = quick_shop()
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        pod = pods_of(stage, shop, first)[0]
        _budget(stage, shop, least=2, allowed=0)
        with pytest.raises(SandboxError, match="disruption budget"):
            _evict(stage, shop, pod)
        _budget(stage, shop, least=1, allowed=1)
        _evict(stage, shop, pod)
        wait_until(
            lambda: (
                pod not in pods_of(stage, shop, first) and sizes(stage, shop) == {first: (2, 2)}
            ),
            30,
            "another pod in its place",
        )
        assert weights(stage, shop) == [100, 0]
        _budget(stage, shop, least=2, allowed=0)
        stage.release(shop, App("v2"))
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        stage.await_old_pods_gone(shop, deadline_s=30)


def test_a_restart_by_annotation_is_a_release_that_ends_with_new_pods(stage: Stage) -> None:
    shop = quick_shop()
    with opened(stage, shop):
        before = pods_of(stage, shop, stage.status(shop)["stableRevision"])
        restart = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
        stage.cluster.apply(annotated(shop, "v1", restart))
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        stage.await_old_pods_gone(shop, deadline_s=30)
        after = pods_of(stage, shop, status["stableRevision"])
        assert len(after) == 2
        assert not set(before) & set(after)


def test_old_pods_stay_for_their_time_whatever_the_deadline(stage: Stage) -> None:
    shop = quick_shop(extra={"drain": {"min": "8s"}})
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        status = stage.await_status(
            shop,
            "promoted, and drains",
            lambda s: history_ended(1, "Promoted")(s) and bool(s.get("draining")),
            deadline_s=60,
        )
        second = status["stableRevision"]
        assert [entry["revision"] for entry in status["draining"]] == [first]
        assert sizes(stage, shop) == {first: (2, 2), second: (2, 2)}
        assert condition(status, "TrafficConverged")["status"] == "False"
        patched(stage, shop, {"progressDeadline": "1s"})
        wait_until(lambda: sizes(stage, shop) == {second: (2, 2)}, 40, "old pods are gone")
        status = stage.await_state(shop, "Healthy", deadline_s=20)
        assert condition(status, "Ready")["status"] == "True"
        assert status["lastRunNumber"] == 1


def test_the_pods_of_an_aborted_canary_stay_for_their_time(stage: Stage) -> None:
    shop = quick_shop(phases=TEN)
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        second = stage.await_weight(shop, 10, deadline_s=40)["canaryRevision"]
        patched(stage, shop, KEPT)
        stage.await_state(shop, "Progressing", deadline_s=20)
        stage.act(shop, "abort", "no")
        stage.await_status(
            shop,
            "sent back",
            lambda s: s.get("state") in ("Reverting", "Reverted"),
            deadline_s=20,
        )
        assert weights(stage, shop) == [100, 0]
        assert sizes(stage, shop) == {first: (2, 2), second: (1, 1)}
        patched(stage, shop, LET_GO)
        wait_until(lambda: sizes(stage, shop) == {first: (2, 2)}, 40, "the canary's pod is gone")
        stage.await_state(shop, "Reverted", deadline_s=20)
