import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.statistics.stated import stated
from tidegate.core.statistics import mann_whitney as room
from tidegate.core.statistics.mann_whitney import MannWhitney, mann_whitney
from tidegate.core.statistics.refused import Refused

steady = settings(max_examples=30, deadline=None, derandomize=True, database=None)
CANARY = (12.1, 11.8, 13.0, 12.6, 12.9)
STABLE = (10.9, 11.2, 10.5, 11.0, 11.4)
LONG = [(at * 37 % 101) / 7 for at in range(25)]
LONGER = [(at * 53 % 97) / 6 for at in range(30)]
FEW_VALUES = st.lists(st.integers(0, 6), min_size=5, max_size=9)


def test_two_sides_of_five_windows_are_compared_exactly():
    found = mann_whitney(CANARY, STABLE)
    assert isinstance(found, MannWhitney)
    assert found.u == 25
    assert found.effect == 1.0
    assert found.exact
    assert found.p_two_sided == stated("0.00793651")
    assert found.p_greater == pytest.approx(1 / math.comb(10, 5))
    assert found.shift == stated("1.6000000")


def test_ties_are_counted_out_too():
    found = mann_whitney((1, 2, 2, 3, 5, 5), (2, 2, 4, 5, 6, 1, 1))
    assert isinstance(found, MannWhitney)
    assert (found.u, found.exact) == (22.0, True)
    assert found.p_greater == pytest.approx(0.4592074592074592)


@pytest.mark.parametrize(
    ("canary", "stable", "u", "p_greater", "p_two_sided"),
    [
        (LONG, LONGER, 352.0, 0.654403587454706, 0.703698141810674),
        (
            [round(value) for value in LONG],
            [round(value) for value in LONGER],
            350.5,
            0.6640692340421184,
            0.6842645055751827,
        ),
    ],
    ids=["one tie", "many ties"],
)
def test_many_values_are_compared_by_the_corrected_normal_approximation(
    canary, stable, u, p_greater, p_two_sided
):
    found = mann_whitney(canary, stable)
    assert isinstance(found, MannWhitney)
    assert (found.u, found.exact) == (u, False)
    assert found.p_greater == pytest.approx(p_greater, rel=1e-12)
    assert found.p_two_sided == pytest.approx(p_two_sided, rel=1e-12)


def _by_hand(canary: list[int], stable: list[int]) -> float:
    """P(U >= seen), by dealing the values out in every way."""

    def u(one: list[int], other: list[int]) -> float:
        return sum((a > b) + (a == b) / 2 for a in one for b in other)

    everything = [*canary, *stable]
    hits = total = 0
    for chosen in itertools.combinations(range(len(everything)), len(canary)):
        one = [everything[at] for at in chosen]
        other = [value for at, value in enumerate(everything) if at not in chosen]
        hits += u(one, other) >= u(canary, stable)
        total += 1
    return hits / total


def test_exact_means_all_ways_to_deal_the_values_out():
    dice = random.Random(20)
    for _ in range(6):
        canary = [dice.randrange(5) for _ in range(5)]
        stable = [dice.randrange(6) for _ in range(5)]
        found = mann_whitney(canary, stable)
        assert isinstance(found, MannWhitney)
        assert found.p_greater == pytest.approx(_by_hand(canary, stable))


def test_approximate_and_exact_agree_where_they_meet():
    canary, stable = LONG[:20], [value + 2.5 for value in LONGER[:20]]
    exact = mann_whitney(canary, stable)
    assert isinstance(exact, MannWhitney)
    assert exact.exact
    ranks = room._doubled_ranks([*canary, *stable])
    approximate = room._normal_tails(ranks, 20, exact.u)
    assert approximate[0] == pytest.approx(exact.p_greater, abs=0.003)


@steady
@given(FEW_VALUES, FEW_VALUES)
def test_swapped_sides_give_the_mirror_image(canary, stable):
    here, there = mann_whitney(canary, stable), mann_whitney(stable, canary)
    if isinstance(here, Refused):
        assert here == there
        return
    assert isinstance(there, MannWhitney)
    assert here.effect + there.effect == pytest.approx(1.0)
    assert here.shift == -there.shift
    assert here.p_two_sided == pytest.approx(there.p_two_sided)


@steady
@given(FEW_VALUES, FEW_VALUES, st.integers(0, 4), st.integers(1, 9))
def test_one_larger_value_is_never_less_surprising(canary, stable, at, more):
    raised = [value + more * (place == at) for place, value in enumerate(canary)]
    less, greater = mann_whitney(canary, stable), mann_whitney(raised, stable)
    if isinstance(less, MannWhitney) and isinstance(greater, MannWhitney):
        assert greater.u >= less.u
        assert greater.shift >= less.shift


@steady
@given(FEW_VALUES, FEW_VALUES)
def test_only_the_order_of_values_counts(canary, stable):
    here = mann_whitney(canary, stable)
    cubed = mann_whitney([value**3 for value in canary], [value**3 for value in stable])
    if isinstance(here, MannWhitney):
        assert isinstance(cubed, MannWhitney)
        assert (here.u, here.p_greater) == (cubed.u, cubed.p_greater)


def test_alike_sides_are_called_different_no_more_often_than_stated():
    dice = random.Random(7)
    alpha, runs = 0.05, 600
    hits = 0
    for _ in range(runs):
        values = [dice.lognormvariate(0, 1) for _ in range(16)]
        found = mann_whitney(values[:8], values[8:])
        assert isinstance(found, MannWhitney)
        hits += found.p_greater <= alpha
    assert hits / runs <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)


@pytest.mark.parametrize(
    ("canary", "stable", "why"),
    [
        (CANARY[:4], STABLE, "canary has 4 values"),
        (CANARY, STABLE[:4], "stable has 4 values"),
        ((*CANARY, math.nan), STABLE, "value 6 of canary is nan"),
        (CANARY, (*STABLE, -math.inf), "value 6 of stable is -inf"),
        ([3.0] * 5, [3.0] * 6, "All values are equal"),
        ([0.0] * 5, [-0.0] * 5, "All values are equal"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_reason(canary, stable, why):
    found = mann_whitney(canary, stable)
    assert isinstance(found, Refused)
    assert why in found.why


@steady
@given(st.lists(st.floats(), max_size=8), st.lists(st.floats(), max_size=8))
def test_whatever_is_asked_there_is_an_answer(canary, stable):
    found = mann_whitney(canary, stable)
    if isinstance(found, MannWhitney):
        assert 0.0 < found.p_greater <= 1.0
        assert 0.0 < found.p_two_sided <= 1.0
        assert math.isfinite(found.shift)
