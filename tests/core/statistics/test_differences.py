import itertools
import math
import random
from statistics import mean, variance

import pytest

from tests.core.statistics.simulated import allowed
from tests.core.statistics.stated import stated
from tidegate.core.statistics.differences import (
    BURN_IN_WINDOWS,
    Differences,
    p_above_zero,
    radius,
    tuning,
    windows_needed,
    with_difference,
)

PLANNED = 30


def _taken(values: list[float]) -> Differences:
    return list(itertools.accumulate(values, with_difference, initial=Differences()))[-1]


def _p(found: Differences, alpha: float = 0.05) -> float:
    return p_above_zero(found, alpha=alpha, windows_planned=PLANNED)


def test_the_radius_is_that_of_the_literature():
    assert tuning(0.05, PLANNED) == stated("0.2645385")
    for windows, width in ((20, "0.6822971"), (30, "0.5541508")):
        found = radius(windows, 1.0, alpha=0.05, windows_planned=PLANNED)
        assert found == stated(width)


def test_the_sequence_is_narrowest_near_the_window_it_is_planned_for():
    def width(planned: float) -> float:
        return radius(100, 1.0, alpha=0.05, windows_planned=planned)

    assert width(100) < min(width(70), width(140))


def test_mean_and_spread_are_kept_without_the_values():
    dice = random.Random(3)
    values = [dice.gauss(5, 2) for _ in range(50)]
    found = _taken(values)
    assert found.mean == pytest.approx(mean(values))
    assert found.squares / 49 == pytest.approx(variance(values))


@pytest.mark.parametrize("windows", [10, 30, 200])
def test_p_is_the_alpha_at_which_the_sequence_just_leaves_zero(windows):
    alpha = 0.05
    width = radius(windows, 1.0, alpha=2 * alpha, windows_planned=PLANNED)
    at_the_edge = Differences(windows, width, windows - 1.0)
    assert _p(at_the_edge) == pytest.approx(alpha)


def test_few_equal_or_falling_windows_say_nothing():
    dice = random.Random(4)
    high = [10 + dice.random() for _ in range(BURN_IN_WINDOWS)]
    assert _p(_taken(high)) < 1e-6
    assert _p(_taken(high[:-1])) == 1.0
    assert _p(_taken([1.0] * 20)) == 1.0
    assert _p(_taken([-value for value in high])) == 1.0
    assert _p(Differences()) == 1.0


def test_a_mean_of_zero_is_called_higher_no_more_often_than_stated_at_whatever_look():
    dice = random.Random(5)
    runs, alpha, wrong = 300, 0.05, 0
    for _ in range(runs):
        found = Differences()
        for _ in range(40):
            found = with_difference(found, dice.expovariate(1.0) - dice.expovariate(1.0))
            if _p(found) <= alpha:
                wrong += 1
                break
    print(f"{wrong} of {runs} called by mistake")
    assert wrong / runs <= allowed(alpha, runs)


@pytest.mark.parametrize("mean_", [0.2, 0.5, 3.0])
def test_the_forecast_of_windows_is_the_first_that_is_enough(mean_):
    seen = Differences(5, mean_, 4.0)
    needed = windows_needed(seen, alpha=0.05, windows_planned=PLANNED)
    assert needed is not None
    assert needed >= BURN_IN_WINDOWS
    assert _p(Differences(needed, mean_, needed - 1.0)) <= 0.05
    before = Differences(needed - 1, mean_, needed - 2.0)
    assert needed == BURN_IN_WINDOWS or _p(before) > 0.05


@pytest.mark.parametrize(
    "found",
    [Differences(), Differences(1, 1.0, 0.0), Differences(9, -1.0, 3.0), Differences(9, 1e-9, 3.0)],
)
def test_no_forecast_is_made_of_what_will_not_come(found):
    assert windows_needed(found, alpha=0.05, windows_planned=PLANNED) is None


def test_extreme_numbers_stay_numbers():
    for found in (Differences(20, 1e2, 1e-300), Differences(20, 1e-300, 1e5)):
        assert math.isfinite(_p(found))
