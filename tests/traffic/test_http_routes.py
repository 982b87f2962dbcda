"""Releases by an HTTPRoute under 200 requests a second, through istiod's Gateway API and Envoy."""

from __future__ import annotations

import pytest

from demo.manifests import App
from demo.stage import Stage
from tests.traffic.http_routes import HttpRouteShop, open_gateway
from tests.traffic.scenes import STEPS, promoted, under_load

pytestmark = pytest.mark.traffic

PHASES = (*STEPS, {"name": "all", "weight": 100, "hold": "6s"})


@pytest.fixture(scope="module")
def entrance(traffic_stage: Stage) -> str:
    """Where the Gateway of the Gateway API listens."""
    return open_gateway(traffic_stage.cluster)


def test_a_good_release_by_an_http_route_costs_no_request(
    traffic_stage: Stage, entrance: str
) -> None:
    """The app exits at once on SIGTERM: old pods go only when nobody sends to them."""
    shop = HttpRouteShop(name="http-good", phases=PHASES, entrance=entrance)
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, App("v2", exit="abrupt"))
        traffic_stage.await_status(shop, "promoted", promoted(1), deadline_s=120)
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []
        assert scene.load.records()[-1].version == "v2"
        assert [share.canary for share in scene.routes.shares] == [0, 10, 50, 100, 0]


def test_a_bad_release_by_an_http_route_is_sent_back_by_itself(
    traffic_stage: Stage, entrance: str
) -> None:
    """30 % errors at 10 % of the traffic; nobody else's request fails."""
    shop = HttpRouteShop(name="http-bad", phases=PHASES, entrance=entrance)
    bad = App("v2-bad", exit="abrupt", fail_share=0.3)
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, bad)
        status = traffic_stage.await_state(shop, "Reverted", deadline_s=60)
        traffic_stage.await_old_pods_gone(shop, deadline_s=60)
        assert scene.failures(but_of="v2-bad") == []
        assert "guard error-rate" in status["message"]
        assert max(share.canary for share in scene.routes.shares) == 10
        assert scene.load.records()[-1].version == "v1"
