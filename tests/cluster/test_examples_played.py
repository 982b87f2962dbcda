"""Each document that was asked for, from its example's own YAML to promotion and to revert.

Only time is made short, and only the metrics' answers are made up. A phase lasts as long as its
document says until the test has seen it; then the same document is applied with no time left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

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

HYBRID = {
    "canary-5": (5, 1),
    "canary-20": (20, 4),
    "green-50": (50, 10),
    "green-100": (100, 10),
}
PHASES = {
    "hybrid": HYBRID,
    "hybrid-full": HYBRID,
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


def _begun(play: Play[ExampleMetrics], *over: str) -> None:
    """Released, and let to its first pod by whoever has to say so."""
    play.release(*over)
    if "preflight" in play.spec:
        play.says_go()


def _hooks(status: dict[str, Any]) -> dict[str, str]:
    """How each hook of the run has ended, by its name."""
    return {hook["name"]: hook["result"] for hook in status.get("hooks", ())}


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
        _begun(on, BAKE)
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
        ("hybrid-full", "canary-5", "agents-failed"),
        ("hybrid-full", "canary-20", "error-rate"),
        ("hybrid-full", "green-50", "latency-p95"),
        ("hybrid-full", "green-100", "memory"),
        ("environments/production", "green", "errors"),
        ("environments/production", "switch", "errors"),
    ],
)
def test_a_document_is_sent_back_by_a_guard_of_its_own(
    play: Played, example: str, phase: str, metric: str
) -> None:
    with play(example) as on:
        first = on.open()
        _begun(on)
        _walked(on, example, until=phase)
        on.metrics.fails(metric, on.stage.status(on.shop)["canaryRevision"])
        status = on.ended(1, "Reverted")
        assert status["stableRevision"] == first
        assert f"guard {metric} is" in status["message"]
        recorded(on.stage, on.shop, 1, "Reverted", "GuardBreached")
        _at_rest(on, first)


@pytest.mark.parametrize(
    ("example", "metric"), [("hybrid", "error-rate"), ("hybrid-full", "workflow-errors")]
)
def test_a_document_is_sent_back_from_its_bake(play: Played, example: str, metric: str) -> None:
    """All of the requests went to the new version; the old pods were kept, and have them again."""
    with play(example) as on:
        first = on.open()
        _begun(on, *PHASES[example])
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


def test_before_its_first_pod_hybrid_full_has_its_backup_its_numbers_and_the_go_of_two(
    play: Played,
) -> None:
    """A cluster that is too hot is waited for; nothing of green is there until two said go."""
    with play("hybrid-full") as on:
        on.metrics.says("cluster-cpu", 0.75)
        blue = on.open()
        on.release()
        hot = "the pre-flight waits: gate cluster-cpu is fail"
        status = on.awaited("held by the cluster", lambda s: hot in s.get("message", ""))
        assert (status["run"]["stage"], status["phase"]["name"]) == ("Preflight", "preflight")
        assert _hooks(status) == {"backup": "Succeeded", "roles-in-place": "Succeeded"}
        on.metrics.says("cluster-cpu", 0.65)
        status = on.awaited("asked", lambda s: s.get("state") == "AwaitingApproval")
        assert "0 of 2 approvals given; members of release-managers, ope" in status["message"]
        assert list(on.pods()) == [blue]
        on.says_go()
        on.stands("canary-5")
        on.stage.act(on.shop, "abort", "seen enough")
        on.ended(1, "Reverted")
        _at_rest(on, blue)


def test_a_no_go_ends_hybrid_full_before_it_has_a_pod(play: Played) -> None:
    with play("hybrid-full") as on:
        blue = on.open()
        on.release()
        on.awaited("asked", lambda s: s.get("state") == "AwaitingApproval")
        on.stage.act(on.shop, "reject", "not on a Friday")
        status = on.ended(1, "Reverted")
        assert status["lastRun"]["reason"] == "Rejected"
        assert list(on.pods()) == [blue]
        status = on.awaited("tidied", lambda s: _hooks(s).get("clean-up") == "Succeeded")
        assert "clear-data" not in _hooks(status)
        _at_rest(on, blue)


def test_hybrid_full_works_around_its_phases_and_accepts_after_the_switch(play: Played) -> None:
    with play("hybrid-full") as on:
        on.open()
        _begun(on, *HYBRID)
        names = ("backup", "roles-in-place", "data-sync", "preload", "final-health-check")
        accepts = ("accept-health", "accept-functions", "accept-load", "accept-security")
        status = on.awaited("accepted", lambda s: _hooks(s).get("accept-security") == "Succeeded")
        assert _hooks(status) == dict.fromkeys((*names, "verify-switch", *accepts), "Succeeded")
        assert status["state"] == "Baking"
        began = {hook["name"]: hook["startedAt"] for hook in status["hooks"]}
        assert began["backup"] <= began["data-sync"] <= began["final-health-check"]
        assert began["final-health-check"] <= began["verify-switch"] <= began["accept-health"]


def test_hybrid_full_clears_what_its_phases_had_done_and_nothing_else(play: Played) -> None:
    with play("hybrid-full") as on:
        blue = on.open()
        _begun(on)
        _walked(on, "hybrid-full", until="green-50")
        on.metrics.fails("cpu", on.stage.status(on.shop)["canaryRevision"])
        on.ended(1, "Reverted")
        status = on.awaited("tidied", lambda s: _hooks(s).get("clean-up") == "Succeeded")
        assert _hooks(status)["clear-data"] == "Succeeded"
        assert "verify-switch" not in _hooks(status)
        _at_rest(on, blue)
