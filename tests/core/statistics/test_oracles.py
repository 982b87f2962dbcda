"""The same numbers as scipy and statsmodels, which share no line with ours.

Inputs are drawn where both are exact: sides that vary, counts that are whole.
"""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from scipy import special, stats
from statsmodels.stats.proportion import confint_proportions_2indep

from tests.core.statistics.simulated import gathered
from tidegate.core.statistics.differences import Differences, p_above_zero, tuning, with_difference
from tidegate.core.statistics.mann_whitney import EXACT_MOST, MannWhitney, mann_whitney
from tidegate.core.statistics.rates import (
    MixtureDifference,
    RateRatio,
    mixture_difference,
    mixture_share,
    rate_ratio,
)
from tidegate.core.statistics.refused import Refused
from tidegate.core.statistics.sequential import Claim, Plan, log_e
from tidegate.core.statistics.spending import Spending, spent
from tidegate.core.statistics.tails import incomplete_beta, student_tail
from tidegate.core.statistics.welch import Welch, welch
from tidegate.core.statistics.window import Window

steady = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],  # the first call of scipy takes its time
)
VALUES = st.lists(
    st.floats(-1e4, 1e4).map(lambda value: round(value, 6)), min_size=5, max_size=30, unique=True
)
TIED = st.lists(st.integers(-4, 4), min_size=5, max_size=40)
MANY_TIED = st.lists(st.integers(-4, 4), min_size=EXACT_MOST // 2 + 1, max_size=60)
ALPHAS = st.floats(1e-4, 0.4)


@st.composite
def _counts(draw: st.DrawFn, errors_least: int = 0) -> Window:
    """Whole counts, with at least one request of each side that did not fail."""
    few, many = draw(st.integers(60, 50_000)), draw(st.integers(60, 50_000))
    bad = draw(st.integers(errors_least, min(few - 1, 2_000)))
    return Window(bad, few, draw(st.integers(errors_least, min(many - 1, 2_000))), many)


def _sides(counts: Window) -> tuple[int, int, int, int]:
    """The counts in the order in which statsmodels asks for them."""
    return (
        int(counts.canary_errors),
        int(counts.canary_requests),
        int(counts.stable_errors),
        int(counts.stable_requests),
    )


@steady
@given(st.floats(-60, 60), st.floats(0.5, 1e4))
def test_students_tail_is_that_of_scipy(t, df):
    assert student_tail(t, df) == pytest.approx(stats.t.sf(t, df), rel=1e-9, abs=1e-100)


@steady
@given(st.floats(1e-6, 1 - 1e-6), st.floats(0.3, 500), st.floats(0.3, 500))
def test_the_incomplete_beta_function_is_that_of_scipy(x, a, b):
    ours = incomplete_beta(x, 1.0 - x, a, b)
    assert ours == pytest.approx(special.betainc(a, b, x), rel=1e-9, abs=1e-14)


@steady
@given(VALUES, VALUES)
def test_welchs_test_is_that_of_scipy(canary, stable):
    ours = welch(canary, stable)
    assert isinstance(ours, Welch)
    theirs = stats.ttest_ind(canary, stable, equal_var=False)
    greater = stats.ttest_ind(canary, stable, equal_var=False, alternative="greater")
    assert ours.t == pytest.approx(theirs.statistic, rel=1e-7, abs=1e-9)
    assert ours.df == pytest.approx(theirs.df, rel=1e-9)
    assert ours.p_two_sided == pytest.approx(theirs.pvalue, rel=1e-6)
    assert ours.p_greater == pytest.approx(greater.pvalue, rel=1e-6)


@steady
@given(st.permutations(range(EXACT_MOST)), st.integers(5, 20), st.integers(5, 20))
def test_mann_whitney_counted_out_is_that_of_scipy(values, count, others):
    canary, stable = values[:count], values[count : count + others]
    ours = mann_whitney(canary, stable)
    assert isinstance(ours, MannWhitney)
    assert ours.exact
    for ours_p, alternative in ((ours.p_two_sided, "two-sided"), (ours.p_greater, "greater")):
        theirs = stats.mannwhitneyu(canary, stable, alternative=alternative, method="exact")
        assert ours.u == theirs.statistic
        assert ours_p == pytest.approx(theirs.pvalue, rel=1e-9)


@steady
@given(MANY_TIED, MANY_TIED)
def test_mann_whitney_of_many_values_is_that_of_scipy_ties_included(canary, stable):
    assume(len({*canary, *stable}) > 1)
    ours = mann_whitney(canary, stable)
    assert isinstance(ours, MannWhitney)
    assert not ours.exact
    for ours_p, alternative in ((ours.p_two_sided, "two-sided"), (ours.p_greater, "greater")):
        theirs = stats.mannwhitneyu(canary, stable, alternative=alternative, method="asymptotic")
        assert ours.u == theirs.statistic
        assert ours_p == pytest.approx(theirs.pvalue, rel=1e-9)


@steady
@given(TIED, TIED)
def test_the_shift_is_the_median_of_all_differences(canary, stable):
    ours = mann_whitney(canary, stable)
    assume(isinstance(ours, MannWhitney))  # not where all values are equal
    assert ours.shift == np.median(np.subtract.outer(canary, stable))


@steady
@given(_counts(errors_least=1), ALPHAS)
def test_the_interval_of_a_ratio_is_that_of_scipy(counts, alpha):
    ours = rate_ratio(counts, alpha=alpha)
    assert isinstance(ours, RateRatio)
    theirs = stats.contingency.relative_risk(*_sides(counts))
    interval = theirs.confidence_interval(confidence_level=1 - alpha)
    assert ours.ratio == pytest.approx(theirs.relative_risk)
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high), rel=1e-9)


@steady
@given(_counts(), ALPHAS)
@example(Window(0, 300, 0, 2_700), 0.05)
@example(Window(7, 300, 0, 2_700), 0.05)
@example(Window(0, 300, 7, 2_700), 0.05)
def test_the_interval_of_a_ratio_is_that_of_statsmodels_without_errors_too(counts, alpha):
    ours = rate_ratio(counts, alpha=alpha)
    assert isinstance(ours, RateRatio)
    added = min(counts.canary_errors, counts.stable_errors) == 0
    method = "log-adjusted" if added else "log"
    theirs = confint_proportions_2indep(
        *_sides(counts), compare="ratio", method=method, alpha=alpha
    )
    assert (ours.low, ours.high) == pytest.approx(theirs, rel=1e-9)


@steady
@given(_counts(errors_least=1), st.floats(1e-4, 0.5), ALPHAS)
def test_the_mixture_test_of_two_proportions_rests_on_the_variance_of_statsmodels(
    counts, tau, alpha
):
    ours = mixture_difference(counts, tau=tau, alpha=alpha)
    assert isinstance(ours, MixtureDifference)
    low, high = confint_proportions_2indep(
        *_sides(counts), compare="diff", method="wald", alpha=alpha
    )
    difference = (low + high) / 2
    error = (high - low) / 2 / stats.norm.isf(alpha / 2)
    assert ours.difference == pytest.approx(difference, abs=1e-12)
    # A normal choice of differences about 0 makes the observed one normal, too, only wider.
    mixed = stats.norm.logpdf(ours.difference, scale=math.hypot(error, tau))
    assert ours.log_e == pytest.approx(
        mixed - stats.norm.logpdf(ours.difference, scale=error), rel=1e-6, abs=1e-7
    )


@steady
@given(st.integers(0, 3_000), st.integers(0, 3_000), st.floats(0.001, 0.999), st.floats(0.01, 1e4))
def test_the_beta_mixture_is_the_beta_binomial_over_the_binomial_of_scipy(
    hits, misses, chance, strength
):
    ours = mixture_share(hits, misses, chance=chance, strength=strength)
    assert not isinstance(ours, Refused)
    size = hits + misses
    prior = (strength * chance, strength * (1 - chance))
    theirs = stats.betabinom.logpmf(hits, size, *prior) - stats.binom.logpmf(hits, size, chance)
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-6)


@steady
@given(st.lists(_counts(), min_size=1, max_size=6), st.floats(0.1, 10), st.sampled_from(Claim))
def test_sequential_evidence_is_the_mean_of_binomial_likelihood_ratios(seen, ratio, claim):
    plan = Plan(claim, ratio, 0.05)
    sign = 1 if claim is Claim.WORSE else -1
    ratios = ratio * np.exp(sign * np.asarray(plan.deviations))
    logs = np.zeros(len(ratios))
    for window in seen:
        few, many = window.canary_requests, window.stable_requests
        drawn = (window.canary_errors, window.errors)
        logs += stats.binom.logpmf(*drawn, few * ratios / (few * ratios + many))
        logs -= stats.binom.logpmf(*drawn, few * ratio / (few * ratio + many))
    evidence = gathered(plan, seen)
    assert evidence.log_ratios == pytest.approx(logs, rel=1e-6, abs=1e-6)
    factor = evidence.dispersion.factor
    mean = special.logsumexp(np.asarray(evidence.log_ratios) / factor) - math.log(len(ratios))
    assert log_e(evidence) == pytest.approx(mean, rel=1e-9, abs=1e-9)


@steady
@given(st.lists(st.floats(-100, 1e3), min_size=10, max_size=60), st.floats(0.001, 0.25))
def test_p_of_the_windows_is_where_the_sequence_of_the_literature_just_leaves_zero(values, alpha):
    found = Differences()
    for value in values:
        found = with_difference(found, value)
    spread, mean = np.std(values, ddof=1), np.mean(values)
    assume(spread > 1e-6 and mean > 1e-6)
    ours = p_above_zero(found, alpha=alpha, windows_planned=30)
    assume(1e-200 < ours < 1.0)
    scaled = len(values) * tuning(2 * alpha, 30)
    width = math.sqrt(
        2 * (scaled + 1) / (len(values) * scaled) * math.log(math.sqrt(scaled + 1) / (2 * ours))
    )
    assert spread * width == pytest.approx(mean, rel=1e-6)


@steady
@given(ALPHAS, st.floats(0.01, 1))
def test_what_is_spent_is_that_of_scipys_normal_distribution(alpha, part):
    late = 2 * stats.norm.sf(stats.norm.isf(alpha / 2) / math.sqrt(part))
    assert spent(alpha, part, Spending.LATE) == pytest.approx(late, rel=1e-7, abs=1e-250)
    even = alpha * np.log1p((math.e - 1) * part)
    assert spent(alpha, part, Spending.EVEN) == pytest.approx(even)
