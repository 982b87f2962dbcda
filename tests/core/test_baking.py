"""In a bake the old revision is one route write away; on the way back nobody is waited for."""

from tests.core.gallery_bakes import BAD, BAKED, FAST, back, baking, proven
from tests.core.gallery_runs import WIDE
from tests.core.scenes import ago, asked, counted, pods, read
from tidegate.api.actions import Verb
from tidegate.api.rollout import FastTrack
from tidegate.api.status import LastAction, PauseStatus, Stage
from tidegate.core.decision import AnswerAction, PointDestination, SetWeight
from tidegate.core.observation import Problem, TrafficReading

FEW = (pods("A", 4, 1), pods("B", 4))
PAUSE = PauseStatus(by="ben", reason="lunch", at=ago(60))


def test_a_breach_in_a_bake_leads_with_the_route_write():
    decision = baking(readings=BAD).decided()
    assert decision.effect == SetWeight("shop", 100)
    assert (decision.status.run.from_revision, decision.status.run.to_revision) == ("B", "A")
    assert decision.status.last_run.outcome == "Reverted"
    assert "TrafficShifted" in [note.reason for note in decision.notes]


def test_a_way_back_that_has_to_wait_for_its_destination_is_stored_before_it_is_acted_on():
    decision = baking(30, canary="B", readings=BAD).decided()
    assert decision.effect is None
    assert decision.status.run.undo


def test_a_way_back_to_too_few_pods_is_stored_before_it_is_acted_on():
    decision = baking(revisions=FEW, readings=BAD).decided()
    assert decision.effect is None
    assert decision.status.run.undo


def test_a_breach_from_before_the_promotion_sends_nothing_back():
    case = baking(10, canary="B", readings={"guard/0": (read(12, 0.4),)})
    assert case.decided().status.run.stage is Stage.BAKING


def test_the_old_pods_are_not_drained_in_a_bake():
    busy = TrafficReading(ago(0), 5.0, by_subset={"stable": 90.0, "canary": 10.0})
    decision = baking(60, canary="B", traffic=busy).decided()
    assert decision.effect is None
    assert decision.status.draining == ()


def test_a_way_back_whose_record_was_lost_is_told_by_the_routes():
    decision = baking(weights=(100,)).decided()
    assert decision.effect is None
    assert decision.status.run.undo


def test_a_smaller_weight_by_hand_is_put_right_in_a_bake():
    assert baking(weights=(10,)).decided().effect == SetWeight("shop", 0)


def test_a_smaller_weight_by_hand_stays_while_a_guard_fails():
    held = baking(weights=(10,), readings={"guard/0": ()})
    assert held.decided().effect is None


def test_another_abort_does_not_cancel_the_way_back():
    decision = back(actions=(asked(Verb.ABORT),)).decided()
    assert decision.effect is None
    assert decision.status.run.undo
    assert decision.status.last_action.result == "Refused"


def test_an_abort_that_was_carried_out_is_only_answered():
    done = LastAction(uid="u1", verb="abort", result="Done", message="aborted by ann")
    decision = (
        back(actions=(asked(Verb.ABORT, revision="A"),)).status_with(last_action=done).decided()
    )
    assert isinstance(decision.effect, AnswerAction)
    assert decision.status.last_action == done


def test_a_bake_whose_time_is_over_waits_for_guards_that_see_nothing():
    decision = baking(601, readings={"guard/0": (read(1, None),)}).decided()
    assert decision.status.run is not None


def test_a_bake_whose_time_is_over_waits_for_whoever_paused_it():
    assert baking(601).status_with(pause=PAUSE).decided().status.run is not None


def test_no_pause_holds_the_way_back():
    paused = BAKED.model_copy(update={"paused": True})
    assert back(spec=paused).decided().effect == PointDestination("stable", "A")
    raised = back(spec=paused, weights=(0,), traffic=counted(B=100)).decided()
    assert raised.effect == SetWeight("shop", 100)


def test_what_was_undone_is_not_tried_again_by_itself():
    status = back(stable="A").decided().status
    assert (status.stable_revision, status.reverted_revision) == ("A", "B")
    assert status.proven_revisions == ()


def test_a_promotion_proves_the_revision_before_it():
    status = baking(601).decided().status
    assert status.proven_revisions == ("A",)


def test_a_template_that_is_too_long_ago_is_not_on_the_fast_track():
    last = FAST.model_copy(update={"fast_track": FastTrack(revisions=1)})
    assert proven(target="O", spec=FAST).decided().status.run.skip_to_end
    assert not proven(target="O", spec=last).decided().status.run.skip_to_end


def test_traffic_is_not_counted_for_an_hour_that_nothing_waits_for():
    assert None not in [ask.check_id for ask in baking(revisions=WIDE, traffic=None).decided().asks]


def test_the_way_back_goes_on_though_the_spec_is_wrong_by_now():
    wrong = (Problem("InvalidSpec", "spec.phases is wrong"),)
    decision = back(weights=(0,), traffic=counted(B=100), problems=wrong).decided()
    assert decision.effect == SetWeight("shop", 100)


def test_an_undo_waits_for_no_pod_of_the_stable_that_it_leaves():
    """Traffic that a revert left behind would keep the old revision's destination for ever."""
    revisions = (pods("B", 4, 0), pods("A", 4), pods("R", 2))
    stranded = back(weights=(30,), canary="R", revisions=revisions)
    assert stranded.decided().effect == SetWeight("shop", 0)
