"""`delay`: measurements count only from then; nothing passes on what was taken before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.core.scenes import NOW, ago, asked, error_guard, in_phase, pods, read, spec
from tidegate.api.check_status import Verdict
from tidegate.api.checks import Gate
from tidegate.api.phases import Phase
from tidegate.api.status import PhaseStatus, Stage
from tidegate.core.decision import SetWeight
from tidegate.core.observation import Answer, Reading

HELD_S = 280.0
"""Seconds since the weight was there and the hold of phase ten began."""
BAD, GOOD = 0.25, 0.0
FAILED = Reading(ago(1), Answer.ERROR, detail="down")


def late_guard(delay_s, **fields):
    return error_guard().model_copy(update={"delay_s": delay_s} | fields)


def guarded(delay_s, *known, **fields):
    return in_phase(spec=spec(guards=(late_guard(delay_s),), **fields), readings={"guard/0": known})


def gated(delay_s, *known, for_s=None):
    gate = Gate(metric="errors", max=0.005, delay_s=delay_s, for_s=for_s)
    phases = (
        Phase(name="ten", weight=10, hold_s=60.0, gates=(gate,)),
        Phase(name="half", weight=50),
    )
    well = {"guard/0": (read(1, GOOD),)}
    return in_phase(spec=spec(phases=phases), readings=well | {"gate/0/0": known})


def gate_of(decision):
    return next(one for one in decision.status.checks if one.id == "gate/0/0")


def passed(decision):
    return decision.status.phase is None or decision.status.phase.name != "ten"


@pytest.mark.parametrize(("delay_s", "trips"), [(279.0, True), (279.1, False), (400.0, False)])
def test_a_guard_trips_only_on_what_was_measured_after_its_delay(delay_s, trips):
    assert (guarded(delay_s, read(1, BAD)).decided().status.run is None) is trips


def test_within_its_delay_a_guard_shows_its_value_and_is_undecided():
    (check,) = guarded(400.0, read(1, BAD)).decided().status.checks
    assert (check.verdict, check.value) == (Verdict.UNDECIDED, BAD)
    assert check.detail == "within its delay of 6m40s"


@pytest.mark.parametrize("known", [(), (read(1, GOOD),), (read(1, BAD),), (read(1, None),)])
def test_a_phase_does_not_pass_before_its_guard_was_measured_after_its_delay(known):
    decision = guarded(400.0, *known).decided()
    assert not passed(decision)
    assert "guard errors is" in decision.status.message


@pytest.mark.parametrize("known", [(), (read(1, None),), (FAILED,)])
def test_within_its_delay_a_guard_is_not_blind(known):
    assert guarded(400.0, *known).decided().status.blind_since is None
    assert guarded(100.0, *known).decided().status.blind_since == NOW


def test_a_weight_that_others_keep_changing_does_not_begin_the_delay_anew():
    case = guarded(60.0, read(1, BAD))
    case = case.with_(status=guarded(60.0).decided().status)
    traffic = case.status.traffic.model_copy(update={"weight_since": ago(5)})
    assert case.status_with(traffic=traffic).decided().status.run is None


def warmed_up(next_phases=()):
    """Phase ten is over; within its delay of a minute the guard failed twice, and passed since."""
    known = (read(250, BAD), read(230, BAD), read(1, GOOD))
    ten = Phase(name="ten", weight=10, hold_s=60.0)
    guard = late_guard(60.0, breaches=2, of=3)
    return in_phase(
        spec=spec(guards=(guard,), phases=(ten, *next_phases)), readings={"guard/0": known}
    )


@pytest.mark.parametrize(
    ("later", "then"), [((), Stage.PROMOTING), ((Phase(name="half", weight=50),), Stage.PHASE)]
)
def test_what_failed_within_the_delay_of_a_phase_counts_in_none_after_it(later, then):
    case = warmed_up(later)
    status = case.decided().status
    for _ in range(3):
        assert status.run is not None
        assert status.run.stage is then
        assert status.phase is None or status.phase.name != "ten"
        status = case.with_(status=status).decided().status


def test_a_promotion_that_a_person_asks_for_within_the_delay_does_not_end_it():
    case = guarded(400.0, read(1, BAD)).with_(actions=(asked("promote"),))
    status = case.decided().status
    for _ in range(3):
        case = case.with_(status=status, actions=())
        status = case.decided().status
        assert status.run is not None
    assert status.run.stage is Stage.PROMOTING
    assert case.decided(NOW + timedelta(seconds=2)).status.run is not None
    failing = case.with_(readings={"guard/0": (Reading(ago(-121), Answer.OK, value=BAD),)})
    assert failing.decided(NOW + timedelta(seconds=122)).status.run is None


def test_a_promotion_begins_no_delay():
    case = guarded(900.0, read(1, BAD)).status_with(phase=None)
    run = case.status.run.model_copy(update={"stage": Stage.PROMOTING})
    assert case.status_with(run=run).decided().effect == SetWeight("shop", 0)


def between_phases(*known, pods_ready):
    """Phase half is entered, and the routes still send the 10 % of the phase before."""
    case = in_phase(
        spec=spec(guards=(late_guard(60.0),)),
        readings={"guard/0": known},
        revisions=(pods("A", 4), pods("B", 2, pods_ready)),
    )
    return case.status_with(phase=PhaseStatus(index=1, name="half", entered_at=ago(200)))


@pytest.mark.parametrize("pods_ready", [1, 2])
def test_until_the_weight_of_a_phase_is_there_a_delayed_guard_watches_the_weight_before(pods_ready):
    decision = between_phases(read(1, BAD), pods_ready=pods_ready).decided()
    assert decision.status.run is None
    assert decision.effect == SetWeight("shop", 0)


def test_until_the_weight_of_a_phase_is_there_a_delayed_guard_may_be_blind():
    assert between_phases(read(1, None), pods_ready=1).decided().status.blind_since == NOW


def test_before_the_first_traffic_a_delayed_guard_is_neither_blind_nor_in_the_way():
    case = guarded(60.0, read(1, None)).with_(weights=(0,), traffic=None)
    seen = case.status.traffic.model_copy(update={"weight": 0})
    decision = case.status_with(
        traffic=seen, phase=PhaseStatus(index=0, name="ten", entered_at=ago(290))
    ).decided()
    assert decision.status.blind_since is None
    assert decision.effect == SetWeight("shop", 10)


def test_no_weight_rises_on_a_delayed_guard_whose_query_fails():
    case = guarded(900.0, FAILED, phases=(Phase(name="ten", weight=50, hold_s=60.0),))
    decision = case.decided()
    assert decision.effect is None or not isinstance(decision.effect, SetWeight)


@pytest.mark.parametrize(("delay_s", "passes"), [(279.0, True), (279.1, False), (400.0, False)])
def test_a_gate_passes_only_on_what_was_measured_after_its_delay(delay_s, passes):
    decision = gated(delay_s, read(1, GOOD)).decided()
    assert (gate_of(decision).verdict is Verdict.PASS) is passes
    assert passed(decision) is passes


def test_the_length_of_a_gate_begins_after_its_delay():
    known = [read(seconds, GOOD) for seconds in range(271, 0, -10)]
    assert passed(gated(0.0, *known, for_s=60.0).decided())
    assert passed(gated(219.0, *known, for_s=60.0).decided())
    short = gated(220.0, *known, for_s=60.0).decided()
    assert not passed(short)
    assert gate_of(short).passing_since == ago(51)


def test_a_restart_within_the_delay_knows_when_it_is_over():
    case = gated(200.0, *(read(seconds, GOOD) for seconds in range(271, 0, -10)), for_s=60.0)
    before = case.decided().status
    after = case.with_(readings=case.readings | {"gate/0/0": ()}).status_with(checks=before.checks)
    assert gate_of(after.decided()).passing_since == gate_of(case.decided()).passing_since


def test_what_passed_before_the_hold_began_anew_counts_no_more():
    before = gated(60.0, read(1, GOOD)).decided().status
    assert gate_of(gated(60.0, read(1, GOOD)).decided()).verdict is Verdict.PASS
    case = gated(60.0)
    phase = case.status.phase.model_copy(update={"started_at": ago(1)})
    case = case.status_with(checks=before.checks, phase=phase)
    assert gate_of(case.decided()).verdict is Verdict.NODATA
    assert not passed(case.decided())


ANY = st.lists(
    st.builds(
        Reading,
        st.floats(0.0, 300.0).map(ago),
        st.sampled_from(Answer),
        value=st.sampled_from([None, BAD, GOOD]),
    ),
    max_size=6,
).map(lambda found: tuple(sorted(found, key=lambda one: one.at)))


@given(ANY, st.floats(0.0, 400.0))
@example((Reading(ago(281.0), Answer.OK, value=BAD), Reading(NOW, Answer.OK)), 281.0)
def test_whatever_was_read_a_delay_only_takes_readings_away(known, delay_s):
    late = tuple(one for one in known if one.at >= ago(HELD_S - delay_s))
    assert passed(gated(delay_s, *known).decided()) <= bool(late)
    counted = tuple(
        one if one.at < ago(HELD_S) or one in late else Reading(one.at, Answer.NODATA)
        for one in known
    )
    late, plain = guarded(delay_s, *known).decided(), guarded(None, *counted).decided()
    assert (late.status.run is None) is (plain.status.run is None)


@given(ANY, st.floats(0.0, 400.0))
def test_mode_observe_moves_nothing_within_or_after_a_delay(known, delay_s):
    decision = guarded(delay_s, *known, mode="observe").decided()
    assert decision.status.run is not None
    assert not isinstance(decision.effect, SetWeight)


def test_a_window_of_its_own_is_part_of_what_is_asked():
    known = guarded(None, read(1, GOOD)).decided().status.checks
    other = error_guard().model_copy(update={"window_s": 300.0})
    case = in_phase(spec=spec(guards=(other,)), readings={}).status_with(checks=known)
    (check,) = case.decided().status.checks
    assert (check.bound, check.verdict) == ("<= 0.01, over 5m", Verdict.NODATA)
    assert (
        replace(case, readings={"guard/0": (read(1, GOOD),)}).decided().status.checks[0].value
        == 0.0
    )
