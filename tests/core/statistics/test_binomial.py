"""Binomial tails as scipy has them, and where they end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tidegate.core.statistics.binomial import EXACT_MOST, at_least, at_most

steady = settings(max_examples=200, deadline=None, derandomize=True, database=None)
TRIALS = st.integers(1, 5_000)
SHARES = st.floats(0.001, 0.999)


@steady
@given(TRIALS, st.floats(0, 1), SHARES)
def test_both_tails_are_scipy_s(trials, part, share):
    count = round(part * trials)
    more, less = at_least(count, trials, share), at_most(count, trials, share)
    assert more == pytest.approx(stats.binom.sf(count - 1, trials, share), rel=1e-8, abs=1e-300)
    assert less == pytest.approx(stats.binom.cdf(count, trials, share), rel=1e-8, abs=1e-300)


@steady
@given(st.sampled_from([1.1e6, 1e7, 1e9]), st.floats(-4, 4), st.sampled_from([0.01, 0.1, 0.5]))
def test_many_trials_are_near_enough_to_scipy_s(trials, sigmas, share):
    assert trials > EXACT_MOST
    count = round(trials * share + sigmas * (trials * share * (1 - share)) ** 0.5)
    expected = stats.binom.sf(count - 1, trials, share)
    assert at_least(count, trials, share) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("count", "share", "more", "less"),
    [(0, 0.5, 1, 0.5**9), (9, 0.5, 0.5**9, 1), (0, 0.0, 1, 1), (1, 0.0, 0, 1), (9, 1.0, 1, 1)],
)
def test_the_ends_are_certain(count, share, more, less):
    assert at_least(count, 9, share) == pytest.approx(more)
    assert at_most(count, 9, share) == pytest.approx(less)
