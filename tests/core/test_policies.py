"""Guards of RolloutPolicies: a Rollout may add to them, and nothing that it says weakens them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import NOW, ago, at_rest, counted, error_guard, in_phase, pods, read, spec
from tidegate.api.blind import Blind
from tidegate.api.checks import Guard, Metric
from tidegate.api.compare import Compare
from tidegate.api.phases import Phase
from tidegate.api.policy import Policy, RolloutPolicySpec
from tidegate.api.policy_checks import applied_to
from tidegate.api.policy_status import PolicyInForce
from tidegate.api.scorecards import Member, Scorecard
from tidegate.api.status import PhaseStatus, Stage
from tidegate.core.decision import PointDestination, SetWeight
from tidegate.core.storing import stored_first

ERRORS = Metric(name="errors", template="istio-error-rate")
GUARD = error_guard()
ID = "policy/house/0"


def policy(*guards, name="house", generation=1, problem="", **fields):
    """A policy with one guard on errors unless others are given."""
    made = RolloutPolicySpec(metrics=(ERRORS,), guards=guards or (GUARD,), **fields)
    return Policy(name=name, generation=generation, spec=made, problem=problem)


def run(value, *policies, seconds_ago=1, **fields):
    """A run at 10 % where the policy's guard measured that, and the Rollout's own is well."""
    readings = {"guard/0": (read(1, 0.0),), "guard/0/0": (read(1, 0.0),)}
    if value is not None:
        readings[ID] = (read(seconds_ago, value),)
    return in_phase(policies=policies or (policy(),), readings=readings, **fields)


def reverted(decision):
    """Whether the run was sent back."""
    return decision.status.run is None and decision.status.last_run.outcome == "Reverted"


def test_a_policys_guard_sends_back_what_the_rollouts_own_lets_pass():
    decision = run(0.25).decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.last_run.message.startswith(
        "guard house/errors is 0.25, must be <= 0.01"
    )
    assert not reverted(run(0.001).decided())


def test_a_policys_guard_is_asked_and_shown_under_an_id_of_its_own():
    decision = run(None).decided()
    assert ID in {ask.check_id for ask in decision.asks}
    assert ID in {check.id for check in decision.status.checks}


def test_a_guard_of_a_phase_stands_in_for_no_policy():
    loose = error_guard().model_copy(update={"max": 1.0})
    phases = (Phase(name="ten", weight=10, hold_s=60.0, guards=(loose,)),)
    assert reverted(run(0.25, spec=spec(phases=phases)).decided())


def nine(eighth="enforce", **fields):
    """Nine policies as they hold for a Rollout, which may have eight; `fields` are the spec's."""
    modes = ["enforce"] * 7 + [eighth, "enforce"]
    many = [policy(name=f"p{i}", mode=mode) for i, mode in enumerate(modes)]
    return applied_to(spec(**fields), many)


@pytest.mark.parametrize("eighth", ["enforce", "observe"])
def test_a_ninth_policy_holds_the_release_whatever_the_mode_of_the_eighth(eighth):
    well = {f"policy/p{i}/0": (read(1, 0.0),) for i in range(8)}
    case = in_phase(policies=nine(eighth), readings=well | {"guard/0": (read(1, 0.0),)})
    decision = case.decided()
    assert decision.status.phase.name == "ten"
    assert "9 RolloutPolicies match this Rollout, 8 may" in decision.status.message
    assert decision.status.policies[-1].mode == "invalid"


def test_a_ninth_policy_disarms_no_guard_of_the_eighth():
    bad = {"policy/p7/0": (read(1, 0.25),)}
    case = in_phase(policies=nine(), readings=bad | {"guard/0": (read(1, 0.0),)})
    assert reverted(case.decided())


own_guards = st.lists(
    st.builds(
        Guard,
        metric=st.just("errors"),
        max=st.floats(0, 1),
        breaches=st.just(1),
        then=st.sampled_from(["revert", "pause", "hold"]),
    ),
    max_size=4,
).map(tuple)
own_specs = st.builds(
    lambda guards, phase_guards, mode, then, after_s, paused: spec(
        guards=guards,
        phases=(Phase(name="ten", weight=10, hold_s=60.0, guards=phase_guards),),
        mode=mode,
        blind=Blind(then=then, after_s=after_s),
        paused=paused,
    ),
    own_guards,
    own_guards,
    st.sampled_from(["enforce", "observe"]),
    st.sampled_from(["hold", "revert"]),
    st.floats(1, 1000),
    st.booleans(),
)
stages = st.sampled_from([Stage.PHASE, Stage.PROMOTING, Stage.PREPARING])


@given(own=own_specs, at_stage=stages, value=st.floats(0.011, 1))
def test_whatever_a_rollout_says_a_policys_breach_sends_it_back(own, at_stage, value):
    assert reverted(run(value, spec=own, stage=at_stage).decided())


@given(own=own_specs, weight=st.sampled_from([0, 5]), then=st.sampled_from(["pause", "hold"]))
def test_whatever_a_rollout_says_no_weight_rises_past_a_policys_guard(own, weight, then):
    held = policy(error_guard(then=then))
    decision = run(0.25, held, spec=own, weights=(weight,)).decided()
    effect = decision.effect
    assert not (isinstance(effect, SetWeight) and effect.weight > weight)


def _taken_over(decision):
    """Whether stable is given up for the new revision."""
    effect = decision.effect
    return isinstance(effect, PointDestination) and effect.destination == "stable"


def _with_all_traffic(value, ruling, own):
    """A run before its promotion: the new revision has all traffic and all its pods."""
    routed = in_phase().status.traffic.model_copy(update={"weight": 100})
    return run(
        value,
        ruling,
        stage=Stage.PROMOTING,
        spec=own,
        weights=(100,),
        revisions=(pods("A", 4), pods("B", 4)),
        traffic=counted(A=0, B=100),
    ).status_with(phase=None, traffic=routed)


@given(
    own=own_specs, value=st.none() | st.floats(0.011, 1), then=st.sampled_from(["pause", "hold"])
)
def test_whatever_a_rollout_says_nothing_is_promoted_past_a_policys_guard(own, value, then):
    case = _with_all_traffic(value, policy(error_guard(then=then)), own)
    assert not _taken_over(case.decided())


def test_what_every_guard_lets_pass_is_promoted():
    """Else the property above would hold of a case that nothing could promote."""
    assert _taken_over(_with_all_traffic(0.001, policy(), spec(guards=())).decided())


@given(own=own_specs, value=st.floats(0, 0.01))
def test_a_policy_that_is_well_changes_nothing_of_what_a_rollout_decides(own, value):
    alone = run(value, spec=own).with_(policies=()).decided()
    beside = run(value, spec=own).decided()
    assert (beside.effect, beside.status.run is None) == (alone.effect, alone.status.run is None)


@pytest.mark.parametrize(
    ("mode", "fields", "stops"),
    [
        ("enforce", {}, True),
        ("observe", {}, True),
        ("observe", {"allow_observe": True}, False),
        ("enforce", {"allow_observe": True}, True),
        ("enforce", {"mode": "observe"}, False),
        ("observe", {"mode": "observe"}, False),
    ],
)
def test_mode_observe_silences_a_policy_only_where_the_policy_says_so(mode, fields, stops):
    decision = run(0.25, policy(**fields), spec=spec(mode=mode)).decided()
    assert reverted(decision) is stops
    if not stops:
        assert [note.reason for note in decision.notes][:1] == ["WouldRevert"]
        assert ID in decision.status.run.overlooked


def test_a_policys_pause_needs_no_mode_of_the_rollout():
    paused = policy(error_guard(then="pause"))
    decision = run(0.25, paused, spec=spec(mode="observe")).decided()
    assert decision.status.pause.by == "guard house/errors"


# ---------------------------------------------------------------- blindness


def _blind_case(*, own, theirs, blind_s, mode="enforce"):
    """A run whose policy's guard has had no data for that long."""
    known = PolicyInForce(
        name="house", generation=1, mode="enforce", guards=1, blind_since=ago(blind_s)
    )
    case = run(None, policy(blind=theirs), spec=spec(blind=own, mode=mode))
    readings = {**case.readings, ID: (read(1, None),)}
    return case.with_(readings=readings).status_with(policies=(known,))


HOLD, REVERT = Blind(), Blind(then="revert", after_s=60.0)


@pytest.mark.parametrize(
    ("own", "theirs", "blind_s", "mode", "stops"),
    [
        (HOLD, REVERT, 61, "enforce", True),
        (HOLD, REVERT, 59, "enforce", False),
        (HOLD, REVERT, 61, "observe", True),
        (REVERT, None, 61, "enforce", True),
        (HOLD, None, 9999, "enforce", False),
        (REVERT, HOLD, 9999, "enforce", False),
    ],
)
def test_a_policys_blindness_is_judged_by_its_own_rule(own, theirs, blind_s, mode, stops):
    decision = _blind_case(own=own, theirs=theirs, blind_s=blind_s, mode=mode).decided()
    assert reverted(decision) is stops
    if stops:
        assert "a guard of RolloutPolicy house could not be measured" in decision.status.message


def test_blindness_of_the_rollouts_own_guard_starts_no_clock_of_a_policy():
    case = run(0.0, policy(blind=REVERT))
    readings = {ID: (read(1, 0.0),), "guard/0": (read(1, None),)}
    status = case.with_(readings=readings).decided().status
    assert status.blind_since == NOW
    assert status.policies[0].blind_since is None


# ---------------------------------------------------------------- one that is not understood

ODD = policy(problem="spec.metrics[0].template: no template is named 'x'")


def test_a_new_release_waits_for_a_policy_that_is_not_understood_and_says_so():
    case = at_rest(target="B", revisions=(pods("A", 4),), policies=(ODD,), held=True)
    decision = case.decided()
    assert (decision.status.run, decision.effect) == (None, None)
    assert decision.reason == "PolicyInvalid"
    assert "RolloutPolicy house cannot be applied: spec.metrics[0].template" in (
        decision.status.message
    )
    assert case.with_(policies=(policy(),)).decided().status.run is not None


def test_at_rest_a_policy_that_is_not_understood_troubles_nobody():
    assert at_rest(policies=(ODD,)).decided().status.state == "Healthy"


def test_a_run_neither_goes_on_nor_back_for_a_policy_that_is_not_understood():
    decision = run(None, ODD).decided()
    assert decision.effect is None
    assert decision.status.phase.name == "ten"
    assert decision.status.policies[0].mode == "invalid"
    assert run(None, ODD).with_(policies=()).decided().status.phase.name == "half"


def test_the_first_traffic_waits_for_a_policy_that_is_not_understood():
    entered = PhaseStatus(index=0, name="ten", entered_at=ago(1))
    case = run(None, ODD, weights=(0,)).status_with(canary_ready_since=ago(600), phase=entered)
    assert case.decided().effect is None
    assert "RolloutPolicy house cannot be applied" in case.decided().status.message
    assert case.with_(policies=()).decided().effect == SetWeight("shop", 10)


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_what_a_policy_asks_for_is_stored_before_traffic_rises_under_it(mode):
    entered = PhaseStatus(index=0, name="ten", entered_at=ago(1))
    case = run(0.0, policy(mode=mode), weights=(0,)).status_with(
        canary_ready_since=ago(600), phase=entered
    )
    known = case.decided()
    assert known.effect == SetWeight("shop", 10)
    before = known.status.model_copy(update={"policies": ()})
    assert stored_first(before, known.status, known.effect)
    assert not stored_first(known.status, known.status, known.effect)


def test_a_policy_that_is_not_understood_is_in_no_guards_way():
    case = run(None, ODD)
    readings = {"guard/0": (read(1, 0.25),)}
    assert reverted(case.with_(readings=readings).decided())


def test_one_that_only_tells_holds_nothing_up_when_it_is_not_understood():
    told = replace(ODD, spec=policy(mode="observe").spec)
    case = at_rest(target="B", revisions=(pods("A", 4),), policies=(told,), held=True)
    assert case.decided().status.run is not None


# ---------------------------------------------------------------- changes in a run


def _told(before, *now):
    held = tuple(
        PolicyInForce(name=name, generation=generation, mode="enforce", guards=1)
        for name, generation in before
    )
    case = run(0.0, *now) if now else run(0.0).with_(policies=())
    return case.status_with(policies=held).decided()


@pytest.mark.parametrize(
    ("before", "now", "reason", "sentence"),
    [
        ([], (policy(),), "PolicyApplied", "RolloutPolicy house now holds: 1 guard, mode enforce"),
        (
            [("house", 1)],
            (policy(generation=2),),
            "PolicyApplied",
            "RolloutPolicy house changed and holds: 1 guard, mode enforce",
        ),
        ([("house", 1)], (), "PolicyGone", "RolloutPolicy house does not hold any more"),
    ],
)
def test_what_changes_of_policies_in_a_run_is_told_and_noted(before, now, reason, sentence):
    decision = _told(before, *now)
    assert (reason, sentence) in [(note.reason, note.message) for note in decision.notes]
    noted = [(entry.reason, entry.message) for entry in decision.status.run.history]
    assert (reason, sentence) in noted


def test_what_stays_as_it_is_is_not_told_again():
    decision = _told([("house", 1)], policy())
    told = (*decision.notes, *decision.status.run.history)
    assert not [one for one in told if one.reason.startswith("Policy")]


# ---------------------------------------------------------------- metrics


def test_a_policys_guard_means_its_own_metric_and_a_rollout_names_it_with_the_policy():
    theirs = Metric(name="errors", query="vector(1)")
    made = RolloutPolicySpec(metrics=(theirs,), guards=(GUARD,))
    case = run(0.0, Policy(name="house", spec=made))
    rollout = case.rollout
    assert rollout.metric(ID, "errors") == theirs
    assert rollout.metric("guard/0", "errors") == case.spec.metrics[0]
    assert rollout.metric("guard/0", "house/errors") == theirs
    assert rollout.metric("gate/0/0", "other/errors") is None
    assert rollout.metric("policy/other/0", "errors") is None


def test_where_nobody_can_be_compared_with_a_policys_comparison_rests():
    compared = Guard(metric="errors", compare=Compare(to="stable", max_increase=0.1))
    case = run(0.25, policy(compared), weights=(100,), stage=Stage.PROMOTING)
    assert ID not in {check.id for check in case.decided().status.checks}


def vanished(name="house", **fields):
    """A run whose guard asks for a metric of a policy that defines it no more."""
    blind = Blind(after_s=60.0, then="revert")
    guarded = spec(guards=(Guard(metric=f"{name}/errors", max=0.01),), blind=blind)
    case = in_phase(spec=guarded, readings={}, **fields)
    return case.status_with(blind_since=ago(60))


@pytest.mark.parametrize("policies", [(), (policy(problem="spec.guards[0]: is odd"),)])
def test_a_metric_that_vanishes_with_its_policy_is_blindness_and_not_a_restart(policies):
    assert reverted(vanished(policies=policies).decided())
    asked_soon = vanished(policies=(policy(),))
    assert not reverted(asked_soon.decided())


def test_a_score_is_blind_once_those_of_its_members_that_can_be_asked_were():
    members = tuple(Member(metric=name, weight=1, max=0.01) for name in ("errors", "gone"))
    card = Scorecard(name="health", pass_mark=90, members=members)
    guards = (Guard(scorecard="health"),)
    blind = Blind(after_s=60.0, then="revert")
    case = in_phase(spec=spec(scorecards=(card,), guards=guards, blind=blind), readings={})
    case = case.status_with(blind_since=ago(60))
    assert not reverted(case.decided())
    assert reverted(case.with_(readings={"guard/0:errors": (read(1, 0.0),)}).decided())


def test_a_policy_that_is_not_understood_holds_back_no_revert_of_a_late_phase():
    phase = Phase(name="ten", weight=10, hold_s=60.0, deadline_s=100.0, on_timeout="revert")
    case = run(0.0, policy(problem="is odd"), spec=spec(phases=(phase,)))
    assert not reverted(case.status_with(deadline_since=ago(99)).decided())
    late = case.status_with(deadline_since=ago(101)).decided()
    assert reverted(late)
    assert late.status.last_run.reason == "PhaseDeadlineExceeded"
