import pytest

from tests.core.scenes import NOW, ago, asked, at_rest, in_phase, pods, read, spec
from tidegate.api.actions import Verb
from tidegate.api.phases import Phase
from tidegate.api.status import LastAction, PauseStatus, PhaseStatus, Stage
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


@pytest.mark.parametrize(("asked_s", "again"), [(2.5, False), (0.5, True), (-1.0, True)])
def test_a_retry_that_was_asked_for_in_a_run_starts_none_after_it(asked_s, again):
    """Of a hook that failed, say: then somebody aborted."""
    ended = in_phase(actions=(asked(Verb.ABORT),)).decided().status.last_run
    ended = ended.model_copy(update={"finished_at": ago(10)})
    late = asked(Verb.RETRY, seconds_ago=10 + asked_s)
    case = at_rest(target="B", actions=(late,))
    status = case.status_with(reverted_revision="B", last_run=ended).decided().status
    assert (status.reverted_revision is None) is again
    assert status.last_action.result == ("Done" if again else "Refused")


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
        (in_phase(), Verb.APPROVE, "no phase ahead needs an approval"),
        (in_phase(), Verb.REJECT, "no phase ahead needs an approval"),
        (at_rest(), Verb.SKIP, "no phase to skip"),
        (in_phase(stage=Stage.PREPARING), Verb.SKIP, "no phase is on yet"),
        (in_phase(stage=Stage.PROMOTING), Verb.SKIP, "no phase is left to skip"),
        (in_phase(spec=spec(phases=())), Verb.SKIP, "its phase is gone from spec"),
        (in_phase(), Verb.UNDO, "abort sends it back"),
        (at_rest(), Verb.UNDO, "no revision that was stable before"),
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


@pytest.mark.parametrize("verb", [Verb.ABORT, Verb.PROMOTE, Verb.PAUSE, Verb.SKIP])
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


LATER = spec(phases=(*spec().phases, Phase(name="most", weight=90)))


def test_a_skip_ends_the_phase_without_its_gates_and_says_who_and_why():
    unmeasured = {"guard/0": (read(1, None),)}
    decision = in_phase(
        actions=(asked(Verb.SKIP, why="seen enough"),), readings=unmeasured
    ).decided()
    assert decision.effect is None
    assert decision.status.phase.name == "half"
    assert decision.status.phase.entered_at == NOW
    assert [note.reason for note in decision.notes] == [
        "ActionDone",
        "PhaseSkipped",
        "PhaseStarted",
    ]
    told = [(e.what, e.reason, e.message) for e in decision.status.run.history]
    assert told[0] == ("ten", "PhaseSkipped", "phase ten left out by ann: seen enough")
    assert [what for what, *_ in told] == ["ten", "half", "skip"]


def test_what_was_done_is_answered_before_another_action_of_the_same_second_is_handled():
    retried = asked(Verb.RETRY, uid="u2")
    first = in_phase(actions=(retried,)).decided()
    also = asked(Verb.PAUSE, uid="u1")
    decision = in_phase(actions=(also, retried)).with_(status=first.status).decided()
    assert isinstance(decision.effect, AnswerAction)
    assert decision.effect.uid == "u2"
    assert decision.status.last_action == first.status.last_action


def test_a_skip_of_the_last_phase_leads_to_the_promotion():
    case = in_phase(spec=spec(phases=spec().phases[:1]), actions=(asked(Verb.SKIP),))
    decision = case.decided()
    assert decision.status.run.stage is Stage.PROMOTING
    assert not decision.status.run.skip_to_end
    assert "on to the promotion" in decision.status.last_action.message


def test_a_skip_lifts_a_pause_of_a_person_but_not_one_of_the_spec():
    lifted = in_phase(actions=(asked(Verb.SKIP),)).status_with(pause=PAUSE).decided()
    assert (lifted.status.pause, lifted.status.resumed_at) == (None, NOW)
    held = in_phase(actions=(asked(Verb.SKIP),), spec=spec(paused=True)).decided()
    assert held.status.phase.name == "half"
    assert held.status.state == "Paused"
    after = in_phase(spec=spec(paused=True)).with_(status=held.status).decided()
    assert after.effect is None or after.effect != SetWeight("shop", 50)


def test_a_skip_to_a_later_phase_leaves_out_all_before_it():
    decision = in_phase(spec=LATER, actions=(asked(Verb.SKIP, phase="most"),)).decided()
    assert (decision.status.phase.index, decision.status.phase.name) == (2, "most")
    left_out = [e.what for e in decision.status.run.history if e.reason == "PhaseSkipped"]
    assert left_out == ["ten", "half"]


@pytest.mark.parametrize(
    ("phase", "told"),
    [
        ("ten", "comes before phase half, and a run only goes forward"),
        ("half", "phase half is on already"),
        ("all", "no phase is named 'all'; there are ten, half, most"),
    ],
)
def test_a_skip_goes_only_forward_and_only_to_a_phase_there_is(phase, told):
    case = in_phase(spec=LATER, actions=(asked(Verb.SKIP, phase=phase),))
    at_half = PhaseStatus(index=1, name="half", entered_at=ago(9))
    decision = case.status_with(phase=at_half).decided()
    assert decision.status.last_action.result == "Refused"
    assert told in decision.status.last_action.message
    assert decision.status.phase == at_half


def test_a_breach_goes_before_a_skip():
    decision = in_phase(actions=(asked(Verb.SKIP),), readings=BREACH).decided()
    assert decision.status.last_run.reason == "GuardBreached"


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
