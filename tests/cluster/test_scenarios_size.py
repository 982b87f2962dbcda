"""The size changes while a release is on: every revision keeps the pods that its traffic needs."""

from __future__ import annotations

import pytest

from demo.manifests import App
from demo.stage import ROLLOUTS, Stage
from sandbox.waiting import wait_until
from tests.cluster.looks import patched, recorded, sizes, weights
from tests.cluster.places import history_ended, opened, quick_shop
from tidegate.core.scene import SIZE_KEPT_S

pytestmark = pytest.mark.api

TEN = ({"name": "ten", "weight": 10, "hold": "1h"},)
HALF = ({"name": "half", "weight": 50, "hold": "1h"},)


@pytest.mark.parametrize("paused", [True, False], ids=["paused", "going on"])
def test_a_release_grows_with_its_size_and_loses_no_pod_before_its_end(
    stage: Stage, paused: bool
) -> None:
    shop = quick_shop(phases=HALF)
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        second = stage.await_weight(shop, 50, deadline_s=30)["canaryRevision"]
        if paused:
            stage.act(shop, "pause", "to be scaled")
        state = "Paused" if paused else "Progressing"
        stage.await_state(shop, state, deadline_s=20)
        both = {first: (6, 6), second: (3, 3)}
        stage.cluster.kubectl("scale", ROLLOUTS, shop.name, "-n", shop.namespace, "--replicas=6")
        wait_until(lambda: sizes(stage, shop) == both, 30, "half of six beside six")
        assert weights(stage, shop) == [50, 50]
        stage.cluster.kubectl("scale", ROLLOUTS, shop.name, "-n", shop.namespace, "--replicas=1")
        stage.await_state(shop, state, deadline_s=20)
        assert sizes(stage, shop) == both
        assert weights(stage, shop) == [50, 50]
        stage.act(shop, "promote", "seen enough")
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        asked = {second: (1, 1)}  # for a minute an autoscaler may still see an idle stable
        wait_until(lambda: sizes(stage, shop) == asked, SIZE_KEPT_S + 30, "the size that was asked")


def test_another_image_and_another_size_in_one_patch_are_one_run(stage: Stage) -> None:
    shop = quick_shop()
    with opened(stage, shop):
        stage.release(shop.with_(replicas=4), App("v2"))
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        expected = {status["stableRevision"]: (4, 4)}
        wait_until(lambda: sizes(stage, shop) == expected, 30, "four new pods and no old one")
        recorded(stage, shop, 1, "Promoted", "Promoted")
        assert stage.status(shop)["lastRunNumber"] == 1


def test_what_was_sent_back_gets_no_traffic_whatever_the_size(stage: Stage) -> None:
    shop = quick_shop(phases=TEN)
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 10, deadline_s=30)
        stage.act(shop, "abort", "no")
        stage.await_state(shop, "Reverted", deadline_s=30)
        for size in (1, 3):
            patched(stage, shop, {"replicas": size})
            expected = {first: (size, size)}
            wait_until(lambda want=expected: sizes(stage, shop) == want, 30, f"{size} stable pods")
            assert weights(stage, shop) == [100, 0]
        status = stage.await_state(shop, "Reverted", deadline_s=20)
        assert status["lastRunNumber"] == 1


def test_a_phase_says_how_many_pods_try_it_and_takes_none_away(stage: Stage) -> None:
    shop = quick_shop(replicas=4, phases=(TEN[0] | {"replicas": 2},))
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        second = stage.await_weight(shop, 10, deadline_s=30)["canaryRevision"]
        assert sizes(stage, shop) == {first: (4, 4), second: (2, 2)}
        all_of_them = {first: (4, 4), second: (4, 4)}
        patched(stage, shop, {"phases": [TEN[0] | {"replicas": "100%"}]})
        wait_until(lambda: sizes(stage, shop) == all_of_them, 30, "as many as stable has")
        patched(stage, shop, {"phases": [TEN[0]]})
        stage.await_state(shop, "Progressing", deadline_s=20)
        assert sizes(stage, shop) == all_of_them
        assert weights(stage, shop) == [90, 10]


def test_a_lower_weight_counts_at_once_and_takes_no_pods(stage: Stage) -> None:
    shop = quick_shop(replicas=4, phases=HALF)
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        second = stage.await_weight(shop, 50, deadline_s=30)["canaryRevision"]
        patched(stage, shop, {"phases": [HALF[0] | {"weight": 20}]})
        stage.await_weight(shop, 20, deadline_s=20)
        assert weights(stage, shop) == [80, 20]
        assert sizes(stage, shop) == {first: (4, 4), second: (2, 2)}


def test_the_first_version_is_deployed_without_phases_and_without_a_run(stage: Stage) -> None:
    shop = quick_shop(phases=TEN)
    with opened(stage, shop):
        status = stage.status(shop)
        assert "run" not in status
        assert "lastRun" not in status
        assert sizes(stage, shop) == {status["stableRevision"]: (2, 2)}
        wait_until(lambda: "Deployed" in stage.describe(shop), 30, "an event about it")
        assert stage.cluster.get("rolloutruns", "-n", shop.namespace)["items"] == []
