"""Cohorts behind a real Envoy outlive the operator and Git: there for exactly their phases."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox.waiting import wait_until
from tests.traffic.scenes import promoted, under_load
from tests.traffic.test_header_routes import MATCH, TAKEN_UP_S, Members, members
from tests.traffic.users import User, all_visit, holding

pytestmark = pytest.mark.traffic

USERS = 400
ANSWERS = 40
LEADS_S = 60.0
PUT_RIGHT_S = 1.0
"""From a sync that takes the header routes away until the last request that goes astray."""
PHASES = (
    {"name": "members", "weight": 0, "hold": "1h", "match": MATCH},
    {"name": "ten", "weight": 10, "hold": "1h", "match": MATCH},
    {"name": "all", "weight": 100, "hold": "1h"},
)
KEPT = {
    "settle": "1s",
    "istio": {
        "virtualServices": [{"name": "outlive", "routes": ["primary"]}],
        "destinationRule": {"name": "outlive"},
    },
    "sticky": {"cookie": "outlive-user"},
}


def _spec(stage: Stage, shop: Shop) -> dict[str, Any]:
    kind = ("get", "virtualservice", shop.name, "-n", shop.namespace, "-o", "json")
    spec: dict[str, Any] = json.loads(stage.cluster.kubectl(*kind))["spec"]
    return spec


def _ours(stage: Stage, shop: Shop) -> int:
    """How many header routes there are."""
    return sum(str(r.get("name")).startswith("tidegate.") for r in _spec(stage, shop)["http"])


def _answers(asking: Members) -> set[str]:
    """Who answers the members' next requests."""
    begun = len(asking.answers)
    wait_until(lambda: len(asking.answers) > begun + ANSWERS, 60, "as many answers")
    return {version for _, version, _ in asking.answers[begun:]}


def _apply_git(stage: Stage, shop: Shop, spec: dict[str, Any]) -> float:
    """Write the VirtualService as Git holds it, without header routes; when that was."""
    patch = json.dumps({"spec": spec})
    stage.cluster.kubectl(
        *("patch", "virtualservice", shop.name, "-n", shop.namespace),
        *("--type=merge", "-p", patch),
    )
    return time.time()


def _killed_and_back(stage: Stage) -> None:
    """SIGKILL, and the next process leads."""
    stage.operator.kill()
    stage.operator.start()
    wait_until(stage.operator.leads, LEADS_S, "the next operator leads")


def test_members_and_users_stay_while_the_operator_dies_and_git_is_applied_again(
    traffic_stage: Stage,
) -> None:
    """One route for members at weight 0, four more for users at 10 %, none at 100 % and after."""
    stage, shop = traffic_stage, Shop(name="outlive", phases=PHASES, extra={"traffic": KEPT})
    users = [User() for _ in range(USERS)]
    with under_load(stage, shop, App("v1", exit="abrupt")) as scene, members(stage, shop) as asking:
        before = _spec(stage, shop)
        assert _ours(stage, shop) == 0
        stage.release(shop, App("v2", exit="abrupt"))
        stage.await_status(shop, "members", holding("members"), deadline_s=90)
        wait_until(lambda: asking.answers[-1][1] == "v2", TAKEN_UP_S, "the gateway knows")
        assert _ours(stage, shop) == 1
        stage.operator.kill()
        assert _answers(asking) == {"v2"}
        assert _ours(stage, shop) == 1
        stage.operator.start()
        wait_until(stage.operator.leads, LEADS_S, "the next operator leads")
        assert _answers(asking) == {"v2"}

        stage.act(shop, "skip", "enough seen", phase="ten")
        stage.await_status(shop, "a tenth", holding("ten"), deadline_s=90)
        assert _ours(stage, shop) == 5
        tenth = all_visit(stage, shop, users)
        assert 0 < len(tenth) < USERS
        _killed_and_back(stage)
        assert all_visit(stage, shop, users) == tenth
        applied_s = _apply_git(stage, shop, before)
        wait_until(lambda: _ours(stage, shop) == 5, TAKEN_UP_S, "header routes are back")
        assert _answers(asking) >= {"v2"}
        astray = [at_s for at_s, said, _ in asking.answers if said == "v1" and at_s > applied_s]
        assert max(astray, default=applied_s) - applied_s <= PUT_RIGHT_S
        assert _answers(asking) == {"v2"}
        assert all_visit(stage, shop, users) == tenth
        assert {user.given for user in users} == {1}

        stage.await_status(shop, "a tenth anew", holding("ten"), deadline_s=60)
        stage.act(shop, "skip", "enough seen", phase="all")
        stage.await_status(shop, "all", holding("all"), deadline_s=90)
        assert _ours(stage, shop) == 0
        stage.act(shop, "promote", "all is well")
        stage.await_status(shop, "promoted", promoted(1), deadline_s=120)
        assert _spec(stage, shop) == before
        assert [answer for answer in asking.answers if answer[2] >= 400] == []
        assert scene.failures() == []
