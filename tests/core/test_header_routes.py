"""Header routes are traffic of the canary: all that holds for a weight holds for them."""

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
from tidegate.api.phases import Phase
from tidegate.api.status import Draining, PauseStatus, PhaseStatus, Stage
from tidegate.core.capacity import phase_pods
from tidegate.core.cohorts import match_text
from tidegate.core.decision import PointDestination, SetWeight
from tidegate.core.observation import RoutesView, RouteWeight
from tidegate.core.revert import takes_away

BETA = (HttpMatch(headers={"x-group": {"exact": "beta"}}),)
OTHER = (HttpMatch(headers={"x-group": {"prefix": "al"}}),)
TEXT = "x-group=beta"
PHASES = (
    Phase(name="ten", weight=0, hold_s=60.0, match=BETA),
    Phase(name="half", weight=50),
)
SPEC = spec(phases=PHASES)
ENTERED = PhaseStatus(index=0, name="ten", entered_at=ago(290))


def route(weight=0, match=BETA, name="shop", **more):
    return RouteWeight(name, weight, match=match, **more)


def beta(*routes, since_s=280, said=TEXT, **fields):
    """In phase ten with its header routes on, unless `routes` say otherwise."""
    case = in_phase(spec=SPEC, route_weights=routes or (route(),), traffic=counted(A=90, B=10))
    traffic = case.status.traffic.model_copy(
        update={"weight": 0, "match": said, "weight_since": ago(since_s)}
    )
    return case.status_with(traffic=traffic).with_(**fields)


def entering(*routes, **fields):
    return beta(*(routes or (route(match=()),)), said="", **fields).status_with(phase=ENTERED)


def test_a_phase_puts_up_its_header_routes_and_then_waits_for_settle():
    assert entering().decided().effect == SetWeight("shop", 0, BETA)
    told = entering().decided().notes[0].message
    assert told == "canary 0 -> 0 % in VirtualService shop and all requests with x-group=beta"
    fresh = beta(said="").status_with(phase=ENTERED).decided()
    assert fresh.effect is None
    assert fresh.status.traffic.match == TEXT
    assert fresh.status.traffic.weight_since == NOW
    assert fresh.status.phase.started_at is None
    settled = beta(since_s=6).status_with(phase=ENTERED).decided()
    assert settled.status.phase.started_at == ago(1)


@pytest.mark.parametrize(
    ("seen", "begins"),
    [
        (counted(A=90, B=10), True),
        (counted(A=50, B=50), True),  # who has the headers nobody knows
        (counted(A=1000), False),  # a hundred of them at least should be there
        (None, False),
    ],
)
def test_a_phase_with_weight_beside_its_header_routes_waits_for_at_least_that_share(seen, begins):
    phases = (PHASES[0].model_copy(update={"weight": 10}), PHASES[1])
    case = beta(route(10), since_s=20, spec=spec(phases=phases), traffic=seen)
    traffic = case.status.traffic.model_copy(update={"weight": 10})
    status = case.status_with(traffic=traffic, phase=ENTERED).decided().status
    assert (status.phase.started_at is not None) is begins


@pytest.mark.parametrize(
    "fields",
    [
        {"revisions": (pods("A", 4), pods("B", 1, 0))},
        {"readings": {}},
        {"spec": spec(phases=PHASES, paused=True)},
        {"canary": "A"},
    ],
    ids=["no ready pod", "a guard not read", "paused", "not pointed"],
)
def test_no_header_route_comes_before_what_a_weight_waits_for(fields):
    effect = entering(**fields).decided().effect
    assert not isinstance(effect, SetWeight)


def test_a_guard_that_fails_keeps_header_routes_away():
    guards = (error_guard(breaches=2, of=3),)
    case = entering(spec=spec(phases=PHASES, guards=guards))
    assert case.with_(readings={"guard/0": (read(1, 0.02),)}).decided().effect is None


def test_header_routes_that_somebody_took_away_end_the_hold_and_are_put_back():
    gone = beta(route(match=()))
    first = gone.decided()
    assert first.effect is None
    assert first.status.phase.started_at is None
    assert "lost its weight of 0 % and all requests with x-group=beta" in first.status.message
    second = gone.with_(status=first.status).decided()
    assert second.effect == SetWeight("shop", 0, BETA)


@pytest.mark.parametrize("stray", [None, OTHER])
def test_header_routes_that_the_phase_does_not_name_go_at_once_whatever_else_is_missing(stray):
    case = beta(route(match=stray), revisions=(pods("A", 4), pods("B", 2, 1)), readings={})
    assert case.decided().effect == SetWeight("shop", 0, ())


def test_a_phase_without_match_takes_them_away_before_it_waits_for_pods():
    half = PhaseStatus(index=1, name="half", entered_at=ago(5))
    case = beta(revisions=(pods("A", 4), pods("B", 2, 1))).status_with(phase=half)
    assert case.decided().effect == SetWeight("shop", 0, ())
    bare = case.with_(route_weights=(route(match=()),), revisions=(pods("A", 4), pods("B", 2)))
    assert bare.decided().effect == SetWeight("shop", 50)


def test_the_next_phase_with_the_same_match_keeps_them():
    phases = (PHASES[0], Phase(name="half", weight=50, match=BETA))
    half = PhaseStatus(index=1, name="half", entered_at=ago(5))
    case = beta(spec=spec(phases=phases)).status_with(phase=half)
    assert case.decided().effect is None or not isinstance(case.decided().effect, SetWeight)
    ready = case.with_(revisions=(pods("A", 4), pods("B", 2)))
    assert ready.decided().effect == SetWeight("shop", 50, BETA)


def test_routes_without_http_have_none_and_wait_for_none():
    tcp = RouteWeight("shop-tcp", 0, http=False)
    case = beta(route(), tcp)
    assert case.decided().effect is None
    assert case.decided().status.traffic.match == TEXT
    first = entering(route(match=()), tcp)
    assert first.decided().effect == SetWeight("shop", 0, BETA)


def _abort(case: Case):
    return case.with_(actions=(asked(Verb.ABORT),)).decided()


@pytest.mark.parametrize("weight", [0, 10, 100])
@pytest.mark.parametrize("match", [BETA, None])
def test_an_abort_takes_weight_and_header_routes_in_one_write(weight, match):
    decision = _abort(beta(route(weight, match)))
    assert decision.effect == SetWeight("shop", 0, ())
    assert decision.status.last_run.reason == "Aborted"


def test_a_breach_a_deletion_and_another_template_do_as_well():
    breach = beta(readings={"guard/0": (read(1, 0.5),)})
    assert breach.decided().effect == SetWeight("shop", 0, ())
    assert beta(deleted_at=ago(1)).decided().effect == SetWeight("shop", 0, ())
    assert beta(target="C").decided().effect == SetWeight("shop", 0, ())
    assert beta(target="A").decided().effect == SetWeight("shop", 0, ())


def test_header_routes_stay_while_stable_cannot_carry_all_and_then_go():
    weak = beta(route(60), revisions=(pods("A", 4, 1), pods("B", 4)))
    assert _abort(weak).effect == SetWeight("shop", 50, BETA)
    assert _abort(beta(revisions=(pods("A", 4, 1), pods("B", 4)))).effect is None
    assert _abort(beta(revisions=(pods("A", 4, 2), pods("B", 4)))).effect == SetWeight("shop", 0)
    nobody = beta(revisions=(pods("A", 4, 0), pods("B", 4, 0)))
    assert _abort(nobody).effect == SetWeight("shop", 0)


def test_a_canary_without_ready_pods_loses_its_header_routes():
    case = beta(revisions=(pods("A", 4), pods("B", 1, 0)))
    assert case.decided().effect == SetWeight("shop", 0, ())


def test_a_destination_with_header_routes_is_emptied_before_it_is_re_pointed():
    assert beta(canary="Z").decided().effect == SetWeight("shop", 0, ())


def test_the_way_to_all_takes_them_away_in_the_same_write():
    case = beta(
        revisions=(pods("A", 4), pods("B", 4)), readings={"guard/0": (read(1, 0.0),)}
    ).status_with(phase=None)
    run = case.status.run.model_copy(update={"stage": Stage.PROMOTING})
    assert case.status_with(run=run).decided().effect == SetWeight("shop", 100, ())


@pytest.mark.parametrize("match", [BETA, None])
def test_header_routes_left_over_at_rest_are_taken_away(match):
    case = at_rest(route_weights=(route(match=match),))
    assert case.decided().effect == SetWeight("shop", 0, ())
    first = case.with_(status=case.status.model_copy(update={"stable_revision": None}), stable="A")
    assert first.decided().effect == SetWeight("shop", 0, ())


def test_no_run_starts_and_nothing_is_drained_or_pointed_while_they_are_left_over():
    old = case = at_rest(
        route_weights=(route(),),
        target="B",
        canary="Z",
        revisions=(pods("A", 4), pods("Z", 1), pods("Y", 2)),
    )
    old = case.status_with(draining=(Draining(revision="Y", since=ago(3600)),))
    weak = old.with_(revisions=(pods("A", 4, 1), pods("Z", 1), pods("Y", 2)))
    for one in (old, weak):
        decision = one.decided()
        assert decision.status.run is None
        assert decision.effect in (SetWeight("shop", 0, ()), None)
    assert not isinstance(weak.decided().effect, PointDestination)


def test_a_phase_with_match_ends_only_on_guards_that_saw_requests():
    quiet = beta(readings={"guard/0": (read(1, None),)}, since_s=285)
    assert "guard errors is nodata" in quiet.decided().status.message
    assert quiet.decided().status.blind_since == NOW


def test_weights_of_a_paused_run_stay_and_so_do_its_header_routes():
    paused = beta().status_with(pause=PauseStatus(by="ann", at=ago(5)))
    assert paused.decided().effect is None


def test_a_phase_with_match_has_one_pod_at_least():
    none = Phase(name="beta", weight=0, replicas=0, match=BETA)
    assert phase_pods(none, 4) == 1
    assert phase_pods(none, 0) == 0
    assert phase_pods(none.model_copy(update={"match": ()}), 4) == 0
    assert phase_pods(none.model_copy(update={"replicas": 3}), 4) == 3


@pytest.mark.parametrize(
    ("there", "write", "away"),
    [
        (route(10), SetWeight("shop", 0, ()), True),
        (route(10), SetWeight("shop", 5, BETA), True),
        (route(0), SetWeight("shop", 0, ()), True),
        (route(0, None), SetWeight("shop", 0, ()), True),
        (route(10, None), SetWeight("shop", 5, None), True),
        (route(10, ()), SetWeight("shop", 0, BETA), False),
        (route(0), SetWeight("shop", 10, ()), False),
        (route(10), SetWeight("shop", 0, OTHER), False),
        (route(10), SetWeight("shop", 10, BETA), False),
        (route(10), SetWeight("other", 0, ()), False),
    ],
)
def test_only_a_write_that_adds_nothing_and_takes_something_needs_no_claim(there, write, away):
    observed = at_rest(route_weights=(there,)).observed
    assert takes_away(write, observed) is away


def test_what_is_not_the_same_everywhere_has_no_common_time():
    half = beta(route(), route(match=(), name="shop-internal")).decided()
    assert half.status.traffic.weight_since is None
    view = RoutesView((route(), route(match=(), name="b")), "A", "B")
    assert (view.match, view.matched, view.idle_canary) == (None, True, False)


@pytest.mark.parametrize(
    ("match", "text"),
    [
        ((), ""),
        (None, "?"),
        (BETA, "x-group=beta"),
        (OTHER, "x-group=al*"),
        (
            (
                HttpMatch(headers={"b": {"regex": "x|y"}, "a": {"exact": "1"}}),
                HttpMatch(headers={"c": {"exact": "2"}}),
            ),
            "a=1 and b~(x|y) or c=2",
        ),
    ],
)
def test_a_match_is_told_in_a_few_words(match, text):
    assert match_text(match) == text


def test_a_long_match_is_cut():
    long = tuple(HttpMatch(headers={f"x{n}": {"exact": "v" * 250}}) for n in range(8))
    assert len(match_text(long)) == 512
