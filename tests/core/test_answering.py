import pytest

from tests.core.scenes import NOW, ago, asked, at_rest, in_phase, pods, read, spec
from tidegate.api.actions import Verb
from tidegate.api.status import LastAction, PauseStatus, Stage
from tidegate.core.decision import AnswerAction, SetWeight

PAUSE = PauseStatus(by="ben", reason="lunch", at=ago(60))
BREACH = {"guard/0": (read(1, 0.9),)}


def handled(case):
    """What was done, in the words of the status."""
    return case.decided().status.last_action


def test_an_abort_sends_the_traffic_back_with_the_same_step():
    decision = in_phase(actions=(asked(Verb.ABORT, why="too slow"),)).decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.run is None
    assert decision.status.last_run.reason == "Aborted"
    assert "ann: too slow" in decision.status.last_run.message
    assert decision.status.reverted_revision == "B"


def test_an_abort_is_answered_after_the_last_route_write():
    case = in_phase(actions=(asked(Verb.ABORT),), weights=(10, 10))
    first = case.decided()
    assert first.effect == SetWeight("shop", 0)
    second = case.with_(status=first.status, weights=(0, 10)).decided()
    assert second.effect == SetWeight("shop-internal", 0)
    third = case.with_(status=second.status, weights=(0, 0)).decided()
    assert isinstance(third.effect, AnswerAction)
    assert third.effect.result == "Done"
    assert third.effect.at == NOW


def test_a_pause_and_a_resume():
    paused = in_phase(actions=(asked(Verb.PAUSE, why="lunch"),)).decided()
    assert paused.effect is None
    assert (paused.status.pause.by, paused.status.pause.reason) == ("ann", "lunch")
    resumed = in_phase(actions=(asked(Verb.RESUME),)).status_with(pause=PAUSE).decided()
    assert resumed.status.pause is None


def test_a_promote_leaves_out_the_phases_and_lifts_the_pause():
    decision = in_phase(actions=(asked(Verb.PROMOTE),)).status_with(pause=PAUSE).decided()
    assert decision.status.run.skip_to_end
    assert decision.status.pause is None
    after = in_phase().with_(status=decision.status).decided()
    assert after.status.run.stage is Stage.PROMOTING


def test_a_retry_forgets_that_the_revision_was_sent_back():
    case = at_rest(target="B", actions=(asked(Verb.RETRY),)).status_with(reverted_revision="B")
    assert case.decided().status.reverted_revision is None


@pytest.mark.parametrize(
    ("case", "verb", "told"),
    [
        (at_rest(), Verb.ABORT, "nothing to abort"),
        (at_rest(), Verb.PROMOTE, "nothing to promote"),
        (at_rest(), Verb.RETRY, "nothing to retry"),
        (at_rest(), Verb.RESUME, "not paused"),
        (at_rest(), Verb.PAUSE, "spec.paused"),
        (in_phase(), Verb.RETRY, "nothing to retry"),
        (in_phase(), Verb.RESUME, "not paused"),
        (in_phase(spec=spec(paused=True)), Verb.RESUME, "spec.paused is true"),
        (in_phase().status_with(pause=PAUSE), Verb.PAUSE, "already paused by ben"),
        (in_phase(), Verb.APPROVE, "not built yet"),
        (in_phase(), Verb.REJECT, "not built yet"),
        (in_phase(), Verb.SKIP, "not built yet"),
        (in_phase(), Verb.UNDO, "not built yet"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(case, verb, told):
    decision = case.with_(actions=(asked(verb),)).decided()
    assert decision.status.last_action.result == "Refused"
    assert told in decision.status.last_action.message
    assert decision.effect is None
    assert decision.status.run == (
        decision.status.run
        and case.status.run.model_copy(update={"history": decision.status.run.history})
    )


@pytest.mark.parametrize("verb", [Verb.ABORT, Verb.PROMOTE, Verb.PAUSE])
def test_an_action_for_another_revision_is_refused(verb):
    last = handled(in_phase(actions=(asked(verb, revision="C"),)))
    assert last.result == "Refused"
    assert "asked for revision C, but B is being tried" in last.message


def test_an_action_for_this_revision_is_done():
    assert handled(in_phase(actions=(asked(Verb.PAUSE, revision="B"),))).result == "Done"


def test_an_abort_for_another_revision_does_not_hide_one_for_this():
    case = in_phase(
        actions=(
            asked(Verb.ABORT, uid="u1", revision="C", seconds_ago=9),
            asked(Verb.ABORT, uid="u2"),
        )
    )
    assert case.decided().status.last_action.uid == "u2"


def test_an_abort_goes_before_older_actions_and_a_breach_before_them_too():
    older = asked(Verb.PAUSE, uid="u1", seconds_ago=60)
    abort = asked(Verb.ABORT, uid="u2")
    assert handled(in_phase(actions=(older, abort))).verb == "abort"
    breached = in_phase(actions=(older,), readings=BREACH).decided()
    assert breached.status.last_run.reason == "GuardBreached"
    assert breached.status.last_action is None


def test_the_older_of_two_actions_goes_first():
    case = in_phase(
        actions=(
            asked(Verb.PROMOTE, uid="u1", seconds_ago=1),
            asked(Verb.PAUSE, uid="u2", seconds_ago=2),
        )
    )
    assert handled(case).uid == "u2"


@pytest.mark.parametrize(("stored", "told"), [("Done", "Done"), ("Refused", "Refused")])
def test_an_action_that_was_carried_out_is_only_answered(stored, told):
    last = LastAction(uid="u1", verb="promote", result=stored, message="as before")
    case = in_phase(actions=(asked(Verb.PROMOTE),)).status_with(last_action=last)
    decision = case.decided()
    assert decision.effect == AnswerAction("promote-u1", "u1", told, "as before", NOW)
    assert not decision.status.run.skip_to_end


def test_each_action_is_told_to_people_and_kept_in_the_journal():
    decision = in_phase(actions=(asked(Verb.PAUSE, why="lunch"),)).decided()
    assert [note.reason for note in decision.notes] == ["ActionDone"]
    assert "pause by ann: lunch" in decision.status.run.history[-1].message


def test_an_abort_moves_only_what_the_ready_stable_pods_can_carry():
    few = (pods("A", 4, 1), pods("B", 4))
    decision = in_phase(actions=(asked(Verb.ABORT),), weights=(80,), revisions=few).decided()
    assert decision.effect == SetWeight("shop", 50)
    assert decision.status.run is None
