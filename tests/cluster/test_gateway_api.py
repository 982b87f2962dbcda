"""HTTPRoutes of the Gateway API, with its own definitions on a real API server."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import ROLLOUTS, Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.cluster.places import await_seniority, condition, history_ended, opened, quick_shop

pytestmark = pytest.mark.api

HELD = ({"name": "ten", "weight": 10, "hold": "1h"},)
CRD = "httproutes.gateway.networking.k8s.io"


def backend(name: str, weight: int | None = None) -> dict[str, Any]:
    """A backendRef; without a weight the API server says 1."""
    ref: dict[str, Any] = {"name": name, "port": 80}
    return ref if weight is None else {**ref, "weight": weight}


def pair(stable: int | None = 100, canary: int = 0) -> list[dict[str, Any]]:
    """The Rollout's two Services."""
    return [backend("shop-stable", stable), backend("shop-canary", canary)]


RULES: list[dict[str, Any]] = [
    {
        "name": "legacy",
        "matches": [{"path": {"type": "PathPrefix", "value": "/legacy"}}],
        "backendRefs": [backend("legacy")],
    },
    {
        "name": "api",
        "matches": [
            {"path": {"type": "RegularExpression", "value": "/api/v[0-9]+"}, "method": "POST"},
            {"headers": [{"type": "Exact", "name": "x-beta", "value": "1"}]},
        ],
        "filters": [
            {
                "type": "RequestHeaderModifier",
                "requestHeaderModifier": {"set": [{"name": "x-shop", "value": "1"}]},
            },
            {
                "type": "RequestMirror",
                "requestMirror": {"backendRef": {"name": "shadow", "port": 80}, "percent": 5},
            },
        ],
        "timeouts": {"request": "7s"},
        "backendRefs": [backend("old", 67), *pair(33), backend("idle", 0)],
    },
    {
        "name": "web",
        "filters": [
            {
                "type": "URLRewrite",
                "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v2"}},
            }
        ],
        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
        "backendRefs": pair(),
    },
]

ELSEWHERE: list[dict[str, Any]] = [{"backendRefs": [backend(name)]} for name in ("old", "older")]


def objects(shop: Shop, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Namespace, two Services and the HTTPRoute."""
    namespace, service, *_ = shop.base()
    services = []
    for role in ("stable", "canary"):
        services.append(copy.deepcopy(service))
        services[-1]["metadata"]["name"] = f"shop-{role}"
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": shop.name,
            "namespace": shop.namespace,
            "annotations": {"owner": "team-a"},
        },
        "spec": {
            "hostnames": ["shop.example"],
            "parentRefs": [{"name": "gateway", "namespace": "edge"}],
            "rules": rules,
        },
    }
    return [namespace, *services, route]


def rollout(shop: Shop, version: str, *rules: str) -> dict[str, Any]:
    """The Rollout that moves these rules."""
    body = shop.rollout(App(version))
    ref = {"name": shop.name, **({"rules": list(rules)} if rules else {})}
    services = {"stable": "shop-stable", "canary": "shop-canary"}
    body["spec"]["traffic"] = {
        "settle": shop.settle,
        "gatewayApi": {"httpRoutes": [ref], "services": services},
    }
    return body


@contextmanager
def served(
    stage: Stage, shop: Shop, rules: list[dict[str, Any]], *names: str
) -> Iterator[dict[str, Any]]:
    """The shop with its first version served; yields the HTTPRoute as it was before the Rollout."""
    for body in objects(shop, rules):
        stage.cluster.apply(body)
    before = http_route(stage, shop)
    stage.cluster.apply(rollout(shop, "v1", *names))
    stage.await_state(shop, "Healthy", deadline_s=30)
    try:
        yield before
    finally:
        stage.close(shop)


def http_route(stage: Stage, shop: Shop) -> dict[str, Any]:
    """The HTTPRoute as it is now."""
    found: dict[str, Any] = stage.cluster.get(CRD, shop.name, "-n", shop.namespace)
    return found


def weights(route: dict[str, Any], rule: int) -> list[int]:
    """The weights of one rule."""
    return [ref["weight"] for ref in route["spec"]["rules"][rule]["backendRefs"]]


def established(stage: Stage) -> bool:
    """Whether the API server serves HTTPRoutes again."""
    conditions = stage.cluster.get("crd", CRD).get("status", {}).get("conditions") or ()
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def version(route: dict[str, Any]) -> str:
    """Its resourceVersion: the same as long as nobody writes."""
    return str(route["metadata"]["resourceVersion"])


def in_phase(status: dict[str, Any]) -> bool:
    """Whether its clock runs."""
    return bool(status.get("phase", {}).get("startedAt"))


def test_a_release_moves_the_rules_that_name_both_and_leaves_every_other_byte(
    stage: Stage,
) -> None:
    """10 %, then all, then at rest as Git holds it; both Services select the new revision."""
    shop = quick_shop(phases=HELD)
    with served(stage, shop, RULES) as before:
        stage.cluster.apply(rollout(shop, "v2"))
        status = stage.await_status(shop, "in the phase", in_phase, deadline_s=30)
        assert status["weight"] == 10
        amid = http_route(stage, shop)
        assert [weights(amid, rule) for rule in range(3)] == [[1], [67, 30, 3, 0], [90, 10]]
        for rule in (1, 2):
            amid["spec"]["rules"][rule]["backendRefs"] = before["spec"]["rules"][rule][
                "backendRefs"
            ]
        assert json.dumps(amid["spec"]) == json.dumps(before["spec"])
        stage.act(shop, "promote", "seen enough")
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        after = http_route(stage, shop)
        assert json.dumps(after["spec"]) == json.dumps(before["spec"])
        assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
        for role in ("stable", "canary"):
            service = stage.cluster.get("service", f"shop-{role}", "-n", shop.namespace)
            selected = service["spec"]["selector"]["tidegate.io/revision"]
            assert selected == status["stableRevision"]
        assert "HTTPRoute shop" in stage.describe(shop)


def test_an_abort_sends_back_and_only_the_named_rule_moves(stage: Stage) -> None:
    """A rule that names both Services but is not named in the Rollout stays as it is."""
    shop = quick_shop(phases=HELD)
    rules = [{**RULES[2], "name": "kept", "backendRefs": pair(60, 40)}, RULES[2]]
    with served(stage, shop, rules, "web") as before:
        stage.cluster.apply(rollout(shop, "v2", "web"))
        stage.await_weight(shop, 10, deadline_s=30)
        assert [weights(http_route(stage, shop), rule) for rule in (0, 1)] == [[60, 40], [90, 10]]
        stage.act(shop, "abort", "enough")
        stage.await_state(shop, "Reverted", deadline_s=30)
        assert http_route(stage, shop)["spec"] == before["spec"]


def test_weights_left_out_are_all_for_stable_and_nothing_is_written_at_rest(stage: Stage) -> None:
    """A weight left out is 1 and canary has 0: that is all; Git's own words stay."""
    shop = quick_shop(phases=HELD)
    with served(stage, shop, [{"backendRefs": pair(None)}]) as before:
        route = http_route(stage, shop)
        assert weights(route, 0) == [1, 0]
        assert version(route) == version(before)
        stage.cluster.apply(rollout(shop, "v2"))
        stage.await_status(shop, "in the phase", in_phase, deadline_s=30)
        assert weights(http_route(stage, shop), 0) == [90, 10]


@pytest.mark.parametrize(
    ("rules", "names", "reason", "words"),
    [
        (RULES[:1], (), "DestinationNotFound", "rule legacy must name the stable Service"),
        (ELSEWHERE, (), "DestinationNotFound", "no rule names both"),
        (RULES, ("nope",), "RouteNotFound", "rule 'nope' not found (has: legacy, api, web)"),
        (
            [{"backendRefs": [*pair(1), backend("old", 1)]}],
            (),
            "ForeignDestinationHasWeight",
            "a weight of 1 in all",
        ),
    ],
    ids=["one Service", "no rule", "no such rule", "nothing to share"],
)
def test_what_is_wrong_with_an_http_route_is_said(
    stage: Stage, rules: list[dict[str, Any]], names: tuple[str, ...], reason: str, words: str
) -> None:
    """Invalid with one sentence; nothing is written."""
    shop = quick_shop()
    for body in objects(shop, rules):
        stage.cluster.apply(body)
    before = http_route(stage, shop)
    stage.cluster.apply(rollout(shop, "v1", *names))
    status = stage.await_state(shop, "Invalid", deadline_s=20)
    assert condition(status, "Stalled")["reason"] == reason
    assert words in status["message"]
    assert version(http_route(stage, shop)) == version(before)
    stage.close(shop)


def test_two_rollouts_on_one_http_route_conflict(stage: Stage) -> None:
    """The older one stands; the younger is told whose it is."""
    shop = quick_shop(phases=HELD)
    with served(stage, shop, RULES):
        await_seniority(stage, shop)
        other = rollout(shop, "v1", "web")
        other["metadata"]["name"] = "late"
        other["spec"]["selector"] = {"matchLabels": {"app": "late"}}
        other["spec"]["template"]["metadata"]["labels"] = {"app": "late"}
        other["spec"]["traffic"]["gatewayApi"]["services"] = {"stable": "a", "canary": "b"}
        stage.cluster.apply(other)

        def told() -> bool:
            found = stage.cluster.get(ROLLOUTS, "late", "-n", shop.namespace)
            message = found.get("status", {}).get("message", "")
            return "HTTPRoute shop rule web is already moved by Rollout shop" in message

        wait_until(told, 20, "the conflict is said")
        stage.cluster.kubectl("delete", ROLLOUTS, "late", "-n", shop.namespace)


def test_a_rollout_deleted_mid_run_leaves_the_http_route_as_it_was(stage: Stage) -> None:
    """Deleting is a revert first: weights and selectors are home before the object goes."""
    shop = quick_shop(phases=HELD)
    for body in objects(shop, RULES):
        stage.cluster.apply(body)
    before = http_route(stage, shop)
    stage.cluster.apply(rollout(shop, "v1"))
    stage.await_state(shop, "Healthy", deadline_s=30)
    stage.cluster.apply(rollout(shop, "v2"))
    stage.await_weight(shop, 10, deadline_s=30)
    stage.close(shop)
    assert http_route(stage, shop)["spec"] == before["spec"]


def test_http_routes_cannot_be_swapped_under_a_run(stage: Stage) -> None:
    """Traffic would be left on routes nobody looks after."""
    shop = quick_shop(phases=HELD)
    with served(stage, shop, RULES):
        stage.cluster.apply(rollout(shop, "v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        with pytest.raises(SandboxError, match="cannot change while a run is on"):
            stage.cluster.apply(rollout(shop, "v2", "web"))


def test_a_router_that_is_not_installed_is_said_and_found_when_it_comes(stage: Stage) -> None:
    """Others go on meanwhile; a run that lost its router goes on when it is back."""
    definition = stage.cluster.get("crd", CRD)
    for volatile in ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields"):
        definition["metadata"].pop(volatile, None)
    del definition["status"]
    shop = quick_shop(phases=HELD)
    with served(stage, shop, RULES):
        stage.cluster.apply(rollout(shop, "v2"))
        stage.await_status(shop, "in the phase", in_phase, deadline_s=30)
        stage.cluster.kubectl("delete", "crd", CRD)
        try:
            status = stage.await_status(
                shop,
                "told",
                lambda s: "the Gateway API is not installed" in s.get("message", ""),
                deadline_s=30,
            )
            assert status["state"] == "Invalid"
            assert condition(status, "Stalled")["reason"] == "RouterNotInstalled"
            assert status["ready"] == "2/2"
            with opened(stage, quick_shop(phases=())) as calm:
                stage.release(calm, App("v2"))
                stage.await_status(calm, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        finally:
            stage.cluster.apply(definition)
            wait_until(lambda: established(stage), 30, f"{CRD} established")
        stage.await_status(
            shop,
            "looked for",
            lambda s: "not found; create it" in s.get("message", ""),
            deadline_s=90,
        )
        stage.cluster.apply(objects(shop, RULES)[3])
        stage.await_status(
            shop, "at 10 % again", lambda s: s.get("weight") == 10 and in_phase(s), deadline_s=90
        )
