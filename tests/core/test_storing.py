"""What is stored at once, what can wait, and whether a write of ours may be under way."""

import pytest

from tests.core.scenes import NOW, ago, at_rest, in_phase
from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.status import Draining, LastAction, LastRun, PauseStatus, RolloutStatus
from tidegate.core.decision import PointDestination, SetWeight
from tidegate.core.resting import in_flight
from tidegate.core.scene import Scene
from tidegate.core.storing import intent_changed, stored_first, worth_writing

RUN, PHASE = in_phase().status.run, in_phase().status.phase
LAST = LastRun(
    number=1,
    from_revision="A",
    to_revision="B",
    outcome="Promoted",
    reason="Promoted",
    message="",
    started_at=ago(9),
    finished_at=ago(1),
)
DECIDED = {
    "run": RUN,
    "phase": PHASE,
    "stable_revision": "B",
    "canary_revision": "B",
    "reverted_revision": "B",
    "pause": PauseStatus(by="ann", at=ago(1)),
    "resumed_at": ago(1),
    "last_action": LastAction(uid="u1", verb="pause", result="Done", message=""),
    "last_run": LAST,
    "draining": (Draining(revision="Z", since=ago(1)),),
}
SEEN = {"message": "waiting", "weight": 5, "ready": "3/4", "waiting_since": ago(1)}


def check(seconds, *, verdict=Verdict.PASS, value=0.001, detail="", samples=None):
    return CheckStatus(
        id="guard/0",
        kind="guard",
        metric="errors",
        verdict=verdict,
        value=value,
        samples=samples,
        measured_at=None if seconds is None else ago(seconds),
        detail=detail,
    )


def measured(*checks):
    return RolloutStatus(checks=checks)


@pytest.mark.parametrize("field", [*DECIDED, *SEEN])
def test_what_was_decided_is_stored_before_anything_acts_on_it_and_what_was_seen_is_not(field):
    changed = RolloutStatus().model_copy(update={field: (DECIDED | SEEN)[field]})
    assert intent_changed(RolloutStatus(), changed) is (field in DECIDED)
    assert worth_writing(RolloutStatus(), changed, NOW)


@pytest.mark.parametrize("status", [RolloutStatus(), measured(check(60)), measured(check(None))])
def test_what_is_stored_already_is_not_written_again(status):
    assert not intent_changed(status, status.model_copy())
    assert not worth_writing(status, status.model_copy(), NOW)


@pytest.mark.parametrize(
    "other",
    [check(0, value=0.002), check(0, samples=9.0), check(0), check(0, detail="2 requests")],
)
@pytest.mark.parametrize(("seconds", "written"), [(9.9, False), (10, True), (60, True)])
def test_numbers_alone_are_written_now_and_then(other, seconds, written):
    assert worth_writing(measured(check(seconds)), measured(other), NOW) is written


def test_the_youngest_number_that_is_shown_decides_when_they_are_written():
    shown, now = measured(check(60), check(5)), measured(check(0), check(0))
    assert not worth_writing(shown, now, NOW)


def test_numbers_that_were_never_shown_are_written_at_once():
    assert worth_writing(measured(check(None)), measured(check(0)), NOW)


def test_a_verdict_that_flips_is_written_at_once():
    flipped = measured(check(1, verdict=Verdict.FAIL, value=0.2))
    assert worth_writing(measured(check(2)), flipped, NOW)


@pytest.mark.parametrize(
    ("case", "changes", "flies"),
    [
        (at_rest(), {}, False),
        (at_rest(), {"observed_generation": -1}, False),
        (in_phase(), {}, True),
        (in_phase(), {"observed_generation": 0}, True),
        (in_phase(), {"observed_generation": -1}, False),
        (at_rest(), {"draining": DECIDED["draining"]}, True),
        (at_rest(), {"run": RUN}, True),
        (at_rest(canary="Z"), {}, True),
        (at_rest(weights=(5,)), {}, True),
        (at_rest(routes_hidden=True), {}, True),
    ],
)
def test_a_write_may_be_under_way_unless_all_is_at_rest(case, changes, flies):
    status = case.status.model_copy(update={"observed_generation": 7, **changes})
    assert in_flight(Scene(None, status, case.observed, NOW)) is flies


def _seen(verdict: Verdict, **update) -> RolloutStatus:
    check = CheckStatus(id="guard/0", kind="guard", metric="errors", verdict=verdict)
    return in_phase().status.model_copy(update={"checks": (check,), **update})


@pytest.mark.parametrize(
    ("effect", "first"),
    [
        (SetWeight("shop", 50), True),
        (SetWeight("shop", 10), False),
        (SetWeight("shop", 0), False),
        (PointDestination("canary", "B"), False),
        (None, False),
    ],
)
def test_a_verdict_is_stored_before_the_canary_gets_more_under_it(effect, first):
    error, passing = _seen(Verdict.ERROR), _seen(Verdict.PASS)
    assert stored_first(error, passing, effect) == first
    assert not stored_first(passing, passing, effect)


def test_a_way_back_waits_for_no_record_of_a_verdict():
    back = RUN.model_copy(update={"undo": "a guard fails"})
    status = _seen(Verdict.FAIL, run=back)
    assert not stored_first(_seen(Verdict.PASS), status, SetWeight("shop", 100))
