"""Copies of requests on a real API server: there for their phase, and Git's bytes after it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.cluster.places import condition, history_ended, opened, quick_shop, routes_of

pytestmark = pytest.mark.api

HELD = ({"name": "shadow", "weight": 0, "hold": "1h", "mirror": {"percent": 50}},)
SHADOWS = (
    {"name": "few", "weight": 0, "hold": "500ms", "mirror": {"percent": 10}},
    {"name": "all", "weight": 0, "hold": "500ms", "mirror": {"percent": 100}},
    {"name": "half", "weight": 50, "hold": "500ms"},
)
PAIR = {"services": {"stable": "shop-stable", "canary": "shop-canary"}}


def _copying(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in spec["http"] if "mirror" in one]


def _in_phase(status: dict[str, Any]) -> bool:
    return bool(status.get("phase", {}).get("startedAt"))


def _there(stage: Stage, shop: Shop) -> bool:
    return bool(_copying(routes_of(stage, shop)))


def test_a_shadow_phase_copies_requests_and_leaves_what_git_holds(stage: Stage) -> None:
    """Observed all the while; the share grows with the phases."""
    shop = quick_shop(phases=SHADOWS)
    with opened(stage, shop):
        before = routes_of(stage, shop)
        stage.release(shop, App("v2"))
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        assert json.dumps(routes_of(stage, shop)) == json.dumps(before)
        told = stage.describe(shop)
        assert "phase few: 0 % of traffic and copies of 10 % of the requests" in told
        assert "canary 0 -> 0 % in VirtualService shop and copies of 100 % of the requests" in told


def test_a_killed_operator_and_a_sync_find_and_leave_copies_right(stage: Stage) -> None:
    """The next process keeps them; a sync without them is put right; an abort takes them."""
    shop = quick_shop(phases=HELD)
    with opened(stage, shop):
        before = routes_of(stage, shop)
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "in the phase", _in_phase, deadline_s=30)
        assert (status["traffic"]["weight"], status["traffic"]["mirror"]) == (0, 50)
        amid = routes_of(stage, shop)
        (ours,) = _copying(amid)
        managed = amid["http"][amid["http"].index(ours) + 1]
        extra = {"name": "tidegate.shop.0", "mirrorPercentage": {"value": 50}}
        canary = {"mirror": managed["route"][1]["destination"]}
        assert ours == managed | extra | canary
        stage.operator.kill()
        stage.operator.start()
        patch = json.dumps({"spec": before})
        stage.cluster.kubectl(
            *("patch", "virtualservice", shop.name, "-n", shop.namespace),
            *("--type=merge", "-p", patch),
        )
        wait_until(lambda: _there(stage, shop), 40, "the copies are back")
        assert json.dumps(routes_of(stage, shop)) == json.dumps(amid)
        stage.act(shop, "abort", "enough")
        stage.await_state(shop, "Reverted", deadline_s=30)
        assert json.dumps(routes_of(stage, shop)) == json.dumps(before)


def test_a_route_that_copies_elsewhere_already_is_said_and_stays(stage: Stage) -> None:
    """Invalid with the route and the field; nothing is written."""
    shop = quick_shop(phases=HELD)
    for body in shop.base():
        if body["kind"] == "VirtualService":
            body["spec"]["http"][-1]["mirror"] = {"host": "elsewhere"}
        stage.cluster.apply(body)
    before = routes_of(stage, shop)
    stage.release(shop, App("v1"))
    status = stage.await_state(shop, "Invalid", deadline_s=20)
    assert condition(status, "Stalled")["reason"] == "HeaderRouteNotPossible"
    assert "it has a mirror of its own" in status["message"]
    assert json.dumps(routes_of(stage, shop)) == json.dumps(before)
    stage.close(shop)


@pytest.mark.parametrize(
    ("traffic", "phase", "words"),
    [
        (None, {"weight": 10}, "set weight to 0"),
        (None, {"mirror": {"percent": 0}}, "greater than or equal to 1"),
        ({"service": {"active": "shop"}}, {}, "only Istio"),
        ({"gatewayApi": {"httpRoutes": [{"name": "shop"}], **PAIR}}, {}, "only Istio"),
        (
            {
                "istio": {
                    "virtualServices": [{"name": "shop", "tcpRoutes": [{"port": 1}]}],
                    "destinationRule": {"name": "shop"},
                }
            },
            {},
            "TLS and TCP routes have no requests to copy",
        ),
    ],
)
def test_copies_that_cannot_be_made_are_refused_by_the_api_server(
    stage: Stage, traffic: dict[str, Any] | None, phase: dict[str, Any], words: str
) -> None:
    """By the CRD's own rules, before anything else is looked at."""
    body = quick_shop(phases=({**HELD[0], **phase},)).rollout(App("v1"))
    body["metadata"]["namespace"] = "default"
    if traffic is not None:
        body["spec"]["traffic"] = traffic
    with pytest.raises(SandboxError, match=words):
        stage.cluster.apply(body)
