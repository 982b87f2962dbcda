"""TLS and TCP routes have no name: they are found by what they match, or told apart."""

from __future__ import annotations

import jsonpatch
import pytest

from tidegate.adapters.istio import find_routes
from tidegate.adapters.weights import Pair, Target, weight_patch
from tidegate.api.traffic import TcpRoute, TlsRoute, VirtualServiceRef
from tidegate.core import reasons

HOST = "web.shop.svc.cluster.local"
PAIR = Pair(Target(HOST, "stable"), Target(HOST, "canary"))


def ours(**more):
    route = [
        {"destination": {"host": "web", "subset": "stable", "port": {"number": 443}}, "weight": 90},
        {"destination": {"host": "web", "subset": "canary", "port": {"number": 443}}, "weight": 10},
    ]
    return {**more, "route": route}


def tls(*hosts, port=None):
    return {"sniHosts": list(hosts)} | ({"port": port} if port else {})


def service(**kinds):
    meta = {"name": "web", "namespace": "shop", "resourceVersion": "7"}
    return {"metadata": meta, "spec": {"hosts": ["web"], **kinds}}


def ref(**named):
    return VirtualServiceRef(name="web", **named)


def found(body, want):
    routes, problems = find_routes(body, want, PAIR)
    assert problems == []
    return [route.entries for route in routes]


def problem(body, want):
    routes, problems = find_routes(body, want, PAIR)
    assert routes == []
    assert len(problems) == 1
    return problems[0]


MANY = service(
    http=[ours(name="primary")],
    tls=[
        ours(match=[tls("a.example", port=443)]),
        ours(match=[tls("b.example", "c.example"), tls("d.example", port=8443)]),
        ours(match=[tls("a.example", port=8443)]),
    ],
    tcp=[ours(match=[{"port": 5432}]), ours(match=[{"port": 6379}, {"port": 6380}])],
)


@pytest.mark.parametrize("kind", ["http", "tls", "tcp"])
def test_the_only_route_of_all_needs_no_selector(kind):
    assert found(service(**{kind: [ours()]}), ref()) == [f"/spec/{kind}/0/route"]


@pytest.mark.parametrize("kind", ["tls", "tcp"])
def test_the_only_route_of_its_kind_needs_no_port(kind):
    body = service(**{"http": [ours(name="x")], kind: [ours()]})
    want = ref(tls_routes=(TlsRoute(),)) if kind == "tls" else ref(tcp_routes=(TcpRoute(),))
    assert found(body, want) == [f"/spec/{kind}/0/route"]


@pytest.mark.parametrize(
    ("want", "indices"),
    [
        (TlsRoute(port=443), [0]),
        (TlsRoute(port=8443), [1, 2]),
        (TlsRoute(sni_hosts=("a.example",)), [0, 2]),
        (TlsRoute(sni_hosts=("a.example",), port=8443), [2]),
        (TlsRoute(sni_hosts=("c.example", "b.example")), [1]),
    ],
)
def test_a_tls_route_is_found_by_port_and_sni_hosts(want, indices):
    assert found(MANY, ref(tls_routes=(want,))) == [f"/spec/tls/{i}/route" for i in indices]


@pytest.mark.parametrize(("port", "index"), [(5432, 0), (6379, 1), (6380, 1)])
def test_a_tcp_route_is_found_by_port(port, index):
    assert found(MANY, ref(tcp_routes=(TcpRoute(port=port),))) == [f"/spec/tcp/{index}/route"]


def test_routes_of_all_kinds_move_together_and_each_once():
    want = ref(
        routes=("primary",),
        tls_routes=(TlsRoute(port=443), TlsRoute(sni_hosts=("a.example",))),
        tcp_routes=(TcpRoute(port=6379), TcpRoute(port=6380)),
    )
    entries = ["http/0", "tls/0", "tls/2", "tcp/1"]
    assert found(MANY, want) == [f"/spec/{place}/route" for place in entries]
    routes, _ = find_routes(MANY, want, PAIR)
    patched = jsonpatch.apply_patch(MANY, weight_patch(MANY, routes, 25))
    for place in entries:
        kind, index = place.split("/")
        weights = [entry["weight"] for entry in patched["spec"][kind][int(index)]["route"]]
        assert weights == [75, 25]
    assert patched["spec"]["tls"][1] == MANY["spec"]["tls"][1]


@pytest.mark.parametrize(
    ("want", "words"),
    [
        (
            {"tls_routes": (TlsRoute(port=1),)},
            "TLS route with port 1 not found (has: tls[0] (port 443",
        ),
        (
            {"tls_routes": (TlsRoute(sni_hosts=("b.example",)),)},
            "with SNI hosts b.example not found",
        ),
        (
            {"tcp_routes": (TcpRoute(port=1),)},
            "not found (has: tcp[0] (port 5432), tcp[1] (port 6379;",
        ),
        ({"tls_routes": (TlsRoute(),)}, "has several routes (tls[0] (port 443 a.example)"),
        ({"tcp_routes": (TcpRoute(),)}, "virtualServices[].tcpRoutes"),
        ({}, "virtualServices[].routes or tlsRoutes or tcpRoutes"),
    ],
)
def test_what_is_not_found_or_not_clear_is_told_with_what_there_is(want, words):
    told = problem(MANY, ref(**want))
    assert told.reason == reasons.ROUTE_NOT_FOUND
    assert words in told.message


def test_a_delegate_is_named_where_a_root_was():
    root = {"name": "primary", "delegate": {"name": "checkout"}}
    told = problem(service(http=[root]), ref(routes=("primary",)))
    assert told.reason == reasons.ROUTE_NOT_FOUND
    assert "route primary delegates to VirtualService shop/checkout" in told.message
    assert told.message.endswith("name checkout in spec.traffic.istio.virtualServices[] instead")


def test_a_delegate_of_another_namespace_asks_for_a_rollout_there():
    root = {"delegate": {"name": "checkout", "namespace": "pay"}}
    told = problem(service(http=[root]), ref())
    assert told.message.endswith("instead, from a Rollout in namespace pay")


def test_the_delegate_itself_has_no_hosts_and_is_managed_like_any_other():
    body = service(http=[ours(name="primary")])
    del body["spec"]["hosts"]
    assert found(body, ref()) == ["/spec/http/0/route"]
