"""How loudly people are told is theirs to say, and changes nothing that is done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import ago, error_guard, in_phase, read, spec
from tidegate.api.checks import Guard
from tidegate.core import reasons

BAD = {"guard/0": (read(1, 0.25),)}
SEVERITIES = st.sampled_from([None, "info", "warning", "critical"])


def failing(guard, **fields):
    return in_phase(spec=spec(guards=(guard,), **fields), readings=BAD)


@pytest.mark.parametrize(
    ("then", "severity", "told"),
    [
        ("revert", None, "critical"),
        ("pause", None, "warning"),
        ("hold", None, "warning"),
        ("revert", "info", "info"),
        ("pause", "critical", "critical"),
    ],
)
def test_a_guard_that_says_nothing_is_as_bad_as_what_it_does(then, severity, told):
    guard = error_guard(then=then).model_copy(update={"severity": severity})
    assert guard.loudness == told
    (check, *_) = in_phase(spec=spec(guards=(guard,))).decided().status.checks
    assert check.severity == told


@pytest.mark.parametrize(("severity", "warned"), [("info", False), ("warning", True)])
@pytest.mark.parametrize(
    ("then", "reason"), [("revert", reasons.REVERTED), ("pause", reasons.PAUSED)]
)
def test_only_info_is_told_by_an_event_that_is_no_warning(severity, warned, then, reason):
    guard = error_guard(then=then).model_copy(update={"severity": severity})
    (note,) = (note for note in failing(guard).decided().notes if note.reason == reason)
    assert note.warning is warned
    assert severity in note.message


def test_the_record_of_a_run_says_how_bad_it_was():
    last = failing(error_guard()).decided().status.last_run
    assert last.message.endswith("(failed 1 of 1; critical)")
    assert last.history[-1].message == last.message


def test_what_mode_observe_overlooks_is_as_loud_as_its_guard():
    guard = error_guard().model_copy(update={"severity": "info"})
    (note,) = failing(guard, mode="observe").decided().notes
    assert (note.reason, note.warning) == (reasons.WOULD_REVERT, False)


def test_a_gate_has_no_severity():
    case = in_phase().status_with(
        phase=in_phase().status.phase.model_copy(update={"index": 1, "name": "half"})
    )
    readings = {"guard/0": (read(1, 0.0),), "gate/1/0": (read(1, 0.9),)}
    checks = {c.id: c for c in case.with_(readings=readings).decided().status.checks}
    assert checks["gate/1/0"].severity is None


def test_a_severity_that_is_edited_is_shown_before_the_next_reading():
    known = in_phase().decided().status.checks
    louder = error_guard().model_copy(update={"severity": "info"})
    case = in_phase(spec=spec(guards=(louder,)), readings={}).status_with(checks=known)
    (check,) = case.decided(ago(0)).status.checks
    assert (check.severity, check.value) == ("info", known[0].value)


@given(
    SEVERITIES,
    SEVERITIES,
    st.sampled_from(["revert", "pause", "hold"]),
    st.sampled_from([0.0, 0.25, None]),
    st.sampled_from(["enforce", "observe"]),
)
def test_severity_changes_no_write_and_no_state(one, other, then, value, mode):
    def done(severity):
        guard: Guard = error_guard(then=then).model_copy(update={"severity": severity})
        made = spec(guards=(guard,), mode=mode)
        decision = in_phase(spec=made, readings={"guard/0": (read(1, value),)}).decided()
        return decision.effect, decision.status.state, decision.status.phase, decision.reason

    assert done(one) == done(other)
