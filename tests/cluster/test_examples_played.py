"""Each document that was asked for, from its example's own YAML to promotion and to revert.

Only time is made short, and only the metrics' answers are made up. A phase lasts as long as its
document says until the test has seen it; then the same document is applied with no time left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from sandbox import Cluster
from sandbox.waiting import wait_until
from tests.cluster.example_documents import BAKE
from tests.cluster.example_metrics import ExampleMetrics
from tests.cluster.example_plays import Play, played
from tests.cluster.looks import recorded
from tests.observer.observer import Observer

pytestmark = pytest.mark.api

Played = Callable[..., AbstractContextManager[Play[ExampleMetrics]]]

PHASES = {
    "hybrid": {
        "canary-5": (5, 1),
        "canary-20": (20, 4),
        "green-50": (50, 10),
        "green-100": (100, 10),
    },
    "environments/production": {"green": (0, 4), "switch": (100, 4)},
}
"""What the documents ask for: the canary's weight and pods, in each phase that has a hold."""
AT_REST_S = 30.0


@pytest.fixture
def play(
    cluster: Cluster, watcher: Observer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Played]:
    """Opens an example; whatever happens then, the observer must have nothing against it."""
    watcher.mark()
    yield lambda example: played(cluster, tmp_path, example)
    watcher.check(request.node.name)


def _at_rest(play: Play[ExampleMetrics], revision: str) -> None:
    """Only that revision's pods are left, and all routes lead there."""
    full = play.spec["replicas"]
    wait_until(lambda: play.pods() == {revision: (full, full)}, AT_REST_S, "other pods are gone")
    traffic = play.spec["traffic"]
    if "istio" in traffic:
        assert play.weights() == [100, 0]
        services = traffic["istio"].get("services", {})
    else:
        services = traffic["service"]
    assert {play.selected(service) for service in services.values()} <= {revision}


def _walked(play: Play[ExampleMetrics], example: str, until: str) -> None:
    """Through the phases before that one, each with the picture that its document asks for."""
    full = play.spec["replicas"]
    for name, (weight, canary_pods) in PHASES[example].items():
        status = play.stands(name)
        assert status["weight"] == weight
        stable, canary = status["stableRevision"], status["canaryRevision"]
        assert play.pods() == {stable: (full, full), canary: (canary_pods, canary_pods)}
        if "istio" in play.spec["traffic"]:
            assert play.weights() == [100 - weight, weight]
        if name == until:
            return
        play.release(name)


@pytest.mark.parametrize("example", PHASES)
def test_a_document_is_promoted_through_its_own_phases(play: Played, example: str) -> None:
    with play(example) as on:
        first = on.open()
        on.release(BAKE)
        _walked(on, example, until="")
        status = on.ended(1, "Promoted")
        second = status["stableRevision"]
        assert second != first
        reason = "BakePassed" if "bake" in on.spec else "Promoted"
        run = recorded(on.stage, on.shop, 1, "Promoted", reason)
        passed = [e["what"] for e in run["status"]["history"] if e["reason"] == "PhasePassed"]
        assert passed == [phase["name"] for phase in on.spec["phases"]]
        _at_rest(on, second)


def test_where_nothing_is_previewed_the_switch_is_at_once(play: Played) -> None:
    """Blue-green is for production alone: its other overlay has no phases."""
    with play("environments/staging") as on:
        on.open()
        on.release()
        second = on.ended(1, "Promoted")["stableRevision"]
        reasons = [e["reason"] for e in on.stage.status(on.shop)["lastRun"]["history"]]
        assert "PhaseStarted" not in reasons
        _at_rest(on, second)


@pytest.mark.parametrize(
    ("example", "phase", "metric"),
    [
        ("hybrid", "canary-5", "agents-failed"),
        ("hybrid", "canary-20", "workflow-errors"),
        ("hybrid", "green-50", "memory"),
        ("hybrid", "green-100", "cpu"),
        ("environments/production", "green", "errors"),
        ("environments/production", "switch", "errors"),
    ],
)
def test_a_document_is_sent_back_by_a_guard_of_its_own(
    play: Played, example: str, phase: str, metric: str
) -> None:
    with play(example) as on:
        first = on.open()
        on.release()
        _walked(on, example, until=phase)
        on.metrics.fails(metric, on.stage.status(on.shop)["canaryRevision"])
        status = on.ended(1, "Reverted")
        assert status["stableRevision"] == first
        assert f"guard {metric} is" in status["message"]
        recorded(on.stage, on.shop, 1, "Reverted", "GuardBreached")
        _at_rest(on, first)


@pytest.mark.parametrize(("example", "metric"), [("hybrid", "error-rate")])
def test_a_document_is_sent_back_from_its_bake(play: Played, example: str, metric: str) -> None:
    """All of the requests went to the new version; the old pods were kept, and have them again."""
    with play(example) as on:
        first = on.open()
        on.release(*PHASES[example])
        second = on.stands(BAKE)["stableRevision"]
        full = on.spec["replicas"]
        assert on.pods() == {first: (full, full), second: (full, full)}
        on.metrics.fails(metric, second)
        status = on.ended(2, "Promoted")
        assert (status["state"], status["stableRevision"]) == ("Reverted", first)
        recorded(on.stage, on.shop, 1, "Reverted", "GuardBreached")
        _at_rest(on, first)


def test_hybrid_switches_its_service_once_green_has_all_and_back_from_the_bake(
    play: Played,
) -> None:
    """Shares first, then the selector; on the way back the selector goes back as well."""
    with play("hybrid") as on:
        blue = on.open()
        on.release("canary-5", "canary-20")
        green = on.stands("green-50")["canaryRevision"]
        assert on.pods()[green] == (10, 10)
        assert on.weights() == [50, 50]
        on.release("green-50")
        on.stands("green-100")
        assert on.weights() == [0, 100]
        services = ("checkout-stable", "checkout-canary")
        assert [on.selected(name) for name in services] == [blue, green]
        on.release("green-100")
        on.stands(BAKE)
        assert on.weights() == [100, 0]
        assert [on.selected(name) for name in services] == [green, blue]
        assert on.pods()[blue] == (10, 10)
        on.metrics.fails("latency-p95", green)
        on.ended(2, "Promoted")
        assert [on.selected(name) for name in services] == [blue, blue]
        _at_rest(on, blue)


def test_one_agent_too_few_holds_hybrid_in_its_first_phase_and_sends_nothing_back(
    play: Played,
) -> None:
    """60 of 61: a gate asks for all of them, and goes on as soon as they are there."""
    with play("hybrid") as on:
        on.metrics.says("agents-loaded", 60.0)
        on.open()
        on.release("canary-5")
        gate = "gate agents-loaded is fail"
        status = on.awaited("held by the gate", lambda s: gate in s.get("message", ""))
        assert (status["phase"]["name"], status["weight"]) == ("canary-5", 5)
        on.metrics.says("agents-loaded", 61.0)
        assert on.stands("canary-20")["weight"] == 20
