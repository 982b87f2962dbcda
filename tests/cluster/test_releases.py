"""Releases on a real API server: states, records, events, and what people ask for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox.waiting import wait_until
from tests.cluster.looks import patched, recorded
from tests.cluster.places import condition, history_ended, opened, quick_shop, routes_of

pytestmark = pytest.mark.api

LONG = ({"name": "ten", "weight": 10, "hold": "1h"},)


def _answers(stage: Stage, shop: Shop) -> dict[str, dict[str, Any]]:
    found = stage.cluster.get("rolloutactions", "-n", shop.namespace)["items"]
    return {item["spec"]["verb"]: item.get("status", {}) for item in found}


def _await_answer(stage: Stage, shop: Shop, verb: str) -> dict[str, Any]:
    def answered() -> bool:
        return bool(_answers(stage, shop).get(verb, {}).get("result"))

    wait_until(answered, 20, f"an answer to {verb}")
    return _answers(stage, shop)[verb]


def test_a_release_goes_through_its_phases_and_is_recorded(stage: Stage) -> None:
    """Healthy again, one ReplicaSet with pods, a RolloutRun that tells it all, events in order."""
    shop = quick_shop()
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        assert condition(status, "Ready")["status"] == "True"
        assert not condition(status, "Reconciling")
        run = recorded(stage, shop, 1, "Promoted", "Promoted")
        told = [(entry["what"], entry["reason"]) for entry in run["status"]["history"]]
        assert told == [
            ("run", "RunStarted"),
            ("ten", "PhaseStarted"),
            ("ten", "PhasePassed"),
            ("half", "PhaseStarted"),
            ("half", "PhasePassed"),
            ("promotion", "Promoting"),
            ("promotion", "Promoted"),
        ]
        described = stage.describe(shop)
        for reason in ("RunStarted", "TrafficShifted", "PhasePassed", "Promoted"):
            assert reason in described


def test_kubectl_wait_understands_it(stage: Stage) -> None:
    """`--for=condition=Ready` and `--for=jsonpath` end when they should."""
    shop = quick_shop(phases=LONG)
    target = ("rollouts.tidegate.io", shop.name, "-n", shop.namespace)
    with opened(stage, shop):
        stage.cluster.kubectl("wait", "--for=condition=Ready", *target, "--timeout=60s")
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        ready = condition(stage.status(shop), "Ready")
        assert ready["status"] == "Unknown"
        stage.act(shop, "abort", "enough")
        stage.cluster.kubectl(
            "wait", "--for=jsonpath={.status.state}=Reverted", *target, "--timeout=30s"
        )
        columns = stage.cluster.kubectl("get", *target)
        assert "STATE" in columns
        assert "Reverted" in columns


def test_a_reverted_revision_is_not_tried_again_until_asked(stage: Stage) -> None:
    """Not by itself, not by a scale; by `retry` it is."""
    shop = quick_shop(phases=LONG)
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        stage.act(shop, "abort", "no")
        stage.await_state(shop, "Reverted", deadline_s=30)
        stage.release(shop.with_(replicas=3), App("v2"))
        status = stage.await_status(
            shop, "scaled", lambda s: s.get("ready") == "3/3", deadline_s=30
        )
        assert status["state"] == "Reverted"
        assert status["lastRunNumber"] == 1
        stage.act(shop, "retry", "again")
        stage.await_status(shop, "run 2", lambda s: s.get("lastRunNumber") == 2, deadline_s=30)
        assert _await_answer(stage, shop, "retry")["result"] == "Done"


def test_pause_holds_and_resume_goes_on(stage: Stage) -> None:
    """The phase does not end while it is paused; `spec.paused` holds even the start."""
    shop = quick_shop(phases=LONG)
    with opened(stage, shop):
        held = shop.with_(extra={**shop.extra, "paused": True})
        stage.release(held, App("v2"))
        stage.await_state(shop, "Paused", deadline_s=20)
        assert routes_of(stage, shop)["http"][1]["route"][1]["weight"] == 0
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        stage.act(shop, "pause", "lunch")
        status = stage.await_state(shop, "Paused", deadline_s=20)
        assert status["pause"]["reason"] == "lunch"
        patched(stage, shop, {"phases": [LONG[0] | {"hold": "500ms"}]})
        stage.await_status(
            shop, "held past its time", lambda s: "lunch" in s.get("message", ""), deadline_s=20
        )
        assert stage.status(shop)["weight"] == 10
        stage.act(shop, "resume", "back")
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)


def test_promote_leaves_out_the_remaining_phases(stage: Stage) -> None:
    """A person may end the waiting; the order of writes stays what it is."""
    shop = quick_shop(phases=LONG)
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        stage.act(shop, "promote", "all well")
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)


@pytest.mark.parametrize("verb", ["abort", "promote", "resume", "retry", "reject", "undo"])
def test_what_makes_no_sense_is_refused_with_a_sentence(stage: Stage, verb: str) -> None:
    """At rest there is nothing to abort, promote, resume, retry, reject or undo."""
    shop = quick_shop()
    with opened(stage, shop):
        before = stage.rollout(shop)["status"]["state"]
        stage.act(shop, verb, "why not")
        answer = _await_answer(stage, shop, verb)
        assert answer["result"] == "Refused"
        assert len(answer["message"]) > 10
        assert answer["handledAt"]
        assert stage.status(shop)["state"] == before


def test_a_template_that_is_stable_again_ends_the_run_healthy(stage: Stage) -> None:
    """A Git revert mid-run is a revert that ends Healthy, without a new run."""
    shop = quick_shop(phases=LONG)
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        stage.release(shop, App("v1"))
        status = stage.await_state(shop, "Healthy", deadline_s=30)
        assert status["lastRun"]["reason"] == "TemplateIsStable"
        assert status["lastRunNumber"] == 1


def test_host_level_moves_two_services(stage: Stage) -> None:
    """Two Services instead of two subsets; at rest both select the stable pods."""
    shop = quick_shop()
    base = shop.base()
    routes = base[3]["spec"]["http"][1]["route"]
    for role, route in zip(("stable", "canary"), routes, strict=True):
        route["destination"] = {"host": f"shop-{role}"}
        service = json.loads(json.dumps(base[1]))
        service["metadata"]["name"] = f"shop-{role}"
        stage.cluster.apply(base[0])
        stage.cluster.apply(service)
    stage.cluster.apply(base[3])

    def release(version: str) -> None:
        body = shop.rollout(App(version))
        istio = body["spec"]["traffic"]["istio"]
        del istio["destinationRule"]
        istio["services"] = {"stable": "shop-stable", "canary": "shop-canary"}
        stage.cluster.apply(body)

    release("v1")
    first = stage.await_state(shop, "Healthy", deadline_s=30)["stableRevision"]
    release("v2")
    status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
    assert status["stableRevision"] != first
    for role in ("stable", "canary"):
        service = stage.cluster.get("service", f"shop-{role}", "-n", shop.namespace)
        assert service["spec"]["selector"] == {
            "app": "shop",
            "tidegate.io/revision": status["stableRevision"],
        }
    stage.close(shop)


def test_scaling_at_rest_and_through_the_scale_subresource(stage: Stage) -> None:
    """`kubectl scale` works, as HPA does it; no run begins."""
    shop = quick_shop()
    with opened(stage, shop):
        target = ("rollouts.tidegate.io", shop.name, "-n", shop.namespace)
        stage.cluster.kubectl("scale", *target, "--replicas=4")
        stage.await_status(shop, "4 pods", lambda s: s.get("ready") == "4/4", deadline_s=30)
        stage.cluster.kubectl("scale", *target, "--replicas=1")
        status = stage.await_status(shop, "1 pod", lambda s: s.get("ready") == "1/1", deadline_s=30)
        assert status["lastRunNumber"] == 0 if "lastRunNumber" in status else True


def test_a_hand_on_the_weights_is_put_right(stage: Stage) -> None:
    """At rest a stray weight harms nobody, and it is put back."""
    shop = quick_shop()
    with opened(stage, shop):
        path = "/spec/http/1/route"
        patch = [
            {"op": "replace", "path": f"{path}/0/weight", "value": 60},
            {"op": "replace", "path": f"{path}/1/weight", "value": 40},
        ]
        stage.cluster.kubectl(
            "patch",
            "virtualservice",
            shop.name,
            "-n",
            shop.namespace,
            "--type=json",
            "-p",
            json.dumps(patch),
        )
        wait_until(
            lambda: [r["weight"] for r in routes_of(stage, shop)["http"][1]["route"]] == [100, 0],
            20,
            "the weights are home again",
        )


def test_history_is_limited(stage: Stage) -> None:
    """Old ReplicaSets beyond revisionHistoryLimit go."""
    shop = quick_shop(phases=(), extra={"revisionHistoryLimit": 1})
    with opened(stage, shop):
        for number in range(2, 5):
            stage.release(shop, App(f"v{number}"))
            stage.await_status(
                shop, "promoted", history_ended(number - 1, "Promoted"), deadline_s=60
            )
        wait_until(
            lambda: len(stage.cluster.get("replicasets", "-n", shop.namespace)["items"]) == 2,
            30,
            "one old ReplicaSet kept",
        )
