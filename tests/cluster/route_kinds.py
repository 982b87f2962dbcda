"""VirtualServices as teams really write them: each must come out of a run as it went in."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]

HEADERS: Object = {
    "request": {"set": {"x-shop": "1"}, "remove": ["x-debug"]},
    "response": {"add": {"x-served-by": "mesh"}},
}
RETRIES: Object = {"attempts": 3, "perTryTimeout": "2s", "retryOn": "5xx,reset"}
FAULT: Object = {
    "delay": {"percentage": {"value": 0.1}, "fixedDelay": "5s"},
    "abort": {"percentage": {"value": 0.5}, "httpStatus": 503},
}
CORS: Object = {
    "allowOrigins": [{"exact": "https://shop.example"}, {"regex": r"https://.*\\.shop\\.example"}],
    "allowMethods": ["GET", "POST"],
    "allowHeaders": ["authorization"],
    "maxAge": "24h",
    "allowCredentials": True,
}


def pair(host: str = "shop", stable: int = 100, **more: Any) -> list[Object]:
    """The two destinations of the Rollout, with what else the entries hold."""
    return [
        {"destination": {"host": host, "subset": role}, "weight": weight, **copy.deepcopy(more)}
        for role, weight in (("stable", stable), ("canary", 0))
    ]


def only(host: str, weight: int | None = None) -> list[Object]:
    """One destination of somebody else."""
    entry: Object = {"destination": {"host": host}}
    return [entry if weight is None else {**entry, "weight": weight}]


@dataclass(frozen=True)
class RouteKind:
    """One way to write a VirtualService: its spec, and what the Rollout names in it."""

    spec: Object
    names: Object = field(default_factory=lambda: {"routes": ["primary"]})


def _http(*before: Object, **primary: Any) -> Object:
    route = {"name": "primary", "route": pair(), **primary}
    return {"hosts": ["shop.example"], "http": [*before, route]}


KINDS: dict[str, RouteKind] = {
    "many routes, matched by regex, query and method": RouteKind(
        _http(
            {
                "name": "admin",
                "match": [
                    {"uri": {"regex": "^/admin/[0-9]+$"}, "method": {"exact": "GET"}},
                    {"queryParams": {"debug": {"exact": "1"}}, "ignoreUriCase": True},
                ],
                "route": only("admin"),
            },
            {"match": [{"headers": {"x-tenant": {"prefix": "big-"}}}], "route": only("big", 100)},
            {"name": "health", "directResponse": {"status": 200, "body": {"string": "ok"}}},
            {"name": "old", "redirect": {"uri": "/new", "redirectCode": 308}},
            match=[{"uri": {"prefix": "/"}, "sourceLabels": {"team": "a"}, "port": 80}],
        )
    ),
    "a route that delegates": RouteKind(
        _http({"match": [{"uri": {"prefix": "/pay"}}], "delegate": {"name": "pay"}})
    ),
    "the delegate itself, without hosts": RouteKind(
        {"http": [{"name": "primary", "match": [{"uri": {"prefix": "/"}}], "route": pair()}]}
    ),
    "destinations of somebody else with weight": RouteKind(
        _http(
            route=[
                *only("legacy", 61),
                *pair(stable=33),
                {"destination": {"host": "edge.other.svc.cluster.local"}, "weight": 6},
            ]
        )
    ),
    "mirrors": RouteKind(
        _http(
            mirrors=[
                {"destination": {"host": "shadow"}, "percentage": {"value": 12.5}},
                {"destination": {"host": "audit", "port": {"number": 81}}},
            ]
        )
    ),
    "faults and a time-out": RouteKind(_http(fault=FAULT, timeout="7.5s")),
    "headers of the route and of each destination": RouteKind(
        _http(headers=HEADERS, route=pair(headers=HEADERS))
    ),
    "retries and a rewrite": RouteKind(
        _http(retries=RETRIES, rewrite={"uri": "/v2", "authority": "shop.internal"})
    ),
    "cross-origin rules": RouteKind(_http(corsPolicy=CORS)),
    "ports, full hosts and entries out of order": RouteKind(
        _http(
            route=[
                {"destination": {"host": "third", "port": {"number": 9}}, "weight": 0},
                *reversed(pair("shop.NAMESPACE.svc.cluster.local")),
            ]
        )
    ),
    "TLS routes by SNI": RouteKind(
        {
            "hosts": ["a.example", "b.example"],
            "gateways": ["istio-system/gateway", "mesh"],
            "tls": [
                {"match": [{"port": 443, "sniHosts": ["b.example"]}], "route": only("other")},
                {"match": [{"port": 443, "sniHosts": ["a.example"]}], "route": pair()},
            ],
        },
        {"tlsRoutes": [{"port": 443, "sniHosts": ["a.example"]}]},
    ),
    "TCP routes by port, beside HTTP": RouteKind(
        {
            "hosts": ["shop.example"],
            "http": [{"name": "primary", "route": pair()}],
            "tcp": [
                {"match": [{"port": 5432}], "route": only("db", 100)},
                {"match": [{"port": 6379, "sourceNamespace": "x"}], "route": pair(stable=100)},
            ],
        },
        {"routes": ["primary"], "tcpRoutes": [{"port": 6379}]},
    ),
}
