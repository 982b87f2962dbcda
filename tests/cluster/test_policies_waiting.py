"""What RolloutPolicies make releases wait for, on a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.cluster.looks import answer_to
from tests.cluster.places import condition, history_ended, opened, quick_shop

pytestmark = pytest.mark.api

POLICIES = "rolloutpolicies.tidegate.io"
DEADLINE_S = 60
LONG = ({"name": "ten", "weight": 10, "hold": "1h"},)
FRIDAY = {"name": "friday", "days": ["Fri"], "from": "16:00", "until": "08:00"}
ONCE = {"name": "once", "from": "2026-12-20T00:00:00Z", "until": "2027-01-06T00:00:00Z"}


def _policy(*shops: Shop, **spec: Any) -> dict[str, Any]:
    """A policy for the Rollouts of those shops' namespaces alone."""
    where = {
        "key": "kubernetes.io/metadata.name",
        "operator": "In",
        "values": [shop.namespace for shop in shops],
    }
    rollouts = {"namespaceSelector": {"matchExpressions": [where]}}
    return {
        "apiVersion": "tidegate.io/v1alpha1",
        "kind": "RolloutPolicy",
        "metadata": {"name": f"waits-{shops[0].namespace}"},
        "spec": {"rollouts": rollouts} | spec,
    }


@contextmanager
def _ruled(stage: Stage, *shops: Shop, **spec: Any) -> Iterator[str]:
    """The policy, until the end; wait until the Rollouts' statuses name it by a run of theirs."""
    body = _policy(*shops, **spec)
    name: str = body["metadata"]["name"]
    stage.cluster.apply(body)
    try:
        for shop in shops:
            _in_force(stage, shop, name)
        yield name
    finally:
        stage.cluster.kubectl("delete", POLICIES, name, "--ignore-not-found")


def _in_force(stage: Stage, shop: Shop, name: str) -> None:
    def holds() -> bool:
        found = stage.status(shop).get("policies") or []
        return name in [one["name"] for one in found]

    wait_until(holds, DEADLINE_S, f"policy {name}")


def _window(**fields: str) -> dict[str, Any]:
    """A window that is on now, for an hour either way."""
    now = datetime.now(UTC)
    times = {name: f"{now + timedelta(hours=h):%Y-%m-%dT%H:%M:%SZ}" for name, h in _HOURS.items()}
    return {"name": "now", "reason": "a test"} | times | fields


_HOURS = {"from": -1, "until": 1}


def _waits(reason: str) -> Any:
    return lambda status: (status.get("wait") or {}).get("reason") == reason


def test_a_window_holds_a_new_release_until_it_is_taken_away(stage: Stage) -> None:
    shop = quick_shop()
    with opened(stage, shop), _ruled(stage, shop, freeze=[_window()]) as name:
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "frozen", _waits("Frozen"), deadline_s=DEADLINE_S)
        assert status.get("run") is None
        assert f"window now of RolloutPolicy {name} (a test) freezes" in status["message"]
        assert condition(status, "Waiting")["reason"] == "Frozen"
        patch = json.dumps({"spec": {"freeze": []}})
        stage.cluster.kubectl("patch", POLICIES, name, "--type=merge", "-p", patch)
        stage.await_status(shop, "done", history_ended(1, "Promoted"), deadline_s=DEADLINE_S)


def test_a_window_ends_by_itself_and_the_release_goes_on(stage: Stage) -> None:
    shop = quick_shop()
    soon = f"{datetime.now(UTC) + timedelta(seconds=20):%Y-%m-%dT%H:%M:%SZ}"
    with opened(stage, shop), _ruled(stage, shop, freeze=[_window(until=soon)]):
        stage.release(shop, App("v2"))
        stage.await_status(shop, "done", history_ended(1, "Promoted"), deadline_s=DEADLINE_S)


def test_in_a_window_a_run_stands_nobody_may_promote_it_and_anybody_may_abort(
    stage: Stage,
) -> None:
    shop = quick_shop(phases=LONG)
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=DEADLINE_S)
        with _ruled(stage, shop, freeze=[_window()]):
            stage.await_status(shop, "frozen", _waits("Frozen"), deadline_s=DEADLINE_S)
            stage.act(shop, "promote", "I cannot wait")
            answer = answer_to(stage, shop, "promote")
            assert answer["result"] == "Refused"
            assert "window now of RolloutPolicy" in answer["message"]
            assert stage.status(shop)["weight"] == 10
            stage.act(shop, "abort", "it is slow")
            stage.await_status(shop, "back", history_ended(1, "Reverted"), deadline_s=DEADLINE_S)


def test_of_two_rollouts_one_is_released_at_a_time(stage: Stage) -> None:
    first, second = quick_shop(phases=LONG), quick_shop()
    with (
        opened(stage, first),
        opened(stage, second),
        _ruled(stage, first, second, oneAtATime={}),
    ):
        stage.release(first, App("v2"))
        stage.await_weight(first, 10, deadline_s=DEADLINE_S)
        stage.release(second, App("v2"))
        turn = _waits("WaitingForTurn")
        status = stage.await_status(second, "waits", turn, deadline_s=DEADLINE_S)
        assert f"{first.namespace}/{first.name} has a run on" in status["message"]
        assert status.get("run") is None
        stage.act(first, "abort", "let the other one go")
        stage.await_status(second, "done", history_ended(1, "Promoted"), deadline_s=DEADLINE_S)


def test_a_release_waits_for_the_one_it_depends_on(stage: Stage) -> None:
    shop, base = quick_shop(), quick_shop(phases=LONG)
    needs = [{"name": base.name, "namespace": base.namespace}]
    with opened(stage, shop), opened(stage, base), _ruled(stage, shop, dependsOn=needs):
        stage.release(base, App("v2"))
        stage.await_weight(base, 10, deadline_s=DEADLINE_S)
        stage.release(shop, App("v2"))
        waits = _waits("WaitingForDependency")
        status = stage.await_status(shop, "waits", waits, deadline_s=DEADLINE_S)
        assert f"{base.namespace}/{base.name} at rest, and it is Progressing" in status["message"]
        stage.act(base, "promote", "it is fine")
        stage.await_status(shop, "done", history_ended(1, "Promoted"), deadline_s=DEADLINE_S)


def test_a_time_zone_that_nobody_knows_makes_a_policy_not_accepted_and_releases_wait(
    stage: Stage,
) -> None:
    shop = quick_shop()
    odd = FRIDAY | {"timeZone": "Europe/Berln"}
    with opened(stage, shop), _ruled(stage, shop, freeze=[odd]) as name:
        stage.release(shop, App("v2"))
        said = f"RolloutPolicy {name} cannot be applied: spec.freeze[0].timeZone: no time zone"
        status = stage.await_status(
            shop, "waits", lambda status: said in status.get("message", ""), deadline_s=DEADLINE_S
        )
        assert condition(status, "PoliciesApplied")["reason"] == "PolicyInvalid"


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"freeze": [FRIDAY | {"until": "24:00"}]}, "should match"),
        ({"freeze": [FRIDAY | {"until": ONCE["until"]}]}, "with days, from and until are times"),
        ({"freeze": [FRIDAY | {"days": []}]}, "with days, from and until are times"),
        ({"freeze": [ONCE | {"days": ["Mon"]}]}, "with days, from and until are times"),
        ({"freeze": [ONCE | {"until": ONCE["from"]}]}, "until must be later than from"),
        ({"freeze": [ONCE | {"timeZone": "UTC"}]}, "is for a window with days"),
        ({"freeze": [FRIDAY, FRIDAY]}, "Duplicate value"),
        ({"freeze": [FRIDAY | {"days": ["Friday"]}]}, "Unsupported value"),
        ({"dependsOn": [{"namespace": "shop"}]}, "Required value"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_the_api_server(
    stage: Stage, spec: dict[str, Any], sentence: str
) -> None:
    wrong = json.dumps(_policy(quick_shop(), **spec))
    with pytest.raises(SandboxError, match=sentence):
        stage.cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin=wrong)


def test_all_that_a_policy_can_make_wait_for_is_taken_by_the_api_server(stage: Stage) -> None:
    waits = {
        "freeze": [FRIDAY | {"timeZone": "Europe/Berlin"}, ONCE],
        "oneAtATime": {"groupLabel": "team", "countBake": True},
        "dependsOn": [{"name": "db", "namespace": "shop"}, {"name": "cart"}],
    }
    good = json.dumps(_policy(quick_shop(), **waits))
    stage.cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin=good)
