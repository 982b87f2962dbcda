"""The way back after a promotion, under live traffic: the old pods are warm, and nobody notices."""

from __future__ import annotations

from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from tests.traffic.scenes import STEPS, under_load, undo_at_rest

pytestmark = pytest.mark.traffic

GUARD = {"metric": "error-rate", "max": 0.2, "minSamples": 50, "interval": "1s"}
"""Far above two in a hundred, and never asked of a handful of requests: chance trips nothing."""
WARM = "selects the old revision and it is warm"


def _warm(status: dict[str, Any]) -> bool:
    """In its bake, with the canary destination at the revision that was stable before."""
    run, traffic = status.get("run") or {}, status.get("traffic") or {}
    return run.get("stage") == "Baking" and traffic.get("canary") == run.get("from")


def test_an_undo_in_the_bake_costs_no_request(traffic_stage: Stage) -> None:
    """One route write to pods that are there; the app exits at once on SIGTERM."""
    shop = Shop(name="undone", phases=STEPS[:1], extra={"bake": {"duration": "1h"}})
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        first = traffic_stage.status(shop)["stableRevision"]
        traffic_stage.release(shop, App("v2", exit="abrupt"))
        traffic_stage.await_status(shop, WARM, _warm, deadline_s=120)
        traffic_stage.act(shop, "undo", "the numbers of the shop are down")
        status = traffic_stage.await_state(shop, "Reverted", deadline_s=90)
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []
        assert status["stableRevision"] == first
        assert scene.load.records()[-1].version == "v1"
        assert len(scene.served_by("v2")) > 0


def test_a_release_that_turns_bad_in_its_bake_is_sent_back_by_itself(traffic_stage: Stage) -> None:
    """The guards stay on: two bad answers in a hundred were fine, and are no more."""
    extra = {"bake": {"duration": "1h"}, "guards": [GUARD]}
    shop = Shop(name="late", phases=STEPS[:1], extra=extra)
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        first = traffic_stage.status(shop)["stableRevision"]
        bad = App("v2-late", exit="abrupt", fail_share=0.02)
        traffic_stage.release(shop, bad)
        traffic_stage.await_status(shop, WARM, _warm, deadline_s=120)
        strict = {"guards": [{**GUARD, "max": 0.005}]}
        traffic_stage.cluster.apply(shop.with_(extra={**extra, **strict}).rollout(bad))
        status = traffic_stage.await_state(shop, "Reverted", deadline_s=90)
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures(but_of="v2-late") == []
        assert status["stableRevision"] == first
        assert scene.load.records()[-1].version == "v1"


def test_an_undo_at_rest_costs_no_request(traffic_stage: Stage) -> None:
    """The old pods are gone by then: they are made again before any request goes to them."""
    shop = Shop(name="undone-at-rest", phases=STEPS[:1], extra={"bake": {"duration": "2s"}})
    undo_at_rest(traffic_stage, shop)
