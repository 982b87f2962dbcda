"""Ranges given out moment by moment: what lies between two moments is never taken for either."""

from hypothesis import given
from hypothesis import strategies as st

from tidegate.adapters.prometheus.answers import Failure, Matrix, Sample
from tidegate.adapters.prometheus.history import Recorded, TooLong, moment_of, moments

START_S = 1_700_000_000
STEP_S = 15


class Ranges:
    """Answers from a series with a value at every moment; refuses more than `most` of them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.asked: list[int] = []

    def ask(self, _text, start, points, step_s):
        self.asked.append(points)
        if points > self.most:
            return TooLong.error("too long")
        times = (start.timestamp() + step_s * i for i in range(points))
        return Matrix((tuple(Sample({}, at_s, at_s) for at_s in times),))


@given(st.integers(1, 300), st.integers(1, 600))
def test_every_moment_gets_its_own_value_however_the_range_is_cut(most, points):
    ranges = Ranges(most)
    recorded = Recorded(ranges, STEP_S, moment_of(START_S + STEP_S * (points - 1)))
    for second in range(START_S, START_S + STEP_S * points, STEP_S):
        found = recorded.value("q", moment_of(second))
        assert [one.value for one in found.samples] == [second]
    assert sum(n for n in ranges.asked if n <= most) == points


@given(st.floats(0.2, 0.45))
def test_a_value_between_two_moments_spoils_the_range(off_s):
    stray = Matrix(((Sample({}, 0.0, START_S + off_s),),))
    assert isinstance(moments(stray, START_S, 3, STEP_S), Failure)


def test_two_values_of_one_moment_spoil_the_range():
    twice = Matrix(((Sample({}, 0.0, START_S), Sample({}, 1.0, START_S)),))
    assert isinstance(moments(twice, START_S, 3, STEP_S), Failure)


def test_a_moment_without_values_has_no_series():
    found = moments(Matrix(), START_S, 2, STEP_S)
    assert {second: one.samples for second, one in found.items()} == {
        START_S: (),
        START_S + STEP_S: (),
    }
