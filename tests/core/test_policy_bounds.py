"""What a policy's guard says of failures, time, severity and missing values, a Rollout keeps."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import NOW, ago, error_guard, read, spec
from tests.core.test_policies import ID, policy, reverted, run
from tidegate.api.blind import Blind
from tidegate.api.check_status import Verdict
from tidegate.api.checks import Guard
from tidegate.api.policy_status import PolicyInForce
from tidegate.core.decision import SetWeight
from tidegate.core.observation import Answer

OWN_BLIND = Blind(then="revert", after_s=60.0)


def loose(**fields):
    """A guard of the Rollout on the same metric that asks for as little as it can."""
    asked = {
        "metric": "errors",
        "max": 1.0,
        "severity": "info",
        "on_no_data": "ignore",
        "on_error": "ignore",
        "failures": 60,
        "then": "hold",
    }
    return Guard(**(asked | fields))


def strict(**fields):
    """The policy's guard with those fields."""
    return error_guard().model_copy(update=fields)


def entry(decision, check_id=ID):
    """What the status says of that check."""
    return next(one for one in decision.status.checks if one.id == check_id)


def seen(case, *readings):
    """The case with those readings of the policy's guard."""
    return case.with_(readings={**case.readings, ID: readings})


loose_specs = st.builds(
    lambda mode, after_s, delay_s, window_s: spec(
        guards=(loose(delay_s=delay_s, window_s=window_s, blind=Blind(after_s=after_s)),),
        blind=Blind(after_s=after_s),
        mode=mode,
    ),
    st.sampled_from(["enforce", "observe"]),
    st.floats(1, 1000),
    st.none() | st.floats(1, 100),
    st.none() | st.floats(1, 1000),
)


@given(own=loose_specs, value=st.floats(0.011, 1))
def test_no_field_of_a_rollouts_guard_weakens_that_of_a_policy(own, value):
    decision = run(value, spec=own).decided()
    assert reverted(decision)
    assert decision.effect == SetWeight("shop", 0)


@given(own=loose_specs, answer=st.sampled_from([Answer.NODATA, Answer.ERROR]))
def test_what_a_rollout_ignores_a_policys_guard_still_waits_for(own, answer):
    unmeasured = replace(read(1, None), answer=answer)
    case = seen(run(None, spec=own), unmeasured)
    assert case.decided().status.phase.name == "ten"
    assert seen(case, read(1, 0.0)).decided().status.phase.name == "half"


def test_a_policys_guard_counts_failures_in_a_row():
    case = run(None, policy(strict(failures=2)))
    once, twice = (read(11, 0.0), read(1, 0.2)), (read(11, 0.2), read(1, 0.2))
    assert entry(seen(case, *once).decided()).failures == 1
    decision = seen(case, *twice).decided()
    assert reverted(decision)
    assert "guard house/errors is 0.2, must be <= 0.01 (failed 2 in a row; critical)" in (
        decision.status.message
    )


@pytest.mark.parametrize(("severity", "warns"), [("info", False), ("warning", True)])
def test_the_severity_of_a_policys_guard_says_how_loudly_it_is_told(severity, warns):
    decision = run(0.2, policy(strict(severity=severity))).decided()
    [note] = [note for note in decision.notes if note.reason == "Reverted"]
    assert note.warning is warns
    assert f"(failed 1 of 1; {severity})" in note.message


def test_a_warning_of_a_policys_guard_names_the_policy():
    decision = run(0.008, policy(strict(warn_max=0.005))).decided()
    [note] = [note for note in decision.notes if note.reason == "MetricWarning"]
    assert "guard house/errors is 0.008, above warnMax 0.005" in note.message
    assert entry(decision).warning


def test_within_its_delay_a_policys_guard_trips_nothing_and_passes_nothing():
    case = run(0.2, policy(strict(delay_s=600.0)))
    decision = case.decided()
    assert not reverted(decision)
    assert entry(decision).verdict is Verdict.UNDECIDED
    assert decision.status.phase.name == "ten"


@pytest.mark.parametrize(
    ("fields", "answer", "verdict"),
    [
        ({"on_no_data": "fail"}, Answer.NODATA, Verdict.FAIL),
        ({"on_error": "fail"}, Answer.ERROR, Verdict.FAIL),
        ({}, Answer.NODATA, Verdict.NODATA),
    ],
)
def test_a_policy_says_what_a_missing_value_means(fields, answer, verdict):
    case = run(None, policy(strict(**fields)))
    decision = seen(case, replace(read(1, None), answer=answer)).decided()
    assert entry(decision).verdict is verdict
    assert reverted(decision) is (verdict is Verdict.FAIL)


def test_where_a_policy_ignores_a_missing_value_nothing_waits_and_its_clock_stands():
    case = run(None, policy(strict(on_no_data="ignore"), blind=OWN_BLIND))
    decision = seen(case, read(1, None)).decided()
    assert decision.status.phase.name == "half"
    assert entry(decision).ignored
    assert decision.status.policies[0].blind_since is None


# ---------------------------------------------------------------- blindness


def _own_blind(blind_s, **fields):
    """A policy's guard with a `blind` of its own that has had no data for so long."""
    case = seen(run(None, policy(strict(blind=OWN_BLIND)), **fields), read(1, None))
    known = entry(case.decided()).model_copy(update={"blind_since": ago(blind_s)})
    return case.status_with(checks=(known,))


@pytest.mark.parametrize(("blind_s", "stops"), [(59, False), (61, True)])
@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_a_policys_guard_with_a_blind_of_its_own_goes_by_that(blind_s, stops, mode):
    decision = _own_blind(blind_s, spec=spec(blind=Blind(after_s=9999.0), mode=mode)).decided()
    assert reverted(decision) is stops
    if stops:
        assert decision.status.message == (
            "guard house/errors could not be measured for 60s (critical)"
        )
    else:
        assert entry(decision).blind_since == ago(blind_s)
        assert (decision.status.policies[0].blind_since, decision.status.blind_since) == (None,) * 2


def test_a_guard_without_it_counts_for_its_policy_alone():
    case = seen(run(None), read(1, None))
    status = case.decided().status
    assert (status.policies[0].blind_since, status.blind_since) == (NOW, None)
    assert entry(case.decided()).blind_since is None


def test_a_guard_of_a_policy_that_was_not_asked_since_a_restart_is_not_blind():
    held = PolicyInForce(
        name="house", generation=1, mode="enforce", guards=1, blind_since=ago(9999)
    )
    case = run(None, policy(blind=OWN_BLIND)).status_with(policies=(held,))
    assert not reverted(case.decided())
    assert reverted(seen(case, read(1, None)).decided())


def test_a_policy_that_is_tried_only_tells_of_its_blindness():
    held = PolicyInForce(name="house", generation=1, mode="observe", guards=1, blind_since=ago(61))
    tried = policy(blind=OWN_BLIND, mode="observe")
    case = seen(run(None, tried), read(1, None)).status_with(policies=(held,))
    decision = case.decided()
    assert not reverted(decision)
    assert decision.status.run.overlooked == ("blind house",)
