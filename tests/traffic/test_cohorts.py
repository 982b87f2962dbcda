"""Users behind a real Envoy: who got the new version keeps it, and the share is the asked one."""

from __future__ import annotations

import http.client
import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from tests.traffic.scenes import promoted, under_load

pytestmark = pytest.mark.traffic

USERS = 10_000
WORKERS = 8
TIMEOUT_S = 10.0
SIGMAS = 4
"""By chance a share of users is off by more once in sixteen thousand runs."""
PHASES = (
    {"name": "ten", "weight": 10, "hold": "1h"},
    {"name": "half", "weight": 50, "hold": "1h"},
    {"name": "all", "weight": 100, "hold": "1h"},
)


@dataclass
class User:
    """One browser: the cookie that it was given, if any, and who answered last."""

    cookie: str = ""
    version: str = ""
    given: int = 0
    """Cookies that it was given."""


def _visit(stage: Stage, shop: Shop, users: list[User]) -> None:
    """Each of them asks once, over one connection."""
    place = urlsplit(stage.cluster.gateway_url)
    connection = http.client.HTTPConnection(place.netloc, timeout=TIMEOUT_S)
    for user in users:
        known = {"Cookie": f"lang=de; {user.cookie}"} if user.cookie else {}
        connection.request("GET", "/", headers={"Host": shop.host, **known})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        user.version = str(answer.getheader("x-version"))
        said = answer.getheader("set-cookie")
        if said:
            user.cookie, user.given = said.partition(";")[0], user.given + 1
    connection.close()


def _all_visit(stage: Stage, shop: Shop, users: list[User]) -> set[int]:
    """All of them ask once; the places of those whom the new version answered."""
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = [users[start::WORKERS] for start in range(WORKERS)]
        list(pool.map(lambda part: _visit(stage, shop, part), parts))
    return {place for place, user in enumerate(users) if user.version == "v2"}


def _holding(name: str) -> Any:
    def holds(status: dict[str, Any]) -> bool:
        phase = status.get("phase") or {}
        return phase.get("name") == name and bool(phase.get("startedAt"))

    return holds


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
        stage.await_status(shop, "a tenth", _holding("ten"), deadline_s=90)
        tenth = _all_visit(stage, shop, users)
        assert _off(tenth, 10) < SIGMAS, f"{len(tenth)} of {USERS} users"
        assert {user.given for user in users} == {1}
        assert _all_visit(stage, shop, users) == tenth
        stage.act(shop, "skip", "enough seen", phase="half")
        stage.await_status(shop, "half", _holding("half"), deadline_s=90)
        half = _all_visit(stage, shop, users)
        assert tenth < half
        assert _off(half, 50) < SIGMAS, f"{len(half)} of {USERS} users"
        stage.act(shop, "skip", "enough seen", phase="all")
        stage.await_status(shop, "all", _holding("all"), deadline_s=90)
        assert len(_all_visit(stage, shop, users)) == USERS
        assert {user.given for user in users} == {1}
        stage.act(shop, "promote", "all is well")
        stage.await_status(shop, "promoted", promoted(1), deadline_s=120)
        assert json.loads(stage.cluster.kubectl(*kind))["spec"] == before
        assert scene.failures() == []
