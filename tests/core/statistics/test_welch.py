import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.statistics.stated import stated
from tidegate.core.statistics.refused import VALUES_MOST, Refused
from tidegate.core.statistics.tails import DF_MOST, normal_tail, student_tail
from tidegate.core.statistics.welch import MeanRatio, Welch, mean_ratio, welch

steady = settings(max_examples=30, deadline=None, derandomize=True, database=None)
CANARY = (12.1, 11.8, 13.0, 12.6, 12.9)
STABLE = (10.9, 11.2, 10.5, 11.0, 11.4)
WINDOWS = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12)


def test_two_sides_of_five_windows_are_compared_as_in_the_literature():
    found = welch(CANARY, STABLE)
    assert isinstance(found, Welch)
    assert found.t == stated("5.354452")
    assert found.df == stated("6.906501")
    assert found.p_two_sided == stated("0.00110648")
    assert found.p_greater == pytest.approx(found.p_two_sided / 2)
    assert found.difference == pytest.approx(1.48)


def test_sides_of_unequal_size_and_spread_are_compared_by_welch_not_by_student():
    found = welch((1, 2, 3), (2, 9, 4, 7))
    assert isinstance(found, Welch)
    assert (found.t, found.df) == pytest.approx((-2.1105794120443453, 3.7768786127167635))
    assert found.p_two_sided == pytest.approx(0.10650582733328334, rel=1e-11)
    assert found.p_greater == pytest.approx(1 - 0.10650582733328334 / 2, rel=1e-11)


def test_a_ratio_of_means_has_its_standard_error():
    found = mean_ratio(CANARY, STABLE)
    assert isinstance(found, MeanRatio)
    assert found.excess == stated("0.134545")
    assert found.standard_error == stated("0.0261915")


@pytest.mark.parametrize(
    ("t", "df", "tail"),
    [
        (0.5, 3.7, 0.3226678166599659),
        (2.3, 6.9, 0.02775943812546232),
        (-1.2, 14.5, 0.8753103750259685),
        (5, 30, 1.16483427335039e-05),
        (8, 1000, 1.7133307411957489e-15),
        (0.01, 250, 0.4960146313027219),
        (40, 12.5, 7.145766481858474e-15),
    ],
)
def test_the_tail_is_as_exact_as_promised(t, df, tail):
    assert student_tail(t, df) == pytest.approx(tail, rel=1e-11)


def test_the_tail_with_one_degree_of_freedom_is_cauchys():
    for t in (-3.0, -1.0, 0.0, 1e-9, 0.3, 1.0, 40.0):
        assert student_tail(t, 1) == pytest.approx(0.5 - math.atan(t) / math.pi, rel=1e-11)


def test_the_tail_goes_over_to_the_normal_one_without_a_step():
    assert student_tail(3, 1e5) == pytest.approx(0.0013502304420323617, rel=1e-8)
    for t in (0.5, 2.0, 6.0):
        assert student_tail(t, DF_MOST) == pytest.approx(normal_tail(t), rel=4e-4)
        assert student_tail(t, 2 * DF_MOST) == normal_tail(t)


@steady
@given(WINDOWS, WINDOWS)
def test_swapped_sides_give_the_mirror_image(canary, stable):
    here, there = welch(canary, stable), welch(stable, canary)
    if isinstance(here, Refused):
        assert here == there
        return
    assert isinstance(there, Welch)
    assert here.t == -there.t
    assert here.df == pytest.approx(there.df)
    assert here.p_greater + there.p_greater == pytest.approx(1.0)
    assert here.p_two_sided == pytest.approx(there.p_two_sided)


@steady
@given(st.floats(-10, 10), st.floats(0.001, 10))
def test_a_worse_canary_is_more_surprising(shift, more):
    near = welch([value + shift for value in CANARY], STABLE)
    far = welch([value + shift + more for value in CANARY], STABLE)
    assert isinstance(near, Welch)
    assert isinstance(far, Welch)
    assert far.p_greater < near.p_greater


@pytest.mark.parametrize(
    ("canary", "stable", "why"),
    [
        ((1.0,), STABLE, "canary has 1 values"),
        (CANARY, (), "stable has 0 values"),
        (CANARY, [1.0] * (VALUES_MOST + 1), f"stable has {VALUES_MOST + 1} values"),
        ((1.0, math.nan), STABLE, "value 2 of canary is nan"),
        (CANARY, (math.inf, 1.0), "value 1 of stable is inf"),
        (CANARY, (1.0, -1e300), "value 2 of stable is -1e+300"),
        ((2.0, 2.0), (1.0, 1.0), "Neither side varies"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_reason(canary, stable, why):
    found = welch(canary, stable)
    assert isinstance(found, Refused)
    assert why in found.why


@pytest.mark.parametrize("stable", [(0.0, 0.0), (-1.0, -2.0), (5e-324, 5e-324)])
def test_no_ratio_is_taken_to_a_mean_that_is_not_above_zero(stable):
    found = mean_ratio(CANARY, stable)
    assert isinstance(found, Refused)
    assert "stable's mean" in found.why


@steady
@given(st.lists(st.floats(), max_size=6), st.lists(st.floats(), max_size=6))
def test_whatever_is_asked_there_is_an_answer(canary, stable):
    found = welch(canary, stable)
    if isinstance(found, Welch):
        assert 0.0 <= found.p_greater <= 1.0
        assert 0.0 <= found.p_two_sided <= 1.0
    ratio = mean_ratio(canary, stable)
    assert isinstance(ratio, Refused) or math.isfinite(ratio.standard_error)
