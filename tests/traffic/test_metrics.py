"""What the metrics provider says, or does not say, before the first request is at stake."""

from __future__ import annotations

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox import Sandbox
from tests.traffic.scenes import STEPS, under_load

pytestmark = pytest.mark.traffic


def _asking(shop: Shop, query: str) -> Shop:
    """The same shop, with a guard on a query of the user's own."""
    metrics = [{"name": "own", "query": query, "window": "10s"}]
    guards = [{"metric": "own", "max": 0.05, "interval": "1s"}]
    return shop.with_(extra={"metrics": metrics, "guards": guards})


def _errors(how: str) -> str:
    labels = 'namespace="{{namespace}}",revision="{{revision}}"'
    failed = f'sum(rate(http_requests_total{{{labels},code="500"}}[{{{{window}}}}]))'
    return f"{failed} {how} sum(rate(http_requests_total{{{labels}}}[{{{{window}}}}]))"


def test_a_query_that_prometheus_refuses_is_shown_in_its_words(traffic_stage: Stage) -> None:
    """Invalid with the metric's name and the parse error; nothing moves; mended, it goes on."""
    shop = _asking(Shop(name="refused", phases=STEPS[:1]), _errors("over"))
    with under_load(traffic_stage, shop, App("v1")) as scene:
        traffic_stage.release(shop, App("v2"))
        status = traffic_stage.await_state(shop, "Invalid", deadline_s=60)
        assert "metric 'own'" in status["message"]
        assert "parse error" in status["message"]
        assert scene.served_by("v2") == []
        mended = _asking(shop, _errors("/"))
        traffic_stage.release(mended, App("v2"))
        traffic_stage.await_status(
            shop,
            "promoted",
            lambda s: s.get("state") == "Healthy" and "lastRun" in s,
            deadline_s=90,
        )
        assert scene.failures() == []


def test_without_prometheus_no_request_goes_to_the_canary(traffic_stage: Stage) -> None:
    """Pods are made, the reason is said, and the first request waits until guards can watch."""
    shop = Shop(name="unwatched", phases=STEPS[:1])
    assert isinstance(traffic_stage.cluster, Sandbox)
    with under_load(traffic_stage, shop, App("v1")) as scene:
        traffic_stage.cluster.stop_server("prometheus")
        try:
            traffic_stage.release(shop, App("v2"))
            status = traffic_stage.await_status(
                shop,
                "the reason is said",
                lambda s: "cannot be measured" in s.get("message", ""),
                deadline_s=60,
            )
            assert status["state"] == "Progressing"
            assert status["weight"] == 0
            assert scene.served_by("v2") == []
        finally:
            traffic_stage.cluster.start_server("prometheus")
        traffic_stage.await_status(
            shop,
            "promoted",
            lambda s: s.get("state") == "Healthy" and "lastRun" in s,
            deadline_s=90,
        )
        assert scene.failures() == []
