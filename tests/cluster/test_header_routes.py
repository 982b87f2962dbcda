"""Header routes on a real API server: they come with their phase and leave what Git holds."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.cluster import test_gateway_api as gateway
from tests.cluster.places import condition, history_ended, opened, quick_shop, routes_of
from tests.cluster.route_kinds import KINDS

pytestmark = pytest.mark.api

BETA = [
    {"headers": {"x-group": {"exact": "beta"}}},
    {"headers": {"cookie": {"regex": r"(.*;)?\s*group=beta(;.*)?"}}},
]
HELD = ({"name": "beta", "weight": 0, "hold": "1h", "match": BETA},)
COHORTS = (
    {"name": "beta", "weight": 0, "hold": "500ms", "match": BETA},
    {"name": "more", "weight": 10, "hold": "500ms", "match": BETA},
    {"name": "half", "weight": 50, "hold": "500ms"},
)
ONE = {"headers": {"x-group": {"exact": "beta"}, "x-region": {"prefix": "eu-"}}}
"""A single match: a rule that replaces the prefix of its path takes no second one."""
OURS = "tidegate.shop.0"
WITH_HTTP = sorted(name for name, kind in KINDS.items() if "http" in kind.spec)


def _names(stage: Stage, shop: Shop) -> list[str]:
    return [str(route.get("name", "")) for route in routes_of(stage, shop)["http"]]


def _matched(stage: Stage, shop: Shop) -> bool:
    return OURS in _names(stage, shop)


def _in_phase(status: dict[str, Any]) -> bool:
    return bool(status.get("phase", {}).get("startedAt"))


def _resolved(value: Any, namespace: str) -> Any:
    return json.loads(json.dumps(value).replace("NAMESPACE", namespace))


@contextmanager
def _served(stage: Stage, shop: Shop, kind: str) -> Iterator[dict[str, Any]]:
    """The shop behind a VirtualService of that kind; yields its spec before the first release."""
    spec = _resolved(KINDS[kind].spec, shop.namespace)
    for body in shop.base():
        if body["kind"] == "VirtualService":
            body["spec"] = spec
        stage.cluster.apply(body)
    stage.release(shop, App("v1"))
    stage.await_state(shop, "Healthy", deadline_s=30)
    try:
        yield routes_of(stage, shop)
    finally:
        stage.close(shop)


def _naming(shop: Shop, kind: str) -> Shop:
    refs = [{"name": shop.name, **KINDS[kind].names}]
    istio = {"virtualServices": refs, "destinationRule": {"name": shop.name}}
    traffic = {"settle": shop.settle, "istio": istio}
    return shop.with_(extra={**shop.extra, "traffic": traffic})


def test_a_release_by_cohorts_is_promoted_and_leaves_what_git_holds(stage: Stage) -> None:
    """Observed all the while: the header routes come and go with their phases."""
    shop = quick_shop(phases=COHORTS)
    with opened(stage, shop):
        before = routes_of(stage, shop)
        stage.release(shop, App("v2"))
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        assert json.dumps(routes_of(stage, shop)) == json.dumps(before)
        told = stage.describe(shop)
        assert "0 -> 0 % in VirtualService shop and all requests with x-group=beta" in told
        assert "phase beta: 0 % of traffic and all requests with x-group=beta" in told


@pytest.mark.parametrize("kind", WITH_HTTP)
def test_each_http_route_gets_a_copy_above_it_and_an_abort_leaves_every_byte(
    stage: Stage, kind: str
) -> None:
    """Conditions of both, all else as it is, the canary alone behind it."""
    shop = _naming(quick_shop(phases=HELD), kind)
    with _served(stage, shop, kind) as before:
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "in the phase", _in_phase, deadline_s=30)
        assert status["traffic"]["match"].startswith("x-group=beta or cookie~")
        amid = routes_of(stage, shop)
        place = _names(stage, shop).index(OURS)
        ours, managed = amid["http"][place], amid["http"][place + 1]
        assert managed["name"] == "primary"
        assert [entry["destination"]["subset"] for entry in ours["route"]] == ["canary"]
        assert ours["route"][0]["weight"] == 100
        kept = ("name", "match", "route")
        assert {k: v for k, v in ours.items() if k not in kept} == {
            k: v for k, v in managed.items() if k not in kept
        }
        assert len(ours["match"]) == 2 * len(managed.get("match") or [{}])
        bare = copy.deepcopy(amid)
        del bare["http"][place]
        assert json.dumps(bare) == json.dumps(before)
        stage.act(shop, "abort", "enough")
        stage.await_state(shop, "Reverted", deadline_s=30)
        assert json.dumps(routes_of(stage, shop)) == json.dumps(before)


def test_header_routes_that_a_sync_takes_away_are_put_back(stage: Stage) -> None:
    """Git holds none: whoever applies it again finds them back a moment later."""
    shop = quick_shop(phases=HELD)
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        first = stage.await_status(shop, "in the phase", _in_phase, deadline_s=30)
        routes = next(body for body in shop.base() if body["kind"] == "VirtualService")
        patch = json.dumps({"spec": routes["spec"]})
        stage.cluster.kubectl(
            *("patch", "virtualservice", shop.name, "-n", shop.namespace),
            *("--type=merge", "-p", patch),
        )
        wait_until(lambda: _matched(stage, shop), 20, "the header route is back")
        again = stage.await_status(
            shop,
            "held anew",
            lambda s: _in_phase(s) and s["phase"]["startedAt"] > first["phase"]["startedAt"],
            deadline_s=20,
        )
        assert again["phase"]["name"] == "beta"


def test_a_killed_operator_finds_header_routes_that_no_phase_asks_for_any_more(
    stage: Stage,
) -> None:
    """The next process takes them away; the phase goes on without."""
    shop = quick_shop(phases=HELD)
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_status(shop, "in the phase", _in_phase, deadline_s=30)
        stage.operator.kill()
        bare = shop.with_(phases=({"name": "beta", "weight": 10, "hold": "1h"},))
        stage.release(bare, App("v2"))
        stage.operator.start()
        wait_until(lambda: not _matched(stage, shop), 90, "the header route is gone")
        stage.await_weight(shop, 10, deadline_s=30)
        assert _names(stage, shop) == ["legacy", "primary"]


def test_a_deletion_takes_header_routes_away_with_the_rest(stage: Stage) -> None:
    """At rest, or gone: nothing of ours is left."""
    shop = quick_shop(phases=HELD)
    with opened(stage, shop):
        before = routes_of(stage, shop)
        stage.release(shop, App("v2"))
        stage.await_status(shop, "in the phase", _in_phase, deadline_s=30)
        assert _matched(stage, shop)
    assert json.dumps(routes_of(stage, shop)) == json.dumps(before)


def test_header_rules_of_an_http_route_come_and_go_alike(stage: Stage) -> None:
    """What the API server writes out is what is asked for: they are written once."""
    shop = quick_shop(phases=({**HELD[0], "match": [ONE]},))
    with gateway.served(stage, shop, gateway.RULES, "api", "web") as before:
        stage.cluster.apply(gateway.rollout(shop, "v2", "api", "web"))
        stage.await_status(shop, "in the phase", _in_phase, deadline_s=30)
        amid = gateway.http_route(stage, shop)
        names = [rule.get("name") for rule in amid["spec"]["rules"]]
        assert names == ["legacy", OURS, "api", "tidegate.shop.1", "web"]
        ours = amid["spec"]["rules"][3]
        assert [ref["name"] for ref in ours["backendRefs"]] == ["shop-canary"]
        assert [[header["type"] for header in m["headers"]] for m in ours["matches"]] == [
            ["Exact", "RegularExpression"]
        ]
        stage.act(shop, "pause", "look")
        stage.await_state(shop, "Paused", deadline_s=20)
        assert gateway.version(gateway.http_route(stage, shop)) == gateway.version(amid)
        stage.act(shop, "abort", "enough")
        stage.await_state(shop, "Reverted", deadline_s=30)
        assert json.dumps(gateway.http_route(stage, shop)["spec"]) == json.dumps(before["spec"])


def test_a_header_that_the_route_has_a_condition_on_is_said(stage: Stage) -> None:
    """Invalid with the route and the header; nothing is written."""
    kind = next(name for name in WITH_HTTP if "mirrors" in name)
    shop = _naming(quick_shop(phases=HELD), kind)
    for body in shop.base():
        if body["kind"] == "VirtualService":
            body["spec"]["http"][1]["match"] = [{"headers": {"x-group": {"prefix": "b"}}}]
        stage.cluster.apply(body)
    stage.release(shop, App("v1"))
    status = stage.await_state(shop, "Invalid", deadline_s=20)
    assert condition(status, "Stalled")["reason"] == "HeaderRouteNotPossible"
    assert "condition of its own on header x-group" in status["message"]
    stage.close(shop)


@pytest.mark.parametrize(
    ("traffic", "words"),
    [
        ({"service": {"active": "shop"}}, "a plain Service sees no headers"),
        (
            {
                "istio": {
                    "virtualServices": [{"name": "shop", "tcpRoutes": [{"port": 1}]}],
                    "destinationRule": {"name": "shop"},
                }
            },
            "TLS and TCP routes have no headers",
        ),
    ],
)
def test_match_without_http_is_refused_by_the_api_server(
    stage: Stage, traffic: dict[str, Any], words: str
) -> None:
    """By the CRD's own rule, before anything else is looked at."""
    body = quick_shop(phases=HELD).rollout(App("v1"))
    body["metadata"]["namespace"] = "default"
    body["spec"]["traffic"] = traffic
    with pytest.raises(SandboxError, match=words):
        stage.cluster.apply(body)
