"""A route that somebody else has most of, through a real Envoy: a release in what is left of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from tests.traffic.scenes import STEPS, promoted, under_load

pytestmark = pytest.mark.traffic

OURS = 20
"""What the other app leaves of a hundred."""


@dataclass(frozen=True)
class SharedShop(Shop):
    """A shop that has a fifth of its route; all else goes to another app's Service."""

    other: str = "aside"

    def _routes(self) -> dict[str, Any]:
        routes = super()._routes()
        primary = routes["http"][1]["route"]
        primary[0]["weight"] = OURS
        primary.append({"destination": {"host": self.other}, "weight": 100 - OURS})
        return routes


def test_a_release_in_a_fifth_of_a_route_costs_no_request(traffic_stage: Stage) -> None:
    """Ours goes 18:2, 10:10 and home; what the other app has never moves, and nobody fails."""
    aside = Shop(name="aside", phases=STEPS, replicas=2)
    shop = SharedShop(name="shared", phases=STEPS)
    traffic_stage.open(aside, App("aside", exit="abrupt"))
    try:
        with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
            traffic_stage.release(shop, App("v2", exit="abrupt"))
            traffic_stage.await_status(shop, "promoted", promoted(1), deadline_s=120)
            traffic_stage.await_old_pods_gone(shop, deadline_s=90)
            assert scene.failures() == []
            weights = [(share.stable, share.canary) for share in scene.routes.shares]
            assert weights == [(20, 0), (18, 2), (10, 10), (0, 20), (20, 0)]
            requests = len(scene.load.records())
            theirs = len(scene.served_by("aside")) / requests
            assert abs(theirs - 0.8) < 0.05
            assert len(scene.served_by("v2")) > 0
    finally:
        traffic_stage.close(aside)
