import math
import random
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.statistics.simulated import allowed
from tests.core.statistics.stated import stated
from tidegate.core.statistics.rates import (
    MixtureDifference,
    RateRatio,
    mixture_difference,
    mixture_share,
    rate_ratio,
)
from tidegate.core.statistics.refused import Refused
from tidegate.core.statistics.tails import normal_tail
from tidegate.core.statistics.window import Window

steady = settings(max_examples=30, deadline=None, derandomize=True, database=None)
COUNTS = Window(40, 2_000, 180, 18_000)


def test_a_ratio_of_rates_has_its_interval():
    found = rate_ratio(COUNTS, alpha=0.05)
    assert isinstance(found, RateRatio)
    assert found.ratio == pytest.approx(2.0)
    width = math.exp(NormalDist().inv_cdf(0.975) * math.sqrt(0.03))
    assert (found.low, found.high) == pytest.approx((2 / width, 2 * width))


def test_a_ratio_of_rates_has_the_interval_of_the_literature_which_rounds_the_quantile():
    found = rate_ratio(COUNTS, alpha=2.0 * normal_tail(1.96))
    assert isinstance(found, RateRatio)
    assert found.ratio == stated("2.000000")
    assert (found.low, found.high) == (stated("1.424278"), stated("2.808440"))


def test_a_side_without_errors_has_a_wide_interval_and_no_infinite_ratio():
    found = rate_ratio(Window(3, 300, 0, 2_700), alpha=0.05)
    assert isinstance(found, RateRatio)
    assert found.ratio == pytest.approx(3.5 / 300.5 / (0.5 / 2_700.5))
    assert found.low < 4
    assert found.high > 1_000


def test_the_mixture_test_of_a_difference_is_that_of_the_literature():
    found = mixture_difference(COUNTS, tau=0.005, alpha=0.05)
    assert isinstance(found, MixtureDifference)
    assert found.difference == stated("0.0100000")
    assert math.exp(found.log_e) == stated("16.483086")
    assert found.p == pytest.approx(1 / 16.483086)
    assert found.radius == stated("0.0102791")


def test_the_difference_is_shown_just_when_the_sequence_leaves_zero():
    for errors in range(30, 70):
        found = mixture_difference(Window(errors, 2_000, 180, 18_000), tau=0.005, alpha=0.05)
        assert isinstance(found, MixtureDifference)
        assert (found.p <= 0.05) == (abs(found.difference) >= found.radius)


@pytest.mark.parametrize(
    ("hits", "misses", "e"), [(12, 60, "1.026299"), (20, 60, "183.0548"), (7, 63, "0.3291703")]
)
def test_evidence_about_a_share_is_that_of_the_literature(hits, misses, e):
    found = mixture_share(hits, misses, chance=0.1, strength=10)
    assert not isinstance(found, Refused)
    assert math.exp(found) == stated(e)


@pytest.mark.parametrize("chance", [0.05, 0.3])
def test_a_share_that_is_kept_adds_no_evidence_in_the_mean(chance):
    size = 15
    mean = 0.0
    for hits in range(size + 1):
        found = mixture_share(hits, size - hits, chance=chance, strength=10)
        assert not isinstance(found, Refused)
        weight = math.comb(size, hits) * chance**hits * (1 - chance) ** (size - hits)
        mean += weight * math.exp(found)
    assert mean == pytest.approx(1.0)


def test_weights_that_are_kept_are_called_broken_no_more_often_than_stated():
    dice = random.Random(41)
    runs, alpha, wrong = 200, 0.05, 0
    for _ in range(runs):
        hits = 0
        for sent in range(1, 401):
            hits += dice.random() < 0.1
            found = mixture_share(hits, sent - hits, chance=0.1, strength=10)
            assert not isinstance(found, Refused)
            if found >= -math.log(alpha):
                wrong += 1
                break
    print(f"{wrong} of {runs} called by mistake")
    assert wrong / runs <= allowed(alpha, runs)


@steady
@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.01, 0.99))
def test_a_share_is_the_mirror_image_of_the_rest(hits, misses, chance):
    here = mixture_share(hits, misses, chance=chance, strength=10)
    there = mixture_share(misses, hits, chance=1 - chance, strength=10)
    assert here == pytest.approx(there, abs=1e-8)


@steady
@given(st.integers(1, 300), st.integers(1, 300))
def test_swapped_sides_turn_the_ratio_over(bad, usual):
    here = rate_ratio(Window(bad, 300, usual, 2_700), alpha=0.05)
    there = rate_ratio(Window(usual, 2_700, bad, 300), alpha=0.05)
    assert isinstance(here, RateRatio)
    assert isinstance(there, RateRatio)
    assert (here.low, here.high) == pytest.approx((1 / there.high, 1 / there.low))


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (rate_ratio(COUNTS, alpha=math.nan), "alpha is nan"),
        (rate_ratio(Window(3, 0, 0, 9), alpha=0.05), "requests to canary is 0"),
        (mixture_difference(COUNTS, tau=0.0, alpha=0.05), "tau is 0"),
        (mixture_difference(COUNTS, tau=0.1, alpha=0.0), "alpha is 0"),
        (mixture_difference(Window(0, 9, 0, 9), tau=0.1, alpha=0.05), "Neither side has errors"),
        (mixture_difference(Window(9, 9, 9, 9), tau=0.1, alpha=0.05), "Neither side has errors"),
        (mixture_share(-1, 5, chance=0.1, strength=10), "number of hits is -1"),
        (mixture_share(1, math.inf, chance=0.1, strength=10), "number of misses is inf"),
        (mixture_share(1, 5, chance=1.0, strength=10), "the share is 1"),
        (mixture_share(1, 5, chance=0.1, strength=0), "strength is 0"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_a_reason(found, why):
    assert isinstance(found, Refused)
    assert why in found.why


@steady
@given(st.tuples(*[st.floats()] * 4), st.floats(), st.floats())
def test_whatever_is_asked_there_is_an_answer(numbers, one, other):
    for found in (
        rate_ratio(Window(*numbers), alpha=one),
        mixture_difference(Window(*numbers), tau=one, alpha=other),
        mixture_share(numbers[0], numbers[1], chance=one, strength=other),
    ):
        assert found is not None


@steady
@given(st.floats(0, 1), st.floats(1, 1e12), st.floats(0, 1), st.floats(1, 1e12))
def test_large_and_lopsided_counts_stay_numbers(bad, few, usual, many):
    counts = Window(bad * few, few, usual * many, many)
    ratio = rate_ratio(counts, alpha=1e-9)
    assert isinstance(ratio, RateRatio)
    assert 0.0 < ratio.low <= ratio.ratio <= ratio.high < math.inf
    found = mixture_difference(counts, tau=1e-6, alpha=1e-9)
    assert isinstance(found, Refused) or (0.0 <= found.p <= 1.0 and math.isfinite(found.radius))
    share = mixture_share(counts.canary_errors, many, chance=1e-6, strength=1e-3)
    assert isinstance(share, Refused) or math.isfinite(share)
