"""Releases under 200 requests a second through a real Envoy: nobody notices the good ones."""

from __future__ import annotations

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from tests.traffic.scenes import STEPS, under_load

pytestmark = pytest.mark.traffic

SCRAPE_S = 2.0
GUARD_INTERVAL_S = 1.0
WATCH_LAG_S = 1.0
"""So much later than the gateway our own watch may learn of a route on a busy machine."""


@pytest.mark.parametrize("exit_mode", ["graceful", "abrupt"])
def test_a_good_release_costs_no_request(traffic_stage: Stage, exit_mode: str) -> None:
    """Also when the app exits at once on SIGTERM: old pods go only when nobody sends to them."""
    shop = Shop(name=f"good-{exit_mode}", phases=STEPS)
    with under_load(traffic_stage, shop, App("v1", exit=exit_mode)) as scene:
        traffic_stage.release(shop, App("v2", exit=exit_mode))
        traffic_stage.await_status(
            shop,
            "promoted",
            lambda s: s.get("state") == "Healthy" and "lastRun" in s,
            deadline_s=90,
        )
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []
        assert len(scene.served_by("v2")) > 0
        weights = [share.canary for share in scene.routes.shares]
        assert weights == [0, 10, 50, 100, 0]
        assert all(share.canary + share.stable == 100 for share in scene.routes.shares)


def test_a_bad_release_is_sent_back_by_itself(traffic_stage: Stage) -> None:
    """30 % errors at 10 % of the traffic; the route goes back, the story says why."""
    shop = Shop(name="bad", phases=STEPS)
    bad = App("v2-bad", fail_share=0.3)
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, bad)
        status = traffic_stage.await_state(shop, "Reverted", deadline_s=60)
        traffic_stage.await_old_pods_gone(shop, deadline_s=60)
        assert scene.failures(but_of="v2-bad") == []
        answers = [r for r in scene.served_by("v2-bad") if r.failed]
        first_s = min(r.sent_at_s + r.latency_ns / 1e9 for r in answers)
        zero_s = scene.routes.zero_after(first_s)
        assert zero_s is not None
        print(f"bad answers {len(answers)}, first to weight 0: {zero_s - first_s:.2f} s")
        assert "guard error-rate" in status["message"]
        assert "<= 0.05" in status["message"]
        assert status["lastRun"]["outcome"] == "Reverted"
        assert max(share.canary for share in scene.routes.shares) == 10


def test_a_superseded_release_costs_no_request(traffic_stage: Stage) -> None:
    """v3 arrives while v2 has half of the traffic; v3 serves nobody before its own first phase."""
    shop = Shop(name="superseded", phases=STEPS)
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, App("v2", exit="abrupt"))
        traffic_stage.await_weight(shop, 50, deadline_s=60)
        traffic_stage.release(shop, App("v3", exit="abrupt"))
        traffic_stage.await_status(
            shop,
            "v3 promoted",
            lambda s: s.get("state") == "Healthy" and s.get("lastRunNumber") == 2,
            deadline_s=120,
        )
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []
        zero = next(
            s.at_s
            for s, before in zip(scene.routes.shares[1:], scene.routes.shares, strict=False)
            if before.canary == 50 and s.canary == 0
        )
        own = next(s.at_s for s in scene.routes.shares if s.at_s > zero and s.canary > 0)
        known = own - WATCH_LAG_S
        assert known > zero, "nothing lies between the two"
        early = [r for r in scene.served_by("v3") if r.sent_at_s + r.latency_ns / 1e9 < known]
        assert early == []


def test_an_abort_at_half_costs_no_request(traffic_stage: Stage) -> None:
    """One RolloutAction by plain kubectl, and stable has everything again."""
    shop = Shop(name="aborted", phases=(STEPS[0], {"name": "half", "weight": 50, "hold": "1h"}))
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, App("v2", exit="abrupt"))
        traffic_stage.await_weight(shop, 50, deadline_s=60)
        traffic_stage.act(shop, "abort", "seen enough")
        status = traffic_stage.await_state(shop, "Reverted", deadline_s=60)
        traffic_stage.await_old_pods_gone(shop, deadline_s=60)
        assert scene.failures() == []
        assert status["lastRun"]["reason"] == "Aborted"
        assert "seen enough" in status["lastRun"]["message"]
