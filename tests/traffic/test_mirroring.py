"""Copies through a real Envoy: the new version is tried, and nobody is answered by it."""

from __future__ import annotations

from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from tests.traffic.scenes import promoted, under_load

pytestmark = pytest.mark.traffic

SHADOW = {"name": "shadow", "weight": 0, "hold": "15s", "mirror": {"percent": 50}}
PHASES = (SHADOW, {"name": "half", "weight": 50, "hold": "6s"})


def _measured(status: dict[str, Any]) -> bool:
    """In the shadow phase, and the guard has seen the copies."""
    phase = status.get("phase") or {}
    guards = [check for check in status.get("checks") or () if check["kind"] == "guard"]
    shadowing = phase.get("name") == "shadow" and bool(phase.get("startedAt"))
    return shadowing and bool(guards) and all(check["verdict"] == "pass" for check in guards)


def _in_half(status: dict[str, Any]) -> bool:
    return bool((status.get("phase") or {}).get("name") == "half")


def test_copies_reach_the_canary_and_everybody_is_answered_by_stable(
    traffic_stage: Stage,
) -> None:
    """The guard counts them; the first answer of the new version comes with its first weight."""
    shop = Shop(name="shadow", phases=PHASES)
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, App("v2", exit="abrupt"))
        status = traffic_stage.await_status(shop, "measured", _measured, deadline_s=90)
        assert status["traffic"]["mirror"] == 50
        assert scene.served_by("v2") == []
        traffic_stage.await_status(shop, "half", _in_half, deadline_s=60)
        traffic_stage.await_status(shop, "promoted", promoted(1), deadline_s=120)
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []
        raised_at_s = next(share.at_s for share in scene.routes.shares if share.canary > 0)
        assert [r for r in scene.served_by("v2") if r.sent_at_s < raised_at_s - 1] == []


def test_a_version_that_is_bad_with_copies_is_sent_back_and_no_user_sees_it(
    traffic_stage: Stage,
) -> None:
    """Half of its answers are errors, and all of them are thrown away."""
    shop = Shop(name="shadow-bad", phases=PHASES)
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, App("v2-bad", fail_share=0.5, exit="abrupt"))
        status = traffic_stage.await_state(shop, "Reverted", deadline_s=90)
        assert status["lastRun"]["reason"] == "GuardBreached"
        assert scene.failures() == []
        assert scene.served_by("v2-bad") == []
