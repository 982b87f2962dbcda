"""Templates that come back, are spelled differently, are malformed, or come one upon the other."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from demo.manifests import App, Object, Shop
from demo.stage import Stage
from sandbox.waiting import wait_until
from tests.cluster.looks import recorded, revisions, sizes, weights
from tests.cluster.places import condition, history_ended, opened, quick_shop

pytestmark = pytest.mark.api

DARK = (
    {"name": "dark", "weight": 0, "replicas": 1, "hold": "1h"},
    {"name": "ten", "weight": 10, "hold": "1h"},
)


def _numbers(pod: Object) -> None:
    pod["containers"][0]["resources"] = {"requests": {"cpu": 1, "memory": "64Mi"}}


def _texts(pod: Object) -> None:
    pod["containers"][0]["resources"] = {"requests": {"memory": "65536Ki", "cpu": "1000m"}}


def _defaults_written_out(pod: Object) -> None:
    _numbers(pod)
    pod |= {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "securityContext": {}}
    pod["containers"][0]["terminationMessagePath"] = "/dev/termination-log"


def _spelt(shop: Shop, version: str, spelling: Callable[[Object], None]) -> Object:
    body = shop.rollout(App(version))
    spelling(body["spec"]["template"]["spec"])
    return body


def test_numbers_that_the_api_server_keeps_as_text_start_no_release(stage: Stage) -> None:
    shop = quick_shop()
    for body in shop.base():
        stage.cluster.apply(body)
    stage.cluster.apply(_spelt(shop, "v1", _numbers))
    first = stage.await_state(shop, "Healthy", deadline_s=30)["stableRevision"]
    stage.cluster.apply(_spelt(shop.with_(replicas=3), "v1", _numbers))
    wait_until(lambda: sizes(stage, shop) == {first: (3, 3)}, 30, "three pods")
    status = stage.await_state(shop, "Healthy", deadline_s=20)
    assert revisions(stage, shop) == {first}
    assert not status.get("lastRunNumber")
    stage.close(shop)


@pytest.mark.parametrize("spelling", [_texts, _defaults_written_out])
def test_the_same_pods_spelled_differently_start_no_release_and_supersede_none(
    stage: Stage, spelling: Callable[[Object], None]
) -> None:
    shop = quick_shop(phases=DARK)
    for body in shop.base():
        stage.cluster.apply(body)
    stage.cluster.apply(_spelt(shop, "v1", _numbers))
    first = stage.await_state(shop, "Healthy", deadline_s=30)["stableRevision"]
    stage.cluster.apply(_spelt(shop, "v1", spelling))
    status = stage.await_state(shop, "Healthy", deadline_s=20)
    assert not status.get("lastRunNumber")
    stage.cluster.apply(_spelt(shop, "v2", _numbers))
    _await_dark(stage, shop, 1)
    stage.cluster.apply(_spelt(shop, "v2", spelling))
    stage.await_state(shop, "Progressing", deadline_s=20)
    stage.operator.kill()
    stage.operator.start()
    stage.act(shop, "promote", "the same all the while")
    status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=120)
    assert revisions(stage, shop) == {first, status["stableRevision"]}
    stage.close(shop)


def _await_dark(stage: Stage, shop: Shop, number: int) -> str:
    """The revision that this run tries, once it is in the phase without traffic."""

    def holds(status: dict[str, Any]) -> bool:
        run, phase = status.get("run") or {}, status.get("phase") or {}
        return run.get("number") == number and bool(phase.get("startedAt"))

    status = stage.await_status(shop, f"run {number} in the dark", holds, deadline_s=40)
    return str(status["canaryRevision"])


def test_an_older_template_takes_every_phase_again_on_its_own_replica_set(stage: Stage) -> None:
    shop = quick_shop()
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        for number, version in enumerate(("v2", "v1"), start=1):
            stage.release(shop, App(version))
            stage.await_status(shop, version, history_ended(number, "Promoted"), deadline_s=60)
        run = recorded(stage, shop, 2, "Promoted", "Promoted")
        passed = [e["what"] for e in run["status"]["history"] if e["reason"] == "PhasePassed"]
        assert passed == ["ten", "half"]
        assert stage.status(shop)["stableRevision"] == first
        assert len(revisions(stage, shop)) == 2


def test_a_version_that_comes_while_the_canary_has_no_traffic_takes_its_place(
    stage: Stage,
) -> None:
    shop = quick_shop(phases=DARK)
    with opened(stage, shop):
        first = stage.status(shop)["stableRevision"]
        for number, version in enumerate(("v2", "v3"), start=1):
            stage.release(shop, App(version))
            third = _await_dark(stage, shop, number)
            assert weights(stage, shop) == [100, 0]
        recorded(stage, shop, 1, "Superseded", "Superseded")
        expected = {first: (2, 2), third: (1, 1)}
        wait_until(lambda: sizes(stage, shop) == expected, 30, "the second has no pods")
        stage.act(shop, "promote", "seen in the dark")
        stage.await_status(shop, "promoted", history_ended(2, "Promoted"), deadline_s=60)
        wait_until(lambda: sizes(stage, shop) == {third: (2, 2)}, 30, "the third alone")


def _containers_that_are_none(template: Object) -> None:
    template["spec"]["containers"] = "none"


def _a_volume_without_a_name(template: Object) -> None:
    template["spec"]["volumes"] = [{"configMap": {"name": "x", "items": [{"key": "k"}]}}]


def _a_debugger_in_the_template(template: Object) -> None:
    template["spec"]["ephemeralContainers"] = [{"name": "debug", "image": "docker.io/local/x:1"}]


@pytest.mark.parametrize(
    "spoil", [_containers_that_are_none, _a_volume_without_a_name, _a_debugger_in_the_template]
)
def test_a_malformed_rollout_is_told_so_and_keeps_nobody_waiting(
    stage: Stage, spoil: Callable[[Object], None]
) -> None:
    well, broken = quick_shop(), quick_shop()
    body = broken.rollout(App("v1"))
    spoil(body["spec"]["template"])
    for base in broken.base():
        stage.cluster.apply(base)
    stage.cluster.apply(body)
    status = stage.await_state(broken, "Invalid", deadline_s=20)
    assert "spec.template is refused" in status["message"]
    assert condition(status, "Stalled")["reason"] == "TemplateRefused"
    with opened(stage, well):
        stage.release(well, App("v2"))
        stage.await_status(well, "promoted", history_ended(1, "Promoted"), deadline_s=60)
    stage.release(broken, App("v1"))
    stage.await_state(broken, "Healthy", deadline_s=60)
    stage.close(broken)


def test_items_of_a_volume_and_what_else_a_template_holds_reach_the_pods(stage: Stage) -> None:
    shop = quick_shop(phases=())
    volume = {
        "name": "settings",
        "configMap": {"name": "x", "items": [{"key": "a", "path": "b/a"}], "optional": True},
    }
    with opened(stage, shop):
        body = shop.rollout(App("v2"))
        pod = body["spec"]["template"]["spec"]
        pod["volumes"] = [volume]
        pod["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app": shop.name}},
            }
        ]
        wanted = copy.deepcopy(pod)
        stage.cluster.apply(body)
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        label = f"tidegate.io/revision={status['stableRevision']}"
        for found in stage.cluster.get("pods", "-n", shop.namespace, "-l", label)["items"]:
            volumes = {v["name"]: v for v in found["spec"]["volumes"]}
            assert volumes["settings"]["configMap"]["items"] == volume["configMap"]["items"]
            spread = found["spec"]["topologySpreadConstraints"]
            assert spread == wanted["topologySpreadConstraints"]
