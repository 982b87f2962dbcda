import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.statistics.simulated import allowed, gathered, poisson, told, windows
from tidegate.core.statistics.dispersion import RESIDUALS_LEAST, Dispersion, with_window
from tidegate.core.statistics.sequential import (
    DISPERSION_MOST,
    Claim,
    Evidence,
    Method,
    Plan,
    log_e,
)
from tidegate.core.statistics.window import Window

WORSE = Plan(Claim.WORSE, 1.2, 0.05)
SIZES = [(300, 2_700)] * 30


def _measured(seen) -> Dispersion:
    found = Dispersion()
    for window in seen:
        found = with_window(found, window)
    return found


def _bursts(dice: random.Random, *, shape: float, looks: int = 30) -> list[Window]:
    """Windows in which either side has shocks of its own: rates are gamma, with mean 1 %."""
    rates = [
        (0.01 * dice.gammavariate(shape, 1 / shape), 0.01 * dice.gammavariate(shape, 1 / shape))
        for _ in range(looks)
    ]
    return [
        Window(min(300, poisson(dice, 300 * bad)), 300, poisson(dice, 2_700 * usual), 2_700)
        for bad, usual in rates
    ]


@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
def test_errors_one_by_one_have_a_dispersion_of_one_however_bad_the_release(ratio):
    dice = random.Random(31)
    raw = []
    for _ in range(100):
        found = _measured(windows(dice, rates=[(0.01 * ratio, 0.01)] * 30, requests=SIZES))
        raw.append(found.squares / (found.blocks - 1))
    assert sum(raw) / len(raw) == pytest.approx(1.0, abs=0.1)


def test_shocks_that_hit_both_sides_alike_are_no_dispersion():
    dice = random.Random(32)
    shocks = [0.01 * dice.choice((0.3, 1.0, 5.0)) for _ in range(30)]
    raw = []
    for _ in range(100):
        found = _measured(windows(dice, rates=[(s, s) for s in shocks], requests=SIZES))
        raw.append(found.squares / (found.blocks - 1))
    assert sum(raw) / len(raw) == pytest.approx(1.0, abs=0.1)


def test_bursts_of_one_side_are_seen_and_the_windows_are_judged_instead():
    dice = random.Random(33)
    found = told(WORSE, gathered(WORSE, _bursts(dice, shape=1)))
    assert found.dispersion > DISPERSION_MOST
    assert found.method is Method.DIFFERENCES


def test_rare_errors_in_thin_windows_are_no_bursts():
    seen = [Window(at % 20 == 0, 30, at % 7 == 0, 270) for at in range(100)]
    found = _measured(seen)
    assert found.blocks < 10
    assert found.factor < DISPERSION_MOST


def test_nothing_is_said_about_bursts_before_there_are_some_windows():
    few = _measured([Window(30, 300, 3, 2_700), Window(0, 300, 90, 2_700)] * 2)
    assert few.blocks <= RESIDUALS_LEAST
    assert few.factor == 1.0


def test_dispersion_divides_the_evidence_down():
    steady = gathered(WORSE, [Window(9, 300, 27, 2_700)] * 8)
    uneven = [Window(9 + 4 * (-1) ** at, 300, 27, 2_700) for at in range(8)]
    bursty = gathered(WORSE, uneven)
    assert bursty.dispersion.factor > steady.dispersion.factor == 1.0
    assert 0.0 < log_e(bursty) < log_e(steady)
    assert bursty.log_ratios == pytest.approx(steady.log_ratios)


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(st.lists(st.floats(-50, 50), min_size=8, max_size=8), st.floats(0, 500))
def test_divided_evidence_is_never_strong_where_the_whole_is_not(logs, squares):
    whole = Evidence(log_ratios=tuple(logs))
    divided = replace(whole, dispersion=Dispersion(blocks=11, squares=squares))
    assert log_e(divided) <= max(0.0, log_e(whole)) + 1e-12


@pytest.mark.parametrize(
    ("shape", "windows_least", "rate_most"), [(10, 1, 0.05), (3, 1, 0.16), (3, 10, 0.05)]
)
def test_bursts_make_mistakes_no_more_often_than_is_documented(shape, windows_least, rate_most):
    dice = random.Random(34)
    plan = replace(WORSE, windows_least=windows_least)
    runs = 80
    wrong = sum(told(plan, gathered(plan, _bursts(dice, shape=shape))).shown for _ in range(runs))
    print(f"shape {shape}, from window {windows_least}: {wrong} of {runs} called by mistake")
    assert wrong / runs <= allowed(rate_most, runs)
