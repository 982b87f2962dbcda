"""A value beyond a warn level is told once a run, and moves nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import error_guard, in_phase, read, spec
from tidegate.api.check_status import Verdict
from tidegate.api.checks import Gate
from tidegate.api.status import PhaseStatus
from tidegate.core import reasons

LEVELS = {"warn_max": 0.005, "warn_min": 0.001}


def warned(value, severity=None, **fields):
    guard = error_guard().model_copy(update=LEVELS | {"severity": severity})
    return in_phase(spec=spec(guards=(guard,), **fields), readings={"guard/0": (read(1, value),)})


def plain(value):
    return in_phase(readings={"guard/0": (read(1, value),)})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.008, "is 0.008, above warnMax 0.005; it must be <= 0.01"),
        (0.0005, "is 0.0005, below warnMin 0.001; it must be <= 0.01"),
        (0.0050001, "is 0.0050001, above warnMax 0.005"),
    ],
)
def test_it_passes_and_is_told_with_the_level(value, words):
    decision = warned(value).decided()
    (check,) = decision.status.checks
    assert (check.verdict, check.warning) == (Verdict.PASS, True)
    (note,) = decision.notes
    assert (note.reason, note.warning) == (reasons.METRIC_WARNING, True)
    assert words in note.message
    assert decision.status.run.history[-1].message == note.message


@pytest.mark.parametrize("value", [0.005, 0.001, 0.003])
def test_at_a_level_or_between_nothing_is_told(value):
    decision = warned(value).decided()
    assert decision.notes == plain(value).decided().notes
    assert not decision.status.checks[0].warning


@pytest.mark.parametrize("value", [None, 0.25])
def test_what_fails_or_was_not_measured_is_no_warning(value):
    decision = warned(value).decided()
    assert not decision.status.checks[0].warning
    assert reasons.METRIC_WARNING not in [note.reason for note in decision.notes]


def test_it_is_told_once_a_run():
    case = warned(0.008)
    after = case.decided()
    again = case.with_(status=after.status).decided()
    assert reasons.METRIC_WARNING not in [note.reason for note in again.notes]
    assert again.status.run.warned == ("guard/0",)


def test_a_guard_that_is_only_info_warns_without_an_alarm():
    (note,) = warned(0.008, severity="info").decided().notes
    assert (note.warning, note.message.endswith("(info)")) == (False, True)


def test_a_gate_warns_too_and_lets_its_phase_end():
    gate = Gate(metric="errors", max=0.01, warn_max=0.005)
    half = spec().phases[1].model_copy(update={"gates": (gate,)})
    readings = {"guard/0": (read(1, 0.0),), "gate/1/0": (read(1, 0.008),)}
    case = in_phase(spec=spec(phases=(spec().phases[0], half)), readings=readings)
    case = case.status_with(
        phase=PhaseStatus(index=1, name="half", entered_at=case.status.run.started_at)
    )
    decision = case.decided()
    assert [note.reason for note in decision.notes] == [reasons.METRIC_WARNING]
    assert "gate errors is 0.008" in decision.notes[0].message


@given(
    st.sampled_from([0.0, 0.002, 0.008, 0.01, 0.25, None]),
    st.sampled_from(["enforce", "observe"]),
)
def test_once_it_is_told_all_is_as_without_warn_levels(value, mode):
    def then(case):
        decision = case.decided()
        if reasons.METRIC_WARNING in [note.reason for note in decision.notes]:
            assert decision.effect is None
            decision = case.with_(status=decision.status).decided()
        return decision.effect, decision.status.state, decision.status.phase, decision.reason

    without = in_phase(spec=spec(mode=mode), readings={"guard/0": (read(1, value),)})
    assert then(warned(value, mode=mode)) == then(without)
