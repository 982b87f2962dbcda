"""RolloutPolicies on a real API server, whose guards hold everything: no provider knows them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.cluster.looks import patched, recorded
from tests.cluster.places import condition, history_ended, opened, quick_shop

pytestmark = pytest.mark.api

POLICIES = "rolloutpolicies.tidegate.io"
METRIC = {"name": "errors", "template": "istio-error-rate"}
GUARD = {"metric": "errors", "max": 0.01}
TESTED = {"metric": "errors", "compare": {"to": "stable", "test": "sequential", "margin": 1.2}}
MISTAKE = {"metrics": [{"name": "errors", "template": "istio-errors"}]}
"""A template that there is not, which only the operator can know."""
DEADLINE_S = 60


def _body(shop: Shop, **spec: Any) -> dict[str, Any]:
    """A policy for the Rollouts of that shop's namespace alone."""
    labels = {"matchLabels": {"kubernetes.io/metadata.name": shop.namespace}}
    usual = {
        "rollouts": {"namespaceSelector": labels},
        "metrics": [METRIC],
        "guards": [GUARD],
    }
    return {
        "apiVersion": "tidegate.io/v1alpha1",
        "kind": "RolloutPolicy",
        "metadata": {"name": f"for-{shop.namespace}"},
        "spec": usual | spec,
    }


@contextmanager
def _ruled(stage: Stage, shop: Shop, **spec: Any) -> Iterator[str]:
    body = _body(shop, **spec)
    name: str = body["metadata"]["name"]
    stage.cluster.apply(body)
    try:
        yield name
    finally:
        stage.cluster.kubectl("delete", POLICIES, name, "--ignore-not-found")


def _in_force(stage: Stage, shop: Shop, mode: str) -> None:
    """Wait until the Rollout says that the policy holds for it so."""

    def holds() -> bool:
        found = stage.status(shop).get("policies") or [{}]
        return bool(found[0].get("mode") == mode)

    wait_until(holds, DEADLINE_S, f"a policy in mode {mode}")


def _accepted(stage: Stage, name: str) -> dict[str, Any]:
    """The policy's status once it speaks of what is stored."""
    status: dict[str, Any] = {}

    def reported() -> bool:
        nonlocal status
        body = stage.cluster.get(POLICIES, name)
        status = body.get("status", {})
        seen = status.get("observedGeneration") == body["metadata"]["generation"]
        return bool(seen and status["rollouts"] == 1)

    wait_until(reported, DEADLINE_S, f"the status of {name}")
    return status


def _waits_for(words: str) -> Any:
    return lambda status: words in status.get("message", "")


def test_a_guard_of_a_policy_holds_a_release_until_the_policy_goes(stage: Stage) -> None:
    shop = quick_shop()
    with opened(stage, shop), _ruled(stage, shop) as name:
        assert condition(_accepted(stage, name), "Accepted")["status"] == "True"
        _in_force(stage, shop, "enforce")
        stage.release(shop, App("v2"))
        waits = _waits_for(f"in spec.metrics of RolloutPolicy {name}: provider default is not")
        status = stage.await_status(shop, "held", waits, deadline_s=DEADLINE_S)
        assert (status["weight"], status["state"]) == (0, "Invalid")
        assert f"policy/{name}/0" in [check["id"] for check in status["checks"]]
        assert condition(status, "PoliciesApplied")["status"] == "True"
        stage.cluster.kubectl("delete", POLICIES, name)
        stage.await_status(shop, "done", history_ended(1, "Promoted"), deadline_s=DEADLINE_S)
        run = recorded(stage, shop, 1, "Promoted", "Promoted")
        assert "PolicyGone" in [entry["reason"] for entry in run["status"]["history"]]


def test_mode_observe_of_a_rollout_passes_a_policy_only_once_the_policy_lets_it(
    stage: Stage,
) -> None:
    shop = quick_shop(extra={"mode": "observe"})
    with opened(stage, shop), _ruled(stage, shop) as name:
        _in_force(stage, shop, "enforce")
        stage.release(shop, App("v2"))
        waits = _waits_for(f"in spec.metrics of RolloutPolicy {name}: provider default is not")
        stage.await_status(shop, "held", waits, deadline_s=DEADLINE_S)
        patch = json.dumps({"spec": {"allowObserve": True}})
        stage.cluster.kubectl("patch", POLICIES, name, "--type=merge", "-p", patch)
        stage.await_status(shop, "done", history_ended(1, "Promoted"), deadline_s=DEADLINE_S)
        run = recorded(stage, shop, 1, "Promoted", "Promoted")
        told = [entry["message"] for entry in run["status"]["history"]]
        assert f"RolloutPolicy {name} changed and holds: 1 guard, mode observe" in told


def test_a_policy_that_only_tells_holds_nothing(stage: Stage) -> None:
    shop = quick_shop()
    with opened(stage, shop), _ruled(stage, shop, mode="observe"):
        _in_force(stage, shop, "observe")
        stage.release(shop, App("v2"))
        stage.await_status(shop, "done", history_ended(1, "Promoted"), deadline_s=DEADLINE_S)


def test_new_releases_wait_for_a_policy_with_a_mistake_and_nobody_else_does(stage: Stage) -> None:
    shop, other = quick_shop(), quick_shop()
    with opened(stage, shop), opened(stage, other), _ruled(stage, shop, **MISTAKE) as name:
        accepted = condition(_accepted(stage, name), "Accepted")
        assert accepted["status"] == "False"
        assert "no template is named 'istio-errors'" in accepted["message"]
        _in_force(stage, shop, "invalid")
        assert stage.status(shop)["state"] == "Healthy"
        stage.release(shop, App("v2"))
        stage.release(other, App("v2"))
        stage.await_status(other, "done", history_ended(1, "Promoted"), deadline_s=DEADLINE_S)
        waits = _waits_for(f"waits: RolloutPolicy {name} cannot be applied")
        status = stage.await_status(shop, "waits", waits, deadline_s=DEADLINE_S)
        assert status.get("run") is None
        assert condition(status, "PoliciesApplied")["reason"] == "PolicyInvalid"
        stage.cluster.apply(_body(shop, mode="observe"))
        stage.await_status(shop, "done", history_ended(1, "Promoted"), deadline_s=DEADLINE_S)


def test_a_mistake_in_a_policy_keeps_nobody_from_going_back(stage: Stage) -> None:
    shop = quick_shop(phases=({"name": "ten", "weight": 10, "hold": "1h"},))
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=DEADLINE_S)
        with _ruled(stage, shop, **MISTAKE):
            _in_force(stage, shop, "invalid")
            assert stage.status(shop)["weight"] == 10
            stage.act(shop, "abort", "it is slow")
            stage.await_status(shop, "back", history_ended(1, "Reverted"), deadline_s=DEADLINE_S)


def test_a_gate_of_a_rollout_may_ask_for_a_metric_of_a_policy(stage: Stage) -> None:
    shop = quick_shop()
    with opened(stage, shop), _ruled(stage, shop, guards=[]) as name:
        _in_force(stage, shop, "enforce")
        patched(stage, shop, {"guards": [{"metric": f"{name}/errors", "max": 1}]})
        stage.await_state(shop, "Healthy", deadline_s=DEADLINE_S)
        patched(stage, shop, {"guards": [{"metric": f"{name}/error", "max": 1}]})
        status = stage.await_state(shop, "Invalid", deadline_s=DEADLINE_S)
        assert "no metric is named 'error'; defined are errors" in status["message"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"metrics": []}, "every guard must name a metric"),
        ({"guards": [{"scorecard": "health"}]}, "a policy has no scorecards"),
        ({"guards": [GUARD | {"warnMax": 1}]}, "warnMax must be less than max"),
        ({"guards": [GUARD | {"failures": 2, "of": 3}]}, "set one of the two"),
        ({"guards": [TESTED] * 5}, "at most 4 guards of a policy may have a test"),
    ],
)
def test_a_guard_that_a_policy_cannot_have_is_refused_by_the_api_server(
    stage: Stage, fields: dict[str, Any], sentence: str
) -> None:
    wrong = json.dumps(_body(quick_shop(), **fields))
    with pytest.raises(SandboxError, match=sentence):
        stage.cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin=wrong)
