"""Bad input moves no traffic: each gives a state, a condition and one sentence that helps."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.cluster.places import (
    await_seniority,
    condition,
    history_ended,
    opened,
    quick_shop,
    routes_of,
)

pytestmark = pytest.mark.api

Change = Callable[[dict[str, Any]], None]


def _istio(spec: dict[str, Any]) -> dict[str, Any]:
    istio: dict[str, Any] = spec["traffic"]["istio"]
    return istio


def _host_level(spec: dict[str, Any]) -> None:
    del _istio(spec)["destinationRule"]
    _istio(spec)["services"] = {"stable": "shop", "canary": "nowhere"}


def _set(path: str, value: object) -> Change:
    def change(spec: dict[str, Any]) -> None:
        at: Any = spec
        *parents, last = path.split(".")
        for part in parents:
            at = at[int(part)] if part.isdigit() else at[part]
        at[last] = value

    return change


def _compared_with_a_baseline(spec: dict[str, Any]) -> None:
    spec["metrics"] = [{"name": "errors", "template": "istio-error-rate"}]
    compare = {"to": "baseline", "maxIncrease": 1}
    spec["guards"] = [{"metric": "errors", "compare": compare}]


MISTAKES: dict[str, tuple[Change, str, tuple[str, ...]]] = {
    "an unknown VirtualService": (
        _set("traffic.istio.virtualServices.0.name", "nowhere"),
        "VirtualServiceNotFound",
        ("VirtualService", "/nowhere not found", "create it"),
    ),
    "an unknown route": (
        _set("traffic.istio.virtualServices.0.routes", ["primry"]),
        "RouteNotFound",
        ("'primry' not found", "has: legacy, primary"),
    ),
    "several routes and none named": (
        _set("traffic.istio.virtualServices.0.routes", []),
        "RouteNotFound",
        ("several routes (legacy, primary)", "name those"),
    ),
    "an unknown DestinationRule": (
        _set("traffic.istio.destinationRule.name", "nowhere"),
        "DestinationRuleNotFound",
        ("DestinationRule", "/nowhere not found"),
    ),
    "an unknown subset": (
        _set("traffic.istio.destinationRule.canarySubset", "cnary"),
        "SubsetNotFound",
        ("no subset 'cnary'", "has: stable, canary"),
    ),
    "an unknown Service": (
        _host_level,
        "ServiceNotFound",
        ("Service", "/nowhere not found"),
    ),
    "a template that the API server refuses": (
        _set("template.spec.containers.0.image", ""),
        "TemplateRefused",
        ("spec.template is refused", "image"),
    ),
    "a selector that does not match the template": (
        _set("template.metadata.labels", {"app": "other"}),
        "InvalidSpec",
        ("spec.template.metadata.labels", "must match spec.selector"),
    ),
    "a part that is not built yet": (
        _compared_with_a_baseline,
        "NotBuiltYet",
        ("spec.guards[0].compare.to", "not built yet"),
    ),
    "an unknown template of a metric": (
        _set("metrics", [{"name": "m", "template": "istio-eror-rate"}]),
        "InvalidSpec",
        ("istio-eror-rate", "istio-error-rate"),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_and_moves_nothing(stage: Stage, mistake: str) -> None:
    """On a running Rollout: Invalid, Stalled, a sentence; routes as before; mended, it goes on."""
    change, reason, words = MISTAKES[mistake]
    shop = quick_shop()
    with opened(stage, shop):
        before = routes_of(stage, shop)
        body = shop.rollout(App("v2"))
        change(body["spec"])
        stage.cluster.apply(body)
        status = stage.await_state(shop, "Invalid", deadline_s=20)
        for word in words:
            assert word in status["message"]
        assert condition(status, "Stalled")["reason"] == reason
        assert condition(status, "Ready")["status"] == "False"
        assert routes_of(stage, shop) == before
        stage.release(shop, App("v2"))
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)


def test_what_is_wrong_from_the_start_is_said_and_makes_no_pod(stage: Stage) -> None:
    """A Rollout whose VirtualService does not exist yet waits for it, and then deploys."""
    shop = quick_shop()
    namespace, service, rule, routes = shop.base()
    for body in (namespace, service, rule):
        stage.cluster.apply(body)
    stage.release(shop, App("v1"))
    status = stage.await_state(shop, "Invalid", deadline_s=20)
    assert condition(status, "Stalled")["reason"] == "VirtualServiceNotFound"
    assert stage.cluster.get("replicasets", "-n", shop.namespace)["items"] == []
    stage.cluster.apply(routes)
    stage.await_state(shop, "Healthy", deadline_s=30)
    stage.close(shop)


def test_the_second_rollout_on_a_route_is_refused_and_the_first_unharmed(stage: Stage) -> None:
    """Whose the route is, is said in one sentence; when the first goes, the second takes over."""
    shop = quick_shop()
    with opened(stage, shop):
        before = routes_of(stage, shop)
        await_seniority(stage, shop)
        second = shop.rollout(App("v9"))
        second["metadata"]["name"] = "second"
        second["spec"]["selector"] = {"matchLabels": {"app": "second"}}
        second["spec"]["template"]["metadata"]["labels"] = {"app": "second"}
        stage.cluster.apply(second)
        other = shop.with_(name="second")
        status = stage.await_state(other, "Invalid", deadline_s=20)
        assert condition(status, "Stalled")["reason"] == "Conflict"
        assert "already moved by Rollout shop" in status["message"]
        assert routes_of(stage, shop) == before
        assert stage.status(shop)["state"] == "Healthy"
        stage.cluster.kubectl("delete", "rollouts.tidegate.io", "second", "-n", shop.namespace)


def test_two_rollouts_on_the_same_pods_are_told_apart(stage: Stage) -> None:
    """A selector that matches another Rollout's pods is a conflict, not a race."""
    shop = quick_shop()
    with opened(stage, shop):
        await_seniority(stage, shop)
        second = shop.rollout(App("v9"))
        second["metadata"]["name"] = "second"
        second["spec"]["traffic"]["istio"] = {
            "virtualServices": [{"name": "elsewhere"}],
            "destinationRule": {"name": "elsewhere"},
        }
        stage.cluster.apply(second)
        status = stage.await_state(shop.with_(name="second"), "Invalid", deadline_s=20)
        assert "matches the pods of Rollout shop" in status["message"]
        stage.cluster.kubectl("delete", "rollouts.tidegate.io", "second", "-n", shop.namespace)


def test_an_image_that_never_gets_ready_is_sent_back_without_traffic(stage: Stage) -> None:
    """progressDeadline ends it; the routes never moved."""
    shop = quick_shop(extra={"progressDeadline": "3s"})
    with opened(stage, shop):
        before = routes_of(stage, shop)
        body = shop.rollout(App("v2"))
        body["spec"]["template"]["metadata"]["annotations"] = {"sandbox.tidegate.io/ready": "never"}
        stage.cluster.apply(body)
        status = stage.await_state(shop, "Reverted", deadline_s=30)
        assert status["lastRun"]["reason"] == "ProgressDeadlineExceeded"
        assert "0 of 1 pods" in status["message"]
        assert routes_of(stage, shop) == before
        assert condition(status, "Stalled")["status"] == "True"


def test_other_routes_and_destinations_are_kept_to_the_byte(stage: Stage) -> None:
    """A promotion changes two weights for a while, and nothing else ever."""
    shop = quick_shop()
    base = shop.base()
    routes = base[3]
    primary = routes["spec"]["http"][1]
    primary["retries"] = {"attempts": 3, "perTryTimeout": "2s", "retryOn": "5xx"}
    primary["headers"] = {"request": {"set": {"x-shop": "1"}}}
    primary["route"].append({"destination": {"host": "legacy", "port": {"number": 81}}})
    routes["spec"]["http"].insert(0, {"name": "health", "directResponse": {"status": 200}})
    routes["metadata"]["annotations"] = {"owner": "team-a"}
    for body in base:
        stage.cluster.apply(body)
    stage.release(shop, App("v1"))
    stage.await_state(shop, "Healthy", deadline_s=30)
    before = stage.cluster.get("virtualservice", shop.name, "-n", shop.namespace)
    stage.release(shop, App("v2"))
    stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
    after = stage.cluster.get("virtualservice", shop.name, "-n", shop.namespace)
    assert json.dumps(after["spec"]) == json.dumps(before["spec"])
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
    stage.close(shop)


def test_a_route_that_others_have_almost_whole_is_refused(stage: Stage) -> None:
    """One of a hundred cannot be shared between two; it is said, and nothing moves."""
    shop = quick_shop()
    base = shop.base()
    primary = base[3]["spec"]["http"][1]
    primary["route"][0]["weight"] = 1
    primary["route"].append({"destination": {"host": "legacy"}, "weight": 99})
    for body in base:
        stage.cluster.apply(body)
    stage.release(shop, App("v1"))
    status = stage.await_state(shop, "Invalid", deadline_s=20)
    assert condition(status, "Stalled")["reason"] == "ForeignDestinationHasWeight"
    assert routes_of(stage, shop) == base[3]["spec"]
    stage.close(shop)


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ({"name": "much", "weight": 101}, "weight"),
        ({"name": "little", "weight": -1}, "weight"),
        ({"name": "many", "weight": 10, "replicas": "150%"}, "replicas"),
    ],
)
def test_impossible_numbers_are_refused_by_the_api_server(
    stage: Stage, phase: dict[str, Any], words: str
) -> None:
    """The CRD itself says no, with the path of the field."""
    shop = quick_shop(phases=(phase,))
    stage.cluster.apply(shop.base()[0])
    with pytest.raises(SandboxError, match=f"spec.phases\\[0\\].{words}"):
        stage.release(shop, App("v1"))


def test_routes_cannot_be_swapped_under_a_run(stage: Stage) -> None:
    """Traffic would be left on routes nobody looks after; aborted first, the edit is taken."""
    shop = quick_shop(phases=({"name": "ten", "weight": 10, "hold": "1h"},))
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        body = shop.rollout(App("v2"))
        body["spec"]["traffic"]["istio"]["virtualServices"] = [{"name": "other"}]
        with pytest.raises(SandboxError, match="cannot change while a run is on"):
            stage.cluster.apply(body)
        stage.release(shop.with_(settle="300ms"), App("v2"))
        stage.act(shop, "abort", "to move the routes")
        stage.await_state(shop, "Reverted", deadline_s=30)
        stage.cluster.apply(body)
        stage.await_state(shop, "Invalid", deadline_s=30)


def test_one_route_that_vanished_does_not_keep_the_others_from_going_back(stage: Stage) -> None:
    """Two VirtualServices; one is deleted mid-run: the other goes back by an abort all the same."""
    shop = quick_shop(phases=({"name": "ten", "weight": 10, "hold": "1h"},))
    for body in shop.base():
        stage.cluster.apply(body)
    second = json.loads(json.dumps(shop.base()[3]))
    second["metadata"]["name"] = "second"
    stage.cluster.apply(second)

    def release(version: str) -> None:
        body = shop.rollout(App(version))
        refs = [{"name": name, "routes": ["primary"]} for name in ("second", "shop")]
        body["spec"]["traffic"]["istio"]["virtualServices"] = refs
        stage.cluster.apply(body)

    release("v1")
    stage.await_state(shop, "Healthy", deadline_s=30)
    release("v2")
    stage.await_status(
        shop, "in the phase", lambda s: bool(s.get("phase", {}).get("startedAt")), deadline_s=30
    )
    stage.cluster.kubectl("delete", "virtualservice", "second", "-n", shop.namespace)
    stage.await_state(shop, "Invalid", deadline_s=20)
    stage.act(shop, "abort", "one is gone")
    wait_until(
        lambda: [r["weight"] for r in routes_of(stage, shop)["http"][1]["route"]] == [100, 0],
        20,
        "the other one is back at stable",
    )
    stage.close(shop)


def test_without_any_prometheus_a_guarded_release_holds_before_the_first_request(
    stage: Stage,
) -> None:
    """The provider is not configured: said by name, and not one request goes to the canary."""
    guarded = {"metrics": Shop()._metrics(), "guards": [{"metric": "error-rate", "max": 0.01}]}
    shop = quick_shop(extra=guarded)
    with opened(stage, shop):
        before = routes_of(stage, shop)
        stage.release(shop, App("v2"))
        status = stage.await_state(shop, "Invalid", deadline_s=20)
        assert "provider default is not configured" in status["message"]
        assert routes_of(stage, shop) == before
