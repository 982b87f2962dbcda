from datetime import timedelta

import pytest

from tests.core.scenes import NOW, Case, ago, at_rest, in_phase, pods, spec
from tidegate.api.status import LastRun, Stage
from tidegate.core.decision import ScaleReplicaSet
from tidegate.core.scene import SIZE_KEPT_S


def sized(replicas: int, *, least: int = 4, stable: int = 4, canary: int = 1, **fields) -> Case:
    """A run that had `least` pods so far, when the size is `replicas`."""
    case = in_phase(
        spec=spec(replicas=replicas), revisions=(pods("A", stable), pods("B", canary)), **fields
    )
    return case.status_with(run=case.status.run.model_copy(update={"min_replicas": least}))


def rested(seconds: float, *, replicas: int = 2) -> Case:
    """At rest with four pods, that long after a run in which the size was lowered from four."""
    last = LastRun(
        number=3,
        to_revision="A",
        outcome="Promoted",
        started_at=ago(900),
        finished_at=ago(seconds),
        kept_replicas=4,
    )
    return at_rest(spec=spec(replicas=replicas)).status_with(last_run=last)


def test_a_larger_size_is_carried_out_on_both_sides_in_the_middle_of_a_run():
    grown = sized(40)
    assert grown.decided().effect == ScaleReplicaSet("A", "shop-A", "uid-A", 40)
    wide = grown.with_(revisions=(pods("A", 40), pods("B", 1)))
    remembered = wide.decided()
    assert remembered.status.run.min_replicas == 40
    after = wide.with_(status=remembered.status).decided()
    assert after.effect == ScaleReplicaSet("B", "shop-B", "uid-B", 4)


def test_a_size_whose_pods_were_never_ready_is_not_kept():
    typo = sized(40).with_(revisions=(pods("A", 40, 4), pods("B", 4)))
    assert typo.decided().status.run.min_replicas == 4


def test_a_smaller_size_waits_for_the_end_of_the_run_and_that_is_said_once():
    case = sized(2, stable=4).status_with(message="")
    first = case.decided()
    assert first.effect is None
    said = "; the smaller size of 2 waits for the end of the run"
    held = sized(2).status_with(phase=case.status.phase.model_copy(update={"started_at": ago(5)}))
    held = held.status_with(traffic=held.status.traffic.model_copy(update={"weight_since": ago(5)}))
    second = held.decided()
    assert second.status.message.endswith(said)
    third = held.with_(status=second.status).decided()
    assert third.status.message.count(said) == 1
    grown = held.with_(status=third.status, spec=spec(replicas=4)).decided()
    assert "smaller size" not in grown.status.message


def test_the_end_of_a_run_keeps_a_size_that_was_lowered_in_it():
    done = sized(2, stable=4, canary=4, stage=Stage.PROMOTING).with_(stable="B", weights=(100,))
    assert done.decided().status.last_run.kept_replicas == 4
    same = sized(4, stable=4, canary=4, stage=Stage.PROMOTING).with_(stable="B", weights=(100,))
    assert same.decided().status.last_run.kept_replicas is None


def test_a_size_that_was_lowered_in_a_run_is_carried_out_a_minute_after_it():
    waiting = rested(SIZE_KEPT_S - 5).decided()
    assert waiting.effect is None
    assert waiting.wake_at == NOW + timedelta(seconds=5)
    assert "the smaller size of 2 waits until 12:00:05 UTC" in waiting.status.message
    assert waiting.status.state == "Healthy"
    due = rested(SIZE_KEPT_S).decided()
    assert due.effect == ScaleReplicaSet("A", "shop-A", "uid-A", 2)


def test_an_autoscaler_that_takes_it_back_meanwhile_is_all_there_is():
    again = rested(10, replicas=5).decided()
    assert again.effect == ScaleReplicaSet("A", "shop-A", "uid-A", 5)
    assert rested(10, replicas=4).decided().status.message == "revision A serves all traffic"


def test_a_run_that_begins_meanwhile_begins_with_all_pods():
    begun = rested(10).with_(target="B").decided()
    assert begun.status.run.min_replicas == 4


@pytest.mark.parametrize("case", [sized(4), at_rest(), rested(900)])
def test_the_selector_for_autoscalers_is_of_the_stable_pods_alone(case):
    assert case.decided().status.selector == "app=shop,tidegate.io/revision=A"
