"""What the tests that play the examples share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.operator_process import install_rights
from sandbox import Cluster
from tests.observer.observer import Observer, watching


@pytest.fixture(scope="module")
def watcher(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observer]:
    """Sees all that happens in the cluster while a module's examples are played."""
    install_rights(cluster)
    with watching(cluster, tmp_path_factory.mktemp("observed")) as observer:
        yield observer
