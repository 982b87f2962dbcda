import pytest

from tests.core.scenes import Case, ago, at_rest, counted, in_phase, pods, read, spec
from tidegate.api.status import LastRun, PauseStatus, RolloutStatus

PAUSE = PauseStatus(by="ann", reason="lunch", at=ago(60))
REVERTED = LastRun(
    number=3,
    to_revision="B",
    outcome="Reverted",
    message="guard errors is 0.25, must be <= 0.01",
    started_at=ago(300),
    finished_at=ago(200),
)


@pytest.mark.parametrize(
    ("case", "state", "told"),
    [
        (Case(target="A", canary="A", revisions=(pods("A", 4, 1),)), "Initializing", "1 of 4 pods"),
        (at_rest(), "Healthy", "revision A serves all traffic"),
        (at_rest(revisions=(pods("A", 4, 2),)), "Healthy", "2 of 4 pods"),
        (at_rest(target="B", spec=spec(paused=True)), "Paused", "paused before revision B"),
        (in_phase().status_with(phase=None), "Progressing", "gone"),
        (in_phase(), "Progressing", "holding 10 %"),
        (in_phase(spec=spec(paused=True)), "Paused", ""),
        (
            at_rest(target="B").status_with(reverted_revision="B", last_run=REVERTED),
            "Reverted",
            "sent back: guard errors is 0.25, must be <= 0.01. Stable A serves",
        ),
        (
            at_rest(
                target="B",
                canary="B",
                revisions=(pods("A", 4), pods("B", 1)),
                traffic=counted(A=90, B=1),
            ).status_with(reverted_revision="B"),
            "Reverting",
            "waiting until no proxy sends to the canary",
        ),
    ],
)
def test_one_word_and_one_sentence_tell_what_it_does(case, state, told):
    if case.status.phase is not None:
        begun = case.status.phase.model_copy(update={"started_at": ago(30)})
        traffic = case.status.traffic.model_copy(update={"weight_since": ago(40)})
        case = case.status_with(phase=begun, traffic=traffic)
    status = case.decided().status
    assert status.state == state
    assert told in status.message


def test_numbers_for_people_and_for_scale():
    status = in_phase(revisions=(pods("A", 4, 3), pods("B", 1))).decided().status
    assert status.ready == "3/4"
    assert (status.replicas, status.ready_replicas) == (4, 3)
    assert status.selector == "app=shop,tidegate.io/revision=A"
    assert status.weight == 10
    assert status.observed_generation == 7
    assert status.gates_summary == "1/1"


def test_a_message_never_outgrows_its_field():
    long = REVERTED.model_copy(update={"message": "x" * 1024})
    status = at_rest(target="B").status_with(reverted_revision="B", last_run=long).decided().status
    assert len(status.message) == 1024
    RolloutStatus.model_validate(status.model_dump())


def test_what_waits_for_metrics_says_which():
    case = in_phase(weights=(0,), readings={"guard/0": (read(1, 0.0), read(60, None))})
    assert "guard errors was not read yet" in case.decided().status.message
