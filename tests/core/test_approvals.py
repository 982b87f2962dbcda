"""Who says go for a phase, what counts, and what does not."""

from dataclasses import replace
from typing import Any

import pytest

from tests.core.scenes import NOW, Case, ago, asked, at_rest, in_phase, pods, read, spec
from tidegate.api.actions import Action, Verb
from tidegate.api.approvals import Approval, ApprovalGiven, RunApprovals
from tidegate.api.limits import MAX_APPROVALS
from tidegate.api.phases import Phase
from tidegate.api.rollout import FastTrack
from tidegate.api.status import PhaseStatus, Stage
from tidegate.core.approvals import about, kept
from tidegate.core.decision import SetWeight

TEN = Phase(name="ten", weight=10, hold_s=60.0)
BREACH = {"guard/0": (read(1, 0.9),)}


def guarded(**terms: Any) -> Phase:
    """A phase of 50 % that somebody has to approve."""
    return Phase(name="half", weight=50, approval=Approval(**terms))


def waiting(
    *,
    given: tuple[ApprovalGiven, ...] = (),
    awaiting: str = "half",
    half: Phase | None = None,
    more: tuple[Phase, ...] = (),
    **fields: Any,
) -> Case:
    """Phase ten has passed, and the next one needs approvals."""
    phases = (TEN, half or guarded(), *more)
    case = in_phase(spec=spec(phases=phases), **fields)
    approvals = RunApprovals(awaiting=awaiting, given=given)
    assert case.status.run is not None, "in_phase begins one"
    return case.status_with(run=case.status.run.model_copy(update={"approvals": approvals}))


def word(
    by: str = "ann", *, phase: Phase | None = None, seconds_ago: float = 30.0, uid: str = "u9"
) -> ApprovalGiven:
    """An approval as it is kept."""
    phase = phase or guarded()
    return ApprovalGiven(by=by, phase=phase.name, at=ago(seconds_ago), uid=uid, about=about(phase))


def go(
    by: str = "ann",
    *,
    verb: Verb = Verb.APPROVE,
    uid: str = "u1",
    groups: tuple[str, ...] = (),
    revision: str = "B",
    **more: Any,
) -> Action:
    """Somebody approves or rejects."""
    action = asked(verb, uid=uid, revision=revision, **more)
    fields = {"requested_by": by, "requested_groups": groups}
    return replace(action, spec=action.spec.model_copy(update=fields))


def answered(case, *actions):
    """The answer to the most urgent of them."""
    return case.with_(actions=actions).decided().status.last_action


# ---------------------------------------------------------------- the door


def test_a_phase_waits_until_it_is_approved_and_says_so_once():
    first = waiting(awaiting="").decided()
    assert first.effect is None
    assert first.status.phase.name == "ten"
    assert first.status.state == "AwaitingApproval"
    assert "tidegate approve shop -n shop --phase half" in first.status.message
    assert [note.reason for note in first.notes] == ["AwaitingApproval"]
    second = waiting().with_(status=first.status).decided()
    assert (second.notes, second.effect) == ((), None)
    assert second.status.run == first.status.run


def test_a_phase_that_is_approved_begins():
    decision = waiting(given=(word(),)).decided()
    assert (decision.status.phase.name, decision.status.state) == ("half", "Progressing")
    assert decision.status.run.approvals.awaiting == ""


def test_the_first_phase_waits_with_its_pods_ready_and_no_traffic():
    ten = TEN.model_copy(update={"approval": Approval()})
    case = in_phase(stage=Stage.PREPARING, spec=spec(phases=(ten,)), weights=(0, 0))
    case = case.status_with(phase=PhaseStatus(index=0, name="ten", entered_at=ago(290)))
    decision = case.decided()
    assert (decision.status.state, decision.effect) == ("AwaitingApproval", None)
    assert decision.status.run.stage is Stage.PREPARING
    begun = case.status_with(run=decision.status.run).with_(actions=(go(),)).decided().status
    assert case.with_(status=begun).decided().status.run.stage is Stage.PHASE


def test_a_release_without_pods_is_not_promoted_past_its_approvals():
    half = guarded()
    case = in_phase(
        stage=Stage.PREPARING,
        spec=spec(replicas=0, phases=(TEN, half), guards=()),
        weights=(0, 0),
        revisions=(pods("A", 0), pods("B", 0)),
    )
    run = case.status.run.model_copy(update={"min_replicas": 0})
    assert case.status_with(run=run).decided().status.state == "AwaitingApproval"


def test_a_revision_that_was_stable_before_takes_the_fast_track_without_approvals():
    case = at_rest(target="B", spec=spec(phases=(guarded(),), fast_track=FastTrack(revisions=1)))
    begun = case.status_with(proven_revisions=("B",)).decided().status
    assert begun.run.skip_to_end


def test_a_gate_goes_before_an_approval():
    case = waiting(awaiting="", readings={"guard/0": (read(1, None),)})
    assert case.decided().status.state == "Progressing"


def test_a_pause_is_said_before_an_approval_is_asked_for():
    case = waiting().with_(spec=spec(paused=True, phases=(TEN, guarded())))
    assert case.decided().status.state == "Paused"


# ---------------------------------------------------------------- what counts


def test_so_many_different_persons_are_needed():
    two = guarded(required=2)
    case = waiting(half=two, given=(word(phase=two),))
    assert case.decided().status.phase.name == "ten"
    assert "1 of 2 approvals given (by ann)" in case.decided().status.message
    twice = waiting(half=two, given=(word(phase=two), word(phase=two, uid="u8")))
    assert twice.decided().status.phase.name == "ten"
    both = waiting(half=two, given=(word(phase=two), word("ben", phase=two)))
    assert both.decided().status.phase.name == "half"


def test_an_approval_that_is_too_old_counts_no_more_and_can_be_given_anew():
    short = guarded(expiry_s=60.0)
    fresh = waiting(half=short, given=(word(phase=short, seconds_ago=59),))
    assert fresh.decided().status.phase.name == "half"
    old = waiting(half=short, given=(word(phase=short, seconds_ago=60),))
    decision = old.decided()
    assert decision.status.state == "AwaitingApproval"
    assert "none counts any more: older than 1m" in decision.status.message
    again = old.with_(actions=(go(),)).decided().status
    assert [(one.by, one.at) for one in again.run.approvals.given] == [("ann", ago(1))]


def test_it_looks_again_when_the_first_approval_expires():
    two = guarded(required=2, expiry_s=60.0)
    decision = waiting(half=two, given=(word(phase=two, seconds_ago=59.5),)).decided()
    assert (decision.wake_at - NOW).total_seconds() == 0.5


def test_an_approval_of_a_phase_that_was_changed_since_counts_no_more():
    before = guarded()
    changed = before.model_copy(update={"weight": 100})
    decision = waiting(half=changed, given=(word(phase=before),)).decided()
    assert decision.status.state == "AwaitingApproval"
    assert "the phase was changed since" in decision.status.message


def test_an_approval_of_another_phase_does_not_count():
    other = guarded().model_copy(update={"name": "most"})
    assert waiting(given=(word(phase=other),), more=(other,)).decided().status.phase.name == "ten"


def test_an_approval_without_a_name_does_not_count():
    assert waiting(given=(word(""),)).decided().status.phase.name == "ten"


# ---------------------------------------------------------------- approve


def test_an_approval_is_kept_with_who_when_and_why_and_then_answered():
    decision = waiting(actions=(go(why="looks good"),)).decided()
    (entry,) = decision.status.run.approvals.given
    assert (entry.by, entry.phase, entry.reason, entry.uid) == ("ann", "half", "looks good", "u1")
    assert entry.at == ago(1)
    assert decision.effect is None
    assert "1 of 1 approval given (by ann)" in decision.status.last_action.message
    assert "approve by ann: looks good" in decision.status.run.history[-1].message


def test_a_crash_between_keeping_and_answering_counts_it_once():
    two = guarded(required=2)
    first = waiting(half=two, actions=(go(),)).decided()
    case = waiting(half=two, actions=(go(),)).with_(status=first.status)
    second = case.decided()
    assert second.effect.result == "Done"
    assert second.status.run.approvals == first.status.run.approvals
    forgotten = case.status_with(last_action=None).decided()
    assert len(forgotten.status.run.approvals.given) == 1


def test_a_later_phase_can_be_approved_ahead_of_time():
    most = Phase(name="most", weight=90, approval=Approval())
    case = waiting(more=(most,))
    found = case.with_(actions=(go(phase="most"),)).decided().status.run.approvals.given
    assert [one.phase for one in found] == ["most"]


def test_without_a_phase_the_one_that_waits_is_meant_or_the_next_that_lacks_one():
    most = Phase(name="most", weight=90, approval=Approval())
    early = waiting(awaiting="", more=(most,))
    for case, phase in (
        (waiting(more=(most,)), "half"),
        (early, "half"),
        (early.status_with(run=waiting(awaiting="", given=(word(),)).status.run), "most"),
    ):
        # the phase that is on holds, so that nothing goes on by itself
        held = case.status_with(phase=PhaseStatus(index=0, name="ten", entered_at=ago(1)))
        assert (
            held.with_(actions=(go(by="eve"),)).decided().status.run.approvals.given[-1].phase
            == phase
        )


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (go(by=None), "requestedBy is empty"),
        (go(by=""), "requestedBy is empty"),
        (go(revision=None), "revision is empty; name what is approved, such as B"),
        (go(revision="C"), "asked for revision C, but B is being tried"),
        (go(phase="ten"), "phase ten needs no approval; those that do are half"),
        (go(phase="all"), "no phase is named 'all'"),
        (go(seconds_ago=306), "it was asked before run 3 began"),
    ],
)
def test_an_approval_that_cannot_count_is_refused_with_the_reason(action, told):
    case = waiting(actions=(action,))
    decision = case.decided()
    assert decision.status.last_action.result == "Refused"
    assert told in decision.status.last_action.message
    assert kept(decision.status.run) == kept(case.status.run)


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (at_rest(), "no run is on"),
        (in_phase(), "no phase ahead needs an approval"),
        (in_phase(stage=Stage.PROMOTING), "no phase ahead needs an approval"),
        (in_phase(stage=Stage.BAKING), "no phase ahead needs an approval"),
    ],
)
@pytest.mark.parametrize("verb", [Verb.APPROVE, Verb.REJECT])
def test_where_nothing_needs_an_approval_none_is_taken(case, told, verb):
    action = go(verb=verb, revision=case.status.stable_revision if case.status.run is None else "B")
    last = answered(case.status_with(reverted_revision="A"), action)
    assert last.result == "Refused"
    assert told in last.message


def test_a_phase_that_has_begun_takes_no_approval():
    case = waiting(more=(Phase(name="most", weight=90, approval=Approval()),))
    case = case.status_with(phase=PhaseStatus(index=1, name="half", entered_at=ago(9)))
    last = answered(case, go(phase="half"))
    assert last.result == "Refused"
    assert "phase half has begun already" in last.message


def test_one_person_counts_once_and_more_than_enough_is_refused():
    two = guarded(required=2)
    assert (
        "already approved by ann"
        in answered(waiting(half=two, given=(word(phase=two),)), go()).message
    )
    paused = spec(paused=True, phases=(TEN, guarded()))
    enough = waiting(given=(word(),)).with_(spec=paused)
    assert "needs no more" in answered(enough, go("ben")).message


@pytest.mark.parametrize(
    ("groups", "result"), [((), "Refused"), (("dev",), "Refused"), (("dev", "qa"), "Done")]
)
def test_only_members_of_its_groups_approve_a_phase_that_names_some(groups, result):
    case = waiting(half=guarded(groups=("qa", "release-managers")))
    last = answered(case, go(groups=groups))
    assert last.result == result
    assert result == "Done" or "members of qa, release-managers approve" in last.message


def test_room_is_made_by_what_counts_no_more_and_never_by_what_counts():
    gone = tuple(word(f"u{i}", phase=TEN, uid=f"{i}") for i in range(MAX_APPROVALS - 1))
    two = guarded(required=3)
    full = waiting(half=two, given=(*gone, word("ben", phase=two)))
    found = full.with_(actions=(go(),)).decided().status.run.approvals.given
    assert [one.by for one in found] == ["ben", "ann"]


# ---------------------------------------------------------------- reject


def test_a_no_go_sends_the_traffic_back_and_says_who_and_why():
    decision = waiting(actions=(go(verb=Verb.REJECT, why="not on a Friday"),)).decided()
    assert decision.effect == SetWeight("shop", 0)
    last = decision.status.last_run
    assert (last.outcome, last.reason) == ("Reverted", "Rejected")
    assert last.message == "phase half rejected by ann: not on a Friday"
    assert decision.status.reverted_revision == "B"


def test_a_no_go_goes_before_an_approval_that_came_first():
    case = waiting(actions=(go("ben", uid="u1", seconds_ago=9), go(verb=Verb.REJECT, uid="u2")))
    assert case.decided().status.last_run.reason == "Rejected"


def test_what_is_approved_already_can_still_be_rejected_until_it_begins():
    case = waiting(given=(word(),), actions=(go("ben", verb=Verb.REJECT, revision=None),))
    assert case.decided().status.last_run.reason == "Rejected"


# ---------------------------------------------------------------- no way round


@pytest.mark.parametrize("verb", [Verb.PROMOTE, Verb.SKIP])
def test_nobody_gets_round_an_approval_by_leaving_phases_out(verb):
    last = answered(waiting(), asked(verb))
    assert last.result == "Refused"
    assert "phase half waits for approval" in last.message
    done = waiting(given=(word(),), actions=(asked(verb),), readings={"guard/0": (read(1, None),)})
    assert done.decided().status.last_action.result == "Done"


def test_a_skip_past_a_phase_needs_its_approval_too():
    case = waiting(more=(Phase(name="most", weight=90),))
    last = answered(case, asked(Verb.SKIP, phase="most"))
    assert last.result == "Refused"
    assert "phase half waits for approval" in last.message


def test_a_phase_that_is_gone_from_the_spec_opens_no_way_round():
    case = waiting().with_(spec=spec(phases=(guarded(),)))
    last = answered(case, asked(Verb.PROMOTE))
    assert last.result == "Refused"


# ---------------------------------------------------------------- what never waits


def test_a_breach_and_an_abort_never_wait_for_an_approval():
    assert waiting(readings=BREACH).decided().effect == SetWeight("shop", 0)
    aborted = waiting(actions=(go(seconds_ago=9), asked(Verb.ABORT, uid="u2"))).decided()
    assert aborted.effect == SetWeight("shop", 0)
    assert aborted.status.last_run.reason == "Aborted"


def test_no_deadline_counts_while_people_are_waited_for():
    ten = TEN.model_copy(update={"deadline_s": 100.0, "on_timeout": "revert"})
    case = waiting().with_(spec=spec(phases=(ten, guarded())))
    late = case.status_with(deadline_since=ago(99)).decided()
    assert late.status.deadline_since is None
    much_later = case.with_(status=late.status).status_with(deadline_since=ago(500)).decided()
    assert much_later.status.state == "AwaitingApproval"


def test_another_run_of_the_same_revision_asks_anew():
    reverted = at_rest(target="B").status_with(reverted_revision=None, last_run_number=3)
    begun = reverted.decided().status
    assert begun.run.approvals is None


def test_a_no_go_does_not_wait_for_the_answer_to_somebody_else():
    case = waiting(half=QA_LEADS)
    approved = go(uid="u1", groups=("qa",))
    first = case.with_(actions=(approved,)).decided()
    assert first.status.last_action.uid == "u1"
    no_go = go("ben", verb=Verb.REJECT, uid="u2")
    decision = case.with_(status=first.status, actions=(approved, no_go)).decided()
    assert decision.status.run is None
    assert decision.effect == SetWeight("shop", 0)


QA_LEADS = guarded(required=2, groups=("qa",))
