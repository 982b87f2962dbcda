"""Clusters that tests share, and how many examples properties try.

Each cluster is started once a session, on its first use. Examples are the same every time, so that
whoever changed nothing sees what others saw; `TIDEGATE_EXAMPLES=2000 pytest tests/core` looks for
new failures and prints what to repeat.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.internal.constants_ast import Constants

from demo.manifests import App, Shop
from demo.operator_process import install_crds, install_rights
from demo.stage import Stage
from sandbox import Cluster, Sandbox, traffic_missing
from tests.observer.observer import Observer, watching

os.environ["TIDEGATE_SEED"] = os.environ.get("TIDEGATE_SEED") or str(datetime.now(UTC).toordinal())
# Before any test module is read: what it chooses by the day must be the same in every worker.

# A busy machine is no fault of the code: examples may take as long as they need.
settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.register_profile(
    "search",
    deadline=None,
    database=None,
    print_blob=True,
    max_examples=int(os.environ.get("TIDEGATE_EXAMPLES", "100")),
)
if settings.get_current_profile_name() == "default":  # seeded bugs bring one of their own
    settings.load_profile("search" if "TIDEGATE_EXAMPLES" in os.environ else "steady")
if settings.get_current_profile_name() == "steady":
    # Hypothesis also tries constants that it finds in the modules loaded so far, so that the
    # examples of a test would depend on which others ran before it; there is no setting for it.
    setattr(HypothesisProvider, "_local_constants", Constants())  # noqa: B010 — it is private

AT_REST = Shop(name="calm", namespace="at-rest", extra={"metrics": [], "guards": []})
"""A Rollout that nobody touches all session long: what the operator writes to it is counted."""


MARKERS = {"stage": "api", "traffic_stage": "traffic"}
"""Fixtures with an operator, and the marker of a test that uses one."""


DEEP = ("tests/properties/", "tests/model/")
"""Simulated lives and searches: two thirds of the time of all tests without servers."""
DEEP_PART = 12
"""Under TIDEGATE_QUICK=2 (`make check`) one of so many of them runs, others each day."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Hold tests to their markers, and leave deep ones for other days where time is short."""
    _marked(items)
    if os.environ.get("TIDEGATE_QUICK") != "2":
        return
    deep = [item for item in items if item.nodeid.startswith(DEEP)]
    left_out = set(deep) - set(deep[int(os.environ["TIDEGATE_SEED"]) % DEEP_PART :: DEEP_PART])
    config.hook.pytest_deselected(items=[item for item in deep if item in left_out])
    items[:] = [item for item in items if item not in left_out]


def _marked(items: list[pytest.Item]) -> None:
    """A test that starts servers says so: `make check` leaves it out by its marker.

    A mere parameter of such a name would start them, too.
    """
    for item in items:
        for name in MARKERS.keys() & set(getattr(item, "fixturenames", ())):
            if item.get_closest_marker(MARKERS[name]) is None:
                message = f"{item.nodeid} uses {name} and has no marker {MARKERS[name]}"
                raise pytest.UsageError(message)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real API server with our CRDs and simulated pods; no operator and no rights of one."""
    sandbox = _api_level("api")
    yield sandbox
    _take_down(sandbox)


@pytest.fixture(scope="session")
def stage_cluster() -> Iterator[Sandbox]:
    """An API-level cluster of its own, with the operator's rights."""
    sandbox = _api_level("stage")
    install_rights(sandbox)
    yield sandbox
    _take_down(sandbox)


@pytest.fixture(scope="session")
def stage_observer(
    stage_cluster: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Observer]:
    """Watches the stage's cluster from before the operator starts."""
    with watching(stage_cluster, tmp_path_factory.mktemp("observed")) as observer:
        yield observer


@pytest.fixture(scope="session")
def stage(
    stage_cluster: Sandbox, stage_observer: Observer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """An API-level cluster of its own, with an operator that knows no metrics provider."""
    made = Stage(stage_cluster, tmp_path_factory.mktemp("operator"))
    made.operator.start()
    made.open(AT_REST, App("v1"))
    yield made
    _end(made)


OBSERVERS = {"stage": "stage_observer", "traffic_stage": "traffic_observer"}


@pytest.fixture(autouse=True)
def observed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test on a stage does, the observer must have nothing against it."""
    names = [OBSERVERS[name] for name in OBSERVERS if name in request.fixturenames]
    observers: list[Observer] = [request.getfixturevalue(name) for name in names]
    for observer in observers:
        observer.mark()
    yield
    for observer in observers:
        observer.check(request.node.name)


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
def traffic_observer(
    traffic_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Observer]:
    """Watches the traffic-level cluster from before the operator starts."""
    install_crds(traffic_cluster)
    with watching(traffic_cluster, tmp_path_factory.mktemp("observed")) as observer:
        yield observer


@pytest.fixture(scope="session")
def traffic_stage(
    traffic_cluster: Cluster, traffic_observer: Observer, tmp_path_factory: pytest.TempPathFactory
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
