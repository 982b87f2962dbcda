"""Cohorts on a real API server: shares of users that grow, and routes that leave what Git holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox import SandboxError
from tests.cluster.places import history_ended, opened, quick_shop, routes_of

pytestmark = pytest.mark.api

SETTLE = "200ms"
HELD = (
    {"name": "ten", "weight": 10, "hold": "1h"},
    {"name": "half", "weight": 50, "hold": "1h"},
    {"name": "all", "weight": 100, "hold": "500ms"},
)
IDS = {"header": "x-user", "encoding": "decimal"}
SHARES = tuple(
    {"name": name, "weight": 0, "hold": "500ms", "match": [{"buckets": {**IDS, "percent": share}}]}
    for name, share in (("tenth", 10), ("half", 50))
)


def _sticky(shop: Shop, cookie: str = "shop-user") -> Shop:
    """The same shop with users who stay."""
    traffic = {
        "settle": SETTLE,
        "istio": {
            "virtualServices": [{"name": shop.name, "routes": ["primary"]}],
            "destinationRule": {"name": shop.name},
        },
        "sticky": {"cookie": cookie},
    }
    return shop.with_(extra={**shop.extra, "traffic": traffic})


def _ours(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in spec["http"] if str(one.get("name", "")).startswith("tidegate.")]


def _holding(name: str) -> Any:
    def holds(status: dict[str, Any]) -> bool:
        phase = status.get("phase") or {}
        return phase.get("name") == name and bool(phase.get("startedAt"))

    return holds


def test_users_who_stay_have_four_routes_for_exactly_their_phases(stage: Stage) -> None:
    """Also while the operator dies and comes back; an abort leaves every byte."""
    shop = _sticky(quick_shop(phases=HELD))
    with opened(stage, shop):
        before = routes_of(stage, shop)
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "in the first phase", _holding("ten"), deadline_s=60)
        assert status["traffic"]["sticky"] == "shop-user"
        at_ten = routes_of(stage, shop)
        arms = [one["route"][0]["destination"]["subset"] for one in _ours(at_ten)]
        assert arms == ["canary", "stable", "canary", "stable"]
        stage.operator.kill()
        stage.operator.start()
        stage.act(shop, "skip", "go on", phase="half")
        stage.await_status(shop, "in the second phase", _holding("half"), deadline_s=90)
        at_half = routes_of(stage, shop)
        assert len(_ours(at_half)) == 4
        assert _ours(at_half)[1] == _ours(at_ten)[1], "whoever has a cookie and is not picked"
        assert _ours(at_half)[0] != _ours(at_ten)[0]
        stage.act(shop, "abort", "enough")
        stage.await_state(shop, "Reverted", deadline_s=60)
        assert json.dumps(routes_of(stage, shop)) == json.dumps(before)


def test_a_share_of_users_grows_and_is_promoted(stage: Stage) -> None:
    """By the last digits of an id in a header."""
    shop = quick_shop(phases=SHARES)
    with opened(stage, shop):
        before = routes_of(stage, shop)
        stage.release(shop, App("v2"))
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        assert json.dumps(routes_of(stage, shop)) == json.dumps(before)
        told = stage.describe(shop)
        assert "all requests with 10 % of the decimal ids in x-user" in told
        assert "all requests with 50 % of the decimal ids in x-user" in told


PAIR = {"services": {"stable": "a", "canary": "b"}}
RULE = {"destinationRule": {"name": "shop"}}
STICKY = {"sticky": {"cookie": "shop-user"}}
GATEWAY = {"gatewayApi": {"httpRoutes": [{"name": "shop"}], **PAIR}}
TCP = {"istio": {"virtualServices": [{"name": "shop", "tcpRoutes": [{"port": 1}]}], **RULE}}


@pytest.mark.parametrize(
    ("traffic", "match", "words"),
    [
        (GATEWAY | STICKY, None, "sticky needs Istio"),
        ({"service": {"active": "shop"}} | STICKY, None, "sticky needs Istio"),
        (TCP | STICKY, None, "TLS and TCP routes have no cookies"),
        (None, {}, "name at least one of headers, cookies, buckets and sourceLabels"),
        (None, {"buckets": {**IDS, "percent": 101}}, "less than or equal to 100"),
        (None, {"buckets": {**IDS, "percent": 60, "after": 50}}, "must be at most 100"),
        (None, {"buckets": {**IDS, "percent": 6, "cookie": "uid"}}, "exactly one of header"),
        (None, {"buckets": {"header": "x", "percent": 1, "encoding": "roman"}}, "Unsupported"),
        (GATEWAY, {"sourceLabels": {"app": "web"}}, "does not know who sends a request"),
    ],
)
def test_what_no_router_can_do_is_refused_by_the_api_server(
    stage: Stage, traffic: dict[str, Any] | None, match: dict[str, Any] | None, words: str
) -> None:
    """By the CRD's own rules, in one sentence."""
    body = quick_shop(phases=HELD).rollout(App("v1"))
    body["metadata"]["namespace"] = "default"
    body["spec"]["phases"] = [{"name": "all", "weight": 0}]
    if match is not None:
        body["spec"]["phases"][0]["match"] = [match]
    if traffic is not None:
        body["spec"]["traffic"] = traffic
    with pytest.raises(SandboxError, match=words):
        stage.cluster.apply(body)
