"""Documents about a business, with its numbers served by an exporter and a real Prometheus between.

The document's own queries are evaluated; only time is made short. Each is played to its promotion
and to a revert.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from shutil import which

import pytest

from demo.operator_process import install_rights
from sandbox import Cluster
from tests.cluster.example_exporter import Business
from tests.cluster.example_plays import Play, measured
from tests.cluster.looks import recorded
from tests.observer.observer import Observer, watching

pytestmark = [
    pytest.mark.api,
    pytest.mark.skipif(
        which("prometheus") is None,
        reason="no prometheus on the PATH; on Debian: apt-get install prometheus",
    ),
]

Measured = Callable[..., AbstractContextManager[Play[Business]]]


@pytest.fixture(scope="module")
def watcher(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observer]:
    install_rights(cluster)
    with watching(cluster, tmp_path_factory.mktemp("observed")) as observer:
        yield observer


@pytest.fixture
def play(
    cluster: Cluster, watcher: Observer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Measured]:
    """Opens an example; whatever happens then, the observer must have nothing against it."""
    watcher.mark()
    yield lambda example: measured(cluster, tmp_path, example)
    watcher.check(request.node.name)


BETTER = {"compliant": 0.8382, "ndcg": 0.512}
"""What was measured of the new model; of the old one it is 0.7 and 0.5."""


def _released(on: Play[Business], *over: str, **quality: float) -> str:
    """A new version whose answers are so; returns its revision."""
    on.metrics.says(on.open(), ndcg=0.5)
    on.metrics.says(**quality)
    on.release(*over)
    return str(on.awaited("released", lambda s: bool(s.get("run")))["run"]["to"])


def test_a_better_model_is_promoted_once_enough_answers_were_judged(play: Measured) -> None:
    with play("improvement") as on:
        model = _released(on, "start", "watch", "widen", **BETTER, judged=0.1)
        few = on.awaited(
            "too few answers", lambda s: "gate compliance is undecided" in s.get("message", "")
        )
        assert (few["phase"]["name"], few["weight"]) == ("start", 10)
        on.metrics.says(model, judged=1.0)
        assert on.ended(1, "Promoted")["stableRevision"] == model
        run = recorded(on.stage, on.shop, 1, "Promoted", "Promoted")
        passed = [e["what"] for e in run["status"]["history"] if e["reason"] == "PhasePassed"]
        assert passed == ["start", "watch", "widen", "all"]


def test_a_model_that_improves_too_little_waits_until_it_improves_enough(play: Measured) -> None:
    """+0.12 of the +0.13 asked for: neither a pass, nor a reason to send it back."""
    with play("improvement") as on:
        model = _released(on, "start", **{**BETTER, "compliant": 0.82})
        short = on.awaited(
            "short of the goal", lambda s: "gate compliance is fail" in s.get("message", "")
        )
        assert (short["phase"]["name"], short["weight"]) == ("start", 10)
        on.metrics.says(model, compliant=0.8382)
        assert on.stands("watch")["weight"] == 10


@pytest.mark.parametrize(
    ("quality", "guard"),
    [
        ({"errors": 0.05}, "error-rate"),
        ({"latency_s": 0.0015}, "latency-p95"),
        ({"available": 0.99}, "availability"),
    ],
)
def test_a_better_model_that_serves_worse_is_sent_back(
    play: Measured, quality: dict[str, float], guard: str
) -> None:
    with play("improvement") as on:
        model = _released(on, "start", **BETTER)
        on.stands("watch")
        on.metrics.says(model, **quality)
        status = on.ended(1, "Reverted")
        assert status["stableRevision"] != model
        assert f"guard {guard} is" in status["message"]
        recorded(on.stage, on.shop, 1, "Reverted", "GuardBreached")


def test_fewer_orders_than_before_hold_the_last_share(play: Measured) -> None:
    """The same conversion or a better one before all requests go to the new model."""
    with play("improvement") as on:
        _released(on, "start", "watch", "widen", **BETTER, conversion=0.02)
        held = on.awaited("held", lambda s: "gate conversion is fail" in s.get("message", ""))
        assert (held["phase"]["name"], held["weight"]) == ("widen", 50)
