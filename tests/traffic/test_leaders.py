"""Two operators, one Lease, real traffic: whoever dies, the release comes to its right end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from demo.manifests import App, Shop
from demo.operator_process import OperatorProcess
from demo.stage import Stage
from sandbox import Sandbox
from sandbox.waiting import wait_until
from tests.traffic.scenes import STEPS, Scene, promoted, under_load

pytestmark = pytest.mark.traffic

READY_S = 30.0
GUARD_INTERVAL_S = 1.0
CRASH_TAKEOVER_S = 20.0
HANDOVER_S = 3.0
SLOW_GUARD = {"metric": "error-rate", "max": 0.05, "interval": "1s", "minSamples": 200}
"""Waits for some three seconds of the canary's requests: time to strike its leader before."""
THIRD = {"name": "third", "weight": 30, "hold": "120s"}
API_DOWN_S = 30.0
PODS_LATE_S = 240
"""Kubernetes' own controllers come back late: client-go asks again after up to 60 s (30 s and as
much jitter, `tools/cache/reflector.go`), and then the new pods are made, bound and started."""


@pytest.fixture
def standby(traffic_stage: Stage) -> Iterator[OperatorProcess]:
    """A second operator beside the stage's own; at the end the stage's own leads again."""
    own = traffic_stage.operator
    wait_until(own.leads, READY_S, "the stage's operator leads")
    second = OperatorProcess(
        traffic_stage.cluster,
        traffic_stage.folder / "standby",
        prometheus_url=own.prometheus_url,
        identity="operator-1",
    )
    second.start()
    try:
        wait_until(lambda: second.health().get("role") == "standby", READY_S, "a warm standby")
        yield second
    finally:
        second.stop()
        if not own.alive():
            own.start()
        wait_until(own.leads, READY_S, "the stage's operator leads again")
        assert "Traceback" not in second.log_file.read_text()


def test_a_leader_killed_in_the_middle_of_a_bad_release_is_replaced_and_it_is_reverted(
    traffic_stage: Stage, standby: OperatorProcess
) -> None:
    shop = Shop(name="orphaned", phases=[THIRD], extra={"guards": [SLOW_GUARD]})
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, App("v2-bad", fail_share=0.3, exit="abrupt"))
        wait_until(lambda: _share(scene) == 30, 60, "30 % on the bad version", poll_s=0.01)
        killed_at_s = time.time()
        traffic_stage.operator.kill()
        assert _share(scene) == 30, "it was sent back before the leader was killed"
        traffic_stage.await_state(shop, "Reverted", deadline_s=60)
        wait_until(lambda: _share(scene) == 0, READY_S, "the watch tells of weight 0")
        back_at_s = next(s.at_s for s in scene.routes.shares if s.at_s > killed_at_s)
        took_s = back_at_s - killed_at_s
        print(f"leader killed at 30 %: weight 0 after {took_s:.1f} s")
        assert standby.leads()
        assert took_s <= CRASH_TAKEOVER_S + GUARD_INTERVAL_S
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures(but_of="v2-bad") == []


def test_a_leader_that_is_told_to_stop_hands_over_and_the_release_goes_on(
    traffic_stage: Stage, standby: OperatorProcess
) -> None:
    shop = Shop(name="handed", phases=STEPS)
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, App("v2", exit="abrupt"))
        traffic_stage.await_weight(shop, 10, deadline_s=60)
        told_at_s = time.monotonic()
        stopping = threading.Thread(target=traffic_stage.operator.stop)
        stopping.start()
        wait_until(standby.leads, READY_S, "the standby leads", poll_s=0.02)
        took_s = time.monotonic() - told_at_s
        stopping.join()
        print(f"graceful handover: {took_s:.2f} s from SIGTERM to the next leader")
        assert took_s <= HANDOVER_S
        traffic_stage.await_status(shop, "promoted", promoted(1), deadline_s=120)
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []


def test_a_paused_leader_that_wakes_beside_its_successor_writes_nothing(
    traffic_stage: Stage, standby: OperatorProcess
) -> None:
    """The split brain: the old leader's memory is that of 25 s ago, and it believes to lead."""
    shop = Shop(name="asleep", phases=[THIRD], extra={"guards": [SLOW_GUARD]})
    with under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene:
        traffic_stage.release(shop, App("v2-bad", fail_share=0.3, exit="abrupt"))
        wait_until(lambda: _share(scene) == 30, 60, "30 % on the bad version", poll_s=0.01)
        old = traffic_stage.operator
        old.signal(signal.SIGSTOP)
        try:
            wait_until(standby.leads, 2 * CRASH_TAKEOVER_S, "the standby leads")
            traffic_stage.await_state(shop, "Reverted", deadline_s=60)
        finally:
            old.signal(signal.SIGCONT)
        wait_until(lambda: not old.alive(), READY_S, "the old leader ends by itself")
        old.stop()
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert _share(scene) == 0
        assert scene.failures(but_of="v2-bad") == []


def test_an_api_server_gone_for_half_a_minute_costs_no_request_and_decides_nothing(
    traffic_stage: Stage,
) -> None:
    shop = Shop(name="cut-off", phases=STEPS, extra={"progressDeadline": f"{PODS_LATE_S}s"})
    sandbox = traffic_stage.cluster
    assert isinstance(sandbox, Sandbox)
    with (
        under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene,
        restarted_like_a_container(traffic_stage.operator),
    ):
        traffic_stage.release(shop, App("v2", exit="abrupt"))
        before = traffic_stage.await_weight(shop, 10, deadline_s=60)
        sandbox.stop_server("kube-apiserver")
        stopped_s = time.monotonic()
        try:
            while time.monotonic() - stopped_s < API_DOWN_S:
                time.sleep(1)  # the length of the outage is the experiment
        finally:
            sandbox.start_server("kube-apiserver")
        after = traffic_stage.await_status(
            shop, "promoted", promoted(1), deadline_s=PODS_LATE_S + 60
        )
        assert after["epoch"] > before["epoch"], "a leader that cannot renew must have ended"
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []


def _share(scene: Scene) -> int:
    """The canary's weight as last seen in the routes."""
    return scene.routes.shares[-1].canary if scene.routes.shares else 0


@contextmanager
def restarted_like_a_container(operator: OperatorProcess) -> Iterator[None]:
    """Start the operator again whenever it ends, as a kubelet does."""
    over = threading.Event()

    def look_after() -> None:
        while not over.wait(0.5):
            if not operator.alive():
                operator.stop()
                operator.start()

    thread = threading.Thread(target=look_after)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)
