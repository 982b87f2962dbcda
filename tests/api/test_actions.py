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


def broken(**fields):
    """The fields that the rules of an action have something against."""
    spec = RolloutActionSpec(rollout="web", **fields)
    return [rule.field for rule in spec.all_rules() if rule.holds and not rule.holds(spec)]


@pytest.mark.parametrize("verb", Verb)
def test_only_what_is_about_a_phase_names_one(verb):
    named = verb in (Verb.SKIP, Verb.APPROVE, Verb.REJECT)
    assert broken(verb=verb, phase="half", revision="B") == [".phase"] * (not named)


@pytest.mark.parametrize("verb", Verb)
def test_an_approval_says_what_it_is_of_and_it_alone_may_name_groups(verb):
    approves = verb is Verb.APPROVE
    assert broken(verb=verb) == [".revision"] * approves
    asked = broken(verb=verb, revision="B", requested_groups=("qa",))
    assert asked == [".requestedGroups"] * (not approves)


def test_an_action_is_signed_with_the_name_and_the_reason():
    assert Action.parse(BODY).author == "ann: too slow"
    unsigned = {**BODY, "spec": {"rollout": "web", "verb": "abort"}}
    assert Action.parse(unsigned).author == "somebody"


@given(JSON)
def test_any_body_is_read_or_refused_with_sentences(anything):
    for body in (anything, {**BODY, "spec": anything}, {**BODY, "metadata": anything}):
        complaints(Action.parse, body)
