"""Guards and gates on recorded values, beside what core says of the same readings."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.rehearsal.rollouts import ERRORS, GATE, GUARD, rollout
from tidegate.core.observation import Answer, Reading
from tidegate.core.verdicts import guard_breached
from tidegate.rehearsal.replaying import outcome, watched

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
STEP_S = 15


def at(step: int) -> datetime:
    return BEGAN + timedelta(seconds=STEP_S * step)


def row(*values: float | None) -> tuple[Reading, ...]:
    return tuple(
        Reading(at(i), Answer.OK, value, 100.0)
        if value is not None
        else Reading(at(i), Answer.NODATA, detail="no requests")
        for i, value in enumerate(values)
    )


def judged(spec, check_id: str, readings):
    one = next(one for one in watched(spec) if one.check.id == check_id)
    return outcome(spec, one, readings, BEGAN)


def test_a_guard_trips_at_the_measurement_that_fills_its_row():
    spec = rollout(guards=[GUARD | {"breaches": 2, "of": 3}]).spec
    told = judged(spec, "guard/0", {"guard/0": row(0.1, 0.0, None, 0.1, 0.0)})
    assert told.at == at(3)
    assert told.value == 0.1
    assert told.verdicts == {"fail": 2, "pass": 2, "nodata": 1}


def test_a_guard_is_quiet_within_its_delay():
    spec = rollout(guards=[GUARD | {"delay": "40s"}]).spec
    assert judged(spec, "guard/0", {"guard/0": row(0.9, 0.9, 0.9, 0.9)}).at == at(3)


def test_no_data_fails_where_the_guard_says_so():
    spec = rollout(guards=[GUARD | {"onNoData": "fail", "failures": 2}]).spec
    assert judged(spec, "guard/0", {"guard/0": row(0.0, None, None)}).at == at(2)
    usual = rollout().spec
    assert judged(usual, "guard/0", {"guard/0": row(0.0, None, None)}).at is None


def test_a_gate_passes_once_it_did_for_long_enough():
    phase = {"name": "half", "weight": 50, "hold": "1m", "gates": [GATE | {"for": "30s"}]}
    spec = rollout(phases=[phase]).spec
    told = judged(spec, "gate/0/0", {"gate/0/0": row(0.0, 0.1, 0.0, 0.0, 0.0)})
    assert told.at == at(4)
    assert judged(spec, "gate/0/0", {"gate/0/0": row(0.0, None, 0.0)}).at is None


def test_what_was_never_measured_is_not_judged():
    told = judged(rollout().spec, "guard/0", {})
    assert told.at is None
    assert told.not_judged


@given(
    st.lists(st.none() | st.sampled_from([0.0, 0.04, 0.06, 0.5]), min_size=1, max_size=30),
    st.integers(1, 3),
    st.integers(0, 3),
)
def test_a_guard_trips_exactly_when_core_says_so_first(values, breaches, more):
    spec = rollout(guards=[GUARD | {"breaches": breaches, "of": breaches + more}]).spec
    known = row(*values)
    ends = (n for n in range(1, len(known) + 1) if guard_breached(spec.guards[0], known[:n]))
    first = next(ends, None)
    told = judged(spec, "guard/0", {"guard/0": known})
    assert told.at == (None if first is None else known[first - 1].at)


TEST = {"to": "stable", "test": "sequential", "margin": 1.2}
SCORED = {
    "scorecards": [
        {
            "name": "health",
            "pass": 90,
            "members": [{"metric": "errors", "weight": 1, "compare": TEST}],
        }
    ],
    "guards": [{"scorecard": "health", "interval": "15s"}],
}


def compared(*rates: float) -> tuple[Reading, ...]:
    """Windows of 3,000 requests each, beside a stable that fails in one of a hundred."""
    return tuple(
        Reading(at(i + 1), Answer.OK, r, 3e3, stable=Reading(at(i + 1), Answer.OK, 0.01, 27e3))
        for i, r in enumerate(rates)
    )


def test_a_member_with_a_test_is_judged_by_what_was_shown_by_then():
    spec = rollout(**SCORED).spec
    bad = judged(spec, "guard/0", {"guard/0:errors": compared(*[0.3] * 9)})
    assert bad.at == at(6)
    assert "worse than 1.2 times is shown" in bad.detail
    good = judged(spec, "guard/0", {"guard/0:errors": compared(*[0.01] * 9)})
    assert good.at is None
    assert good.verdicts == {"undecided": 5, "pass": 4}


def test_what_a_job_brings_is_not_judged_and_why_is_said():
    job = {"name": "survey", "job": {"cronJob": "survey"}}
    asks = {"metric": "survey", "min": 0.9, "interval": "1m"}
    spec = rollout(metrics=[ERRORS, job], guards=[GUARD, asks]).spec
    assert "a Job brings its value" in judged(spec, "guard/1", {}).not_judged
    assert judged(spec, "guard/0", {"guard/0": row(0.0)}).not_judged == ""
