"""What the demo and the traffic tests put into the cluster, as plain objects."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Object = dict[str, Any]

IMAGE = os.environ.get("TIDEGATE_DEMO_IMAGE", "docker.io/local/demo-app:1")
"""The demo app; another cluster than the sandbox needs it where its nodes can pull it."""
PORT = 8080


@dataclass(frozen=True)
class App:
    """One version of the demo app: what it is called and how it behaves."""

    version: str
    fail_share: float = 0.0
    latency: str = "0s"
    exit: str = "graceful"
    image: str = IMAGE

    def environment(self) -> list[Object]:
        """The container's variables."""
        pairs = {
            "VERSION": self.version,
            "FAIL_SHARE": f"{self.fail_share:g}",
            "LATENCY": self.latency,
            "EXIT": self.exit,
        }
        return [{"name": name, "value": value} for name, value in pairs.items()]


@dataclass(frozen=True)
class Shop:
    """One app behind the gateway, with its Rollout.

    Durations are Go strings. `extra` is merged over the Rollout's spec.
    """

    name: str = "shop"
    namespace: str = "demo"
    replicas: int = 4
    settle: str = "1s"
    drain_min: str = "2s"
    guard_max: float = 0.05
    phases: Sequence[Object] = ()
    extra: Object = field(default_factory=dict)
    entrance: str = ""
    """The URL of its gateway; of the cluster's own if empty."""
    route_kind: str = "virtualservice"
    """What holds its weights, as kubectl calls it."""

    @property
    def host(self) -> str:
        """The Host header that the gateway routes by."""
        return f"{self.name}.{self.namespace}.example"

    def with_(self, **changes: Any) -> Shop:
        """The same shop with some of its fields changed."""
        return replace(self, **changes)

    def base(self) -> list[Object]:
        """Namespace, Service, DestinationRule and VirtualService, as Git would hold them."""
        return [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}},
            self._object("v1", "Service", self._service()),
            self._object("networking.istio.io/v1", "DestinationRule", self._subsets()),
            self._object("networking.istio.io/v1", "VirtualService", self._routes()),
        ]

    def _object(self, api_version: str, kind: str, spec: Object) -> Object:
        meta = {"name": self.name, "namespace": self.namespace}
        return {"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec}

    def _service(self) -> Object:
        port = {"name": "http", "port": 80, "targetPort": PORT}
        return {"selector": {"app": self.name}, "ports": [port]}

    def _subsets(self) -> Object:
        return {"host": self.name, "subsets": [{"name": "stable"}, {"name": "canary"}]}

    def _routes(self) -> Object:
        stable = {"destination": {"host": self.name, "subset": "stable"}, "weight": 100}
        canary = {"destination": {"host": self.name, "subset": "canary"}, "weight": 0}
        legacy = {"destination": {"host": "legacy"}, "weight": 100}
        return {
            "hosts": [self.host],
            "gateways": ["istio-system/gateway"],
            "http": [
                {"name": "legacy", "match": [{"uri": {"prefix": "/legacy"}}], "route": [legacy]},
                {"name": "primary", "route": [stable, canary]},
            ],
        }

    def rollout(self, app: App) -> Object:
        """The Rollout of one version of the app."""
        spec: Object = {
            "replicas": self.replicas,
            "selector": {"matchLabels": {"app": self.name}},
            "template": self._template(app),
            "progressDeadline": "60s",
            "traffic": {
                "settle": self.settle,
                "istio": {
                    "virtualServices": [{"name": self.name, "routes": ["primary"]}],
                    "destinationRule": {"name": self.name},
                },
            },
            "drain": {"min": self.drain_min},
            "metrics": self._metrics(),
            "guards": [{"metric": "error-rate", "max": self.guard_max, "interval": "1s"}],
            "phases": [dict(phase) for phase in self.phases],
        }
        return self._object("tidegate.io/v1alpha1", "Rollout", {**spec, **self.extra})

    def _metrics(self) -> list[Object]:
        answered = (
            "sum(rate(http_requests_total"
            '{namespace="{{namespace}}",revision="{{revision}}"}[{{window}}]))'
        )
        return [
            {"name": "error-rate", "template": "envoy-error-rate", "window": "10s"},
            {"name": "latency-p95", "template": "envoy-latency", "window": "10s", "quantile": 0.95},
            {"name": "requests", "query": answered, "window": "10s"},
        ]

    def _template(self, app: App) -> Object:
        container = {
            "name": "app",
            "image": app.image,
            "imagePullPolicy": "IfNotPresent",
            "env": app.environment(),
            "ports": [{"containerPort": PORT}],
            "readinessProbe": {
                "httpGet": {"path": "/healthz", "port": PORT},
                "periodSeconds": 1,
                "initialDelaySeconds": 0,
            },
        }
        return {
            "metadata": {
                "labels": {"app": self.name},
                "annotations": {
                    "prometheus.io/scrape": "true",
                    "prometheus.io/port": str(PORT),
                },
            },
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 30},
        }
