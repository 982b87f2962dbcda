"""The score of a scorecard: what its members say together, and which answers belong together."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import NOW, read
from tests.core.score_cards import GATE, GUARD, NAMES, card
from tidegate.api.check_status import Verdict
from tidegate.api.scorecards import Member, Scorecard
from tidegate.core.scoring import judged, scored, scores

MEASURED = (Verdict.PASS, Verdict.FAIL)
MISSING = (Verdict.UNDECIDED, Verdict.NODATA, Verdict.ERROR)


@st.composite
def cards(draw):
    """Any card of one to six members, used by a gate or by a guard."""
    marginal, mark = sorted(draw(st.tuples(*[st.integers(0, 100)] * 2)))
    members = tuple(
        Member(metric=f"m{i}", weight=weight, min=0, critical=critical)
        for i, (weight, critical) in enumerate(
            draw(st.lists(st.tuples(st.integers(1, 1000), st.booleans()), min_size=1, max_size=6))
        )
    )
    whole = Scorecard(
        name="health",
        pass_mark=mark,
        marginal=draw(st.sampled_from([None, marginal])),
        coverage=draw(st.sampled_from([100, 80, 50, 1])),
        members=members,
    )
    return scored((whole,), "c", draw(st.sampled_from([GATE, GUARD])))[1]


@st.composite
def said(draw, of=(*MEASURED, *MISSING)):
    """A card and what its parts say."""
    one = draw(cards())
    return one, tuple(draw(st.sampled_from(of)) for _ in one.parts)


RANK = {Verdict.FAIL: 0, Verdict.UNDECIDED: 1, Verdict.PASS: 2}


@given(said(MEASURED), st.data())
def test_a_member_that_gets_better_never_makes_the_whole_worse(case, data):
    one, verdicts = case
    i = data.draw(st.integers(0, len(verdicts) - 1))
    better = (*verdicts[:i], Verdict.PASS, *verdicts[i + 1 :])
    (before, low), (after, high) = judged(one, verdicts), judged(one, better)
    assert RANK[before] <= RANK[after]
    assert low <= high


@given(said(), st.data())
def test_with_full_coverage_a_missing_member_neither_passes_nor_fails_the_whole(case, data):
    one, verdicts = replace(case[0], coverage=100), case[1]
    i = data.draw(st.integers(0, len(verdicts) - 1))
    gone = (*verdicts[:i], data.draw(st.sampled_from(MISSING)), *verdicts[i + 1 :])
    verdict, score = judged(one, gone)
    pairs = zip(one.parts, gone, strict=True)
    if any(part.critical and one_says is Verdict.FAIL for part, one_says in pairs):
        assert verdict is Verdict.FAIL
    else:
        worst = next(v for v in (Verdict.ERROR, Verdict.NODATA, Verdict.UNDECIDED) if v in gone)
        assert (verdict, score) == (worst, None)


@given(said())
def test_below_coverage_nothing_passes_and_only_a_critical_member_fails(case):
    one, verdicts = case
    pairs = tuple(zip(one.parts, verdicts, strict=True))
    measured = sum(part.weight for part, verdict in pairs if verdict in MEASURED)
    whole = sum(part.weight for part in one.parts)
    critical = any(part.critical and verdict is Verdict.FAIL for part, verdict in pairs)
    verdict, _ = judged(one, verdicts)
    if measured * 100 < one.coverage * whole and not critical:
        assert verdict in MISSING


@given(said(), st.data())
def test_a_critical_member_that_fails_fails_the_whole_and_one_that_is_missing_never_passes(
    case, data
):
    one, verdicts = case
    i = data.draw(st.integers(0, len(verdicts) - 1))
    parts = tuple(replace(part, critical=n == i) for n, part in enumerate(one.parts))
    one = replace(one, parts=parts)
    assert judged(one, (*verdicts[:i], Verdict.FAIL, *verdicts[i + 1 :]))[0] is Verdict.FAIL
    for missing in MISSING:
        gone = (*verdicts[:i], missing, *verdicts[i + 1 :])
        assert judged(one, gone)[0] in MISSING


@given(said(MEASURED))
def test_a_guard_fails_below_marginal_only_and_a_gate_passes_from_pass_on(case):
    one, verdicts = case
    one = replace(one, parts=tuple(replace(part, critical=False) for part in one.parts))
    verdict, score = judged(one, verdicts)
    if one.gate:
        assert (verdict is Verdict.PASS) == (score >= one.pass_mark)
    else:
        assert verdict in MEASURED
    assert (verdict is Verdict.FAIL) == (score < one.marginal)


@pytest.mark.parametrize(
    ("failing", "score", "gate", "guard"),
    [
        ((), 100, "pass", "pass"),
        (("goals",), 85, "undecided", "pass"),
        (("success",), 75, "undecided", "pass"),
        (("success", "goals"), 60, "fail", "fail"),
        (NAMES, 0, "fail", "fail"),
    ],
)
def test_the_weights_of_what_passes_make_the_score(failing, score, gate, guard):
    verdicts = tuple(Verdict.FAIL if name in failing else Verdict.PASS for name in NAMES)
    assert judged(card(), verdicts) == (gate, score)
    assert judged(card(GUARD), verdicts) == (guard, score)


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_a_score_that_is_exactly_the_mark_reaches_it(passing, failing):
    mark = 100 * passing / (passing + failing)
    members = (
        Member(metric="a", weight=passing, min=0),
        Member(metric="b", weight=failing, min=0),
    )
    one = scored(
        (Scorecard(name="h", pass_mark=mark, members=members),),
        "c",
        GATE.model_copy(update={"scorecard": "h"}),
    )[1]
    if mark * (passing + failing) == 100 * passing:
        assert judged(one, (Verdict.PASS, Verdict.FAIL)) == (Verdict.PASS, mark)


# ---------------------------------------------------------------- rounds


def rounds(one, *by_part):
    """The card's readings as (seconds ago, verdict)."""
    found = scores(one, by_part)
    return [((NOW - reading.at).total_seconds(), reading.verdict) for reading in found]


TWO = (
    Member(metric="a", weight=1, min=0.5),
    Member(metric="b", weight=1, min=0.5, critical=True),
)


def two(**fields):
    """A card of two members, the second of them critical."""
    whole = Scorecard(name="health", pass_mark=100, members=TWO, **fields)
    return scored((whole,), "c", GUARD)[1]


def test_a_round_is_one_reading_of_each_member_and_as_old_as_its_oldest():
    a, b = [read(20.5, 1), read(10.5, 1)], [read(20, 1), read(10, 0.2)]
    assert rounds(two(), a, b) == [(20.5, "pass"), (10.5, "fail")]


def test_a_round_that_is_not_whole_leaves_the_word_to_the_one_before():
    a, b = [read(20, 1), read(10, 0.2)], [read(20, 1)]
    assert rounds(two(), a, b) == [(20, "pass")]


def test_a_critical_member_that_fails_is_not_kept_waiting_for_the_others():
    a, b = [read(20, 1)], [read(20, 1), read(10, 0.2)]
    assert rounds(two(), a, b) == [(20, "pass"), (10, "fail")]


def test_a_round_that_was_never_whole_says_nothing():
    a, b = [read(20, 1), read(10, 1)], [read(10, 1)]
    assert rounds(two(), a, b) == [(20, "nodata"), (10, "pass")]


def test_readings_an_interval_apart_do_not_belong_together():
    assert rounds(two(), [read(20, 1)], [read(10, 1)]) == [(20, "nodata")]
    assert rounds(two(), [read(19.9, 1)], [read(10, 1)]) == [(19.9, "pass")]


def test_what_was_read_before_the_clock_was_set_back_never_comes_up_again():
    a, b = [read(10, 1), read(1, 0.2)], [read(10, 1), read(1, 1)]
    assert rounds(two(), a, b) == [(10, "pass"), (1, "fail")]
    a, b = reversed(a), reversed(b)
    assert rounds(two(), [*a], [*b]) == [(10, "pass")]


READING = st.builds(
    read,
    st.integers(0, 60),
    st.sampled_from([None, 0.2, 1.0]),
)


@given(st.lists(READING, max_size=8), st.lists(READING, max_size=8))
def test_no_reading_counts_twice_and_no_round_is_older_than_what_is_in_it(a, b):
    a, b = (sorted(one, key=lambda r: r.at) for one in (a, b))
    found = scores(two(), (a, b))
    assert len(found) <= len(a) + len(b)
    times = [reading.at for reading in found]
    assert times == sorted(times)
    for reading in found:
        assert reading.at in [one.at for one in (*a, *b)]
        if reading.verdict is Verdict.PASS:
            for one in (a, b):
                near = timedelta(seconds=10)
                assert any(r.value == 1.0 and abs(r.at - reading.at) < near for r in one)
    assert sum(r.verdict is Verdict.PASS for r in found) <= min(len(a), len(b))


def test_what_is_scored_once_is_not_scored_again():
    known = tuple((read(11, 1.0), read(1, 1.0)) for _ in NAMES)
    copied = tuple(tuple(replace(one) for one in of_part) for of_part in known)
    assert scores(card(), known) is scores(card(), known)
    assert scores(card(), copied) == scores(card(), known)


def test_an_old_reading_that_differs_makes_other_scores():
    known = tuple((read(11, 1.0), read(1, 1.0)) for _ in NAMES)
    other = ((read(11, 0.2), read(1, 1.0)), *known[1:])
    assert [one.value for one in scores(card(), known)] == [100.0, 100.0]
    assert [one.value for one in scores(card(), other)] == [75.0, 100.0]
    assert [one.value for one in scores(card(), known)] == [100.0, 100.0]
