"""HTTPRoutes, TLS routes and routes that others share are judged like plain HTTP routes."""

from __future__ import annotations

import copy

import pytest

from tests.observer.tales import (
    NAMESPACE,
    NEW,
    OLD,
    SETTLED_S,
    Object,
    Tale,
    pod,
    replica_set,
    rollout,
    routes,
    run,
    thing,
)


def _gateway(**status: object) -> Object:
    body = rollout(**status)
    services = {"stable": "web", "canary": "web-canary"}
    body["spec"]["traffic"] = {
        "gatewayApi": {"httpRoutes": [{"name": "shop"}], "services": services}
    }
    return body


def _http_route(stable: int, canary: int, *others: int, timeout: str = "1s") -> Object:
    refs = [{"name": "web", "weight": stable}, {"name": "web-canary", "weight": canary}]
    refs += [{"name": "old", "weight": weight} for weight in others]
    rules = [
        {"backendRefs": [{"name": "old"}]},
        {"timeouts": {"request": timeout}, "backendRefs": refs},
    ]
    return thing("HTTPRoute", "shop", spec={"rules": rules})


def _service(name: str, revision: str) -> Object:
    selector = {"app": "shop", "tidegate.io/revision": revision}
    return thing("Service", name, spec={"selector": selector})


def _tale(*others: int, pods: int = 4) -> Tale:
    whole = 100 - sum(others)
    tale = Tale().stands(
        _gateway(),
        _http_route(whole, 0, *others),
        _service("web", OLD),
        _service("web-canary", NEW),
        replica_set(OLD, 4),
        replica_set(NEW, pods),
        *(pod(OLD, number) for number in range(4)),
        *(pod(NEW, number) for number in range(pods)),
    )
    return tale.later(SETTLED_S).operator(_gateway(state="Progressing", run=run()))


def test_a_weight_of_an_http_route_may_change_and_nothing_else():
    assert _tale().operator(_http_route(90, 10)).said() == []
    assert "I13" in _tale().operator(_http_route(90, 10, timeout="2s")).names()


@pytest.mark.parametrize("pair", [(80, 10), (1, 1), (110, -10)])
def test_what_is_written_into_an_http_route_sums_to_a_hundred(pair: tuple[int, int]):
    assert "I1" in _tale().operator(_http_route(*pair)).names()


def test_beside_others_the_sum_is_theirs_to_choose():
    assert _tale(67).operator(_http_route(30, 3, 67)).said() == []
    assert "I13" in _tale(67).operator(_http_route(30, 3, 60)).names()


@pytest.mark.parametrize(("pods", "objects"), [(4, False), (0, True)])
def test_a_share_of_an_http_route_needs_its_pods(pods: int, *, objects: bool):
    assert ("I2" in _tale(pods=pods).operator(_http_route(50, 50)).names()) is objects


def test_an_http_route_that_nobody_names_is_not_the_operators():
    other = _http_route(100, 0)
    other["metadata"] |= {"name": "other", "uid": "other"}
    changed = copy.deepcopy(other)
    changed["spec"]["rules"][1]["backendRefs"][0]["weight"] = 90
    assert "I13" in _tale().stands(other).operator(changed).names()


def _tls(canary: int) -> Object:
    body = routes(canary)
    managed = body["spec"].pop("http")[1]["route"]
    match = [{"port": 443, "sniHosts": ["b", "a"]}]
    body["spec"]["tls"] = [{"match": [{"port": 443}]}, {"match": match, "route": managed}]
    return body


def test_a_tls_route_is_found_by_its_match():
    named = rollout(state="Progressing", run=run())
    ref = {"name": "shop", "tlsRoutes": [{"sniHosts": ["a", "b"]}]}
    named["spec"]["traffic"]["istio"]["virtualServices"] = [ref]
    tale = Tale().shop(canary=NEW).stands(_tls(0), named).later(SETTLED_S)
    assert tale.operator(_tls(10)).said() == []
    uneven = _tls(10)
    uneven["spec"]["tls"][1]["route"][0]["weight"] = 80
    tale = Tale().shop(canary=NEW).stands(_tls(0), named).later(SETTLED_S)
    assert "I1" in tale.operator(uneven).names()
    assert named["metadata"]["namespace"] == NAMESPACE
