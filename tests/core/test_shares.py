"""What is ours is shared out to the last whole number, and read back as what was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.scenes import at_rest, counted, in_phase, spec
from tidegate.api.phases import Phase
from tidegate.core.convergence import Seen, share
from tidegate.core.decision import SetWeight
from tidegate.core.observation import RoutesView, RouteWeight
from tidegate.core.shares import LEAST, canary_part, read_as, shares_for

WHOLES = st.integers(LEAST, 100)
SHARES = st.integers(0, 100)
quick = settings(max_examples=300, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize(
    ("whole", "share", "part"),
    [
        (100, 10, 10),
        (33, 10, 3),
        (33, 0, 0),
        (33, 100, 33),
        (33, 1, 1),
        (33, 99, 32),
        (2, 1, 1),
        (2, 99, 1),
        (2, 100, 2),
        (5, 50, 2),  # what cannot be halved goes to stable
        (1, 50, 0),
        (1, 100, 1),
        (0, 100, 0),
        (-5, 50, 0),
    ],
)
def test_some_parts_by_hand(whole, share, part):
    assert canary_part(whole, share) == part


@quick
@given(WHOLES, SHARES)
def test_nothing_is_nothing_all_is_all_and_between_them_both_have_some(whole, share):
    part = canary_part(whole, share)
    assert 0 <= part <= whole
    assert (part == 0) == (share == 0)
    assert (part == whole) == (share == 100)
    assert abs(part - whole * share / 100) <= 1


@quick
@given(WHOLES, SHARES, SHARES)
def test_a_higher_share_is_never_a_smaller_part(whole, one, other):
    low, high = sorted((one, other))
    assert canary_part(whole, low) <= canary_part(whole, high)


@quick
@given(WHOLES, SHARES)
def test_a_part_stands_for_the_very_shares_that_give_it(whole, share):
    part = canary_part(whole, share)
    low, high = shares_for(whole, part)
    assert [s for s in range(101) if canary_part(whole, s) == part] == list(range(low, high + 1))


def test_of_a_hundred_every_part_is_its_own_share():
    assert [shares_for(100, part) for part in range(101)] == [(s, s) for s in range(101)]


@given(st.integers(-5, 5_000), st.integers(-5, 5_000))
def test_whatever_a_hand_has_written_is_read_as_a_share(whole, part):
    low, high = shares_for(whole, part)
    assert 0 <= low <= high <= 100


def split(weight, stands_for, name="shop"):
    return RouteWeight(name, weight, stands_for=stands_for)


@pytest.mark.parametrize(
    ("preferred", "read"), [((), 19), ((20,), 20), ((50, 20), 20), ((50, 10), 19), ((21, 20), 21)]
)
def test_a_split_is_read_as_the_first_share_it_can_stand_for(preferred, read):
    view = RoutesView((split(19, (19, 21)),), "A", "B")
    assert read_as(view, preferred).weight == read


def test_an_exact_weight_is_read_as_it_is():
    view = RoutesView((RouteWeight("shop", 19),), "A", "B")
    assert read_as(view, (20,)) == view


def decided(case, *routes):
    """The decision where the routes are these."""
    return case.with_(route_weights=routes).decided()


TWENTY = spec(phases=(Phase(name="ten", weight=20, hold_s=600),))


def test_a_phase_that_got_its_split_writes_nothing_more():
    case = in_phase(spec=TWENTY, traffic=counted(A=81, B=19))
    decision = decided(case, split(19, (19, 21)))
    assert decision.effect is None
    assert decision.status.weight == 20
    assert decision.status.traffic.weight == 20


def test_a_split_that_is_on_its_way_keeps_the_share_that_was_asked_for():
    fifty = spec(phases=(Phase(name="ten", weight=50, hold_s=600),))
    case = in_phase(spec=fifty)
    case = case.status_with(traffic=case.status.traffic.model_copy(update={"weight": 20}))
    decision = decided(case, split(19, (19, 21)))
    assert decision.status.traffic.weight == 20


def test_a_split_of_another_share_is_written():
    decision = decided(in_phase(spec=TWENTY), split(22, (22, 24)))
    assert decision.effect == SetWeight("shop", 20)
    assert "22 -> 20" in decision.notes[0].message


def test_at_rest_any_part_of_a_split_goes_home():
    assert decided(at_rest(), split(1, (1, 6))).effect == SetWeight("shop", 0)


@pytest.mark.parametrize(("canary", "seen"), [(50, Seen.YES), (10, Seen.NO), (0, Seen.NO)])
def test_what_proxies_see_is_compared_with_the_numbers_and_not_the_wish(canary, seen):
    """10 % of 2 is 1: half of our requests go to the canary, and only that is converged."""
    traffic = counted(A=1000 - 10 * canary, B=10 * canary)
    assert share(traffic, "B", 10, traffic.at, written=(50.0, 50.0)) is seen


def test_two_routes_of_different_wholes_may_come_to_different_shares():
    view = RoutesView((RouteWeight("a", 10), RouteWeight("b", 10, written=(9.0, 9.5))), "A", "B")
    assert view.written(10) == (9.0, 10.0)
