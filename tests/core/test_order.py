"""The order of writes: pods before traffic, traffic before pods, facts before records."""

from datetime import timedelta

import pytest

from tests.core.scenes import (
    NOW,
    Case,
    ago,
    asked,
    at_rest,
    counted,
    error_guard,
    in_phase,
    pods,
    read,
    spec,
)
from tidegate.api.actions import Verb
from tidegate.api.phases import Phase
from tidegate.api.status import PauseStatus, PhaseStatus, Stage
from tidegate.core.decision import (
    CreateReplicaSet,
    PointDestination,
    ScaleReplicaSet,
    SetWeight,
)
from tidegate.core.observation import RoutesView, RouteWeight, TrafficReading

DARK = spec(phases=(Phase(name="ten", weight=0, hold_s=60.0),))
ASKED = {"guard/0": (read(1, 0.001),)}


def preparing(**fields):
    usual = {"stage": Stage.PREPARING, "weights": (0,), "canary": "A"}
    case = in_phase(**{**usual, **fields})
    return case.status_with(traffic=at_rest().status.traffic)


def entering(**fields):
    """A phase whose weight is not there yet."""
    entered = PhaseStatus(index=0, name="ten", entered_at=ago(290))
    return in_phase(**fields).status_with(phase=entered)


def promoting(**fields):
    case = in_phase(
        stage=Stage.PROMOTING,
        weights=(100,),
        revisions=(pods("A", 4), pods("B", 4)),
        traffic=counted(B=100),
    ).status_with(phase=None)
    traffic = case.status.traffic.model_copy(update={"weight": 100, "weight_since": ago(60)})
    return case.status_with(traffic=traffic).with_(**fields)


def test_the_first_deployment_makes_pods_then_points_then_routes():
    case = Case(target="A", stable=None, canary=None, weights=(10,))
    assert case.decided().effect == CreateReplicaSet("A", 4)
    case = case.with_(revisions=(pods("A", 4, 3),))
    assert case.decided().effect is None
    case = case.with_(revisions=(pods("A", 4),))
    assert case.decided().effect == PointDestination("stable", "A")
    assert case.with_(stable="A").decided().effect == PointDestination("canary", "A")
    case = case.with_(stable="A", canary="A")
    assert case.decided().effect == SetWeight("shop", 0)
    assert case.with_(weights=(0,)).decided().status.stable_revision == "A"


def test_a_run_is_written_down_before_anything_acts_on_it():
    decision = at_rest(target="B", held=True).decided()
    assert decision.effect is None
    assert decision.status.run.number == 1


def test_before_the_canary_is_pointed_its_pods_are_ready_and_its_checks_were_asked():
    case = preparing(revisions=(pods("A", 4),))
    assert case.decided().effect == CreateReplicaSet("B", 1)
    case = case.with_(revisions=(pods("A", 4), pods("B", 1, 0)))
    assert case.decided().effect is None
    case = case.with_(revisions=(pods("A", 4), pods("B", 1)), readings={})
    assert "not asked yet" in case.decided().status.message
    every = {name: (read(1, None),) for name in ("guard/0", "gate/1/0")}
    assert case.with_(readings=every).decided().effect == PointDestination("canary", "B")


@pytest.mark.parametrize(
    ("readings", "raised"),
    [
        ((read(1, 0.0),), True),
        ((read(1, None),), True),  # before the first traffic there is nothing to read
        ((read(1, 0.02),), False),
        ((read(60, 0.0),), False),
        ((), False),
    ],
)
def test_a_weight_rises_only_on_a_guard_that_was_read_and_does_not_fail(readings, raised):
    guards = (error_guard(breaches=2, of=3),)
    case = entering(spec=spec(guards=guards), weights=(0,), readings={"guard/0": readings})
    assert case.decided().effect == (SetWeight("shop", 10) if raised else None)


def test_no_weight_rises_onto_pods_that_are_not_ready():
    case = in_phase(weights=(0,), revisions=(pods("A", 4), pods("B", 1, 0)))
    assert case.decided().effect is None


def test_a_weight_that_is_too_high_goes_down_though_pods_are_missing():
    case = in_phase(weights=(90,), revisions=(pods("A", 4), pods("B", 2, 1)))
    assert case.decided().effect == SetWeight("shop", 10)


def test_a_route_that_lags_behind_the_others_is_not_raised_in_a_pause():
    pause = PauseStatus(by="ann", at=ago(5))
    case = entering(weights=(10, 0))
    assert case.decided().effect == SetWeight("shop-internal", 10)
    assert case.status_with(pause=pause).decided().effect is None


def test_a_destination_with_weight_is_emptied_before_it_is_re_pointed():
    assert in_phase(canary="Z").decided().effect == SetWeight("shop", 0)


@pytest.mark.parametrize(
    ("traffic", "goes"),
    [(counted(B=100), True), (counted(A=1, B=100), False), (None, False), (counted(B=9), True)],
)
def test_stable_is_re_pointed_when_it_is_seen_idle_or_was_silent_long_enough(traffic, goes):
    effect = promoting(traffic=traffic).decided().effect
    assert effect == (PointDestination("stable", "B") if goes else None)


@pytest.mark.parametrize("value", [0.02, None])
def test_stable_is_not_given_up_on_a_guard_that_does_not_pass(value):
    guards = (error_guard(breaches=2, of=3),)
    case = promoting(spec=spec(guards=guards), readings={"guard/0": (read(1, value),)})
    assert case.decided().effect is None
    assert "promotion waits: guard errors" in case.decided().status.message


def test_the_fact_of_the_re_point_is_the_promotion():
    decision = promoting(stable="B").decided()
    assert decision.effect is None
    assert decision.status.stable_revision == "B"
    assert decision.status.last_run.outcome == "Promoted"


@pytest.mark.parametrize("at_stage", [Stage.PREPARING, Stage.PHASE])
def test_a_stable_destination_that_somebody_points_at_the_canary_is_put_back(at_stage):
    case = in_phase(stage=at_stage, stable="B", weights=(0,))
    assert case.decided().effect == PointDestination("stable", "A")


def test_after_the_promotion_weights_wait_for_settle_and_then_go_home():
    home = at_rest(target="A", weights=(100,), traffic=counted(A=100))
    pointed = home.status.traffic.model_copy(update={"weight": 100, "stable_since": ago(4)})
    waiting = home.status_with(traffic=pointed).decided()
    assert waiting.effect is None
    assert waiting.wake_at == NOW + timedelta(seconds=1)
    pointed = pointed.model_copy(update={"stable_since": ago(5)})
    assert home.status_with(traffic=pointed).decided().effect == SetWeight("shop", 0)


def test_the_first_traffic_waits_until_proxies_know_the_first_ready_pods():
    case = in_phase(weights=(0,), readings=ASKED).with_(
        status=in_phase(weights=(0,)).decided().status
    )
    young = case.status_with(canary_ready_since=ago(4)).decided()
    assert young.effect is None
    assert young.wake_at == NOW + timedelta(seconds=1)
    old = case.status_with(canary_ready_since=ago(5)).decided()
    assert old.effect == SetWeight("shop", 10)


@pytest.mark.parametrize(("ready", "effect"), [(0, None), (1, SetWeight("shop", 10))])
def test_a_smaller_share_waits_for_a_ready_pod_of_stable(ready, effect):
    revisions = (pods("A", 4, ready), pods("B", 4))
    case = in_phase(weights=(50,), revisions=revisions)
    decision = case.decided()
    assert decision.effect == effect
    assert ready or "no pod of stable is ready" in decision.status.message


def test_a_smaller_share_waits_for_nobody_where_nobody_serves():
    case = in_phase(weights=(50,), revisions=(pods("A", 4, 0), pods("B", 4, 0)))
    assert case.decided().effect == SetWeight("shop", 0)


def test_pods_that_are_ready_only_for_moments_do_not_stop_the_clock():
    new = in_phase(weights=(0,)).status_with(waiting_since=ago(300), canary_ready_since=None)
    flapping = new.decided().status
    assert flapping.waiting_since == ago(300)
    assert flapping.canary_ready_since == NOW
    assert new.status_with(canary_ready_since=ago(5)).decided().status.waiting_since is None


def test_pods_that_come_at_the_last_moment_are_in_time():
    case = in_phase(weights=(0,)).status_with(waiting_since=ago(599), canary_ready_since=None)
    late = case.status_with(waiting_since=ago(601), canary_ready_since=ago(2)).decided()
    assert late.status.run is not None


def test_a_route_that_lags_behind_is_raised_though_the_first_pods_came_back_just_now():
    case = in_phase(weights=(3,)).status_with(canary_ready_since=ago(1))
    broken = case.decided()
    assert case.with_(status=broken.status).decided().effect == SetWeight("shop", 10)


def test_pods_that_lost_their_readiness_count_anew():
    gone = in_phase(revisions=(pods("A", 4), pods("B", 1, 0))).decided().status
    assert gone.canary_ready_since is None
    assert in_phase(status=gone).decided().status.canary_ready_since == NOW


def test_stable_grows_before_anything_else_happens_in_a_run():
    decision = in_phase(spec=spec(replicas=6)).decided()
    assert decision.effect == ScaleReplicaSet("A", "shop-A", "uid-A", 6)


@pytest.mark.parametrize("traffic", [None, counted(A=3), counted(A=100)])
def test_the_hold_of_a_dark_phase_begins_in_that_phase(traffic):
    entered = PhaseStatus(index=0, name="ten", entered_at=ago(3))
    case = in_phase(spec=DARK, weights=(0,), traffic=traffic, readings=ASKED)
    old = case.status.traffic.model_copy(update={"weight": 0, "weight_since": ago(7200)})
    status = case.status_with(phase=entered, traffic=old).decided().status
    assert status.phase.name == "ten"
    assert status.phase.started_at in (None, NOW)


def test_the_weight_of_two_routes_counts_from_when_both_have_it():
    case = in_phase(weights=(50, 10))
    assert case.decided().status.traffic.weight_since is None
    assert case.decided().status.traffic.weight == 10
    both = in_phase(weights=(50, 50)).decided().status.traffic
    assert (both.weight, both.weight_since) == (50, NOW)


def test_routes_that_came_apart_count_anew_once_they_agree_again():
    apart = in_phase(weights=(10, 33)).decided().status
    again = in_phase(weights=(10, 10), status=apart).decided().status
    assert again.traffic.weight_since == NOW
    assert (again.phase.name, again.phase.started_at) == ("ten", NOW)


@pytest.mark.parametrize("weights", [(1,), (0, 10), (10, 3)])
def test_a_hold_that_was_broken_is_written_down_before_the_weight_rises_again(weights):
    broken = in_phase(weights=weights).decided()
    assert broken.effect is None
    assert broken.status.phase.started_at is None
    mended = in_phase(weights=weights, status=broken.status).decided()
    assert isinstance(mended.effect, SetWeight)
    assert mended.effect.weight == 10


def test_pods_of_a_run_never_become_fewer():
    case = in_phase(revisions=(pods("A", 4), pods("B", 3)))
    assert case.decided().effect is None


def test_the_routes_view_speaks_of_the_highest_weight():
    routes = (RouteWeight("shop", 10), RouteWeight("shop-internal", 30))
    assert RoutesView(routes, "A", "B").weight == 30
    assert RoutesView((), "A", "B").weight == 0


def test_a_phase_ends_only_when_each_of_its_gates_passes():
    half = PhaseStatus(index=1, name="half", entered_at=ago(290), started_at=ago(280))
    case = in_phase(weights=(50,), revisions=(pods("A", 4), pods("B", 2))).status_with(phase=half)
    traffic = case.status.traffic.model_copy(update={"weight": 50})
    case = case.status_with(traffic=traffic)
    for values, stage in (((), "Phase"), ((0.006,), "Phase"), ((0.004,), "Promoting")):
        readings = {**ASKED, "gate/1/0": tuple(read(1, value) for value in values)}
        assert case.with_(readings=readings).decided().status.run.stage == stage


def test_a_phase_does_not_end_in_a_pause():
    assert in_phase().decided().status.phase.name == "half"
    paused = in_phase().status_with(pause=PauseStatus(by="ann", at=ago(5))).decided()
    assert paused.status.phase.name == "ten"
    assert paused.status.message == "paused by ann: "


def test_a_phase_begins_when_the_proxies_do_what_the_routes_say():
    entered = PhaseStatus(index=0, name="ten", entered_at=ago(290))
    case = in_phase(traffic=counted(A=1000)).status_with(phase=entered)
    assert case.decided().status.phase.started_at is None
    case = case.with_(traffic=counted(A=90, B=10))
    assert case.decided().status.phase.started_at == ago(5)


def test_a_weight_that_changed_in_a_phase_starts_its_clock_anew():
    case = in_phase()
    traffic = case.status.traffic.model_copy(update={"weight_since": ago(8)})
    status = case.status_with(traffic=traffic).decided().status
    assert (status.phase.name, status.phase.started_at) == ("ten", ago(5))


def test_a_canary_without_ready_pods_loses_its_traffic():
    dead = (pods("A", 4), pods("B", 1, 0))
    assert in_phase(revisions=dead).decided().effect == SetWeight("shop", 0)
    dead = (pods("A", 4), pods("B", 4, 0))
    assert promoting(revisions=dead).decided().effect == SetWeight("shop", 0)


def test_the_canary_destination_is_re_pointed_only_when_its_old_revision_is_idle():
    every = {name: (read(1, None),) for name in ("guard/0", "gate/1/0")}
    case = preparing(canary="Z", readings=every)
    assert case.with_(traffic=counted(A=100, Z=1)).decided().effect is None
    pointed = case.with_(traffic=counted(A=100)).decided().effect
    assert pointed == PointDestination("canary", "B")


def test_a_canary_destination_that_comes_back_is_stamped_anew():
    case = in_phase()
    away = case.status.traffic.model_copy(update={"canary": "Z"})
    assert case.status_with(traffic=away).decided().status.traffic.canary_since == NOW


def test_a_promotion_waits_in_a_pause():
    paused = promoting().status_with(pause=PauseStatus(by="ann", at=ago(5))).decided()
    assert paused.effect is None
    assert paused.status.message == "paused before the promotion; stable still has its pods"


def test_the_size_in_a_run_is_at_least_what_it_was_at_the_start():
    few = (pods("A", 3), pods("B", 1))
    decision = in_phase(spec=spec(replicas=2), revisions=few).decided()
    assert decision.effect == ScaleReplicaSet("A", "shop-A", "uid-A", 4)


def test_a_new_run_waits_until_the_routes_are_at_rest():
    case = at_rest(target="C", canary="B", revisions=(pods("A", 4), pods("B", 1)))
    decision = case.with_(traffic=counted(A=90, B=1)).decided()
    assert (decision.effect, decision.status.run) == (None, None)


@pytest.mark.parametrize(("seconds_ago", "effect"), [(599, None), (601, "home")])
def test_the_canary_destination_goes_home_after_drain_max_even_unseen(seconds_ago, effect):
    case = at_rest(canary="B", revisions=(pods("A", 4), pods("B", 1)))
    since = {"weight_since": ago(seconds_ago), "canary": "B", "canary_since": ago(3600)}
    traffic = case.status.traffic.model_copy(update=since)
    down = TrafficReading(at=ago(0), window_s=5, error="the provider does not answer")
    decision = case.status_with(traffic=traffic).with_(traffic=down).decided()
    wanted = PointDestination("canary", "A") if effect else None
    assert decision.effect == wanted


def test_an_abort_after_the_re_point_finds_the_run_promoted():
    decision = promoting(stable="B", actions=(asked(Verb.ABORT),)).decided()
    assert decision.status.last_run.outcome == "Promoted"


def test_routes_that_cannot_be_read_are_waited_for():
    for case in (in_phase(), at_rest(), preparing(), promoting()):
        decision = case.with_(routes_hidden=True).decided()
        assert decision.effect is None
        assert decision.status.message == "routes cannot be read"


@pytest.mark.parametrize(
    ("seconds_ago", "effect"), [(61, None), (58, PointDestination("stable", "B"))]
)
def test_nothing_is_promoted_on_a_guard_read_before_it_had_all_the_traffic(seconds_ago, effect):
    slow = error_guard().model_copy(update={"interval_s": 60.0})
    readings = {"guard/0": (read(seconds_ago, 0.001),)}
    case = promoting(spec=spec(guards=(slow,)), readings=readings)
    assert case.decided().effect == effect


def test_requests_around_the_mesh_do_not_keep_a_promotion_waiting():
    traffic = TrafficReading(ago(0), 5, by_revision={"A": 3, "B": 97}, by_subset={"canary": 97})
    case = promoting(traffic=traffic)
    assert case.decided().effect == PointDestination("stable", "B")


def test_what_keeps_the_count_from_being_known_is_said():
    trouble = TrafficReading(ago(0), 5, error="parse error in revisionQuery")
    message = promoting(traffic=trouble).decided().status.message
    assert "parse error in revisionQuery" in message
