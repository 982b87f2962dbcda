"""Clusters that tests share: each is started once a session, on its first use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.manifests import App, Shop
from demo.operator_process import install_crds, install_rights
from demo.stage import Stage
from sandbox import Cluster, Sandbox, traffic_missing

AT_REST = Shop(name="calm", namespace="at-rest", extra={"metrics": [], "guards": []})
"""A Rollout that nobody touches all session long: what the operator writes to it is counted."""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real API server with our CRDs and simulated pods; no operator and no rights of one."""
    sandbox = _api_level("api")
    yield sandbox
    _take_down(sandbox)


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An API-level cluster of its own, with an operator that knows no metrics provider."""
    sandbox = _api_level("stage")
    install_rights(sandbox)
    made = Stage(sandbox, tmp_path_factory.mktemp("operator"))
    made.operator.start()
    made.open(AT_REST, App("v1"))
    yield made
    try:
        _end(made)
    finally:
        _take_down(sandbox)


def _api_level(name: str) -> Sandbox:
    sandbox = Sandbox.up("api", f"tests-{name}-{os.getpid()}", owner_pid=os.getpid())
    install_crds(sandbox)
    return sandbox


@pytest.fixture(scope="session")
def traffic_cluster() -> Iterator[Cluster]:
    """Real pods, istiod, Envoy and Prometheus; skipped where the machine cannot."""
    missing = traffic_missing()
    if missing:
        pytest.skip("no traffic level here: " + "; ".join(missing))
    sandbox = Sandbox.up("traffic", f"tests-traffic-{os.getpid()}", owner_pid=os.getpid())
    yield sandbox
    _take_down(sandbox)


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


def _take_down(sandbox: Sandbox) -> None:
    """Stop it and leave nothing behind, not even its logs."""
    folder = sandbox.layout.root
    sandbox.down()
    shutil.rmtree(folder, ignore_errors=True)
