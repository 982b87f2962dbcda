"""What no fixed bound tells from noise: the old version fails, too, and only evidence decides.

Everything is asked of the real Prometheus about real Envoys. Both versions fail a known share of
their requests, so nothing but those answers may fail.
"""

from __future__ import annotations

from typing import Any

import pytest

from demo.manifests import App, Object, Shop
from demo.stage import Stage
from tests.traffic.scenes import promoted, under_load

pytestmark = pytest.mark.traffic

FAILS = 0.02
"""The share of its requests that stable answers with a 500."""
TEST: Object = {"to": "stable", "test": "sequential", "confidence": 0.95}
GUARD: Object = {"metric": "error-rate", "interval": "4s", "compare": TEST | {"margin": 1.2}}
GATE: Object = {"metric": "error-rate", "interval": "4s", "compare": TEST | {"margin": 3}}
TWENTY: Object = {"name": "twenty", "weight": 20, "hold": "4s", "gates": [GATE]}


def _shop(name: str) -> Shop:
    return Shop(name=name, phases=(TWENTY,), extra={"guards": [GUARD]})


def _app(version: str, fails: float) -> App:
    return App(version, fail_share=fails, exit="abrupt")


def _check(status: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(check for check in status["checks"] if check["kind"] == kind)
    return found


def test_a_version_that_fails_four_times_as_often_is_sent_back_with_its_evidence(
    traffic_stage: Stage,
) -> None:
    shop = _shop("worse")
    with under_load(traffic_stage, shop, _app("v1", FAILS)) as scene:
        traffic_stage.release(shop, _app("v2", 4 * FAILS))
        status = traffic_stage.await_state(shop, "Reverted", deadline_s=180)
        traffic_stage.await_old_pods_gone(shop, deadline_s=60)
        others = [r for r in scene.failures(but_of="v2") if r.version != "v1"]
        assert others == []
        assert "worse than 1.2 times is shown" in status["message"]
        assert "requests against" in status["message"]
        assert max(share.canary for share in scene.routes.shares) == 20


def test_a_version_that_fails_as_often_as_the_old_one_is_shown_to_be_no_worse_and_promoted(
    traffic_stage: Stage,
) -> None:
    shop = _shop("alike")
    with under_load(traffic_stage, shop, _app("v1", FAILS)) as scene:
        traffic_stage.release(shop, _app("v2", FAILS))
        status = traffic_stage.await_status(shop, "promoted", promoted(1), deadline_s=240)
        traffic_stage.await_old_pods_gone(shop, deadline_s=60)
        others = [r for r in scene.failures(but_of="v2") if r.version != "v1"]
        assert others == []
        passed = [e for e in status["lastRun"]["history"] if e["reason"] == "PhasePassed"]
        assert [entry["what"] for entry in passed] == ["twenty"]


def test_the_evidence_outlives_the_operator(traffic_stage: Stage) -> None:
    """Killed once some windows are counted, the next process adds to the same ones."""
    shop = _shop("counted").with_(phases=({"name": "twenty", "weight": 20, "hold": "1h"},))
    with under_load(traffic_stage, shop, _app("v1", FAILS)):
        traffic_stage.release(shop, _app("v2", FAILS))
        before = traffic_stage.await_status(shop, "evidence", _requests_over(500), deadline_s=120)
        traffic_stage.operator.kill()
        traffic_stage.operator.start()
        known = _requests(before)
        after = traffic_stage.await_status(
            shop, "more evidence", _requests_over(known + 500), deadline_s=120
        )
        assert after["evidence"][0]["about"] == before["evidence"][0]["about"]
        assert _check(after, "guard")["verdict"] in ("pass", "undecided")


def _requests(status: dict[str, Any]) -> float:
    """Requests of both versions that the guard's evidence rests on."""
    kept = status.get("evidence") or [{"totals": [0.0, 0.0]}]
    totals: list[float] = kept[0]["totals"]
    return totals[0] + totals[1]


def _requests_over(least: float) -> Any:
    return lambda status: _requests(status) > least
