"""A document with scorecards on a real API server: one number alone decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from demo.operator_process import install_rights
from sandbox import Cluster
from tests.cluster.example_plays import played
from tests.cluster.looks import recorded

pytestmark = pytest.mark.api

Status = dict[str, Any]


def _check(status: Status, kind: str) -> Status:
    """The status of the one guard, or of the one gate; empty before there is any."""
    found = (check for check in status.get("checks", ()) if check["kind"] == kind)
    return next(found, {})


def _scores(kind: str, score: float, verdict: str, *, message: str = "") -> Any:
    """Whether the status shows that score and that verdict, and says so."""
    return lambda status: (
        _check(status, kind).get("value") == score
        and _check(status, kind)["verdict"] == verdict
        and message in status.get("message", "")
    )


def test_a_slow_release_stays_waits_for_its_score_and_goes_back_once_it_also_fails(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Slow is 60 of 100 and trips nothing; without its goals it is 85, and the gate waits."""
    install_rights(cluster)
    with played(cluster, tmp_path, "scorecard") as on:
        first = on.open()
        on.metrics.says("goals-met", 0.5)
        on.release("tenth", "half")
        canary = on.awaited("tried", lambda s: s.get("canaryRevision"))["canaryRevision"]
        on.metrics.fails("latency", canary)

        status = on.awaited("slow", _scores("guard", 60, "pass"))
        told = "below the pass mark of 100; latency 2 (must be <= 0.2) fails, weight 40; "
        assert _check(status, "guard")["detail"].startswith(told)
        held = "gate success is undecided, must pass"
        short = _scores("gate", 85, "undecided", message=held)
        status = on.awaited("short of its goals", short)
        assert (status["phase"]["name"], status["weight"]) == ("half", 50)
        told = "goals-met 0.5 (must be >= 0.9) fails, weight 15"
        assert told in _check(status, "gate")["detail"]

        on.metrics.fails("error-rate", canary)
        status = on.ended(1, "Reverted")
        assert status["stableRevision"] == first
        told = "guard health is 20, must be >= 50 of 100 (failed 2 of 3; critical): error-rate "
        assert told in status["message"]
        recorded(on.stage, on.shop, 1, "Reverted", "GuardBreached")


def test_a_release_is_promoted_once_its_score_reaches_the_pass_mark(
    cluster: Cluster, tmp_path: Path
) -> None:
    """80 of 100 would only wait, but a critical member is among what is missing."""
    install_rights(cluster)
    with played(cluster, tmp_path, "scorecard") as on:
        first = on.open()
        on.metrics.says("stability", 0.99)
        on.release("tenth", "half")
        status = on.awaited("not stable enough", _scores("gate", 80, "fail"))
        assert "weight 20, critical" in _check(status, "gate")["detail"]
        assert status["stableRevision"] == first
        on.metrics.says("stability", 0.995)
        on.ended(1, "Promoted")
