"""Freeze windows: no run begins, goes on or is promoted in one, and all that goes back does."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import (
    NOW,
    ago,
    asked,
    at_rest,
    counted,
    error_guard,
    in_phase,
    pods,
    read,
    spec,
)
from tidegate.api.actions import Verb
from tidegate.api.phases import Phase
from tidegate.api.policy import Policy, RolloutPolicySpec
from tidegate.api.rollout import Bake, Capacity
from tidegate.api.status import PauseStatus, PhaseStatus, Stage
from tidegate.api.waits import Frozen
from tidegate.core.decision import PointDestination, SetWeight
from tidegate.core.observation import Problem
from tidegate.core.storing import worth_writing


def frozen(since_s=-3600.0, until_s=3600.0, name="weekend", reason="nobody is here"):
    """A time that is on from so many seconds before or after now until so many after."""
    since, until = (NOW + timedelta(seconds=s) for s in (since_s, until_s))
    return Frozen(name, reason, since, until)


def freezing(*spans, name="house", mode="enforce"):
    """A policy with those times, or one that is on now."""
    made = RolloutPolicySpec(mode=mode)
    return Policy(name=name, generation=1, spec=made, frozen=spans or (frozen(),))


FREEZE = freezing()
SENTENCE = (
    "window weekend of RolloutPolicy house (nobody is here) freezes releases until "
    "2026-05-01 13:00 UTC"
)


def new_template(*policies, **fields):
    """A Rollout at rest whose template is new."""
    usual = {"target": "B", "revisions": (pods("A", 4),), "held": True, "policies": policies}
    return at_rest(**(usual | fields))


def phase_over(*policies, **fields):
    """A run whose first phase has all it asks for."""
    case = in_phase(policies=policies or (FREEZE,), **fields)
    assert in_phase(**fields).decided().status.phase.name == "half", "else the test says nothing"
    return case


def before_promotion(*policies, weight=100):
    """A run past its phases that only lacks the re-point of stable, or its last weight."""
    routed = in_phase().status.traffic.model_copy(update={"weight": weight})
    return in_phase(
        stage=Stage.PROMOTING,
        weights=(weight,),
        revisions=(pods("A", 4), pods("B", 4)),
        traffic=counted(A=100 - weight, B=weight),
        policies=policies,
    ).status_with(phase=None, traffic=routed)


def test_no_run_begins_in_a_window_and_who_waits_says_which_why_and_until_when():
    decision = new_template(FREEZE).decided()
    status = decision.status
    assert (status.run, decision.effect) == (None, None)
    assert (decision.reason, status.state) == ("Frozen", "Progressing")
    assert status.message == f"revision B waits: {SENTENCE}"
    assert (status.wait.policy, status.wait.about) == ("house", "weekend")
    assert (status.wait.since, status.wait.until) == (NOW, NOW + timedelta(hours=1))
    assert decision.wake_at == NOW + timedelta(hours=1)
    assert [(n.reason, n.message) for n in decision.notes] == [("Frozen", status.message)]


def test_it_is_told_once_and_written_at_once():
    case = new_template(FREEZE)
    first = case.decided()
    assert worth_writing(case.status, first.status, NOW)
    again = case.with_(status=first.status).decided(NOW + timedelta(minutes=5))
    assert again.notes == ()
    assert again.status.wait.since == NOW


@pytest.mark.parametrize(("since_s", "until_s"), [(-10, 0), (1, 10)])
def test_before_and_after_a_window_a_run_begins(since_s, until_s):
    status = new_template(freezing(frozen(since_s, until_s))).decided().status
    assert (status.run.number, status.wait) == (1, None)


def test_it_begins_at_the_very_end():
    case = new_template(FREEZE)
    waits = case.with_(status=case.decided().status)
    assert waits.decided(NOW + timedelta(seconds=3599)).status.run is None
    after = waits.decided(NOW + timedelta(seconds=3600)).status
    assert (after.run.number, after.wait) == (1, None)


def test_the_end_is_that_of_all_windows_that_join_whatever_policy_they_are_of():
    joined = freezing(frozen(3600, 7200, "holidays"), frozen(7201, 9000, "later"), name="b")
    status = new_template(FREEZE, joined).decided().status
    assert status.wait.until == NOW + timedelta(seconds=7200)
    assert "window weekend of RolloutPolicy house" in status.message


def test_no_phase_is_entered_in_a_window():
    decision = phase_over().decided()
    assert (decision.effect, decision.status.phase.name) == (None, "ten")
    assert decision.status.message == f"phase half waits: {SENTENCE}"
    assert decision.status.run.history[-1].reason == "Frozen"
    assert decision.wake_at <= NOW + timedelta(hours=1)


def test_the_first_phase_is_not_entered_either_but_its_pods_are_made():
    answered = dict.fromkeys(("guard/0", "gate/1/0"), (read(1, 0.001),))
    case = in_phase(
        stage=Stage.PREPARING, weights=(0,), readings=answered, policies=(FREEZE,)
    ).status_with(phase=PhaseStatus(index=0, name="ten", entered_at=ago(290)))
    assert case.decided().status.message == f"phase ten waits: {SENTENCE}"
    assert case.with_(policies=()).decided().status.run.stage is Stage.PHASE
    assert case.with_(revisions=(pods("A", 4),)).decided().effect is not None


@pytest.mark.parametrize("weights", [(0,), (5,)])
def test_no_weight_rises_in_a_window_though_its_phase_was_entered(weights):
    entered = PhaseStatus(index=0, name="ten", entered_at=ago(1))
    case = in_phase(weights=weights).status_with(phase=entered, canary_ready_since=ago(600))
    assert case.decided().effect == SetWeight("shop", 10)
    held = case.with_(policies=(FREEZE,)).decided()
    assert held.effect is None
    assert f"weight stays at {weights[0]}: {SENTENCE}" in held.status.message


@pytest.mark.parametrize("weight", [50, 100])
def test_nothing_is_promoted_in_a_window(weight):
    case = before_promotion(weight=weight)
    wanted = SetWeight("shop", 100) if weight < 100 else PointDestination("stable", "B")
    assert case.decided().effect == wanted
    decision = case.with_(policies=(FREEZE,)).decided()
    assert (decision.effect, decision.reason) == (None, "Frozen")


def test_a_promotion_that_is_written_already_is_recorded():
    done = before_promotion(FREEZE).with_(stable="B")
    assert done.decided().status.stable_revision == "B"


def test_stable_keeps_its_pods_in_a_window():

    shifting = spec(capacity=Capacity(mode="shift"))
    case = in_phase(spec=shifting, weights=(50,), revisions=(pods("A", 4), pods("B", 2)))
    routed = case.status.traffic.model_copy(update={"weight": 50})
    half = PhaseStatus(index=1, name="half", entered_at=ago(290), started_at=ago(280))
    case = case.with_(traffic=counted(A=50, B=50)).status_with(traffic=routed, phase=half)
    assert case.decided().effect is not None
    assert case.with_(policies=(FREEZE,)).decided().effect is None


# ---------------------------------------------------------------- what goes on


def test_a_guard_sends_back_in_a_window():
    bad = {"guard/0": (read(1, 0.25),)}
    decision = in_phase(readings=bad, policies=(FREEZE,)).decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.last_run.outcome == "Reverted"
    assert decision.status.wait is None or decision.status.run is None


@pytest.mark.parametrize("case", [in_phase(), before_promotion()], ids=["phase", "promotion"])
def test_an_abort_is_carried_out_in_a_window(case):
    decision = case.with_(policies=(FREEZE,), actions=(asked(Verb.ABORT),)).decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.last_action.result == "Done"


def test_a_canary_without_pods_loses_its_traffic_in_a_window_though_a_promote_was_asked_for():
    case = in_phase(revisions=(pods("A", 4), pods("B", 4, ready=0)), policies=(FREEZE,))
    run = case.status.run.model_copy(update={"skip_to_end": True})
    assert case.status_with(run=run).decided().effect == SetWeight("shop", 0)


def test_an_undo_begins_and_goes_on_in_a_window():
    old = at_rest(revisions=(pods("A", 4), pods("Z", 4)), held=True, policies=(FREEZE,))
    case = old.status_with(proven_revisions=("Z",)).with_(actions=(asked(Verb.UNDO),))
    begun = case.decided()
    assert begun.status.run.undo
    later = case.with_(status=begun.status, actions=()).decided()
    assert later.reason != "Frozen"
    assert later.status.wait is None


def test_a_bake_ends_in_a_window():
    baking = spec(bake=Bake(duration_s=60.0))
    case = in_phase(stage=Stage.BAKING, spec=baking, weights=(0,), stable="B", policies=(FREEZE,))
    run = case.status.run.model_copy(update={"baking_since": ago(61)})
    routed = case.status.traffic.model_copy(
        update={"weight": 0, "stable": "B", "stable_since": ago(61), "canary": "B"}
    )
    case = case.with_(canary="B", revisions=(pods("A", 4), pods("B", 4)))
    ended = case.status_with(run=run, phase=None, stable_revision="B", traffic=routed).decided()
    assert ended.status.last_run.reason == "BakePassed"


def test_a_template_that_is_stable_again_ends_the_run_in_a_window():
    decision = in_phase(target="A", policies=(FREEZE,)).decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.last_run.reason == "TemplateIsStable"


def test_a_third_revision_in_a_window_ends_the_run_and_waits_itself():
    case = in_phase(target="C", policies=(FREEZE,))
    assert case.decided().effect == SetWeight("shop", 0)
    assert case.decided().status.last_run.outcome == "Superseded"
    assert new_template(FREEZE, target="C").decided().status.run is None


@pytest.mark.parametrize("problem", [False, True])
def test_at_rest_and_for_an_invalid_rollout_a_window_says_nothing(problem):

    case = at_rest(policies=(FREEZE,))
    if problem:
        case = new_template(FREEZE, problems=(Problem("InvalidSpec", "it is odd"),))
    assert case.decided().status.wait is None


def test_no_deadline_of_a_phase_counts_in_a_window_and_it_begins_anew_after_it():
    phase = Phase(name="ten", weight=10, hold_s=9000.0, deadline_s=100.0, on_timeout="revert")
    case = in_phase(spec=spec(phases=(phase,))).status_with(deadline_since=ago(101))
    assert case.decided().status.run is None
    held = case.with_(policies=(FREEZE,)).decided().status
    assert (held.phase.name, held.deadline_since) == ("ten", None)
    after = NOW + timedelta(hours=2)
    later = case.with_(status=held, policies=(FREEZE,), readings={}).decided(after).status
    assert later.deadline_since == after


# ---------------------------------------------------------------- people

PAUSE = PauseStatus(by="ann", reason="lunch", at=ago(60))


@pytest.mark.parametrize("verb", [Verb.PROMOTE, Verb.SKIP, Verb.RESUME])
def test_what_would_go_on_is_refused_with_the_windows_sentence(verb):
    case = in_phase(policies=(FREEZE,), actions=(asked(verb),)).status_with(pause=PAUSE)
    status = case.decided().status
    assert status.last_action.result == "Refused"
    assert status.last_action.message == f"{SENTENCE}; ask again then"
    assert status.pause == PAUSE
    assert not status.run.skip_to_end


def test_a_pause_is_not_refused():
    status = in_phase(policies=(FREEZE,), actions=(asked(Verb.PAUSE),)).decided().status
    assert status.last_action.result == "Done"


def test_a_promote_that_was_asked_for_before_is_carried_out_after_the_window():
    case = in_phase(policies=(FREEZE,))
    run = case.status.run.model_copy(update={"skip_to_end": True})
    case = case.status_with(run=run).with_(revisions=(pods("A", 4), pods("B", 4)))
    assert case.decided().status.run.stage is Stage.PHASE
    assert case.with_(policies=()).decided().status.run.stage is Stage.PROMOTING


def test_with_nothing_to_go_on_the_answer_is_the_usual_one():
    case = new_template(FREEZE, actions=(asked(Verb.PROMOTE),))
    assert "no run is on" in case.decided().status.last_action.message


# ---------------------------------------------------------------- observe


def test_a_policy_that_only_tells_freezes_nothing_and_tells_it_once_a_run():
    told = freezing(mode="observe")
    decision = phase_over(told).decided()
    assert [note.reason for note in decision.notes] == ["WouldHold", "PolicyApplied"]
    assert decision.notes[0].message == f"run 3 would have been held: {SENTENCE}"
    after = phase_over(told).with_(status=decision.status).decided()
    assert after.status.phase.name == "half"
    assert new_template(told).decided().status.run is not None


def test_mode_observe_of_a_rollout_goes_past_no_window():
    allowing = replace(FREEZE, spec=RolloutPolicySpec(allow_observe=True))
    for policy in (FREEZE, allowing):
        assert new_template(policy, spec=spec(mode="observe")).decided().status.run is None


# ---------------------------------------------------------------- whatever the case

own_specs = st.builds(
    lambda mode, paused, then: spec(mode=mode, paused=paused, guards=(error_guard(then=then),)),
    st.sampled_from(["enforce", "observe"]),
    st.booleans(),
    st.sampled_from(["revert", "pause", "hold"]),
)
seconds = st.floats(-1e6, 1e6)
around_now = st.builds(
    lambda before, after: frozen(-before, after), st.floats(0, 1e6), st.floats(0.001, 1e6)
)


asked_for = st.sampled_from([Verb.PROMOTE, Verb.SKIP, Verb.RESUME, Verb.PAUSE]).map(asked)
runs = st.fixed_dictionaries(
    {
        "spec": own_specs,
        "stage": st.sampled_from([Stage.PREPARING, Stage.PHASE, Stage.PROMOTING]),
        "weights": st.integers(0, 100).map(lambda weight: (weight,)),
        "readings": st.none() | st.floats(0, 1),
        "revisions": st.sampled_from([1, 4]).map(lambda size: (pods("A", 4), pods("B", size))),
        "policies": around_now.map(lambda span: (freezing(span),)),
        "actions": st.none() | asked_for,
    }
).map(
    lambda found: in_phase(
        **found
        | {"readings": {"guard/0": (read(1, found["readings"]),)}}
        | {"actions": (found["actions"],) if found["actions"] else ()}
    )
)


@given(case=runs, skip=st.booleans())
def test_in_a_window_no_write_raises_a_weight_and_none_promotes(case, skip):
    run = case.status.run.model_copy(update={"skip_to_end": skip})
    decision = case.status_with(run=run).decided()
    effect, status = decision.effect, decision.status
    assert not (isinstance(effect, SetWeight) and effect.weight > case.weights[0])
    assert not (isinstance(effect, PointDestination) and effect.destination == "stable")
    assert status.stable_revision == "A"
    if status.run is not None and status.phase is not None:
        assert status.phase.name == "ten"


@given(span=around_now, policies=st.integers(1, 3))
def test_in_a_window_no_run_begins(span, policies):
    many = [freezing(span, name=f"p{i}") for i in range(policies)]
    assert new_template(*many).decided().status.run is None


@given(
    own=own_specs.filter(lambda one: one.mode == "enforce" and one.guards[0].then == "revert"),
    spans=st.lists(st.builds(frozen, seconds, seconds), max_size=4),
    stage=st.sampled_from([Stage.PREPARING, Stage.PHASE, Stage.PROMOTING]),
    value=st.floats(0.011, 1),
)
def test_whatever_is_frozen_a_breach_sends_back(own, spans, stage, value):
    bad = {"guard/0": (read(1, value),)}
    ruled = freezing(*spans)
    case = in_phase(spec=own, stage=stage, readings=bad, policies=(ruled,))
    decision = case.decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.last_run.reason == "GuardBreached"
