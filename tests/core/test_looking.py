"""Welch's and Mann-Whitney's tests look once, at the end of a hold, and never again."""

from dataclasses import replace
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.scenes import NOW, ago, in_phase, read, spec
from tidegate.api.check_status import Verdict
from tidegate.api.checks import Gate
from tidegate.api.compare import Compare
from tidegate.api.phases import Phase
from tidegate.api.status import RolloutStatus
from tidegate.core.observation import Answer

PATIENT = settings(deadline=None, max_examples=50)
HOLD_S = 200.0
TESTS = ["welch", "mann-whitney"]
WANDERS = (0.1, 0.104, 0.096, 0.102, 0.098, 0.101, 0.099, 0.103, 0.097, 0.1)
"""Seconds of latency, by window; about a twentieth apart."""


def gate(test="welch", **fields) -> Gate:
    compare = Compare(to="stable", test=test, margin=1.2)
    return Gate(metric="errors", compare=compare).model_copy(update=fields)


def pairs(canary, stable=WANDERS, *, last_s=1.0, apart_s=10.0, samples=None):
    """Windows of ten seconds, oldest first, the last of which ended that long ago."""
    found = []
    for place, value in enumerate(reversed(canary)):
        at_s = last_s + apart_s * place
        other = read(at_s, stable[(len(canary) - 1 - place) % len(stable)], samples=samples)
        found.append(replace(read(at_s, value, samples=samples), stable=other))
    return tuple(reversed(found))


def gated(readings, *, test="welch", hold_s=HOLD_S, then=(), **fields):
    phase = Phase(name="ten", weight=10, hold_s=hold_s, gates=(gate(test, **fields), *then))
    so = spec(guards=(), phases=(phase,))
    return in_phase(spec=so, readings={"gate/0/0": tuple(readings)})


def times(factor, values=WANDERS):
    return tuple(factor * value for value in values)


def entry(status):
    (found,) = status.evidence
    return found


def check(status):
    return next(one for one in status.checks if one.id == "gate/0/0")


@pytest.mark.parametrize("test", TESTS)
def test_a_release_that_is_as_good_as_stable_passes_at_the_end_of_the_hold(test):
    decision = gated(pairs(times(1.01)), test=test).decided()
    assert check(decision.status).verdict is Verdict.PASS
    assert "not worse than 1.2 times is shown (p " in check(decision.status).detail
    assert decision.status.run.stage == "Promoting"


@pytest.mark.parametrize("test", TESTS)
def test_a_release_that_is_worse_by_more_than_the_margin_fails_and_holds(test):
    decision = gated(pairs(times(1.5)), test=test).decided()
    assert check(decision.status).verdict is Verdict.FAIL
    assert "worse than 1.2 times is shown (p " in check(decision.status).detail
    assert decision.status.run.stage == "Phase"


@pytest.mark.parametrize("test", TESTS)
def test_what_lies_at_the_margin_is_undecided_and_a_person_is_told_what_to_do(test):
    decision = gated(pairs(times(1.2)), test=test).decided()
    assert check(decision.status).verdict is Verdict.UNDECIDED
    assert check(decision.status).detail.endswith("skip the phase, or retry with a longer hold")
    assert decision.status.run.stage == "Phase"


@pytest.mark.parametrize("test", TESTS)
def test_nothing_is_looked_at_before_the_hold_is_over(test):
    status = gated(pairs(times(1.01)), test=test, hold_s=281.0).decided().status
    assert entry(status).look is None
    assert check(status).verdict is Verdict.UNDECIDED
    assert check(status).detail.endswith("after the hold with 10 windows or more, 10 so far")


@pytest.mark.parametrize("test", TESTS)
def test_too_few_windows_are_not_looked_at_though_the_hold_is_over(test):
    status = gated(pairs(times(1.01)[1:]), test=test).decided().status
    assert entry(status).look is None
    assert check(status).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("test", TESTS)
def test_there_is_no_second_look_however_good_it_gets(test):
    worse = gated(pairs(times(1.25), last_s=101.0), test=test, hold_s=150.0)
    worse = worse.decided(ago(100)).status
    assert entry(worse).look is not None
    readings = pairs(times(1.25), last_s=101.0) + pairs(times(0.1))
    later = gated(readings, test=test, hold_s=150.0).with_(status=worse).decided().status
    assert later.evidence == worse.evidence
    assert check(later).verdict is not Verdict.PASS


def test_another_hold_is_another_look():
    looked = gated(pairs(times(1.5))).decided().status
    phase = looked.phase.model_copy(update={"started_at": ago(46)})
    again = looked.model_copy(update={"phase": phase})
    status = gated(pairs(times(1.01))).with_(status=again).decided().status
    assert len(entry(status).canary_values) == 4
    assert entry(status).look is None


def test_before_its_hold_a_gate_gathers_nothing():
    case = gated(pairs(times(1.01)))
    phase = case.status.phase.model_copy(update={"started_at": None})
    hidden = case.status_with(phase=phase).with_(routes_hidden=True)
    assert hidden.decided().status.evidence == ()


@pytest.mark.parametrize(
    ("canary", "stable", "why"),
    [
        ((0.1,) * 10, (0.1,) * 10, "Neither side varies"),
        (times(-1.0), WANDERS, "values below 0 have no ratio"),
        (WANDERS, times(-1.0), "values below 0 have no ratio"),
    ],
)
def test_values_that_say_nothing_pass_nothing_and_are_explained(canary, stable, why):
    status = gated(pairs(canary, stable)).decided().status
    assert check(status).verdict is Verdict.UNDECIDED
    assert why in check(status).detail


def test_a_window_with_fewer_samples_than_asked_for_does_not_count():
    few = gated(pairs(times(1.01), samples=99), min_samples=100)
    assert few.decided().status.evidence == ()
    enough = gated(pairs(times(1.01), samples=100), min_samples=100)
    assert len(entry(enough.decided().status).canary_values) == 10


@pytest.mark.parametrize("last", [Answer.ERROR, Answer.REFUSED])
def test_an_error_holds_though_the_look_was_good(last):
    looked = gated(pairs(times(1.01)), then=(gate("mann-whitney"),)).decided().status
    assert check(looked).verdict is Verdict.PASS
    failed = replace(read(0, None), answer=last)
    case = gated((*pairs(times(1.01)), failed), then=(gate("mann-whitney"),))
    status = case.with_(status=looked).decided().status
    assert check(status).verdict is Verdict.ERROR
    assert status.run.stage == "Phase"


def test_only_the_last_windows_of_a_long_hold_are_kept_and_none_that_overlap():
    long = gated(pairs(times(1.0, WANDERS * 6), apart_s=4.6)).decided().status
    assert len(entry(long).canary_values) == 20
    tight = gate(interval_s=2.0)
    phase = Phase(name="ten", weight=10, hold_s=HOLD_S, gates=(tight,))
    case = gated(pairs(times(1.0, WANDERS * 6), apart_s=4.0))
    status = case.with_(spec=case.spec.model_copy(update={"phases": (phase,)})).decided().status
    assert len(entry(status).canary_values) == 40


@PATIENT
@given(st.lists(st.floats(0, 1), min_size=1, max_size=25), st.sampled_from(TESTS), st.data())
def test_a_restart_at_any_moment_changes_nothing_of_the_look(values, test, data):
    readings = pairs(values)
    hold_s = 230.0
    status, remembered = gated((), test=test, hold_s=hold_s).status, []
    other = status
    for place, reading in enumerate(readings):
        if data.draw(st.booleans(), label=f"restart before {place}"):
            status = RolloutStatus.model_validate_json(status.model_dump_json(by_alias=True))
            remembered = []
        remembered.append(reading)
        case = gated(remembered, test=test, hold_s=hold_s, then=(gate(test),))
        status = case.with_(status=status).decided(reading.at).status
        whole = gated(readings[: place + 1], test=test, hold_s=hold_s, then=(gate(test),))
        other = whole.with_(status=other).decided(reading.at).status
    assert status.evidence == other.evidence


@PATIENT
@given(
    st.lists(st.floats(), min_size=10, max_size=20),
    st.lists(st.floats(), min_size=10, max_size=20),
    st.sampled_from(TESTS),
)
def test_no_values_raise_or_pass_though_they_are_larger_than_the_margin_allows(
    canary, stable, test
):
    status = gated(pairs(canary, stable), test=test).decided(NOW).status
    if check(status).verdict is Verdict.PASS:
        found = entry(status)
        allowed = [1.2 * value for value in found.stable_values]
        ahead = sum((one < other) for one in found.canary_values for other in allowed)
        mean = fmean(found.canary_values) < fmean(allowed)
        assert mean if test == "welch" else 2 * ahead > len(found.canary_values) * len(allowed)
