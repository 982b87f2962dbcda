"""Blue-green without weights: the selector of one Service is the switch, under live traffic.

The gateway sends everything to that Service, so it takes up the other pods as endpoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from tests.traffic.scenes import promoted, under_load, undo_at_rest

pytestmark = pytest.mark.traffic

GREEN = {"name": "green", "weight": 0, "replicas": "100%", "hold": "2s"}
SWITCH = {"name": "switch", "weight": 100, "hold": "6s"}

_OURS = 'namespace="{{namespace}}",revision="{{revision}}"'
ERRORS = (
    f'sum(rate(http_requests_total{{{_OURS},code="500"}}[{{{{window}}}}]))'
    f" / sum(rate(http_requests_total{{{_OURS}}}[{{{{window}}}}]))"
)
"""Nothing in the mesh counts by revision here; the app does."""


@dataclass(frozen=True)
class SwitchedShop(Shop):
    """A shop whose route knows one Service, which is the switch."""

    def _routes(self) -> dict[str, Any]:
        routes = super()._routes()
        routes["http"][1]["route"] = [{"destination": {"host": self.name}}]
        return routes


def _shop(name: str, last: dict[str, Any]) -> SwitchedShop:
    metrics = [{"name": "error-rate", "query": ERRORS, "window": "10s"}]
    traffic = {"settle": "1s", "service": {"active": name}}
    extra = {"traffic": traffic, "metrics": metrics}
    return SwitchedShop(name=name, phases=(GREEN, last), extra=extra)


def test_a_switch_costs_no_request(traffic_stage: Stage) -> None:
    """The app exits at once on SIGTERM: blue goes only when nobody sends to it any more."""
    shop = _shop("switched", SWITCH)
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, App("v2", exit="abrupt"))
        traffic_stage.await_status(shop, "promoted", promoted(1), deadline_s=120)
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []
        assert len(scene.served_by("v2")) > 0
        assert scene.load.records()[-1].version == "v2"


def test_an_abort_after_the_switch_costs_no_request(traffic_stage: Stage) -> None:
    """Blue is warm, so the way back is the same one write."""
    shop = _shop("switched-back", {**SWITCH, "hold": "1h"})
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, App("v2", exit="abrupt"))
        traffic_stage.await_weight(shop, 100, deadline_s=60)
        traffic_stage.act(shop, "abort", "seen enough")
        traffic_stage.await_state(shop, "Reverted", deadline_s=60)
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []
        assert scene.load.records()[-1].version == "v1"


def test_an_undo_at_rest_switches_back_and_costs_no_request(traffic_stage: Stage) -> None:
    """Blue is gone by then, and is made again before the switch."""
    undo_at_rest(traffic_stage, _shop("switched-undone", {**SWITCH, "hold": "2s"}))
