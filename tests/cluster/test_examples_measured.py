"""Documents about a business, with its numbers served by an exporter and a real Prometheus between.

The document's own queries are evaluated; only time is made short. Each is played to its promotion
and to a revert.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from shutil import which
from typing import Any

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


def _verdict(status: dict[str, Any], metric: str) -> str:
    """What its first check says now."""
    checks = (check for check in status.get("checks", ()) if check["metric"] == metric)
    return str(next(checks, {}).get("verdict"))


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


def test_a_canary_within_its_limits_is_promoted(play: Measured) -> None:
    with play("canary") as on:
        canary = _released(on, latency_s=0.15, cpu=0.7, memory=0.8)
        status = on.stands("canary")
        assert (status["weight"], on.weights(), on.pods()[canary]) == (10, [90, 10], (1, 1))
        on.release("canary")
        assert on.ended(1, "Promoted")["stableRevision"] == canary


@pytest.mark.parametrize(
    ("quality", "guard"),
    [
        ({"errors": 0.02}, "error-rate"),
        ({"latency_s": 0.24}, "latency-p95"),
        ({"cpu": 0.9}, "cpu"),
        ({"memory": 0.9}, "memory"),
    ],
)
def test_a_canary_beyond_one_of_its_limits_is_sent_back(
    play: Measured, quality: dict[str, float], guard: str
) -> None:
    with play("canary") as on:
        canary = _released(on, latency_s=0.15)
        on.stands("canary")
        on.metrics.says(canary, **quality)
        status = on.ended(1, "Reverted")
        assert status["stableRevision"] != canary
        assert f"guard {guard} is" in status["message"]


def test_a_canary_waits_while_too_few_requests_come_in(play: Measured) -> None:
    """800 of the 1,000 a second that a verdict is to rest on: no fault of the release."""
    with play("canary") as on:
        _released(on, latency_s=0.15)
        on.stands("canary")
        on.metrics.gets(800.0)
        on.awaited("measured", lambda s: _verdict(s, "throughput") == "fail")
        on.release("canary")
        held = on.awaited("held", lambda s: "guard throughput" in s.get("message", ""))
        assert (held["phase"]["name"], held["weight"]) == ("canary", 10)
        on.metrics.gets(20_000.0)
        on.ended(1, "Promoted")
