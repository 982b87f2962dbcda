"""A deletion puts the traffic back first, and never keeps the object for long."""

import pytest

from tests.core.scenes import NOW, ago, at_rest, counted, in_phase, pods
from tidegate.api.status import Stage
from tidegate.core import reasons
from tidegate.core.decision import (
    HoldRollout,
    PointDestination,
    ReleaseRollout,
    ScaleReplicaSet,
    SetWeight,
)
from tidegate.core.leaving import LEAVE_S_MAX

JUST_NOW = ago(1)


def test_a_rollout_is_held_before_its_run_is_written_down():
    decision = at_rest(target="B", held=False).decided()
    assert decision.effect == HoldRollout()
    assert decision.status.run is None
    assert at_rest(target="B", held=True).decided().status.run is not None


def test_a_finalizer_that_somebody_replaced_in_a_run_is_put_back():
    assert in_phase(held=False).decided().effect == HoldRollout()


def test_a_rollout_at_rest_is_let_go_so_that_its_deletion_waits_for_nobody():
    assert at_rest(held=True).decided().effect == ReleaseRollout()
    assert at_rest(held=False).decided().effect is None


def test_a_rollout_in_the_middle_of_a_run_is_not_let_go():
    assert in_phase().decided().effect != ReleaseRollout()


def test_the_first_thing_a_deletion_does_is_to_send_the_traffic_back():
    decision = in_phase(deleted_at=JUST_NOW).decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.run is None
    assert decision.status.last_run is not None
    assert (decision.status.last_run.outcome, decision.status.last_run.reason) == (
        "Reverted",
        reasons.DELETED,
    )


def test_a_deletion_neither_starts_nor_promotes_anything():
    decision = at_rest(target="B", held=True, deleted_at=JUST_NOW).decided()
    assert decision.effect == ReleaseRollout()
    assert decision.status.run is None
    promoting = in_phase(stage=Stage.PROMOTING, weights=(100,), deleted_at=JUST_NOW).decided()
    assert promoting.effect == SetWeight("shop", 0)


def test_a_promotion_that_is_a_fact_already_is_kept_as_one():
    case = in_phase(stage=Stage.PROMOTING, weights=(100,), stable="B", deleted_at=JUST_NOW)
    decision = case.decided()
    assert decision.status.stable_revision == "B"
    assert decision.effect is None


def _sent_back(**fields):
    return at_rest(held=True, deleted_at=JUST_NOW, canary="B", **fields).with_(
        revisions=(pods("A", 4), pods("B", 1))
    )


def test_the_canary_destination_goes_home_once_it_is_idle_and_then_the_rollout_goes():
    idle = _sent_back(traffic=counted(A=100, B=0)).decided()
    assert idle.effect == PointDestination("canary", "A")
    busy = _sent_back(traffic=counted(A=90, B=10)).decided()
    assert busy.effect is None
    assert busy.wake_at is not None
    assert "being deleted" in busy.status.message
    home = at_rest(held=True, deleted_at=JUST_NOW).decided()
    assert home.effect == ReleaseRollout()


def test_stable_pods_come_back_before_the_rollout_goes():
    short = at_rest(held=True, deleted_at=JUST_NOW, revisions=(pods("A", 2, ready=2),)).decided()
    assert isinstance(short.effect, ScaleReplicaSet)


@pytest.mark.parametrize("fields", [{"routes_hidden": True}, {"canary": "B"}])
def test_what_cannot_be_put_back_keeps_the_rollout_for_a_minute_only(fields):
    case = at_rest(held=True, revisions=(pods("A", 4), pods("B", 1)), **fields)
    assert case.with_(deleted_at=ago(LEAVE_S_MAX - 1)).decided().effect is None
    late = case.with_(deleted_at=ago(LEAVE_S_MAX)).decided()
    assert late.effect == ReleaseRollout()
    assert late.notes[0].warning


def test_a_wait_during_a_deletion_looks_again_when_its_time_is_up():
    case = at_rest(held=True, routes_hidden=True, deleted_at=JUST_NOW)
    wake_at = case.decided().wake_at
    assert wake_at is not None
    assert (wake_at - NOW).total_seconds() == LEAVE_S_MAX - 1
