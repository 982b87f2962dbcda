from datetime import timedelta

from tests.core.scenes import NOW
from tests.core.test_approvals import guarded, waiting, word
from tidegate.api.phases import Phase
from tidegate.views.approvals import given, needed
from tidegate.views.conditions import conditions
from tidegate.views.picture import picture, plain
from tidegate.views.story import story

TWO = guarded(required=2, expiry_s=60.0)


def shown(case):
    """The picture of a case, as people see it."""
    decision = case.decided()
    body = {
        "metadata": {"name": "shop", "namespace": "shop", "generation": 7},
        "spec": case.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        "status": decision.status.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    return plain(picture(story(body, NOW), NOW))


def test_a_wait_is_a_condition_that_goes_when_the_approvals_are_there():
    case = waiting(half=TWO, given=(word(phase=TWO),))
    decision = case.decided()
    found = {c.type: c for c in conditions(case.rollout, decision.status, decision.reason, NOW)}
    assert found["AwaitingApproval"].status == "True"
    assert found["AwaitingApproval"].message == (
        "Phase half waits for approval, 1 of 2 approvals given (by ann); whoever has the right "
        "rollouts/approve may give one."
    )
    assert (found["Ready"].status, found["Ready"].reason) == ("Unknown", "AwaitingApproval")
    assert found["Reconciling"].status == "True"
    assert "Stalled" not in found
    begun = waiting(half=TWO, given=(word(phase=TWO), word("ben", phase=TWO))).decided()
    after = conditions(case.rollout, begun.status, begun.reason, NOW)
    assert "AwaitingApproval" not in {c.type for c in after}


def test_who_approved_what_is_shown_with_what_is_still_needed():
    text = shown(waiting(half=TWO, given=(word(phase=TWO),)))
    assert "approvals   half by ann, 30s ago" in text
    assert "1 of 2 approvals given (by ann)" in text


def test_an_approval_that_is_too_old_is_shown_as_such():
    case = waiting(half=TWO, given=(word(phase=TWO),))
    later = NOW + timedelta(seconds=31)
    (line,) = given(case.spec, case.status, later)
    assert line == "half by ann, 1m1s ago (counts no more)"


def test_at_rest_a_phase_says_how_many_approvals_it_needs():
    case = waiting(half=TWO)
    rest = case.status.model_copy(update={"run": None})
    assert needed(TWO, case.spec, rest, NOW) == "needs 2 approvals"
    assert needed(Phase(name="ten", weight=10), case.spec, rest, NOW) == ""
    assert given(case.spec, rest, NOW) == ()
