"""After a release and a revert all comes to rest and stays silent, as the observer sees it."""

from __future__ import annotations

import pytest

from demo.manifests import App
from demo.stage import Stage
from tests.cluster.places import history_ended, opened, quick_shop
from tests.observer.observer import Observer

pytestmark = pytest.mark.api

REST_S = 60.0


def test_what_has_ended_is_at_rest_and_writes_nothing(
    stage: Stage, stage_observer: Observer
) -> None:
    """Traffic is where the status says, and for ten seconds nothing is written to anything."""
    shop = quick_shop()
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        stage_observer.quiescent(REST_S)
        stage.release(shop, App("v3"))
        stage.await_weight(shop, 10, deadline_s=30)
        stage.act(shop, "abort", "no")
        stage.await_state(shop, "Reverted", deadline_s=30)
        stage_observer.quiescent(REST_S)
