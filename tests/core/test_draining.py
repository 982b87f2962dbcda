from datetime import timedelta

import pytest

from tests.core.scenes import NOW, ago, at_rest, counted, pods, spec
from tidegate.api.rollout import Drain
from tidegate.api.status import Draining
from tidegate.core.decision import DeleteReplicaSet, PointDestination, ScaleReplicaSet
from tidegate.core.observation import Problem, TrafficReading

GONE = ScaleReplicaSet("Z", "shop-Z", "uid-Z", 0)
IDLE, BUSY = counted(A=100), counted(A=100, Z=1)
DOWN = TrafficReading(NOW, 5.0, error="down")
QUIET = counted(A=3)


def left_over(seconds, traffic, *, drain=None, ready=4, weights=(0,)):
    return at_rest(
        spec=spec(drain=drain or Drain()),
        revisions=(pods("A", 4), pods("Z", 4, ready)),
        traffic=traffic,
        weights=weights,
    ).status_with(draining=(Draining(revision="Z", since=ago(seconds)),))


def test_an_old_revision_is_first_written_down_and_keeps_its_pods():
    decision = at_rest(revisions=(pods("A", 4), pods("Z", 4)), traffic=IDLE).decided()
    assert decision.effect is None
    assert [entry.revision for entry in decision.status.draining] == ["Z"]


@pytest.mark.parametrize(
    ("seconds", "traffic", "drain", "goes"),
    [
        (9, IDLE, None, False),
        (11, IDLE, None, True),
        (11, BUSY, None, False),
        (11, DOWN, None, False),
        (11, None, None, False),
        (599, BUSY, None, False),
        (600, BUSY, None, True),
        (600, DOWN, None, True),
        (29, QUIET, None, False),
        (31, QUIET, None, True),
        (61, IDLE, Drain(min_s=60.0), True),
        (59, IDLE, Drain(min_s=60.0), False),
        (6, QUIET, Drain(min_s=1.0), True),
        (4, QUIET, Drain(min_s=1.0), False),
        (31, BUSY, Drain(max_s=30.0), True),
    ],
)
def test_old_pods_go_when_seen_idle_within_the_bounds(seconds, traffic, drain, goes):
    assert left_over(seconds, traffic, drain=drain).decided().effect == (GONE if goes else None)


def test_pods_that_go_unseen_are_told_about():
    reasons = [note.reason for note in left_over(600, BUSY).decided().notes]
    assert reasons == ["DrainTimedOut"]


def test_pods_that_are_not_ready_go_at_once():
    assert left_over(0, BUSY, ready=0).decided().effect == GONE


def test_nothing_is_drained_before_the_weights_are_home():
    case = left_over(3600, IDLE, weights=(100,))
    young = case.status.traffic.model_copy(update={"weight": 100, "stable_since": ago(1)})
    assert case.status_with(traffic=young).decided().effect is None


def test_idleness_counts_from_the_last_change_of_weight():
    case = left_over(100, QUIET)
    traffic = case.status.traffic.model_copy(update={"weight_since": ago(20)})
    assert case.status_with(traffic=traffic).decided().effect is None


def test_a_timer_is_set_for_what_time_alone_will_free():
    assert left_over(11, QUIET).decided().wake_at == NOW + timedelta(seconds=1)  # the next count
    assert left_over(11, None).decided().asks[0].check_id is None


@pytest.mark.parametrize(("limit", "oldest_goes"), [(0, True), (1, True), (2, False), (5, False)])
def test_empty_replica_sets_are_kept_by_number_and_the_oldest_goes(limit, oldest_goes):
    old, older = pods("Y", 0, created_s=100), pods("X", 0, created_s=200)
    case = at_rest(spec=spec(revision_history_limit=limit), revisions=(pods("A", 4), old, older))
    expected = DeleteReplicaSet("X", "shop-X", "uid-X") if oldest_goes else None
    assert case.decided().effect == expected


def test_nothing_is_drained_while_something_is_wrong():
    case = left_over(11, IDLE)
    assert case.decided().effect == GONE
    wrong = case.with_(problems=(Problem("Conflict", "two Rollouts want one route"),)).decided()
    assert wrong.effect is None
    assert wrong.status.state == "Invalid"
    assert wrong.status.message == "two Rollouts want one route"


@pytest.mark.parametrize("where", [{"stable": "Z"}, {"canary": "Z"}])
def test_an_old_revision_that_is_used_again_is_no_longer_counted_as_idle(where):
    decision = left_over(100, IDLE).with_(**where).decided()
    assert decision.status.draining == ()
    assert decision.effect is None


def test_that_it_was_used_again_is_stored_before_the_destination_leaves_it():
    used = left_over(100, IDLE).with_(stable="Z")
    noted = used.decided()
    assert (noted.effect, noted.notes) == (None, ())
    back = used.with_(status=noted.status).decided()
    assert back.effect == PointDestination("stable", "A")
    assert left_over(0, IDLE).with_(status=back.status).decided().effect is None
