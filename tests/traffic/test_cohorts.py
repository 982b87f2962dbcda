"""Users behind a real Envoy: who got the new version keeps it, and the share is the asked one."""

from __future__ import annotations

import json
import math

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from tests.traffic.scenes import promoted, under_load
from tests.traffic.users import User, all_visit, holding

pytestmark = pytest.mark.traffic

USERS = 10_000
SIGMAS = 4
"""By chance a share of users is off by more once in sixteen thousand runs."""
PHASES = (
    {"name": "ten", "weight": 10, "hold": "1h"},
    {"name": "half", "weight": 50, "hold": "1h"},
    {"name": "all", "weight": 100, "hold": "1h"},
)


def _off(found: set[int], percent: int) -> float:
    """By how many standard deviations the share of users is another one than asked."""
    share = percent / 100
    return abs(len(found) - USERS * share) / math.sqrt(USERS * share * (1 - share))


def test_ten_thousand_users_stay_where_they_are_while_the_share_grows(
    traffic_stage: Stage,
) -> None:
    """From 10 to 50 to 100 %, and back to the old version in one write."""
    stage = traffic_stage
    istio = {
        "virtualServices": [{"name": "kept", "routes": ["primary"]}],
        "destinationRule": {"name": "kept"},
    }
    traffic = {"settle": "1s", "istio": istio, "sticky": {"cookie": "kept-user"}}
    shop = Shop(name="kept", phases=PHASES, extra={"traffic": traffic})
    users = [User() for _ in range(USERS)]
    with under_load(stage, shop, App("v1", exit="abrupt")) as scene:
        kind = ("get", "virtualservice", shop.name, "-n", shop.namespace, "-o", "json")
        before = json.loads(stage.cluster.kubectl(*kind))["spec"]
        stage.release(shop, App("v2", exit="abrupt"))
        stage.await_status(shop, "a tenth", holding("ten"), deadline_s=90)
        tenth = all_visit(stage, shop, users)
        assert _off(tenth, 10) < SIGMAS, f"{len(tenth)} of {USERS} users"
        assert {user.given for user in users} == {1}
        assert all_visit(stage, shop, users) == tenth
        stage.act(shop, "skip", "enough seen", phase="half")
        stage.await_status(shop, "half", holding("half"), deadline_s=90)
        half = all_visit(stage, shop, users)
        assert tenth < half
        assert _off(half, 50) < SIGMAS, f"{len(half)} of {USERS} users"
        stage.act(shop, "skip", "enough seen", phase="all")
        stage.await_status(shop, "all", holding("all"), deadline_s=90)
        assert len(all_visit(stage, shop, users)) == USERS
        assert {user.given for user in users} == {1}
        stage.act(shop, "promote", "all is well")
        stage.await_status(shop, "promoted", promoted(1), deadline_s=120)
        assert json.loads(stage.cluster.kubectl(*kind))["spec"] == before
        assert scene.failures() == []
