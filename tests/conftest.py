"""Clusters that tests share: each is started once a session, on its first use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.operator_process import install_crds, install_rights
from demo.stage import Stage
from sandbox import Cluster, Sandbox, traffic_missing


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real API server with our CRDs and simulated pods; no operator runs in it by itself."""
    sandbox = Sandbox.up("api", f"tests-api-{os.getpid()}", owner_pid=os.getpid())
    install_crds(sandbox)
    install_rights(sandbox)
    yield sandbox
    sandbox.down()


@pytest.fixture(scope="session")
def stage(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The API-level cluster with an operator that knows no metrics provider."""
    made = Stage(cluster, tmp_path_factory.mktemp("operator"))
    made.operator.start()
    yield made
    _end(made)


@pytest.fixture(scope="session")
def traffic_cluster() -> Iterator[Cluster]:
    """Real pods, istiod, Envoy and Prometheus; skipped where the machine cannot."""
    missing = traffic_missing()
    if missing:
        pytest.skip("no traffic level here: " + "; ".join(missing))
    sandbox = Sandbox.up("traffic", f"tests-traffic-{os.getpid()}", owner_pid=os.getpid())
    yield sandbox
    sandbox.down()


@pytest.fixture(scope="session")
def traffic_stage(
    traffic_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """The traffic-level cluster with an operator that asks the real Prometheus."""
    made = Stage(traffic_cluster, tmp_path_factory.mktemp("traffic"))
    made.set_up()
    yield made
    _end(made)


def _end(stage: Stage) -> None:
    """A traceback in the operator's log is a failure whatever the tests saw."""
    stage.operator.stop()
    log = Path(stage.operator.log_file).read_text()
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:5000]
