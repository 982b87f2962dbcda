from hypothesis import given
from hypothesis import strategies as st

from tidegate.rehearsal.past import Release, releases

STEP_S = 15
SILENT_S = 60.0


def moments(*active: dict[str, float]):
    return tuple((STEP_S * i, one) for i, one in enumerate(active))


def found(*active: dict[str, float]):
    return releases(moments(*active), SILENT_S)


A = {"a": 9.0}
AB = {"a": 9.0, "b": 1.0}
B = {"b": 9.0}
ABC = AB | {"c": 1.0}
NOBODY: dict[str, float] = {}


def test_one_revision_alone_is_no_release():
    assert found(*[A] * 20) == ()
    assert found() == ()
    assert found(NOBODY, NOBODY) == ()


def test_a_revision_that_goes_silent_was_withdrawn():
    assert found(*[A] * 3, *[AB] * 4, *[A] * 9) == (Release("a", "b", 45, 90, "withdrawn"),)


def test_a_revision_that_stays_alone_was_promoted():
    (one,) = found(*[A] * 3, *[AB] * 4, *[B] * 9)
    assert (one.canary, one.ending) == ("b", "promoted")


def test_a_third_revision_replaces_the_second_once():
    first, second = found(*[A] * 3, *[AB] * 4, *[ABC] * 3, *[A | {"c": 1.0}] * 9)
    assert (first.canary, first.ending) == ("b", "replaced")
    assert (second.stable, second.canary, second.ending) == ("a", "c", "not over")


def test_a_second_attempt_is_a_second_release():
    assert len(found(*[A] * 3, *[AB] * 4, *[A] * 9, *[AB] * 4)) == 2


def test_what_is_silent_for_a_moment_is_not_gone():
    assert len(found(A, AB, A, AB, NOBODY, AB, A, AB)) == 1


def test_what_came_at_once_is_no_release():
    assert found(*[A] * 5, *[B] * 9)[0].ended_s == 75


some = st.dictionaries(st.sampled_from("abcd"), st.floats(0.1, 100), max_size=4)


@given(st.lists(some, max_size=60))
def test_releases_come_one_after_the_other_and_each_is_of_two(active):
    told = found(*active)
    assert all(one.stable != one.canary and one.began_s <= one.ended_s for one in told)
    assert [one.began_s for one in told] == sorted(one.began_s for one in told)
    assert all(one.ending != "not over" for one in told[:-1])
