"""What people ask for, in the orders in which they do."""

from __future__ import annotations

from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import ROLLOUTS, Stage
from tests.cluster.looks import answer_to, recorded, revisions, sizes, weights
from tests.cluster.places import condition, history_ended, opened, quick_shop
from tests.observer.observer import Observer

pytestmark = pytest.mark.api

TEN = ({"name": "ten", "weight": 10, "hold": "1h"},)


def _paused(shop: Shop) -> Shop:
    return shop.with_(extra=shop.extra | {"paused": True})


def _wait(stage: Stage, shop: Shop, what: str) -> None:
    place = (f"{ROLLOUTS}/{shop.name}", "-n", shop.namespace)
    stage.cluster.kubectl("wait", f"--for={what}", *place, "--timeout=60s")


def test_a_rollout_made_paused_serves_its_first_version_and_starts_no_other(stage: Stage) -> None:
    shop = quick_shop()
    with opened(stage, _paused(shop)):
        status = stage.status(shop)
        assert condition(status, "Paused")["status"] == "True"
        stage.release(_paused(shop), App("v2"))
        status = stage.await_state(shop, "Paused", deadline_s=20)
        assert "run" not in status
        assert revisions(stage, shop) == {status["stableRevision"]}
        stage.release(shop, App("v2"))
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)


def test_kubectl_waits_for_a_pause_and_for_the_end(stage: Stage) -> None:
    shop = quick_shop()
    with opened(stage, shop):
        stage.release(_paused(shop), App("v2"))
        _wait(stage, shop, "condition=Paused")
        stage.release(shop, App("v2"))
        stage.await_status(shop, "not paused", lambda s: not condition(s, "Paused"), deadline_s=20)
        _wait(stage, shop, "condition=Ready")
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        assert status["state"] == "Healthy"


def test_spec_paused_is_written_once_and_does_not_flap(
    stage: Stage, stage_observer: Observer
) -> None:
    """Not by time, and not by an edit of something else."""
    shop = quick_shop(phases=TEN)
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_status(shop, "the phase's clock runs", _holding, deadline_s=30)
        stage.release(_paused(shop), App("v2"))
        stage.await_state(shop, "Paused", deadline_s=20)
        stage_observer.quiescent(60, quiet_s=4)
        since = _since(stage.rollout(shop))
        stage.release(_paused(shop).with_(settle="300ms"), App("v2"))
        stage.await_state(shop, "Paused", deadline_s=20)
        stage_observer.quiescent(60, quiet_s=4)
        assert _since(stage.rollout(shop)) == since
        assert weights(stage, shop) == [90, 10]


def _holding(status: dict[str, Any]) -> bool:
    """The proxies have taken up the weight; nothing more is noted in this phase."""
    return bool(status.get("weight") == 10 and (status.get("phase") or {}).get("startedAt"))


def _since(body: dict[str, Any]) -> dict[str, tuple[str, str]]:
    found = body["status"]["conditions"]
    return {c["type"]: (c["status"], c["lastTransitionTime"]) for c in found}


def test_aborted_tried_again_and_promoted(stage: Stage) -> None:
    shop = quick_shop(phases=TEN)
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        stage.act(shop, "abort", "not now")
        stage.await_state(shop, "Reverted", deadline_s=30)
        stage.act(shop, "retry", "now")
        status = stage.await_weight(shop, 10, deadline_s=40)
        assert status["run"]["number"] == 2
        stage.act(shop, "promote", "yes")
        stage.await_status(shop, "promoted", history_ended(2, "Promoted"), deadline_s=60)
        first = recorded(stage, shop, 1, "Reverted", "Aborted")
        second = recorded(stage, shop, 2, "Promoted", "Promoted")
        assert first["spec"]["startedAt"] < second["spec"]["startedAt"]
        assert first["spec"]["to"] == second["spec"]["to"]


def test_a_promotion_ends_a_pause_and_comes_too_late_after_an_abort(stage: Stage) -> None:
    shop = quick_shop(phases=TEN)
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        stage.act(shop, "pause", "lunch")
        stage.await_state(shop, "Paused", deadline_s=20)
        stage.act(shop, "promote", "nobody is hungry")
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        stage.release(shop, App("v3"))
        stage.await_weight(shop, 10, deadline_s=40)
        stage.act(shop, "abort", "no")
        stage.await_state(shop, "Reverted", deadline_s=30)
        stage.act(shop, "promote", "yes")
        answer = answer_to(stage, shop, "promote", number=2)
        assert answer["result"] == "Refused"
        assert "nothing to promote" in answer["message"]
        assert stage.await_state(shop, "Reverted", deadline_s=20)["lastRunNumber"] == 2
        assert weights(stage, shop) == [100, 0]


def test_an_abort_with_nothing_in_flight_is_refused_and_changes_nothing(stage: Stage) -> None:
    shop = quick_shop(phases=())
    with opened(stage, shop):
        before = _versions(stage, shop)
        stage.act(shop, "abort", "just in case")
        assert answer_to(stage, shop, "abort")["result"] == "Refused"
        assert _versions(stage, shop) == before
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        stage.await_old_pods_gone(shop, deadline_s=30)
        before = _versions(stage, shop)
        stage.act(shop, "abort", "again")
        assert answer_to(stage, shop, "abort", number=2)["result"] == "Refused"
        assert _versions(stage, shop) == before
        assert stage.status(shop)["state"] == "Healthy"
        assert sizes(stage, shop) == {status["stableRevision"]: (2, 2)}


def _versions(stage: Stage, shop: Shop) -> list[str]:
    kinds = ("virtualservice", "destinationrule")
    found = [stage.cluster.get(kind, shop.name, "-n", shop.namespace) for kind in kinds]
    return [body["metadata"]["resourceVersion"] for body in found]
