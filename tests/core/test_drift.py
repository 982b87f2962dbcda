from datetime import timedelta

import pytest

from tests.core.scenes import NOW, ago, asked, at_rest, in_phase, pods
from tidegate.api.actions import Verb
from tidegate.api.limits import MAX_DRIFTS
from tidegate.api.status import Stage
from tidegate.core.drift import DRIFT_WINDOW_S, keeps_coming_until
from tidegate.core.observation import RouteWeight


def with_drifts(case, *seconds_ago):
    """The case with drifts at those times."""
    drifts = tuple(ago(seconds) for seconds in seconds_ago)
    return case.status_with(traffic=case.status.traffic.model_copy(update={"drifts": drifts}))


@pytest.mark.parametrize(
    "case",
    [
        at_rest(weights=(40,)),
        at_rest(route_weights=(RouteWeight("shop", 0, even=False),)),
        in_phase(weights=(40,)),
        in_phase(weights=(0,)),
        in_phase(weights=(10, 30)),
        in_phase(stage=Stage.PREPARING, weights=(7,)).status_with(traffic=at_rest().status.traffic),
    ],
)
def test_a_weight_that_somebody_else_changed_is_told_and_counted_once(case):
    first = case.decided()
    assert first.status.traffic.drifts == (NOW,)
    assert "TrafficDrift" in [note.reason for note in first.notes]
    second = case.with_(status=first.status).decided()
    assert second.status.traffic.drifts == (NOW,)
    assert "TrafficDrift" not in [note.reason for note in second.notes]


@pytest.mark.parametrize(
    "case",
    [
        at_rest(),
        in_phase(),
        in_phase(weights=(0,), revisions=(pods("A", 4), pods("B", 1, 0))),
        in_phase(weights=(0,), canary="Z"),
        in_phase(stage=Stage.PROMOTING, weights=(100,)),
        in_phase(actions=(asked(Verb.ABORT),)),
        in_phase(routes_hidden=True),
    ],
)
def test_what_is_our_own_doing_is_not_counted(case):
    assert case.decided().status.traffic.drifts == ()


def test_the_times_are_bounded():
    case = with_drifts(at_rest(weights=(40,)), *range(90, 90 - MAX_DRIFTS, -1))
    drifts = case.decided().status.traffic.drifts
    assert len(drifts) == MAX_DRIFTS
    assert drifts[-1] == NOW


@pytest.mark.parametrize(
    ("seconds_ago", "keep_coming"),
    [
        ((), False),
        ((9, 5), False),
        ((299, 9, 5), True),
        ((400, 9, 5), False),
        ((600, 9, 8, 7), True),
    ],
)
def test_drifts_keep_coming_when_there_are_three_within_five_minutes(seconds_ago, keep_coming):
    status = with_drifts(at_rest(), *seconds_ago).status
    until = keeps_coming_until(status)
    assert (until is not None) is keep_coming
    if until is not None:
        assert until == ago(seconds_ago[-1]) + timedelta(seconds=DRIFT_WINDOW_S)


def test_it_is_looked_at_again_when_that_is_over():
    decision = with_drifts(at_rest(), 100, 90, 60).decided()
    assert decision.wake_at == NOW + timedelta(seconds=DRIFT_WINDOW_S - 60)
