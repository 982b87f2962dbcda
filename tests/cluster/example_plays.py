"""An example's document on a real API server, with an operator and a provider of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from demo.manifests import Shop
from demo.operator_process import OperatorProcess
from demo.stage import Stage
from sandbox import Cluster, SandboxError
from tests.adapters.prometheus.real import WINDOW_S, exporting, prometheus
from tests.cluster.direct import administrator
from tests.cluster.example_documents import BAKE, Document, document
from tests.cluster.example_exporter import Business
from tests.cluster.example_metrics import ExampleMetrics
from tests.cluster.looks import selected, sizes, weights
from tests.cluster.places import history_ended
from tests.faults.arena import lease_rights

Status = dict[str, Any]
Metrics = TypeVar("Metrics", bound=ExampleMetrics | Business)

PREFLIGHT = "preflight"
DEADLINE_S = 120.0
LOG_LINES = 15

_numbers = itertools.count(1)


def _stands(status: Status, name: str) -> bool:
    """Whether the clock of that phase runs; of the bake, whether the way back is one write."""
    run, phase = status.get("run") or {}, status.get("phase") or {}
    if name != BAKE:
        return phase.get("name") == name and bool(phase.get("startedAt"))
    traffic = status.get("traffic") or {}
    home = traffic.get("weight") == 0 and traffic.get("canary") == run.get("from")
    return run.get("stage") == "Baking" and home


class Play(Generic[Metrics]):
    """One example, its operator and its metrics."""

    def __init__(self, stage: Stage, example: Document, metrics: Metrics) -> None:
        self.stage = stage
        self.metrics: Metrics = metrics
        self.example = example
        rollout = example.rollout
        self.spec = rollout["spec"]
        self._over: set[str] = set()
        meta = rollout["metadata"]
        self.shop = Shop(name=meta["name"], namespace=meta["namespace"])

    def open(self) -> str:
        """Apply all of it; returns the revision that is served then."""
        for body in self.example.base:
            self.stage.cluster.apply(body)
        self.stage.cluster.apply(self.example.rollout)
        return str(self.awaited("served", lambda s: s.get("state") == "Healthy")["stableRevision"])

    def release(self, *over: str) -> None:
        """Apply it with another image; those phases, or the bake, last no longer than they must."""
        self._over.update(over)
        self.stage.cluster.apply(self.example.version("2", self._over))

    def says_go(self, phase: str = PREFLIGHT) -> None:
        """Once people are asked, as many as it takes of its groups approve that phase."""
        status = self.awaited("asked", lambda s: s.get("state") == "AwaitingApproval")
        assert status["phase"]["name"] == phase
        terms = self.spec[phase]["approval"]
        for number in range(terms["required"]):
            group = terms["groups"][number % len(terms["groups"])]
            self.stage.act(
                self.shop,
                "approve",
                "all is well",
                requestedBy=f"person-{number}",
                requestedGroups=[group],
                revision=status["canaryRevision"],
                phase=phase,
            )

    def awaited(self, what: str, holds: Any) -> Status:
        """Wait until the status is so; SandboxError with status and log when it never is."""
        try:
            return self.stage.await_status(self.shop, what, holds, deadline_s=DEADLINE_S)
        except SandboxError as error:
            log = self.stage.operator.log_file.read_text().splitlines()[-LOG_LINES:]
            raise SandboxError("\n".join((str(error), *log))) from error

    def stands(self, name: str) -> Status:
        """Wait until it is in that phase, or in the bake with the old pods warm."""
        return self.awaited(f"in {name}", lambda status: _stands(status, name))

    def ended(self, number: int, outcome: str) -> Status:
        """Wait until that run is over with that outcome and all is at rest."""
        return self.awaited(f"run {number} {outcome}", history_ended(number, outcome))

    def pods(self) -> dict[str, tuple[int, int]]:
        """Pods wanted and ready by revision."""
        return sizes(self.stage, self.shop)

    def weights(self) -> list[int]:
        """Stable's and the canary's in the VirtualService."""
        return weights(self.stage, self.shop)

    def selected(self, service: str) -> str | None:
        """The revision that a Service selects."""
        return selected(self.stage, self.shop, service)


@contextmanager
def played(cluster: Cluster, folder: Path, example: str) -> Iterator[Play[ExampleMetrics]]:
    """The example in a namespace of its own; a script is its Prometheus."""
    loaded = _loaded(cluster, example)
    with (
        ExampleMetrics(administrator(cluster), loaded.rollout) as metrics,
        _playing(cluster, folder, loaded, metrics, metrics.url) as play,
    ):
        yield play


@contextmanager
def measured(cluster: Cluster, folder: Path, example: str) -> Iterator[Play[Business]]:
    """The example in a namespace of its own; a real Prometheus scrapes what it asks for."""
    loaded = _loaded(cluster, example, window_s=WINDOW_S)
    meta = loaded.rollout["metadata"]
    business = Business(administrator(cluster), meta["namespace"], meta["name"])
    with (
        exporting(business),
        prometheus(folder, {"business": business}) as url,
        _playing(cluster, folder, loaded, business, url) as play,
    ):
        yield play


def _loaded(cluster: Cluster, example: str, **pace: float) -> Document:
    namespace = f"example-{next(_numbers)}"
    head = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    for body in (head, *lease_rights(namespace)):
        cluster.apply(body)
    return document(cluster, example, namespace, **pace)


@contextmanager
def _playing(
    cluster: Cluster, folder: Path, loaded: Document, metrics: Metrics, url: str
) -> Iterator[Play[Metrics]]:
    stage = Stage(cluster, folder)
    namespace = loaded.rollout["metadata"]["namespace"]
    stage.operator = OperatorProcess(cluster, folder, prometheus_url=url, namespace=namespace)
    stage.operator.start()
    play = Play(stage, loaded, metrics)
    try:
        yield play
        stage.close(play.shop)
    finally:
        stage.operator.stop()
    log = stage.operator.log_file.read_text()
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:5000]
