"""Blue-green on a real API server: one Service is the switch, and both ways are one write."""

from __future__ import annotations

import json

import pytest

from demo.manifests import App, Shop
from demo.stage import ROLLOUTS, Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.cluster.places import await_seniority, history_ended
from tests.cluster.service_shops import HELD_AFTER, PREVIEW, opened_service_shop, service_shop
from tidegate.api.constants import LABEL_REVISION

pytestmark = pytest.mark.api


def _selector(stage: Stage, shop: Shop, name: str = "shop") -> dict[str, str]:
    found: dict[str, str] = stage.cluster.get("service", name, "-n", shop.namespace)["spec"][
        "selector"
    ]
    return found


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "active alone"])
def test_a_release_is_previewed_switched_and_promoted(stage: Stage, preview: bool) -> None:
    with opened_service_shop(stage, service_shop(preview=preview)) as shop:
        first = stage.status(shop)["stableRevision"]
        assert _selector(stage, shop) == {"app": "shop", LABEL_REVISION: first}
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        assert status["stableRevision"] != first
        names = ("shop", PREVIEW) if preview else ("shop",)
        for name in names:
            expected = {"app": "shop", LABEL_REVISION: status["stableRevision"]}
            assert _selector(stage, shop, name) == expected
        assert "canary 0 -> 100 % in Service shop" in stage.describe(shop)


def test_an_abort_after_the_switch_goes_back_to_warm_pods(stage: Stage) -> None:
    with opened_service_shop(stage, service_shop(preview=True, phases=HELD_AFTER)) as shop:
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 100, deadline_s=30)
        assert _selector(stage, shop)[LABEL_REVISION] != first
        sets = stage.cluster.get("replicasets", "-n", shop.namespace)["items"]
        assert [it["status"].get("readyReplicas") for it in sets] == [2, 2]
        stage.act(shop, "abort", "not this one")
        stage.await_state(shop, "Reverted", deadline_s=30)
        assert _selector(stage, shop)[LABEL_REVISION] == first
        wait_until(
            lambda: _selector(stage, shop, PREVIEW)[LABEL_REVISION] == first,
            30,
            "the preview is home",
        )


def test_a_selector_edited_by_hand_is_put_back(stage: Stage) -> None:
    with opened_service_shop(stage, service_shop(preview=False)) as shop:
        first = stage.status(shop)["stableRevision"]
        patch = json.dumps({"spec": {"selector": {LABEL_REVISION: "other"}}})
        stage.cluster.kubectl(
            "patch", "service", "shop", "-n", shop.namespace, "--type=merge", "-p", patch
        )
        wait_until(
            lambda: _selector(stage, shop)[LABEL_REVISION] == first, 30, "the selector is put back"
        )
        wait_until(lambda: "TrafficDrift" in stage.describe(shop), 30, "an event about it")


def test_weights_between_nothing_and_all_are_refused_by_the_api_server(stage: Stage) -> None:
    shop = service_shop(preview=False, phases=({"name": "ten", "weight": 10},))
    stage.cluster.apply(shop.base()[0])
    with pytest.raises(SandboxError, match="weights are 0 or 100"):
        stage.release(shop, App("v1"))


def test_two_rollouts_cannot_have_one_switch(stage: Stage) -> None:
    with opened_service_shop(stage, service_shop(preview=False)) as shop:
        await_seniority(stage, shop)
        other = shop.with_(name="other").rollout(App("v1"))
        stage.cluster.apply(other)
        thief = shop.with_(name="other")
        status = stage.await_state(thief, "Invalid", deadline_s=20)
        assert "Service shop is already moved by Rollout shop" in status["message"]
        stage.cluster.kubectl("delete", ROLLOUTS, "other", "-n", shop.namespace)
