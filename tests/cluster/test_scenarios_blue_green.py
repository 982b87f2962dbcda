"""Blue-green: what happens before, at and after the switch, and what each ending leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import ROLLOUTS, Stage
from sandbox.waiting import wait_until
from tests.cluster.looks import (
    NEVER,
    annotated,
    patched,
    recorded,
    revisions,
    selected,
    sizes,
)
from tests.cluster.places import condition, history_ended
from tests.cluster.service_shops import (
    GREEN,
    HELD_AFTER,
    HELD_BEFORE,
    PREVIEW,
    SWITCH,
    opened_service_shop,
    service_shop,
)

pytestmark = pytest.mark.api

ACTIVE = "shop"


def _previewed(stage: Stage, shop: Shop, number: int) -> str:
    """The revision that run tries, once its first phase is on."""

    def holds(status: dict[str, Any]) -> bool:
        run, phase = status.get("run") or {}, status.get("phase") or {}
        return run.get("number") == number and bool(phase.get("startedAt"))

    status = stage.await_status(shop, f"run {number} in its preview", holds, deadline_s=40)
    return str(status["canaryRevision"])


def _services(stage: Stage, shop: Shop) -> tuple[str | None, str | None]:
    return selected(stage, shop, ACTIVE), selected(stage, shop, PREVIEW)


def _await_services(stage: Stage, shop: Shop, active: str, preview: str) -> None:
    expected = (active, preview)
    wait_until(lambda: _services(stage, shop) == expected, 20, f"the Services select {expected}")


def test_the_new_version_is_previewed_until_somebody_promotes_it(stage: Stage) -> None:
    with opened_service_shop(stage, service_shop(phases=HELD_BEFORE)) as shop:
        first = stage.status(shop)["stableRevision"]
        assert "run" not in stage.status(shop)
        stage.release(shop, App("v2"))
        second = _previewed(stage, shop, 1)
        assert _services(stage, shop) == (first, second)
        assert sizes(stage, shop) == {first: (2, 2), second: (2, 2)}
        stage.act(shop, "promote", "looks good")
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        _await_services(stage, shop, second, second)
        recorded(stage, shop, 1, "Promoted", "Promoted")


@pytest.mark.parametrize("promoted", [True, False], ids=["promoted", "by its phases"])
def test_a_small_preview_is_full_before_the_switch(stage: Stage, promoted: bool) -> None:
    small = GREEN | {"replicas": 1, "hold": "1h"}
    held = SWITCH | {"hold": "1h"}
    with opened_service_shop(stage, service_shop(replicas=3, phases=(small, held))) as shop:
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        second = _previewed(stage, shop, 1)
        assert sizes(stage, shop) == {first: (3, 3), second: (1, 1)}
        if promoted:
            stage.act(shop, "promote", "looks good")
        else:
            patched(stage, shop, {"phases": [small | {"hold": "0s"}, held]})
        wait_until(lambda: selected(stage, shop, ACTIVE) == second, 40, "the switch")
        assert sizes(stage, shop)[second] == (3, 3)


@pytest.mark.parametrize("paused", [True, False], ids=["paused", "going on"])
def test_pods_that_never_get_ready_are_never_switched_to(stage: Stage, paused: bool) -> None:
    soon = {"progressDeadline": "3s"}
    shop = service_shop(extra={"progressDeadline": "1h"} if paused else soon)
    with opened_service_shop(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.cluster.apply(annotated(shop, "v2", NEVER))
        if paused:
            stage.await_status(shop, "run 1", lambda s: bool(s.get("run")), deadline_s=20)
            stage.act(shop, "pause", "to have a look")
            stage.await_state(shop, "Paused", deadline_s=20)
            patched(stage, shop, soon)
        stage.await_state(shop, "Reverted", deadline_s=30)
        recorded(stage, shop, 1, "Reverted", "ProgressDeadlineExceeded")
        _await_services(stage, shop, first, first)
        wait_until(lambda: sizes(stage, shop) == {first: (2, 2)}, 30, "no pods of it are left")


def test_aborted_before_the_switch_tried_again_and_promoted(stage: Stage) -> None:
    with opened_service_shop(stage, service_shop(phases=HELD_BEFORE)) as shop:
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        _previewed(stage, shop, 1)
        stage.act(shop, "abort", "not now")
        stage.await_state(shop, "Reverted", deadline_s=30)
        _await_services(stage, shop, first, first)
        began = recorded(stage, shop, 1, "Reverted", "Aborted")["spec"]["startedAt"]
        stage.act(shop, "retry", "now")
        second = _previewed(stage, shop, 2)
        assert _services(stage, shop) == (first, second)
        stage.act(shop, "promote", "looks good")
        stage.await_status(shop, "promoted", history_ended(2, "Promoted"), deadline_s=60)
        assert recorded(stage, shop, 2, "Promoted", "Promoted")["spec"]["startedAt"] > began


def test_a_version_after_an_aborted_one_is_released(stage: Stage) -> None:
    with opened_service_shop(stage, service_shop(phases=HELD_AFTER)) as shop:
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        stage.await_weight(shop, 100, deadline_s=30)
        stage.act(shop, "abort", "not this one")
        stage.await_state(shop, "Reverted", deadline_s=30)
        assert selected(stage, shop, ACTIVE) == first
        stage.release(shop.with_(phases=(GREEN, SWITCH)), App("v3"))
        status = stage.await_status(shop, "v3", history_ended(2, "Promoted"), deadline_s=60)
        _await_services(stage, shop, status["stableRevision"], status["stableRevision"])


def test_a_third_version_takes_the_place_of_the_one_that_is_previewed(stage: Stage) -> None:
    with opened_service_shop(stage, service_shop(phases=HELD_BEFORE)) as shop:
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        _previewed(stage, shop, 1)
        stage.release(shop, App("v3"))
        third = _previewed(stage, shop, 2)
        assert _services(stage, shop) == (first, third)
        recorded(stage, shop, 1, "Superseded", "Superseded")
        expected = {first: (2, 2), third: (2, 2)}
        wait_until(lambda: sizes(stage, shop) == expected, 30, "the second has no pods")
        stage.act(shop, "promote", "looks good")
        stage.await_status(shop, "v3", history_ended(2, "Promoted"), deadline_s=60)
        _await_services(stage, shop, third, third)
        recorded(stage, shop, 2, "Promoted", "Promoted")


def test_the_template_of_stable_takes_the_preview_back(stage: Stage) -> None:
    with opened_service_shop(stage, service_shop(phases=HELD_BEFORE)) as shop:
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        _previewed(stage, shop, 1)
        stage.release(shop, App("v1"))
        stage.await_state(shop, "Healthy", deadline_s=30)
        assert _services(stage, shop) == (first, first)
        recorded(stage, shop, 1, "Reverted", "TemplateIsStable")
        wait_until(lambda: sizes(stage, shop) == {first: (2, 2)}, 30, "only stable has pods")


def test_old_pods_stay_for_their_time_after_the_switch(stage: Stage) -> None:
    shop = service_shop(extra={"drain": {"min": "1h", "max": "2h"}})
    with opened_service_shop(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        second = status["stableRevision"]
        assert selected(stage, shop, ACTIVE) == second
        assert sizes(stage, shop) == {first: (2, 2), second: (2, 2)}
        patched(stage, shop, {"drain": {"min": "500ms"}})
        wait_until(lambda: sizes(stage, shop) == {second: (2, 2)}, 40, "old pods are gone")


def test_an_older_version_is_previewed_again_like_any_other(stage: Stage) -> None:
    with opened_service_shop(stage, service_shop()) as shop:
        first = stage.status(shop)["stableRevision"]
        for number, version in enumerate(("v2", "v1"), start=1):
            stage.release(shop, App(version))
            stage.await_status(shop, version, history_ended(number, "Promoted"), deadline_s=60)
        run = recorded(stage, shop, 2, "Promoted", "Promoted")
        passed = [e["what"] for e in run["status"]["history"] if e["reason"] == "PhasePassed"]
        assert passed == ["green", "switch"]
        assert stage.status(shop)["stableRevision"] == first
        assert len(revisions(stage, shop)) == 2


def test_spec_paused_holds_the_preview_back_and_scaling_starts_nothing(stage: Stage) -> None:
    shop = service_shop()
    paused = shop.with_(extra=shop.extra | {"paused": True})
    with opened_service_shop(stage, shop):
        first = stage.status(shop)["stableRevision"]
        stage.release(paused, App("v2"))
        status = stage.await_state(shop, "Paused", deadline_s=20)
        assert condition(status, "Paused")["status"] == "True"
        stage.cluster.kubectl("scale", ROLLOUTS, shop.name, "-n", shop.namespace, "--replicas=3")
        wait_until(lambda: sizes(stage, shop) == {first: (3, 3)}, 30, "three pods of stable")
        assert _services(stage, shop) == (first, first)
        assert not stage.status(shop).get("lastRunNumber")
        stage.release(shop, App("v2"))
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        recorded(stage, shop, 1, "Promoted", "Promoted")
