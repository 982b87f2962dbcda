"""An example's document on a real API server, with an operator and a provider of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.manifests import Shop
from demo.operator_process import OperatorProcess
from demo.stage import Stage
from sandbox import Cluster, SandboxError
from tests.cluster.direct import administrator
from tests.cluster.example_documents import BAKE, NAME, Document, document
from tests.cluster.example_metrics import ExampleMetrics
from tests.cluster.looks import selected, sizes, weights
from tests.cluster.places import history_ended
from tests.faults.arena import lease_rights

Status = dict[str, Any]

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


class Play:
    """One example, its operator and its metrics."""

    def __init__(self, stage: Stage, example: Document, metrics: ExampleMetrics) -> None:
        self.stage = stage
        self.metrics = metrics
        self.example = example
        rollout = example.rollout
        self.spec = rollout["spec"]
        self._over: set[str] = set()
        self.shop = Shop(name=NAME, namespace=rollout["metadata"]["namespace"])

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
def played(cluster: Cluster, folder: Path, example: str) -> Iterator[Play]:
    """The example in a namespace of its own."""
    namespace = f"example-{next(_numbers)}"
    head = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    for body in (head, *lease_rights(namespace)):
        cluster.apply(body)
    loaded = document(cluster, example, namespace)
    with ExampleMetrics(administrator(cluster), loaded.rollout) as metrics:
        stage = Stage(cluster, folder)
        stage.operator = OperatorProcess(
            cluster, folder, prometheus_url=metrics.url, namespace=namespace
        )
        stage.operator.start()
        play = Play(stage, loaded, metrics)
        try:
            yield play
            stage.close(play.shop)
        finally:
            stage.operator.stop()
        log = stage.operator.log_file.read_text()
        assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:5000]
