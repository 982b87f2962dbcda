"""A Deployment that serves is taken over and given back, and no request is lost on either way."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.loop import Operator
from tests.properties.scenario import (
    examples,
    finish,
    matching,
    phase,
    quiet,
    release,
    retarget,
    rollout_spec,
    settings_of,
    some_of,
)
from tests.properties.workload import PODS, Town, taken_over, town
from tests.properties.world import Proxy, Setting
from tidegate.api.status import State
from tidegate.api.takeover import WorkloadDrift, WorkloadStage
from tidegate.core import reasons
from tidegate.core.decision import ScaleWorkload
from tidegate.core.giving_back import give_back_s_max

SETTING = Setting(proxies=(Proxy(), Proxy(1.0, 2.0)))
SPEC = rollout_spec()
SWITCHES = ("", "active", "preview")
SLOW = phase("slow", 10, hold_s=600.0)
TAKEN_S = 400.0
GIVEN_S = 900.0


def _settled(operator: Operator) -> bool:
    return taken_over(operator) and quiet(operator)


def _taken(setting: Setting = SETTING, spec=SPEC, *, pods: int = 4) -> Operator:
    operator = town(setting, spec, pods=pods)
    operator.run(TAKEN_S, stop=_settled)
    assert _settled(operator), operator.status.message
    return operator


def _gone(operator: Operator) -> bool:
    return operator.gone


def _give_back(operator: Operator) -> None:
    operator.delete()
    operator.run(operator.world.now_s + GIVEN_S, stop=_gone)


def _gave_back(operator: Operator, pods: int) -> None:
    world = operator.world
    assert isinstance(world, Town)
    assert operator.gone, operator.status.message
    assert world.failed == 0, world.failures
    assert world.ready(PODS) == pods
    assert all(not pods.ready_at for pods in world.sets.values())
    assert world.routes.stable is None


def _by_service(switch: str) -> tuple[Setting, object]:
    if not switch:
        return SETTING, SPEC
    spec = rollout_spec(phases=())
    return replace(SETTING, switch=switch, depth="none"), spec


@given(settings_of(), st.integers(1, 7), st.sampled_from([0, 3]))
@examples(40)
def test_no_request_is_lost_while_a_deployment_is_taken_over(setting, pods, more):
    operator = _taken(setting, matching(setting, rollout_spec(replicas=pods + more)), pods=pods)
    world = operator.world
    assert world.failed == 0, world.failures
    assert (world.workload, world.pods("A")) == ([], pods + more)
    assert operator.status.state is State.HEALTHY
    assert operator.rollout.held


@given(settings_of(), st.integers(1, 7))
@examples(40)
def test_no_request_is_lost_while_a_deployment_is_given_back(setting, pods):
    operator = _taken(setting, matching(setting, rollout_spec(replicas=pods)), pods=pods)
    _give_back(operator)
    _gave_back(operator, pods)


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_router_takes_over_and_gives_back(switch):
    operator = _taken(*_by_service(switch))
    assert operator.world.failed == 0, operator.world.failures
    _give_back(operator)
    _gave_back(operator, 4)


def test_a_proxy_that_stalls_keeps_the_pods_of_the_deployment():
    stalled = replace(SETTING, proxies=(Proxy(), Proxy(stalls=((1.0, 91.0),))))
    operator = _taken(stalled)
    assert operator.world.failed == 0, operator.world.failures
    assert operator.world.now_s > 91


def test_a_change_of_the_deployments_template_starts_a_release():
    operator = _taken()
    release(operator, at_s=operator.world.now_s + 5)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0
    _give_back(operator)
    _gave_back(operator, 4)


def _lived(crashes=frozenset(), *, switch: str = "") -> Operator:
    operator = town(*_by_service(switch))
    operator.crash_after = crashes
    operator.run(TAKEN_S, stop=_settled)
    assert _settled(operator), operator.status.message
    _give_back(operator)
    return operator


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_crash_after_any_write_of_a_takeover_or_of_the_way_back_loses_nothing(switch):
    for write in some_of(range(1, _lived(switch=switch).writes + 1)):
        _gave_back(_lived(frozenset({write}), switch=switch), 4)


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_takeover_that_is_given_up_after_any_write_loses_nothing(switch):
    last = _lived(switch=switch).writes
    for write in some_of(range(1, last + 1)):
        operator = town(*_by_service(switch))
        operator.crash_after = frozenset({write})
        operator.run(TAKEN_S, stop=lambda op, write=write: op.writes >= write or _settled(op))
        operator.crash_after = frozenset()
        _give_back(operator)
        if operator.status.workload is None:
            assert operator.gone
            assert not operator.world.sets
            continue
        _gave_back(operator, 4)


def test_a_deployment_that_is_scaled_up_again_is_put_back_once_and_then_left_alone():
    operator = _taken()
    world = operator.world
    operator.effects.clear()
    for _ in range(3):
        world.scale_workload(3)
        operator.run(world.now_s + 20)
    assert [e for _, e in operator.effects if isinstance(e, ScaleWorkload)] == [
        ScaleWorkload("shop", "uid-d", 0)
    ]
    assert operator.status.workload.drift is WorkloadDrift.LEFT_ALONE
    assert world.failed == 0
    world.scale_workload(0)
    operator.run(world.now_s + 20)
    assert operator.status.workload.drift is None


def test_a_deployment_that_vanishes_changes_neither_pods_nor_traffic():
    operator = _taken()
    operator.world.workload = None
    operator.effects.clear()
    operator.run(operator.world.now_s + 60)
    assert not operator.effects
    operator.delete()
    operator.run(operator.world.now_s + 60, stop=_gone)
    assert operator.gone
    assert operator.world.routes.stable is None


def test_a_bad_release_is_sent_back_though_the_deployment_vanished():
    operator = _taken(replace(SETTING, bad=frozenset({"B"})), rollout_spec(phases=(SLOW,)))
    release(operator, at_s=operator.world.now_s + 1)
    operator.run(operator.world.now_s + 300, stop=lambda op: any(op.world.routes.weights))
    operator.world.workload = None
    operator.run(operator.world.now_s + 60)
    assert operator.status.reverted_revision == "B"
    assert operator.world.routes.weights == (0,)
    assert operator.status.state is State.INVALID
    assert operator.world.pods("A") == 4


def test_a_rollout_smaller_than_the_deployment_moves_nothing():
    operator = town(SETTING, rollout_spec(replicas=3), pods=4)
    operator.run(60.0)
    assert not operator.effects
    assert operator.status.state is State.INVALID
    assert "has 4 pods" in operator.status.message
    operator.edit(replicas=4)
    operator.run(TAKEN_S, stop=_settled)
    assert operator.world.failed == 0


def test_a_deployment_that_does_not_get_ready_holds_the_deletion():
    operator = _taken()
    operator.world.never_ready = True
    before = operator.world.now_s
    operator.delete()
    operator.run(before + 300)
    assert not operator.gone
    assert (operator.world.ready("A"), operator.world.routes.stable) == (4, "A")
    assert "0 of 4 pods of Deployment shop are ready" in operator.status.message
    operator.world.never_ready = False
    operator.world.scale_workload(0)
    operator.run(before + 400, stop=_gone)
    _gave_back(operator, 4)


def test_a_deletion_is_not_held_for_ever_by_a_deployment_that_does_not_get_ready():
    operator = _taken()
    operator.world.never_ready = operator.watch.late = True
    operator.delete()
    operator.run(operator.world.now_s + give_back_s_max(operator.rollout.spec) + 1, stop=_gone)
    assert operator.gone
    assert operator.world.routes.stable is None


def test_a_reverted_template_is_given_back_only_after_it_was_put_right():
    operator = _taken(replace(SETTING, bad=frozenset({"B"})))
    release(operator, at_s=operator.world.now_s + 5)
    operator.run(operator.world.now_s + 200)
    assert operator.status.reverted_revision == "B"
    operator.delete()
    operator.run(operator.world.now_s + 30)
    assert operator.world.workload == []
    assert "not the stable A" in operator.status.message
    retarget(operator, "A")
    operator.run(operator.world.now_s + GIVEN_S, stop=_gone)
    _gave_back(operator, 4)
    assert operator.status.workload.stage is WorkloadStage.GIVEN_BACK
    assert any(note.reason == reasons.GIVEN_BACK for note in operator.notes)
