"""A stable ReplicaSet that somebody deleted: made again while it can be, and said when not."""

from __future__ import annotations

from tests.core.scenes import ago, at_rest, in_phase, pods
from tidegate.api.status import PhaseStatus, State
from tidegate.core import reasons
from tidegate.core.decision import CreateReplicaSet

GONE = "Stable revision A is gone"
HOLDING = PhaseStatus(index=0, name="ten", entered_at=ago(290), started_at=ago(10))
LOST_MIDRUN = in_phase(revisions=(pods("B", 1),)).status_with(phase=HOLDING)
LOST_AFTER_A_REVERT = at_rest(target="B", revisions=(pods("B", 0),)).status_with(
    reverted_revision="B"
)


def test_a_stable_replica_set_that_is_remembered_is_made_again_mid_run():
    decision = LOST_MIDRUN.with_(revivable="A").decided()
    assert decision.effect == CreateReplicaSet("A", 4)
    assert GONE not in decision.status.message


def test_a_stable_replica_set_that_is_remembered_is_made_again_at_rest():
    assert LOST_AFTER_A_REVERT.with_(revivable="A").decided().effect == CreateReplicaSet("A", 4)


def test_what_is_remembered_of_another_revision_makes_nothing():
    assert LOST_MIDRUN.with_(revivable="Z").decided().effect != CreateReplicaSet("A", 4)


def test_mid_run_the_loss_stands_before_what_the_run_waits_for():
    decision = LOST_MIDRUN.decided()
    assert decision.status.message.startswith(GONE)
    assert "until this run is promoted. phase ten" in decision.status.message
    assert decision.status.state is State.PROGRESSING


def test_at_rest_nobody_is_told_that_the_lost_revision_serves():
    status = LOST_AFTER_A_REVERT.decided().status
    assert status.state is State.REVERTED
    assert status.message.startswith(GONE)
    assert "ask retry" in status.message
    assert "serves all traffic" not in status.message


def test_an_event_tells_of_the_loss_once():
    first = LOST_MIDRUN.decided()
    assert [note.reason for note in first.notes] == [reasons.STABLE_LOST]
    assert first.notes[0].warning
    again = LOST_MIDRUN.with_(status=first.status).decided()
    assert again.notes == ()
