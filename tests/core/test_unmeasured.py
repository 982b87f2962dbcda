"""`onNoData`, `onError` and `blind` of a guard: what it means that nothing was measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import NOW, ago, error_guard, in_phase, read, spec
from tidegate.api.blind import Blind
from tidegate.api.check_status import Verdict
from tidegate.api.phases import Phase
from tidegate.api.status import PhaseStatus, Stage
from tidegate.core import reasons
from tidegate.core.decision import SetWeight
from tidegate.core.observation import Answer, Reading

EMPTY = read(1, None)
FAILED = Reading(ago(1), Answer.ERROR, detail="down")
REFUSED = Reading(ago(1), Answer.REFUSED, detail="parse error")
DARK = (Phase(name="ten", weight=0, hold_s=60.0),)
LONG_AGO = {"blind_since": ago(400)}


def guard(**fields):
    return error_guard().model_copy(update=fields)


def told(one, *known, **fields):
    return in_phase(spec=spec(guards=(one,), **fields), readings={"guard/0": known})


def check_of(decision):
    return decision.status.checks[0]


@pytest.mark.parametrize(
    ("fields", "reading", "verdict"),
    [
        ({}, EMPTY, "nodata"),
        ({}, FAILED, "error"),
        ({"on_no_data": "fail"}, EMPTY, "fail"),
        ({"on_no_data": "fail"}, FAILED, "error"),
        ({"on_error": "fail"}, FAILED, "fail"),
        ({"on_error": "fail"}, EMPTY, "nodata"),
        ({"on_error": "fail", "on_no_data": "fail"}, REFUSED, "error"),
        ({"on_no_data": "ignore"}, EMPTY, "nodata"),
        ({"on_error": "ignore"}, FAILED, "error"),
    ],
)
def test_each_answer_without_a_value_has_the_verdict_that_the_guard_gives_it(
    fields, reading, verdict
):
    decision = told(guard(**fields, then="hold"), reading).decided()
    assert check_of(decision).verdict == verdict
    assert check_of(decision).ignored is ("ignore" in fields.values())
    assert (decision.status.blind_since is None) is (
        verdict == "fail" or "ignore" in fields.values()
    )


def test_no_data_that_counts_as_failed_sends_back():
    decision = told(guard(on_no_data="fail"), EMPTY).decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.last_run.message == (
        "guard errors is not measured, must be <= 0.01 (failed 1 of 1; critical)"
    )


def test_no_data_counts_among_the_failures_in_a_row():
    known = (read(21, 0.9), read(11, None), read(1, 0.9))
    assert told(guard(on_no_data="fail", failures=3), *known).decided().status.run is None
    assert told(guard(failures=3), *known).decided().status.run is not None


@pytest.mark.parametrize("reading", [EMPTY, FAILED, REFUSED])
@pytest.mark.parametrize("place", ["preparing", "dark", "not yet", "before the hold"])
def test_before_there_is_traffic_nothing_counts_as_failed(reading, place):
    one = guard(on_no_data="fail", on_error="fail")
    case = told(one, reading)
    match place:
        case "preparing":
            case = in_phase(stage=Stage.PREPARING, spec=spec(guards=(one,)), weights=(0,)).with_(
                readings={"guard/0": (reading,)}
            )
        case "dark":
            case = told(one, reading, phases=DARK).with_(weights=(0,))
        case "not yet":
            phase = PhaseStatus(index=0, name="ten", entered_at=ago(290))
            traffic = case.status.traffic.model_copy(update={"weight_since": ago(0.1)})
            case = case.status_with(phase=phase, traffic=traffic)
        case _:
            case = case.status_with(
                phase=case.status.phase.model_copy(update={"started_at": ago(0.5)})
            )
    assert case.decided().status.run is not None


def test_a_query_that_is_wrong_moves_no_traffic_whatever_the_guard_says():
    decision = told(guard(on_error="fail"), REFUSED).decided()
    assert (decision.effect, decision.status.state) == (None, "Invalid")


@pytest.mark.parametrize(
    ("fields", "reading"), [({"on_no_data": "ignore"}, EMPTY), ({"on_error": "ignore"}, FAILED)]
)
def test_a_phase_waits_for_no_guard_whose_missing_value_is_ignored(fields, reading):
    assert told(guard(**fields), reading).decided().status.phase.name == "half"
    assert told(guard(), reading).decided().status.phase.name == "ten"


@pytest.mark.parametrize(
    "known", [(), (read(100, None),), (read(285, None),), (read(1, 0.25),), (REFUSED,)]
)
def test_ignored_is_only_a_fresh_answer_without_a_value_since_there_is_traffic(known):
    holding = guard(on_no_data="ignore", on_error="ignore", then="hold")
    assert told(holding, *known).decided().status.phase.name == "ten"


def test_an_answer_from_before_the_hold_began_is_not_ignored():
    """Nothing passes on what was asked at another weight, not even that there was nothing."""
    phases = (Phase(name="ten", weight=10), Phase(name="half", weight=50))
    for asked_s, passes in ((10, False), (1, True)):
        case = told(guard(on_no_data="ignore"), read(asked_s, None), phases=phases)
        phase = case.status.phase.model_copy(update={"started_at": ago(5)})
        traffic = case.status.traffic.model_copy(update={"weight_since": ago(6)})
        decision = case.status_with(phase=phase, traffic=traffic).decided()
        assert (decision.status.phase.name == "half") is passes


def test_a_weight_rises_past_an_error_that_is_ignored():
    wide = (Phase(name="ten", weight=20, hold_s=60.0),)
    for means, rises in (("ignore", True), ("blind", False), ("fail", False)):
        case = told(guard(on_error=means, then="hold"), FAILED, phases=wide)
        case = case.status_with(canary_ready_since=ago(600))
        phase = case.status.phase.model_copy(update={"started_at": None})
        assert (case.status_with(phase=phase).decided().effect == SetWeight("shop", 20)) is rises


@pytest.mark.parametrize("own", ["hold", "revert"])
@pytest.mark.parametrize("usual", ["hold", "revert"])
def test_a_guard_with_a_blind_of_its_own_is_judged_by_that_alone(own, usual):
    one = guard(blind=Blind(after_s=60.0, then=own))
    case = told(one, EMPTY, blind=Blind(after_s=1.0, then=usual)).status_with(blind_since=ago(400))
    first = case.decided()
    assert first.status.blind_since is None
    assert check_of(first).blind_since == NOW
    known = check_of(first).model_copy(update=LONG_AGO)
    decision = case.status_with(checks=(known,)).decided()
    assert (decision.status.run is None) is (own == "revert")
    if own == "revert":
        last = decision.status.last_run
        assert last.reason == reasons.METRICS_BLIND
        assert last.message == "guard errors could not be measured for 60s (critical)"


def test_the_blindness_of_one_guard_can_revert_while_that_of_another_holds():
    held, sent = guard(), guard(blind=Blind(after_s=60.0, then="revert"))
    for blind, reverted in (("guard/0", False), ("guard/1", True)):
        readings = {"guard/0": (read(1, 0.0),), "guard/1": (read(1, 0.0),)}
        case = in_phase(spec=spec(guards=(held, sent)), readings=readings | {blind: (EMPTY,)})
        checks = tuple(
            one.model_copy(update=LONG_AGO if one.id == blind else {})
            for one in case.decided().status.checks
        )
        decision = case.status_with(checks=checks, blind_since=ago(400)).decided()
        assert (decision.status.run is None) is reverted


def test_a_restart_keeps_since_when_a_guard_is_blind():
    one = guard(blind=Blind(after_s=60.0, then="revert"))
    known = check_of(told(one, EMPTY).decided()).model_copy(update=LONG_AGO)
    unread = told(one).status_with(checks=(known,)).decided()
    assert unread.status.run is not None  # nothing was asked yet
    assert check_of(unread).blind_since == ago(400)
    assert told(one, EMPTY).status_with(checks=(known,)).decided().status.run is None


@pytest.mark.parametrize("own", [None, Blind(after_s=60.0, then="revert")])
def test_after_a_restart_a_guard_that_was_not_asked_yet_is_not_blind(own):
    """Another one was asked, and sees: so the provider may be back."""
    usual = Blind(after_s=60.0, then="revert")
    case = in_phase(spec=spec(guards=(guard(), guard(blind=own)), blind=usual))
    known = tuple(
        one.model_copy(update={"verdict": Verdict.NODATA} | LONG_AGO)
        for one in case.decided().status.checks
    )
    case = case.status_with(checks=known, blind_since=ago(400))
    sees = {"guard/0": (read(1, 0.0),)}
    assert case.with_(readings=sees).decided().status.run is not None
    assert case.with_(readings=sees | {"guard/1": (EMPTY,)}).decided().status.run is None


ANSWERS = st.sampled_from([EMPTY, FAILED, REFUSED, read(1, 0.0), read(1, 0.25), None])
MEANS = st.sampled_from(["blind", "fail", "ignore"])


@given(ANSWERS, MEANS, MEANS, st.sampled_from([None, "hold", "revert"]))
def test_mode_observe_moves_nothing_whatever_was_not_measured(answer, empty, failed, own):
    blind = Blind(after_s=60.0, then=own) if own else None
    one = guard(on_no_data=empty, on_error=failed, blind=blind)
    case = told(one, *((answer,) if answer else ()), mode="observe")
    checks = tuple(c.model_copy(update=LONG_AGO) for c in case.decided().status.checks)
    decision = case.status_with(checks=checks, blind_since=ago(400)).decided()
    assert decision.status.run is not None
    assert not isinstance(decision.effect, SetWeight)


@given(ANSWERS, MEANS, MEANS)
def test_a_phase_passes_only_on_a_value_or_on_what_the_guard_ignores(answer, empty, failed):
    one = guard(on_no_data=empty, on_error=failed, then="hold")
    decision = told(one, *((answer,) if answer else ())).decided()
    if decision.status.phase.name == "half":
        ignored = (answer is EMPTY and empty == "ignore") or (
            answer is FAILED and failed == "ignore"
        )
        assert ignored or (answer is not None and answer.value == 0.0)
        assert check_of(decision).verdict is not Verdict.FAIL
