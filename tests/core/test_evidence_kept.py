"""The status is the only memory of a test, and it belongs to one run and one question."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import NOW, ago, asked, pods
from tests.core.trials import (
    GATE,
    GATED,
    GOOD,
    GUARD,
    INTERVAL_S,
    PATIENT,
    REQUESTS,
    TESTED,
    TWICE,
    counted,
    evidence,
    gated,
    guarded,
    held,
    trial,
    verdict,
    window,
    windows,
)
from tidegate.api.actions import Verb
from tidegate.api.check_status import Verdict
from tidegate.api.checks import Guard
from tidegate.api.phases import Phase
from tidegate.api.status import PauseStatus, RolloutStatus

RATES = st.sampled_from([0.0, 0.001, GOOD, 0.013, TWICE])


@PATIENT
@given(st.lists(RATES, min_size=1, max_size=25), st.data())
def test_a_restart_at_any_moment_changes_no_number_of_the_evidence(rates, data):
    places = range(len(rates))
    readings = [window(1 + INTERVAL_S * p, rates[p]) for p in reversed(places)]
    at_once = held(readings).decided().status
    status, remembered = held(()).status, []
    for place, reading in enumerate(readings):
        if data.draw(st.booleans(), label=f"restart before {place}"):
            status = RolloutStatus.model_validate_json(status.model_dump_json(by_alias=True))
            remembered = []
        remembered.append(reading)
        status = held(remembered).with_(status=status).decided(reading.at).status
    assert status.evidence == at_once.evidence


def other_run(status):
    return status.model_copy(update={"run": status.run.model_copy(update={"number": 4})})


def other_stable(status):
    return status.model_copy(update={"stable_revision": "Z"})


def other_canary(status):
    return status.model_copy(update={"run": status.run.model_copy(update={"to_revision": "C"})})


@pytest.mark.parametrize("changed", [other_run, other_stable, other_canary])
def test_evidence_of_another_run_or_another_pair_of_revisions_starts_over(changed):
    before = gated(windows(9, GOOD)).decided().status
    assert counted(before) == 9 * REQUESTS
    after = gated(()).with_(status=changed(before), target="C", revisions=(pods("Z", 4),)).decided()
    assert after.status.evidence == ()


@pytest.mark.parametrize(
    "edit",
    [
        {"compare": trial(margin=1.6)},
        {"compare": trial(margin=1.5, confidence=0.9)},
        {"interval_s": 20.0},
        {"metric": "other"},
    ],
)
def test_evidence_of_a_test_that_was_edited_starts_over(edit):
    before = gated(windows(9, GOOD)).decided().status
    (phase,) = GATED.phases
    edited = phase.model_copy(update={"gates": (GATE.model_copy(update=edit),)})
    case = gated(()).with_(status=before, spec=GATED.model_copy(update={"phases": (edited,)}))
    assert case.decided().status.evidence == ()


def test_evidence_of_a_guard_goes_on_through_phases():
    two = TESTED.model_copy(
        update={"phases": (*TESTED.phases, Phase(name="half", weight=50, hold_s=60.0))}
    )
    before = guarded(windows(9, GOOD)).with_(spec=two).decided().status
    assert before.phase.name == "half"
    later = guarded(()).with_(status=before, spec=two, weights=(50,)).decided().status
    assert later.evidence == before.evidence


def test_a_guard_that_a_phase_replaces_goes_on_with_its_evidence_after_it():
    own = Phase(name="half", weight=50, hold_s=60.0, guards=(Guard(metric="errors", max=0.1),))
    two = TESTED.model_copy(update={"phases": (*TESTED.phases, own)})
    before = guarded(windows(9, GOOD)).with_(spec=two).decided().status
    later = guarded(()).with_(status=before, spec=two, weights=(50,)).decided().status
    assert [check.id for check in later.checks] == ["guard/1/0"]
    assert later.evidence == before.evidence


def test_stored_evidence_that_makes_no_sense_starts_over():
    before = held(windows(9, GOOD)).decided().status
    broken = evidence(before).model_copy(update={"totals": (1.0, 2.0)})
    status = before.model_copy(update={"evidence": (broken,)})
    assert held(()).with_(status=status).decided().status.evidence == ()


def pausing(readings, **status):
    guard = GUARD.model_copy(update={"then": "pause"})
    case = guarded(readings).with_(spec=TESTED.model_copy(update={"guards": (guard,)}))
    return case.status_with(**status)


def test_a_guard_that_pauses_starts_over_once_a_person_resumes():
    paused = pausing(windows(20, TWICE)).decided().status
    assert paused.pause.by == "guard errors"
    resumed = pausing(windows(20, TWICE)).with_(
        status=paused, actions=(asked(Verb.RESUME, seconds_ago=0),)
    )
    status = resumed.decided().status
    assert status.pause is None
    after = pausing(windows(20, TWICE)).with_(status=status).decided().status
    assert (after.pause, after.evidence) == (None, ())


def test_a_pause_of_a_person_leaves_the_evidence_of_a_gate_alone():
    paused = PauseStatus(by="ann", at=ago(30))
    before = gated(windows(27, GOOD)).status_with(pause=paused).decided().status
    resumed = before.model_copy(update={"pause": None, "resumed_at": NOW})
    after = gated(windows(27, GOOD)).with_(status=resumed).decided().status
    assert after.evidence == before.evidence
    assert verdict(after) is Verdict.UNDECIDED
    new = tuple(window(second, GOOD) for second in (-11, -21))
    gone_on = gated(new).with_(status=after).decided(ago(-22)).status
    assert counted(gone_on) == counted(before) + 2 * REQUESTS
    assert gone_on.run.stage == "Promoting"


def as_go_writes(value):
    """The same JSON after a JSON library that has one kind of number: 600.0 becomes 600."""
    if isinstance(value, dict):
        return {key: as_go_writes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_go_writes(item) for item in value]
    whole = isinstance(value, float) and value.is_integer()
    return int(value) if whole else value


@PATIENT
@given(st.lists(RATES, min_size=1, max_size=9))
def test_evidence_comes_back_from_the_api_server_as_it_was(rates):
    readings = [window(1 + INTERVAL_S * p, rate) for p, rate in reversed(list(enumerate(rates)))]
    status = held(readings).decided().status
    stored = as_go_writes(json.loads(json.dumps(status.as_dict())))
    assert RolloutStatus.parse({"status": stored}).evidence == status.evidence
