"""Tests of RolloutPolicies: their part of alpha is theirs, whatever a Rollout tests beside them."""

from __future__ import annotations

from dataclasses import replace
from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import Case, at_rest, error_guard, in_phase, spec
from tests.core.trials import GOOD, RUINOUS, trial, windows
from tidegate.api.check_status import Verdict
from tidegate.api.checks import Guard, Metric
from tidegate.api.policy import Policy, RolloutPolicySpec
from tidegate.core import alpha
from tidegate.core.alpha import shared_by
from tidegate.core.decision import SetWeight

TESTED = Guard(metric="errors", compare=trial())
ID = "policy/house/0"


def policy(*guards: Guard, name: str = "house", problem: str = "") -> Policy:
    """A policy with those guards on errors."""
    metrics = (Metric(name="errors", template="istio-error-rate"),)
    return Policy(
        name=name, spec=RolloutPolicySpec(metrics=metrics, guards=guards), problem=problem
    )


def ruled(rate: float, *own: Guard, count: int = 9, **fields: object) -> Case:
    """A run at 10 % under a policy with a test, the Rollout's own guards well."""
    readings = {f"guard/{i}": windows(count, GOOD) for i in range(len(own))}
    return in_phase(
        policies=(policy(TESTED),),
        spec=spec(guards=own, **fields),
        readings=readings | {ID: windows(count, rate)},
    )


def test_a_policys_test_sends_back_and_what_it_has_shown_is_stored_first():
    first = ruled(RUINOUS).decided()
    assert (first.effect, first.status.checks[0].verdict) == (None, Verdict.FAIL)
    then = ruled(RUINOUS).decided_next()
    assert then.effect == SetWeight("shop", 0)
    said = then.status.last_run.message
    assert said.startswith("guard house/errors must be <= 1.2 x stable (sequential): ")


def test_mode_observe_of_a_rollout_does_not_silence_a_policys_test():
    assert ruled(RUINOUS, mode="observe").decided_next().status.run is None


def test_a_phase_does_not_end_before_a_policys_test_has_windows_enough():
    waits = ruled(GOOD, count=5).decided().status
    assert waits.phase.name == "ten"
    assert "guard house/errors is undecided" in waits.message


@given(own=st.integers(0, 32), imposed=st.lists(st.integers(0, 4), max_size=8))
def test_no_rollout_changes_what_a_policys_test_may_spend_and_all_keep_to_alpha(own, imposed):
    policies = tuple(policy(*[TESTED] * n, name=f"p{i}") for i, n in enumerate(imposed))
    made = spec(guards=tuple([TESTED] * own))
    rollout = replace(at_rest(spec=made).rollout, policies=policies)
    alone = replace(at_rest(spec=spec(guards=())).rollout, policies=policies)
    shares = {check.id: among for check, among in alpha.tests_of(rollout)}
    assert len(shares) == own + sum(imposed)
    assert sum(1 / among for among in shares.values()) <= 1 + 1e-9
    if own and not sum(imposed):
        assert isclose(sum(1 / among for among in shares.values()), 1)
    for check, among in alpha.tests_of(alone):
        assert shares[check.id] == among == shared_by(rollout, check.id)


def test_a_policys_evidence_goes_on_when_the_rollout_adds_tests_of_its_own():
    before = ruled(GOOD).decided().status
    (known,) = before.evidence
    after = ruled(GOOD, TESTED, TESTED, count=1).with_(status=before).decided().status
    (entry,) = [one for one in after.evidence if one.id == ID]
    assert (entry.about, entry.totals) == (known.about, known.totals)


def test_what_was_gathered_is_there_again_once_a_policy_can_be_applied():
    before = ruled(GOOD).decided().status
    odd = ruled(GOOD).with_(status=before, policies=(policy(TESTED, problem="odd"),), readings={})
    assert odd.decided().status.evidence == before.evidence


def test_the_own_tests_of_a_rollout_have_the_other_half():
    case = ruled(GOOD, TESTED)
    assert shared_by(case.rollout, ID) == shared_by(case.rollout, "guard/0") == 2
    without = case.with_(policies=(policy(error_guard()),))
    assert shared_by(without.rollout, "guard/0") == 1
    status = case.decided().status
    assert all("of 40)" in one.detail for one in status.checks)


def test_where_nobody_can_be_compared_with_a_policys_test_is_off_as_any_comparison():
    case = ruled(RUINOUS).with_(weights=(100,))
    assert ID not in {check.id for check in case.decided().status.checks}
