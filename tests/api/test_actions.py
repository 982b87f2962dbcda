import pytest
from hypothesis import given

from tests.api.samples import JSON, complaints
from tidegate.api.actions import Action, RolloutActionSpec, Verb
from tidegate.api.problems import SpecError

BODY = {
    "metadata": {"name": "stop", "uid": "u1", "creationTimestamp": "2026-01-02T03:04:05Z"},
    "spec": {"rollout": "web", "verb": "abort", "reason": "too slow", "requestedBy": "ann"},
}


def test_an_action_says_what_of_whom_and_why():
    action = Action.parse(BODY)
    assert (action.rollout, action.verb, action.reason) == ("web", Verb.ABORT, "too slow")
    assert (action.requested_by, action.revision, action.uid) == ("ann", None, "u1")
    assert action.created_at
    assert action.created_at.year == 2026


@pytest.mark.parametrize(
    ("status", "done"),
    [
        ({}, False),
        ({"result": "Done"}, True),
        ({"result": "Refused"}, True),
        ({"result": 5}, False),
    ],
)
def test_an_action_is_done_once_it_has_a_result(status, done):
    assert Action.parse({**BODY, "status": status}).done is done


def test_an_unknown_verb_is_refused_with_those_there_are():
    with pytest.raises(SpecError, match=r"spec.verb: must be 'abort', 'pause'.*but is 'explode'"):
        Action.parse({**BODY, "spec": {"rollout": "web", "verb": "explode"}})


def test_only_a_skip_names_a_phase():
    skip = {**BODY, "spec": {"rollout": "web", "verb": "skip", "phase": "half"}}
    assert Action.parse(skip).phase == "half"
    abort = RolloutActionSpec(rollout="web", verb=Verb.ABORT, phase="half")
    broken = [rule for rule in abort.all_rules() if rule.holds and not rule.holds(abort)]
    assert [rule.message for rule in broken] == ["phase is only for skip; leave it out"]


@given(JSON)
def test_any_body_is_read_or_refused_with_sentences(anything):
    for body in (anything, {**BODY, "spec": anything}, {**BODY, "metadata": anything}):
        complaints(Action.parse, body)
