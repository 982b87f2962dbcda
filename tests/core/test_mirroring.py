"""Copies of requests are traffic of the canary that nobody waits for."""

from __future__ import annotations

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
from tidegate.api.matching import HttpMatch
from tidegate.api.mirroring import Mirror
from tidegate.api.phases import Phase
from tidegate.api.status import PhaseStatus
from tidegate.core.capacity import phase_pods
from tidegate.core.decision import DeleteReplicaSet, PointDestination, ScaleReplicaSet, SetWeight
from tidegate.core.observation import RouteWeight
from tidegate.core.picks import Mirrored, common, copied, picks_of, remains, within, without_copies
from tidegate.core.revert import takes_away

BETA = (HttpMatch(headers={"x-group": {"exact": "beta"}}),)
TWENTY, FIFTY = (Mirrored(20),), (Mirrored(50),)
PHASES = (
    Phase(name="ten", weight=0, hold_s=60.0, mirror=Mirror(percent=50)),
    Phase(name="half", weight=50),
)
SPEC = spec(phases=PHASES)


def route(match=FIFTY, weight=0):
    return RouteWeight("shop", weight, match=match)


def shadow(*routes, since_s=280, said=50, **fields):
    """In a phase with copies, which are on unless `routes` say otherwise."""
    case = in_phase(spec=SPEC, route_weights=routes or (route(),), traffic=counted(A=100, B=50))
    case = case.with_(revisions=(pods("A", 4), pods("B", 2)))
    traffic = case.status.traffic.model_copy(
        update={"weight": 0, "mirror": said, "weight_since": ago(since_s)}
    )
    return case.status_with(traffic=traffic).with_(**fields)


def entering(**fields):
    entered = PhaseStatus(index=0, name="ten", entered_at=ago(290))
    return shadow(route(()), said=None, **fields).status_with(phase=entered)


def _abort(case: Case):
    return case.with_(actions=(asked(Verb.ABORT),)).decided()


def test_a_phase_puts_them_up_and_says_so():
    decision = entering().decided()
    assert decision.effect == SetWeight("shop", 0, FIFTY)
    assert decision.notes[0].message == (
        "canary 0 -> 0 % in VirtualService shop and copies of 50 % of the requests"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"revisions": (pods("A", 4), pods("B", 2, 0))},
        {"readings": {}},
        {"spec": spec(phases=PHASES, paused=True)},
        {"canary": "A"},
    ],
    ids=["no ready pod", "a guard not read", "paused", "not pointed"],
)
def test_none_comes_before_what_a_weight_waits_for(fields):
    assert not isinstance(entering(**fields).decided().effect, SetWeight)


def test_the_status_says_how_many_and_since_when():
    fresh = shadow(said=None).decided().status.traffic
    assert (fresh.mirror, fresh.match) == (50, "")
    assert fresh.weight_since == NOW
    kept = shadow().decided().status.traffic
    assert kept.weight_since == ago(280)


@pytest.mark.parametrize("stray", [None, BETA, (*FIFTY, *BETA)])
def test_what_the_phase_does_not_ask_for_goes_at_once(stray):
    case = shadow(route(stray), revisions=(pods("A", 4), pods("B", 2, 1)), readings={})
    effect = case.decided().effect
    assert isinstance(effect, SetWeight)
    assert within(effect.match, FIFTY)


def test_an_abort_a_breach_and_another_template_take_them_in_one_write():
    assert _abort(shadow()).effect == SetWeight("shop", 0, ())
    assert _abort(shadow(route(None))).effect == SetWeight("shop", 0, ())
    guards = (error_guard(),)
    breach = shadow(spec=spec(phases=PHASES, guards=guards))
    assert shadow(target="C").decided().effect == SetWeight("shop", 0, ())
    assert shadow(target="A").decided().effect == SetWeight("shop", 0, ())
    assert shadow(deleted_at=ago(1)).decided().effect == SetWeight("shop", 0, ())
    assert breach.decided().effect is None


def test_they_go_on_an_abort_though_stable_cannot_carry_those_who_match():
    weak = (pods("A", 4, 1), pods("B", 4))
    assert _abort(shadow(revisions=weak)).effect == SetWeight("shop", 0, ())
    both = shadow(route((*BETA, *FIFTY)), revisions=weak)
    assert _abort(both).effect == SetWeight("shop", 0, BETA)


def test_the_next_phase_takes_them_away_before_it_waits_for_pods():
    half = PhaseStatus(index=1, name="half", entered_at=ago(5))
    case = shadow(revisions=(pods("A", 4), pods("B", 2, 1))).status_with(phase=half)
    assert case.decided().effect == SetWeight("shop", 0, ())


def test_while_there_are_any_nothing_is_re_pointed_and_no_pods_go():
    assert shadow(canary="Z").decided().effect == SetWeight("shop", 0, ())
    left = at_rest(route_weights=(route(),)).decided().effect
    assert left == SetWeight("shop", 0, ())
    assert not isinstance(left, PointDestination | ScaleReplicaSet | DeleteReplicaSet)


def test_a_guard_must_have_data_while_there_are_copies():
    quiet = shadow(readings={"guard/0": (read(1, None),)}, since_s=285).decided()
    assert "guard errors is nodata" in quiet.status.message


@pytest.mark.parametrize(("replicas", "pods_needed"), [(None, 5), (3, 3), (0, 1), ("100%", 10)])
def test_pods_are_as_many_as_the_copies_need(replicas, pods_needed):
    phase = PHASES[0].model_copy(update={"replicas": replicas})
    assert phase_pods(phase, 10) == pods_needed


def test_fewer_copies_are_within_more_and_neither_are_those_who_match():
    assert within(TWENTY, FIFTY)
    assert not within(FIFTY, TWENTY)
    assert not within(BETA, FIFTY)
    assert not within(FIFTY, BETA)
    assert common((*BETA, *FIFTY), BETA) == BETA
    assert common(FIFTY, TWENTY) == TWENTY
    assert common(FIFTY, BETA) == ()
    assert without_copies((*BETA, *FIFTY)) == BETA
    assert remains([(*BETA, *FIFTY)], 0) == [BETA]
    assert (copied(FIFTY), copied(BETA)) == (50, 0)
    assert picks_of(SPEC, PHASES[0]) == FIFTY


def test_a_write_that_only_takes_them_away_is_safe_in_any_state():
    observed = shadow().observed
    assert takes_away(SetWeight("shop", 0, ()), observed)
    assert not takes_away(SetWeight("shop", 0, (Mirrored(60),)), observed)
