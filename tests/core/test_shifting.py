import pytest

from tests.core.scenes import NOW, Case, ago, asked, counted, in_phase, pods, spec
from tidegate.api.actions import Verb
from tidegate.api.phases import Phase
from tidegate.api.rollout import Capacity
from tidegate.api.status import PauseStatus, PhaseStatus
from tidegate.core.decision import ScaleReplicaSet, SetWeight
from tidegate.core.observation import TrafficReading


def shifted(weight: int, *, stable: int, ready: int | None = None, wanted: int = 50) -> Case:
    """A phase that wants that weight, long after the routes had theirs; ten pods carry all."""
    case = in_phase(
        spec=spec(
            replicas=10,
            capacity=Capacity(mode="shift"),
            phases=(Phase(name="ten", weight=wanted, hold_s=600.0),),
        ),
        weights=(weight,),
        revisions=(pods("A", stable, ready), pods("B", 10)),
        traffic=counted(A=100 - weight, B=weight),
    )
    routes = case.status.traffic.model_copy(update={"weight": weight})
    run = case.status.run.model_copy(update={"min_replicas": 10})
    return case.status_with(traffic=routes, run=run)


def just_entered(case: Case) -> Case:
    """The same, in a phase that began with the weight of the one before it."""
    return case.status_with(phase=PhaseStatus(index=0, name="ten", entered_at=ago(1)))


def stable_to(replicas: int) -> ScaleReplicaSet:
    return ScaleReplicaSet("A", "shop-A", "uid-A", replicas)


def test_stable_gives_up_the_pods_that_its_share_no_longer_needs():
    assert shifted(50, stable=10).decided().effect == stable_to(6)
    assert shifted(50, stable=6).decided().effect is None


def test_with_surge_it_keeps_them():
    case = shifted(50, stable=10)
    surge = case.with_(spec=case.spec.model_copy(update={"capacity": Capacity()}))
    assert surge.decided().effect is None


def test_it_keeps_pods_for_what_is_counted_at_it_whatever_the_routes_say():
    case = shifted(50, stable=10)
    assert case.with_(traffic=counted(A=61, B=39)).decided().effect is None
    assert case.with_(traffic=counted(A=60, B=40)).decided().effect == stable_to(6)


@pytest.mark.parametrize(("pointed_s", "effect"), [(1, None), (120, stable_to(6))])
def test_it_keeps_them_until_it_is_counted_after_a_hand_had_pointed_it_elsewhere(pointed_s, effect):
    case = shifted(50, stable=10)
    routes = case.status.traffic.model_copy(update={"stable_since": ago(pointed_s)})
    assert case.status_with(traffic=routes).decided().effect == effect


@pytest.mark.parametrize(("error", "effect"), [("", stable_to(6)), ("down", None)])
def test_where_nothing_counts_requests_the_settle_time_stands_in(error, effect):
    uncounted = TrafficReading(NOW, 600.0, error=error)
    assert shifted(50, stable=10).with_(traffic=uncounted).decided().effect == effect


def test_it_keeps_its_pods_in_a_pause():
    paused = shifted(50, stable=10).status_with(pause=PauseStatus(by="ben", at=ago(5)))
    assert paused.decided().effect is None


def test_traffic_comes_back_only_to_ready_pods_of_stable():
    assert just_entered(shifted(90, stable=2)).decided().effect == stable_to(6)
    waiting = just_entered(shifted(90, stable=6, ready=5)).decided()
    assert waiting.effect is None
    assert "5 of 6 pods of stable are ready" in waiting.status.message
    assert just_entered(shifted(90, stable=6)).decided().effect == SetWeight("shop", 50)


def test_a_share_that_a_hand_has_raised_is_taken_back_at_once():
    raised = just_entered(shifted(90, stable=6, ready=5))
    routes = raised.status.traffic.model_copy(update={"weight_since": ago(0.5)})
    assert raised.status_with(traffic=routes).decided().effect == SetWeight("shop", 50)


def test_a_share_that_a_hand_has_taken_away_brings_the_pods_back_first():
    assert shifted(0, stable=6).decided().effect == stable_to(10)


def test_an_abort_moves_what_stable_can_carry_then_asks_for_pods_then_moves_the_rest():
    case = shifted(90, stable=2, wanted=90).with_(actions=(asked(Verb.ABORT),))
    first = case.decided()
    assert first.effect == SetWeight("shop", 60)
    second = case.with_(status=first.status, weights=(60,)).decided()
    assert second.effect == stable_to(10)
    coming = (pods("A", 10, 4), pods("B", 10))
    third = case.with_(status=second.status, weights=(60,), revisions=coming).decided()
    assert third.effect == SetWeight("shop", 20)
    there = (pods("A", 10, 5), pods("B", 10))
    last = case.with_(status=third.status, weights=(20,), revisions=there).decided()
    assert last.effect == SetWeight("shop", 0)


@pytest.mark.parametrize(("stable", "shown"), [(10, "10/10"), (6, "6/6"), (5, "5/6")])
def test_the_ready_pods_are_told_of_those_that_are_wanted(stable, shown):
    assert shifted(50, stable=stable).decided().status.ready == shown
