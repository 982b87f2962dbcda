import pytest

from tests.core.scenes import ago, asked, at_rest, error_guard, in_phase, pods, read, spec
from tidegate.api.actions import Verb
from tidegate.api.blind import Blind
from tidegate.api.phases import Phase
from tidegate.api.status import PauseStatus, PhaseStatus, Stage
from tidegate.core.decision import SetWeight

BAD = {"guard/0": (read(1, 0.25),)}


@pytest.mark.parametrize("at_stage", [s for s in Stage if s not in (Stage.PREFLIGHT, Stage.BAKING)])
@pytest.mark.parametrize("paused", [True, False])
def test_a_breach_sends_back_from_every_stage_even_in_a_pause(at_stage, paused):
    case = in_phase(stage=at_stage, readings=BAD)
    if paused:
        case = case.status_with(pause=PauseStatus(by="ann", at=ago(5)))
    decision = case.decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.last_run.outcome == "Reverted"
    assert decision.status.reverted_revision == "B"


def test_a_breach_tells_value_and_bound():
    message = in_phase(readings=BAD).decided().status.last_run.message
    assert message == "guard errors is 0.25, must be <= 0.01 (failed 1 of 1; critical)"


def test_a_breach_that_pauses_says_which_guard_and_sends_nothing_back():
    decision = in_phase(spec=spec(guards=(error_guard(then="pause"),)), readings=BAD).decided()
    assert decision.effect is None
    assert decision.status.pause.by == "guard errors"
    assert decision.status.state == "Paused"


def test_a_breach_that_holds_keeps_the_phase():
    case = in_phase(spec=spec(guards=(error_guard(then="hold"),)), readings=BAD)
    decision = case.decided()
    assert decision.effect is None
    assert decision.status.pause is None
    assert decision.status.phase.name == "ten"
    assert "guard errors is fail" in decision.status.message


@pytest.mark.parametrize(("seconds", "over"), [(599, False), (600, True)])
def test_pods_that_are_not_ready_by_the_deadline_end_the_run(seconds, over):
    case = in_phase(revisions=(pods("A", 4), pods("B", 1, 0)), weights=(0,))
    decision = case.status_with(waiting_since=ago(seconds)).decided()
    assert (decision.status.run is None) is over
    if over:
        assert decision.status.last_run.reason == "ProgressDeadlineExceeded"
        assert "0 of 1 pods" in decision.status.last_run.message


def waited(ready: int, seconds: float, most: int | None):
    """Before a phase's weight: it has waited for so many seconds for its three pods."""
    case = in_phase(
        spec=spec(phases=(Phase(name="half", weight=50, replicas=3),)),
        revisions=(pods("A", 4), pods("B", 3, ready)),
        weights=(0,),
    )
    phase = PhaseStatus(index=0, name="half", entered_at=ago(900))
    return case.status_with(phase=phase, waiting_since=ago(seconds), waiting_ready=most)


def test_a_pod_more_begins_the_deadline_anew():
    late = waited(ready=2, seconds=601, most=1).decided()
    assert late.status.run is not None
    assert (late.status.waiting_since, late.status.waiting_ready) == (ago(0), 2)


@pytest.mark.parametrize(("ready", "most"), [(0, 0), (1, 1), (0, 2), (1, 2)])
def test_pods_that_come_and_go_are_no_progress(ready, most):
    status = waited(ready=ready, seconds=599, most=most).decided().status
    assert (status.waiting_since, status.waiting_ready) == (ago(599), most)
    assert waited(ready=ready, seconds=601, most=most).decided().status.run is None


def test_a_wait_that_an_older_operator_began_counts_on():
    status = waited(ready=2, seconds=599, most=None).decided().status
    assert (status.waiting_since, status.waiting_ready) == (ago(599), 2)


def test_ready_pods_stop_the_deadline():
    assert in_phase().status_with(waiting_since=ago(900)).decided().status.waiting_since is None


@pytest.mark.parametrize(
    ("then", "seconds", "sent_back"),
    [("revert", 299, False), ("revert", 300, True), ("hold", 9000, False)],
)
def test_blindness_reverts_only_when_asked_and_only_after_its_time(then, seconds, sent_back):
    case = in_phase(spec=spec(blind=Blind(then=then)), readings={"guard/0": (read(1, None),)})
    decision = case.status_with(blind_since=ago(seconds)).decided()
    assert (decision.status.run is None) is sent_back


def test_a_guard_that_answers_ends_the_blindness():
    assert in_phase().status_with(blind_since=ago(900)).decided().status.blind_since is None


def test_a_canary_without_traffic_is_not_watched_blindly():
    case = in_phase(weights=(0,), readings={"guard/0": (read(1, None),)})
    assert case.decided().status.blind_since is None


def test_the_template_of_stable_sends_back_and_marks_nothing_as_bad():
    decision = in_phase(target="A").decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.last_run.reason == "TemplateIsStable"
    assert decision.status.reverted_revision is None


def test_another_template_ends_the_run_as_superseded_and_starts_no_other_yet():
    decision = in_phase(target="C").decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.last_run.outcome == "Superseded"
    assert decision.status.run is None


def test_routes_that_do_not_agree_are_put_right_at_rest():
    case = at_rest(weights=(0,), uneven=True)
    assert case.decided().effect == SetWeight("shop", 0)


def test_weights_without_a_run_go_home_before_pods_are_scaled():
    case = at_rest(
        spec=spec(replicas=8), weights=(10,), canary="B", revisions=(pods("A", 4), pods("B", 1))
    )
    assert case.decided().effect == SetWeight("shop", 0)


@pytest.mark.parametrize("target", ["B", "C"])
def test_only_another_template_starts_a_run_after_a_revert(target):
    case = at_rest(target=target).status_with(reverted_revision="B")
    assert (case.decided().status.run is not None) is (target == "C")


def test_a_run_starts_with_a_clean_deadline():
    case = at_rest(target="B", revisions=(pods("A", 4, 2),)).status_with(waiting_since=ago(7200))
    decision = case.decided()
    assert decision.status.run is not None
    assert decision.status.waiting_since is None


def test_an_old_blindness_counts_only_once_something_was_asked_again():
    case = in_phase(spec=spec(blind=Blind(then="revert")), readings={})
    assert case.status_with(blind_since=ago(900)).decided().status.run is not None


@pytest.mark.parametrize(("seconds_ago", "paused"), [(5, False), (0.5, True)])
def test_a_resumed_run_is_paused_again_only_by_what_came_after(seconds_ago, paused):
    guards = (error_guard(then="pause"),)
    case = in_phase(spec=spec(guards=guards), readings={"guard/0": (read(seconds_ago, 0.5),)})
    status = case.status_with(resumed_at=ago(1)).decided().status
    assert (status.pause is not None) == paused


def test_an_abort_without_readable_routes_says_that_traffic_follows_later():
    case = in_phase(actions=(asked(Verb.ABORT),), routes_hidden=True)
    decision = case.decided()
    assert decision.effect is None
    assert "traffic follows as soon as they can" in decision.status.last_run.message
