"""Cohorts in a run: who has the new version keeps it, until one write takes it from all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.scenes import NOW, Case, ago, asked, at_rest, counted, in_phase, pods, spec
from tests.core.trials import GOOD, gated, windows
from tidegate.api.actions import Verb
from tidegate.api.matching import HttpMatch
from tidegate.api.phases import Phase
from tidegate.api.status import PhaseStatus, Stage
from tidegate.api.sticky import Sticky
from tidegate.core.cohorts import and_matched, match_text
from tidegate.core.convergence import Seen, some
from tidegate.core.decision import SetWeight
from tidegate.core.observation import RouteWeight, TrafficReading
from tidegate.core.picks import Kept, common, picks_of, remains, within
from tidegate.core.revert import takes_away


def kept(weight, cookie="shop"):
    return (Kept(cookie, 60.0, weight),)


def share(percent, after=0, **more):
    buckets = {"header": "x-user", "percent": percent, "after": after, "encoding": "decimal"}
    return (HttpMatch(buckets=buckets, **more),)


BETA = (HttpMatch(headers={"x-group": {"exact": "beta"}}),)
GERMANS = (HttpMatch(headers={"x-group": {"exact": "beta"}, "x-land": {"exact": "de"}}),)
COOKIE = (HttpMatch(cookies={"x-group": {"exact": "beta"}}),)
CALLER = (HttpMatch(source_labels={"app": "web"}),)
PHASES = (
    Phase(name="ten", weight=10, hold_s=60.0),
    Phase(name="half", weight=50),
    Phase(name="all", weight=100),
)
TRAFFIC = spec().traffic.model_copy(update={"sticky": Sticky(cookie="shop", max_age_s=60.0)})
SPEC = spec(phases=PHASES, traffic=TRAFFIC)


def sticky(weight=10, picks=None, place=0, **fields):
    """In that phase, with users who stay at that weight."""
    there = RouteWeight("shop", weight, match=kept(weight) if picks is None else picks)
    case = in_phase(
        spec=SPEC, route_weights=(there,), revisions=(pods("A", 4), pods("B", 4)), **fields
    )
    cookie = "shop" if there.match else ""
    traffic = case.status.traffic.model_copy(update={"weight": weight, "sticky": cookie})
    at = case.status.phase
    if place:
        at = PhaseStatus(index=place, name=PHASES[place].name, entered_at=ago(5))
    return case.status_with(traffic=traffic, phase=at)


def write(case: Case):
    effect = case.decided().effect
    return (effect.weight, effect.match) if isinstance(effect, SetWeight) else None


def test_a_phase_writes_its_weight_and_its_users_in_one():
    case = sticky(0, picks=(), place=0).status_with(
        phase=PhaseStatus(index=0, name="ten", entered_at=ago(5))
    )
    assert write(case) == (10, kept(10))
    told = case.decided().notes[0].message
    assert told == "canary 0 -> 10 % in VirtualService shop, each user kept by cookie shop"


@pytest.mark.parametrize(("place", "then"), [(1, (50, kept(50))), (2, (100, ()))])
def test_the_way_up_is_one_write_with_nothing_in_between(place, then):
    assert write(sticky(10, place=place)) == then


@pytest.mark.parametrize("place", [1, 2])
def test_while_the_next_phase_waits_for_pods_its_users_stay_where_they_are(place):
    waiting = sticky(10, place=place).with_(revisions=(pods("A", 4), pods("B", 4, 1)))
    assert write(waiting) is None
    assert write(waiting.with_(spec=SPEC.model_copy(update={"paused": True}))) is None


def test_the_way_down_keeps_those_who_stay_in():
    assert write(sticky(50, place=0)) == (10, kept(10))
    weak = sticky(50).with_(revisions=(pods("A", 4), pods("B", 4, 1)))
    assert write(weak) == (10, kept(10))


def test_promotion_takes_them_away_with_the_last_share():
    case = sticky(50, place=1)
    run = case.status.run.model_copy(update={"stage": Stage.PROMOTING})
    assert write(case.status_with(run=run, phase=None)) == (100, ())


@pytest.mark.parametrize("picks", [kept(10), None])
def test_an_abort_takes_weight_and_users_in_one_write(picks):
    case = sticky(10, picks).with_(actions=(asked(Verb.ABORT),))
    assert case.decided().effect == SetWeight("shop", 0, ())


def test_an_abort_to_few_stable_pods_leaves_a_share_by_weight_alone():
    weak = {"revisions": (pods("A", 4, 1), pods("B", 4)), "actions": (asked(Verb.ABORT),)}
    assert write(sticky(80).with_(**weak)) == (50, ())
    both = sticky(80, picks=(*BETA, *kept(80))).with_(**weak)
    assert write(both) == (50, BETA)
    assert write(sticky(40).with_(**weak)) is None, "stable cannot take more: nobody moves"


def test_users_who_are_left_over_at_rest_are_taken_away():
    left = RouteWeight("shop", 0, match=kept(10))
    assert at_rest(spec=SPEC, route_weights=(left,)).decided().effect == SetWeight("shop", 0, ())


def test_no_destination_is_pointed_while_users_are_kept():
    there = RouteWeight("shop", 0, match=kept(10))
    case = sticky(10, canary="Z").with_(route_weights=(there,))
    assert write(case) == (0, ())


def test_routes_that_somebody_took_away_end_the_hold_and_are_put_back():
    gone = sticky(10, picks=())
    first = gone.decided()
    assert first.effect is None
    assert first.status.phase.started_at is None
    assert write(gone.with_(status=first.status)) == (10, kept(10))


@pytest.mark.parametrize(
    ("seen", "begins"),
    [
        (counted(A=90, B=10), True),
        (counted(A=40, B=60), True),  # one who asks a lot may be among them
        (counted(A=9999, B=1), True),
        (counted(A=1000), False),  # nobody at all tests nothing
        (counted(A=10), True),
        (None, False),
    ],
)
def test_the_clock_begins_once_anybody_gets_the_new_version(seen, begins):
    case = sticky(10, traffic=seen).status_with(
        phase=PhaseStatus(index=0, name="ten", entered_at=ago(285))
    )
    status = case.decided().status
    assert (status.phase.started_at is not None) is begins


def test_the_clock_of_users_who_stay_waits_for_the_proxies_to_settle():
    case = sticky(10)
    fresh = case.status.traffic.model_copy(update={"weight_since": ago(2)})
    at = PhaseStatus(index=0, name="ten", entered_at=ago(285))
    assert case.status_with(traffic=fresh, phase=at).decided().status.phase.started_at is None


def test_shares_of_requests_that_differ_are_no_mismatch_where_users_stay():
    wrong = counted(A=7000, B=3000)
    plain = gated(windows(28, GOOD)).with_(traffic=wrong)
    assert plain.decided().status.traffic.mismatch_since == NOW
    there = tuple(replace(one, match=kept(one.weight)) for one in plain.observed.routes.weights)
    same = plain.with_(
        spec=plain.spec.model_copy(update={"traffic": TRAFFIC}), route_weights=there
    ).status_with(traffic=plain.status.traffic.model_copy(update={"sticky": "shop"}))
    assert same.decided().status.traffic.mismatch_since is None


def test_what_destinations_count_tells_whether_anybody_came():
    def seen(**by_subset):
        return some(TrafficReading(NOW, 5.0, by_subset=by_subset), "B", ago(9))

    assert seen(stable=99, canary=1) is Seen.YES
    assert seen(stable=99) is Seen.NO
    assert seen(stable=9) is Seen.SILENT
    assert some(TrafficReading(ago(10), 5.0), "B", ago(9)) is Seen.UNKNOWN
    assert some(TrafficReading(NOW, 5.0, error="no"), "B", ago(9)) is Seen.UNKNOWN


def test_buckets_that_grow_keep_their_users_and_shrink_in_one_write():
    phases = (
        Phase(name="ten", weight=0, match=share(10)),
        Phase(name="half", weight=0, match=share(50)),
        Phase(name="all", weight=100),
    )

    def at(place, found, **more):
        there = RouteWeight("shop", 0, match=found)
        phase = PhaseStatus(index=place, name=phases[place].name, entered_at=ago(5))
        case = in_phase(spec=spec(phases=phases), route_weights=(there,), **more)
        traffic = case.status.traffic.model_copy(update={"weight": 0, "match": match_text(found)})
        return case.status_with(phase=phase, traffic=traffic)

    full = {"revisions": (pods("A", 4), pods("B", 4))}
    assert write(at(1, share(10), **full)) == (0, share(50))
    assert write(at(0, share(50), **full)) == (0, share(10))
    assert write(at(2, share(50), **full)) == (100, ())
    assert write(at(2, share(50))) is None, "until its pods are ready they keep what they have"


@pytest.mark.parametrize(
    ("inner", "outer", "is_within"),
    [
        (kept(10), kept(50), True),
        (kept(50), kept(10), False),
        (kept(10), kept(50, "other"), False),
        (share(10), share(50), True),
        (share(50), share(10), False),
        (share(10, 40), share(50), True),
        (share(20, 40), share(50), False),
        (share(10), BETA, False),
        (BETA, share(10), False),
        (GERMANS, BETA, True),
        (BETA, GERMANS, False),
        (COOKIE, BETA, False),
        (CALLER, CALLER, True),
        (CALLER, BETA, False),
        (BETA, (*BETA, *CALLER), True),
        ((*BETA, *CALLER), BETA, False),
        ((*BETA, *kept(10)), (*BETA, *kept(50)), True),
        ((), None, True),
        (BETA, None, False),
        (None, BETA, False),
        (None, None, True),
    ],
)
def test_what_is_within_what(inner, outer, is_within):
    assert within(inner, outer) is is_within
    if inner is not None:
        assert within(inner, outer, 100), "at 100 % everybody is"


@pytest.mark.parametrize(
    ("found", "asked_for", "left"),
    [
        (BETA, (*BETA, *CALLER), BETA),
        ((*BETA, *CALLER), BETA, BETA),
        (BETA, CALLER, ()),
        ((*BETA, *kept(50)), (*CALLER, *kept(10)), kept(10)),
        ((*BETA, *kept(10)), (*CALLER, *kept(50)), kept(10)),
        ((*BETA, *kept(10)), (*CALLER, *kept(50, "other")), ()),
        (None, BETA, ()),
    ],
)
def test_what_may_stay_is_never_more_than_is_asked_for(found, asked_for, left):
    assert common(found, asked_for) == left
    assert within(left, asked_for)


def test_all_that_may_stay_is_known_when_it_is_read():
    asked_for = [(*BETA, *kept(50)), CALLER]
    assert remains(asked_for, 20) == [BETA, kept(50), (*BETA, *kept(20)), kept(20)]
    assert remains(asked_for, 0) == [BETA, kept(50)]


def test_there_are_users_to_keep_only_while_requests_are_shared_out():
    for weight, there in ((0, ()), (1, kept(1)), (99, kept(99)), (100, ())):
        assert picks_of(SPEC, Phase(name="x", weight=weight)) == there
    assert picks_of(SPEC, Phase(name="x", weight=10, match=BETA)) == (*BETA, *kept(10))
    assert picks_of(spec(), Phase(name="x", weight=10)) == ()


@pytest.mark.parametrize(
    ("there", "to", "away"),
    [
        ((50, kept(50)), (10, kept(10)), True),
        ((50, kept(50)), (50, kept(10)), True),
        ((50, (*BETA, *kept(50))), (20, BETA), True),
        ((10, kept(10)), (10, kept(50)), False),
        ((10, kept(10)), (5, kept(50)), False),
        ((10, kept(10)), (10, kept(10)), False),
    ],
)
def test_only_fewer_users_is_less(there, to, away):
    observed = at_rest(route_weights=(RouteWeight("shop", there[0], match=there[1]),)).observed
    assert takes_away(SetWeight("shop", *to), observed) is away


@pytest.mark.parametrize(
    ("picks", "text"),
    [
        (COOKIE, " and all requests with cookie x-group=beta"),
        (CALLER, " and all requests with caller app=web"),
        (share(10), " and all requests with 10 % of the decimal ids in x-user"),
        (share(10, 5), " and all requests with 10 % after 5 % of the decimal ids in x-user"),
        (kept(10), ", each user kept by cookie shop"),
        ((*BETA, *kept(10)), " and all requests with x-group=beta, each user kept by cookie shop"),
    ],
)
def test_cohorts_are_told_in_a_few_words(picks, text):
    assert and_matched(picks) == text
