"""One bad pod told apart: which pods a failure comes from, and how many it takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import NOW, ago, error_guard, in_phase, spec
from tidegate.api.check_status import Verdict
from tidegate.api.checks import Gate, Guard
from tidegate.api.compare import Compare
from tidegate.api.status import Stage
from tidegate.core.concerned import pods_text
from tidegate.core.decision import SetWeight
from tidegate.core.observation import Answer, Concerned, Reading
from tidegate.core.verdicts import judge

LOOPS = error_guard().model_copy(update={"max": 0.0})


def measured(value, *names, pods=None, seconds_ago=1.0, early=True):
    concerned = Concerned(len(names) if pods is None else pods, names, early=early)
    return Reading(ago(seconds_ago), Answer.OK, value, 4.0, concerned=concerned)


def least(pods):
    return LOOPS.model_copy(update={"min_pods": pods})


@given(st.integers(0, 9), st.integers(1, 9), st.floats(0, 9))
def test_a_failure_of_fewer_pods_than_asked_for_is_none(pods, min_pods, value):
    reading = measured(value, pods=pods)
    assert (judge(least(min_pods), reading) is Verdict.FAIL) == (value > 0 and pods >= min_pods)


@given(st.sampled_from(Answer), st.none() | st.just(0.0) | st.just(2.0), st.integers(0, 9))
def test_min_pods_makes_nothing_else_out_of_what_is_no_failure(answer, value, pods):
    reading = Reading(NOW, answer, value, concerned=Concerned(pods))
    verdict = judge(LOOPS, reading)
    if verdict is not Verdict.FAIL:
        assert judge(least(5), reading) is verdict


def test_min_pods_spares_a_rise_over_stable_too():
    stable = Reading(NOW, Answer.OK, 0.0)
    reading = Reading(NOW, Answer.OK, 2.0, stable=stable, concerned=Concerned(1, ("a",)))
    rise = Guard(metric="errors", compare=Compare(to="stable", max_increase=0), min_pods=2)
    assert judge(rise, reading) is Verdict.PASS
    assert judge(rise.model_copy(update={"min_pods": 1}), reading) is Verdict.FAIL


@pytest.mark.parametrize(
    ("names", "pods", "text"),
    [
        ((), 0, ""),
        (("a",), 1, "pod a"),
        (("a", "b"), 2, "pods a, b"),
        (("a", "b", "c"), 5, "pods a, b, c and 2 more"),
    ],
)
def test_the_pods_are_named(names, pods, text):
    assert pods_text(LOOPS, measured(1.0, *names, pods=pods)) == text


def test_a_gate_names_pods_and_knows_no_least_number():
    assert pods_text(Gate(metric="errors", max=0), measured(1.0, "a")) == "pod a"
    assert pods_text(LOOPS, Reading(NOW, Answer.OK, 1.0)) == ""


def test_a_release_that_is_sent_back_says_which_pods_it_was():
    readings = {"guard/0": (measured(2.0, "shop-b-1", "shop-b-2"),)}
    decision = in_phase(spec=spec(guards=(LOOPS,)), readings=readings).decided()
    assert decision.effect == SetWeight("shop", 0)
    expected = "guard errors is 2, must be <= 0 (failed 1 of 1; critical): pods shop-b-1, shop-b-2"
    assert decision.status.last_run.message == expected


def test_one_bad_pod_is_told_and_spared_where_two_are_asked_for():
    readings = {"guard/0": (measured(1.0, "shop-b-1"),)}
    decision = in_phase(spec=spec(guards=(least(2),)), readings=readings).decided()
    assert decision.status.run is not None
    (check,) = decision.status.checks
    assert (check.verdict, check.bound, check.pods) == (Verdict.PASS, "<= 0, minPods 2", 1)
    assert check.detail == "pod shop-b-1, fewer than minPods 2"


@pytest.mark.parametrize(("early", "outcome"), [(True, "Reverted"), (False, None)])
def test_pods_that_crash_before_the_first_request_send_the_release_back(early, outcome):
    """Only what a destination served has to wait for that destination."""
    readings = {"guard/0": (measured(1.0, "shop-b-1", early=early),)}
    case = in_phase(
        stage=Stage.PREPARING, spec=spec(guards=(LOOPS,)), readings=readings, weights=(0,)
    )
    case = case.status_with(traffic=case.status.traffic.model_copy(update={"canary_since": NOW}))
    run = case.decided().status.last_run
    assert (run and run.outcome) == outcome
