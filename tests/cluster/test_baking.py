"""A bake on a real API server: the old pods stay warm, and the way back is one route write."""

from __future__ import annotations

from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from tests.cluster.looks import patched, recorded
from tests.cluster.places import history_ended, opened, quick_shop, routes_of

pytestmark = pytest.mark.api


def _baked(duration: str) -> Shop:
    return quick_shop(extra={"bake": {"duration": duration}})


def _warm(status: dict[str, Any]) -> bool:
    run, traffic = status.get("run") or {}, status.get("traffic") or {}
    on_old = traffic.get("canary") == run.get("from") and traffic.get("weight") == 0
    return status.get("state") == "Baking" and on_old


def test_a_release_bakes_with_its_old_pods_warm_and_then_stays(stage: Stage) -> None:
    shop = _baked("1h")
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "warm", _warm, deadline_s=60)
        assert status["run"]["from"] == first
        assert status["stableRevision"] == status["run"]["to"]
        assert "is kept with 2 of 2 pods ready" in status["message"]
        patched(stage, shop, {"bake": {"duration": "500ms"}})
        status = stage.await_status(shop, "over", history_ended(1, "Promoted"), deadline_s=60)
        assert status["lastRun"]["reason"] == "BakePassed"
        assert status["provenRevisions"] == [first]


@pytest.mark.parametrize(("verb", "reason"), [("undo", "Undone"), ("abort", "Aborted")])
def test_what_bakes_is_sent_back_by_one_route_write(stage: Stage, verb: str, reason: str) -> None:
    shop = _baked("1h")
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        stage.await_status(shop, "warm", _warm, deadline_s=60)
        stage.act(shop, verb, "too slow")
        status = stage.await_status(shop, "back", history_ended(2, "Promoted"), deadline_s=60)
        assert status["state"] == "Reverted"
        assert status["stableRevision"] == first
        assert status["revertedRevision"] != first
        assert "too slow" in status["message"]
        recorded(stage, shop, 1, "Reverted", reason)
        assert routes_of(stage, shop)["http"][1]["route"][1]["weight"] == 0


def test_a_promoted_release_is_undone_without_its_phases(stage: Stage) -> None:
    shop = quick_shop()
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.act(shop, "undo", "nothing yet")
        stage.release(shop, App("v2"))
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        stage.act(shop, "undo", "it is slow")
        status = stage.await_status(shop, "back", history_ended(2, "Promoted"), deadline_s=60)
        assert status["stableRevision"] == first
        assert (status["state"], status["lastRun"]["reason"]) == ("Reverted", "Undone")


def test_a_proven_template_takes_the_fast_track(stage: Stage) -> None:
    shop = quick_shop(extra={"fastTrack": {"revisions": 1}})
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        stage.release(shop, App("v1"))
        status = stage.await_status(shop, "again", history_ended(2, "Promoted"), deadline_s=60)
        assert status["stableRevision"] == first
        reasons = [entry["reason"] for entry in status["lastRun"]["history"]]
        assert "PhaseStarted" not in reasons
