"""Documents about a business, with its numbers served by an exporter and a real Prometheus between.

The document's own queries are evaluated; only time is made short. Each is played to its promotion
and to a revert.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from sandbox import Cluster
from tests.cluster.example_documents import BAKE
from tests.cluster.example_exporter import Business
from tests.cluster.example_plays import Play, measured
from tests.cluster.looks import recorded
from tests.observer.observer import Observer

pytestmark = [
    pytest.mark.api,
    pytest.mark.skipif(
        which("prometheus") is None,
        reason="no prometheus on the PATH; on Debian: apt-get install prometheus",
    ),
]

Measured = Callable[..., AbstractContextManager[Play[Business]]]


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
    return next((str(check["verdict"]) for check in checks), "")


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


STEPS = {"five": (5, 1), "quarter": (25, 2), "half": (50, 4)}
"""The canary's weight and pods in each step of the four-step document that has a hold."""


def _walked(on: Play[Business], until: str) -> str:
    """Through the steps before that one, each with its weight and pods; the canary's revision."""
    full, canary = on.spec["replicas"], ""
    for name, (weight, pods) in STEPS.items():
        status = on.stands(name)
        stable, canary = status["stableRevision"], str(status["canaryRevision"])
        assert (status["weight"], on.weights()) == (weight, [100 - weight, weight])
        assert on.pods() == {stable: (full, full), canary: (pods, pods)}
        if name == until:
            break
        on.release(name)
    return canary


def test_four_steps_promote_what_reaches_its_targets_and_say_what_is_slow(play: Measured) -> None:
    """Beyond 100 ms is told once; the last step waits for the target of 50 ms."""
    with play("four-steps") as on:
        canary = _released(on, BAKE, latency_s=0.15)
        on.stands("five")
        on.awaited("told", lambda s: "MetricWarning" in _reasons(s))
        _walked(on, until="half")
        on.release("half")
        slow = on.awaited("waits", lambda s: "gate latency-p95 is fail" in s.get("message", ""))
        assert (slow["phase"]["name"], slow["weight"]) == ("half", 50)
        on.metrics.says(canary, latency_s=0.04)
        assert on.ended(1, "Promoted")["stableRevision"] == canary
        run = recorded(on.stage, on.shop, 1, "Promoted", "BakePassed")
        passed = [e["what"] for e in run["status"]["history"] if e["reason"] == "PhasePassed"]
        assert passed == ["five", "quarter", "half", "all"]


@pytest.mark.parametrize(
    ("step", "quality", "told"),
    [
        ("five", {"errors": 0.02}, "guard error-rate is"),
        ("five", {"latency_s": 0.24}, "guard latency-p95 is"),
        ("quarter", {"available": 0.99}, "guard availability is"),
        ("quarter", {"accuracy": 0.8}, "guard accuracy is"),
        ("half", {"available": 0.99, "accuracy": 0.8}, "guard health is 50"),
    ],
)
def test_each_of_four_steps_sends_back_by_a_guard_of_its_own(
    play: Measured, step: str, quality: dict[str, float], told: str
) -> None:
    with play("four-steps") as on:
        _released(on, latency_s=0.04)
        canary = _walked(on, until=step)
        on.metrics.says(canary, **quality)
        status = on.ended(1, "Reverted")
        assert status["stableRevision"] != canary
        assert told in status["message"]


def test_one_signal_alone_does_not_send_back_from_the_third_step(play: Measured) -> None:
    """Availability is 30 of 100: the score is 70, below the pass mark and not below marginal."""
    with play("four-steps") as on:
        _released(on, latency_s=0.04)
        canary = _walked(on, until="half")
        on.metrics.says(canary, available=0.99)
        scored = on.awaited(
            "scored",
            lambda s: any(check.get("value") == 70 for check in s.get("checks", ())),
        )
        assert (scored["state"], scored["phase"]["name"]) == ("Progressing", "half")
        on.awaited("told", lambda s: "MetricWarning" in _reasons(s))
        assert on.stage.status(on.shop)["weight"] == 50


def test_a_release_is_sent_back_from_its_bake(play: Measured) -> None:
    """All of the requests went to the new version; the old pods were kept, and have them again."""
    with play("four-steps") as on:
        canary = _released(on, *STEPS, latency_s=0.04)
        baking = on.stands(BAKE)
        assert baking["stableRevision"] == canary
        on.metrics.says(canary, latency_s=0.7)
        status = on.ended(2, "Promoted")
        assert (status["state"], status["stableRevision"] == canary) == ("Reverted", False)
        recorded(on.stage, on.shop, 1, "Reverted", "GuardBreached")


def test_a_release_in_two_rounds_is_promoted_on_its_score(play: Measured) -> None:
    """Satisfaction is 25 of 100: 75 are too few for the pass mark of 95."""
    with play("two-rounds") as on:
        canary = _released(on, latency_s=0.15, satisfaction=0.8)
        assert on.stands("first-round")["weight"] == 10
        on.release("first-round")
        assert on.stands("second-round")["weight"] == 50
        on.release("second-round")
        few = on.awaited("held", lambda s: "gate success is undecided" in s.get("message", ""))
        assert (few["phase"]["name"], few["weight"]) == ("second-round", 50)
        on.metrics.says(canary, satisfaction=0.92)
        assert on.ended(1, "Promoted")["stableRevision"] == canary


@pytest.mark.parametrize(
    ("quality", "guard"), [({"errors": 0.01}, "error-rate"), ({"latency_s": 0.24}, "latency")]
)
def test_a_release_in_two_rounds_is_sent_back_by_its_alarms(
    play: Measured, quality: dict[str, float], guard: str
) -> None:
    with play("two-rounds") as on:
        canary = _released(on, latency_s=0.15)
        on.stands("first-round")
        on.metrics.says(canary, **quality)
        status = on.ended(1, "Reverted")
        assert status["stableRevision"] != canary
        assert f"guard {guard} is" in status["message"]


@pytest.mark.parametrize(
    ("quality", "guard"),
    [({"complaints": 0.03}, "complaints"), ({"syncs_failed": 0.02}, "sync-failures")],
)
def test_alarms_that_need_people_stop_a_release_where_it_is(
    play: Measured, quality: dict[str, float], guard: str
) -> None:
    with play("two-rounds") as on:
        canary = _released(on, latency_s=0.15)
        on.stands("first-round")
        on.metrics.says(canary, **quality)
        paused = on.awaited("paused", lambda s: s.get("state") == "Paused")
        assert (paused["pause"]["by"], paused["weight"]) == (f"guard {guard}", 10)
        on.metrics.says(canary, complaints=0.01, syncs_failed=0.005)
        on.awaited("good again", lambda s: _verdict(s, guard) == "pass")
        on.release("first-round")
        on.stage.act(on.shop, "resume", "the callers were answered")
        assert on.stands("second-round")["weight"] == 50


def _says_go(on: Play[Business], phase: str, who: str, group: str) -> None:
    """Somebody of that role agrees to that phase."""
    body = {
        "apiVersion": "tidegate.io/v1alpha1",
        "kind": "RolloutAction",
        "metadata": {"generateName": "go-", "namespace": on.shop.namespace},
        "spec": {
            "rollout": on.shop.name,
            "verb": "approve",
            "phase": phase,
            "reason": "the report was read",
            "requestedBy": who,
            "requestedGroups": [group],
        },
    }
    on.stage.cluster.kubectl("create", "-f", "-", stdin=json.dumps(body))


def _asks_for(phase: str) -> Callable[[dict[str, Any]], bool]:
    return lambda s: ((s.get("run") or {}).get("approvals") or {}).get("awaiting") == phase


def _piloted(on: Play[Business], **quality: float) -> str:
    """A new version in the first round, after its backup; returns its revision."""
    canary = _released(on, latency_s=0.15, **quality)
    status = on.stands("first-round")
    (backup,) = status["hooks"]
    assert (backup["name"], backup["result"]) == ("backup", "Succeeded")
    assert "x-user-id" in status["traffic"]["match"]
    return canary


def test_a_pilot_is_promoted_on_its_score_and_the_go_of_two_roles(play: Measured) -> None:
    with play("pilot") as on:
        canary = _piloted(on, satisfaction=0.8)
        on.release("first-round")
        on.stands("second-round")
        on.release("second-round")
        on.awaited("held", lambda s: "gate success is undecided" in s.get("message", ""))
        on.metrics.says(canary, satisfaction=0.92)
        on.awaited("quality is asked", _asks_for("good-enough"))
        _says_go(on, "good-enough", "ann", "release-managers")
        _says_go(on, "good-enough", "ben", "quality-leads")
        on.awaited("the manager is asked", _asks_for("everybody"))
        _says_go(on, "everybody", "ann", "release-managers")
        assert on.stands("everybody")["weight"] == 100
        on.release("everybody")
        assert on.ended(1, "Promoted")["stableRevision"] == canary


@pytest.mark.parametrize(
    ("quality", "guard"), [({"errors": 0.01}, "error-rate"), ({"latency_s": 0.24}, "latency")]
)
def test_every_user_of_a_pilot_goes_back_by_its_alarms(
    play: Measured, quality: dict[str, float], guard: str
) -> None:
    with play("pilot") as on:
        canary = _piloted(on)
        on.metrics.says(canary, **quality)
        status = on.ended(1, "Reverted")
        assert status["stableRevision"] != canary
        assert f"guard {guard} is" in status["message"]
        assert not status["traffic"].get("match")


def test_a_pilot_that_users_complain_about_stops_where_it_is(play: Measured) -> None:
    with play("pilot") as on:
        canary = _piloted(on)
        on.metrics.says(canary, complaints=0.03)
        paused = on.awaited("paused", lambda s: s.get("state") == "Paused")
        assert paused["pause"]["by"] == "guard complaints"
        assert "x-user-id" in paused["traffic"]["match"]


def _reasons(status: dict[str, Any]) -> set[str]:
    """Reasons in the journal of the run that is on."""
    return {entry["reason"] for entry in (status.get("run") or {}).get("history", ())}
