import itertools
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.statistics.simulated import FINE_GRID, allowed, gathered, told, windows
from tests.core.statistics.stated import stated
from tidegate.core.statistics.refused import Refused
from tidegate.core.statistics.sequential import (
    DEVIATIONS,
    Claim,
    Evidence,
    Method,
    Plan,
    alpha_each,
    finding,
    log_e,
    with_counts,
)
from tidegate.core.statistics.window import Window

steady = settings(max_examples=30, deadline=None, derandomize=True, database=None)
WORSE = Plan(Claim.WORSE, 1.2, 0.05)
NOT_WORSE = Plan(Claim.NOT_WORSE, 1.5, 0.05)
BOTH = pytest.mark.parametrize("plan", [WORSE, NOT_WORSE], ids=["worse", "not worse"])
COUNTS = st.builds(
    lambda few, many, canary, stable: Window(min(canary, few), few, min(stable, many), many),
    st.integers(1, 500),
    st.integers(1, 5000),
    st.integers(0, 40),
    st.integers(0, 40),
)


def _tenth(canary: float, stable: float) -> Window:
    return Window(canary, 1_000, stable, 9_000)


@pytest.mark.parametrize(
    ("canary", "stable", "e"), [(12, 60, "2.272389"), (20, 60, "474.4609"), (7, 63, "0.3402494")]
)
def test_evidence_that_a_canary_is_worse_is_that_of_the_literature(canary, stable, e):
    plan = Plan(Claim.WORSE, 1.0, 0.05, deviations=FINE_GRID)
    found = told(plan, gathered(plan, [_tenth(canary, stable)]))
    assert found.e == stated(e)
    assert found.p == pytest.approx(min(1.0, 1.0 / found.e))


@pytest.mark.parametrize(("ratio", "e"), [(1.0, "1.120171"), (1.2, "0.4623696")])
def test_evidence_runs_on_through_a_change_of_weights(ratio, e):
    plan = Plan(Claim.WORSE, ratio, 0.05, deviations=FINE_GRID)
    steps = [Window(4, 500, 50, 9_500), Window(16, 2_000, 45, 8_000)]
    assert math.exp(log_e(gathered(plan, steps))) == stated(e)


@pytest.mark.parametrize(
    ("canary", "stable", "e"), [(30, 270, "4.118192"), (100, 900, "744.5097"), (0, 30, "15.29326")]
)
def test_evidence_that_a_canary_is_not_worse_is_that_of_the_literature(canary, stable, e):
    plan = Plan(Claim.NOT_WORSE, 1.5, 0.05, deviations=FINE_GRID)
    found = told(plan, gathered(plan, [_tenth(canary, stable)]))
    assert found.e == stated(e)


def test_the_short_grid_that_is_stored_loses_little_to_a_fine_one():
    assert len(DEVIATIONS) < len(FINE_GRID) / 7
    for canary, stable in ((12, 60), (20, 60), (7, 63), (200, 900)):
        seen = [_tenth(canary, stable)]
        short, fine = (
            Plan(Claim.WORSE, 1.0, 0.05, deviations=grid) for grid in (DEVIATIONS, FINE_GRID)
        )
        lost = log_e(gathered(fine, seen)) - log_e(gathered(short, seen))
        assert abs(lost) < 0.15


def _binomial(size: int, chance: float) -> list[float]:
    return [
        math.comb(size, hits) * chance**hits * (1 - chance) ** (size - hits)
        for hits in range(size + 1)
    ]


def _expected_e(plan: Plan, rates: tuple[float, float], sizes: tuple[int, int]) -> float:
    """The mean of the evidence of one window over every outcome, requests failing one by one."""
    outcomes = itertools.product(
        enumerate(_binomial(sizes[0], rates[0])), enumerate(_binomial(sizes[1], rates[1]))
    )
    return math.fsum(
        p * q * math.exp(log_e(gathered(plan, [Window(canary, sizes[0], stable, sizes[1])])))
        for (canary, p), (stable, q) in outcomes
    )


@pytest.mark.parametrize("sizes", [(1, 1), (3, 7), (5, 2), (2, 12)])
@pytest.mark.parametrize("usual", [0.001, 0.1, 0.4, 0.8])
@pytest.mark.parametrize(
    ("plan", "part"),
    [(WORSE, 0.5), (WORSE, 1.0), (NOT_WORSE, 1.0), (NOT_WORSE, 1.2)],
    ids=["better", "worse bound", "not-worse bound", "worse"],
)
def test_a_window_in_which_the_claim_is_false_adds_no_evidence_in_the_mean(
    plan, part, usual, sizes
):
    rates = (min(1.0, usual * plan.ratio * part), usual)
    if rates[0] == 1.0:
        rates = (1.0, 1.0 / plan.ratio / part)
    assert _expected_e(plan, rates, sizes) <= 1.0 + 1e-12


@BOTH
def test_rare_errors_at_the_bound_are_a_fair_game(plan):
    # Given the number of errors, the canary's part is binomial; then the mean is 1, not less.
    few, many, errors = 100, 900, 6
    chance = few * plan.ratio / (few * plan.ratio + many)
    mean = math.fsum(
        p * math.exp(log_e(gathered(plan, [Window(hits, few, errors - hits, many)])))
        for hits, p in enumerate(_binomial(errors, chance))
    )
    assert mean == pytest.approx(1.0, rel=1e-12)


@BOTH
def test_a_rate_at_the_bound_is_called_by_mistake_no_more_often_than_stated(plan):
    dice = random.Random(11)
    runs, looks = 250, 25
    shares = [(50, 950)] * 8 + [(200, 800)] * 8 + [(500, 500)] * 9
    wrong = 0
    for _ in range(runs):
        shocks = [0.01 * dice.choice((0.3, 1.0, 1.0, 4.0)) for _ in range(looks)]
        rates = [(plan.ratio * usual, usual) for usual in shocks]
        wrong += told(plan, gathered(plan, windows(dice, rates=rates, requests=shares))).shown
    print(f"{wrong} of {runs} called by mistake")
    assert wrong / runs <= allowed(plan.alpha, runs)


def test_a_release_that_is_twice_as_bad_is_found_soon():
    dice = random.Random(12)
    found = 0
    for _ in range(40):
        seen = windows(dice, rates=[(0.03, 0.01)] * 20, requests=[(300, 2_700)] * 20)
        found += told(WORSE, gathered(WORSE, seen)).shown
    assert found >= 38


def test_nothing_is_shown_before_the_windows_that_the_plan_asks_for():
    patient = replace(WORSE, windows_least=4)
    seen = [_tenth(300, 90)] * 3
    assert told(WORSE, gathered(WORSE, seen)).shown
    assert told(patient, gathered(patient, seen)).p == 1.0
    assert told(patient, gathered(patient, [*seen, _tenth(10, 90)])).shown


def test_a_release_that_is_no_worse_is_shown_to_be_so():
    dice = random.Random(13)
    found = 0
    for _ in range(40):
        seen = windows(dice, rates=[(0.01, 0.01)] * 30, requests=[(300, 2_700)] * 30)
        found += told(NOT_WORSE, gathered(NOT_WORSE, seen)).shown
    assert found >= 30


@steady
@given(st.lists(COUNTS, min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_counts_weigh_the_same_in_whatever_order_they_come(seen, dice):
    mixed = list(seen)
    dice.shuffle(mixed)
    here, there = gathered(WORSE, seen), gathered(WORSE, mixed)
    assert here.log_ratios == pytest.approx(there.log_ratios, abs=1e-9)


@steady
@given(st.lists(COUNTS, min_size=1, max_size=8))
def test_p_never_grows_and_what_is_shown_stays_shown(seen):
    evidence, before = Evidence(), 1.0
    for window in seen:
        evidence = gathered(WORSE, [window], evidence)
        assert told(WORSE, evidence).p <= before
        before = told(WORSE, evidence).p


@steady
@given(COUNTS, st.floats(0.1, 20))
def test_one_more_error_of_the_canary_is_more_evidence_against_it(window, more):
    worse = Window(
        window.canary_errors + more,
        window.canary_requests + 20,
        window.stable_errors,
        window.stable_requests,
    )
    less = Window(
        window.canary_errors,
        window.canary_requests + 20,
        *(worse.stable_errors,),
        window.stable_requests,
    )
    assert log_e(gathered(WORSE, [worse])) > log_e(gathered(WORSE, [less]))
    assert log_e(gathered(NOT_WORSE, [worse])) < log_e(gathered(NOT_WORSE, [less]))


@steady
@given(COUNTS)
def test_swapped_sides_are_the_mirror_image(window):
    turned = Window(
        window.stable_errors, window.stable_requests, window.canary_errors, window.canary_requests
    )
    here, there = Plan(Claim.WORSE, 1.25, 0.05), Plan(Claim.NOT_WORSE, 0.8, 0.05)
    assert log_e(gathered(here, [window])) == pytest.approx(
        log_e(gathered(there, [turned])), abs=1e-9
    )


def test_the_forecast_of_requests_is_about_right():
    seen = [Window(6, 300, 27, 2_700)] * 4
    needed = told(WORSE, gathered(WORSE, seen)).canary_requests_needed
    assert needed is not None
    more = math.ceil(needed / 300)
    assert not told(WORSE, gathered(WORSE, seen * (1 + more // 8))).shown
    assert told(WORSE, gathered(WORSE, seen + seen[:1] * (more + 1))).shown


@pytest.mark.parametrize(
    ("seen", "needed"),
    [([], None), ([_tenth(0, 0)], None), ([_tenth(5, 90)], None), ([_tenth(90, 90)], 0)],
    ids=["nothing seen", "no errors", "no worse", "shown already"],
)
def test_no_forecast_is_made_of_what_will_not_come(seen, needed):
    assert told(WORSE, gathered(WORSE, seen)).canary_requests_needed == needed


def test_no_errors_are_no_evidence_of_worse_and_no_proof_of_the_opposite():
    for plan in (WORSE, NOT_WORSE):
        found = told(plan, gathered(plan, [_tenth(0, 0)] * 50))
        assert (found.e, found.p, found.shown) == (1.0, 1.0, False)
        assert found.method is Method.COUNTS


def test_metrics_share_the_chance_of_a_mistake():
    assert alpha_each(0.05, 4) == 0.0125
    for alpha, metrics in ((0.05, 0), (math.nan, 2), (0.9, 2), (0.05, 10**6)):
        assert isinstance(alpha_each(alpha, metrics), Refused)


@pytest.mark.parametrize(
    ("window", "why"),
    [
        (Window(0, 0, 0, 100), "requests to canary is 0"),
        (Window(0, 100, 0, 0), "requests to stable is 0"),
        (Window(101, 100, 0, 100), "errors of canary is 101"),
        (Window(0, 100, -1, 100), "errors of stable is -1"),
        (Window(math.nan, 100, 0, 100), "errors of canary is nan"),
        (Window(0, 100, 0, math.inf), "requests to stable is inf"),
    ],
)
def test_counts_that_cannot_be_are_refused_with_a_reason(window, why):
    refused = with_counts(WORSE, Evidence(), window)
    assert isinstance(refused, Refused)
    assert why in refused.why


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (Plan(Claim.WORSE, math.nan, 0.05), "ratio is nan"),
        (Plan(Claim.WORSE, 0.0, 0.05), "ratio is 0"),
        (Plan(Claim.WORSE, 1.0, 0.5), "alpha is 0.5"),
        (Plan(Claim.WORSE, 1.0, 0.05, deviations=FINE_GRID), "under another plan"),
    ],
)
def test_a_plan_that_promises_nothing_is_refused(plan, why):
    gathered_before = gathered(WORSE, [_tenth(1, 9)])
    for refused in (
        finding(plan, gathered_before),
        with_counts(plan, gathered_before, _tenth(1, 9)),
    ):
        assert isinstance(refused, Refused)
        assert why in refused.why


@steady
@given(st.lists(st.tuples(*[st.floats()] * 4), max_size=4), st.floats(), st.floats())
def test_whatever_is_asked_there_is_an_answer(seen, ratio, alpha):
    for plan in (WORSE, NOT_WORSE, Plan(Claim.WORSE, ratio, alpha)):
        evidence = Evidence()
        for numbers in seen:
            after = with_counts(plan, evidence, Window(*numbers))
            evidence = evidence if isinstance(after, Refused) else after
        found = finding(plan, evidence)
        if not isinstance(found, Refused):
            assert 0.0 < found.p <= 1.0
            assert math.isfinite(found.e)


@steady
@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(1, 1e12), st.floats(0, 1), st.floats(1, 1e12)),
        max_size=6,
    )
)
def test_large_and_lopsided_counts_stay_numbers(seen):
    counts = [Window(bad * few, few, usual * many, many) for bad, few, usual, many in seen]
    for plan in (WORSE, NOT_WORSE, Plan(Claim.WORSE, 100, 1e-9), Plan(Claim.NOT_WORSE, 0.01, 0.2)):
        found = told(plan, gathered(plan, counts))
        assert 0.0 < found.p <= 1.0
        assert math.isfinite(found.e)
        assert math.isfinite(found.dispersion)
