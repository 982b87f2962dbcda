"""I4, I7, I8, I9, I11, I14 to I17 and I20 object to what they forbid, and to nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.observer.invariants.liveness import releases_end, rest_is_at_home
from tests.observer.invariants.verdicts import keeps
from tests.observer.tales import (
    NEW,
    OLD,
    SETTLED_S,
    Object,
    Tale,
    entry,
    pod,
    replica_set,
    rollout,
    routes,
    rule,
    run,
    thing,
)

TEN, HALF = {"name": "ten", "index": 0}, {"name": "half", "index": 1}
BEGUN = [entry("run", "RunStarted"), entry("ten", "PhaseStarted")]
PASS = {"id": "gate/0/0", "kind": "gate", "metric": "errors", "verdict": "pass", "value": 0.0}
PASSED = {**PASS, "bound": "<= 0.01", "measuredAt": "2026-01-01T00:00:19Z"}
STARTED = "2026-01-01T00:00:10Z"


def _in(phase: Object, *history: Object, **more: Any) -> Object:
    """A run that is in that phase, with what its journal says."""
    status = {"state": "Progressing", "lastRunNumber": 1, "phase": phase}
    return rollout(**(status | {"run": run(history=list(history))} | more))


def _begun() -> Tale:
    """A run that was just started, and then is in its first phase."""
    preparing = rollout(
        state="Progressing", lastRunNumber=1, run=run(stage="Preparing", history=BEGUN[:1])
    )
    tale = Tale().shop(canary=NEW).operator(preparing)
    return tale.operator(_in(TEN, *BEGUN))


def _told(tale: Tale, *reasons: str) -> Tale:
    """The operator posts these events."""
    for number, reason in enumerate(reasons):
        about = {"kind": "Rollout", "namespace": "shop", "uid": "Rollout-shop"}
        parts = {"reason": reason, "note": "n", "regarding": about}
        tale.operator(thing("Event", f"{reason}-{number}", **parts))
    return tale


# ---------------------------------------------------------------- I7


def test_phases_in_their_order_are_fine():
    passed = [*BEGUN, entry("ten", "PhasePassed"), entry("half", "PhaseStarted")]
    tale = _begun().operator(_in({**TEN, "startedAt": STARTED}, *BEGUN, checks=[PASSED]))
    assert tale.operator(_in(HALF, *passed)).said() == []


def test_a_run_that_begins_with_the_second_phase_is_objected_to():
    preparing = rollout(
        state="Progressing", lastRunNumber=1, run=run(stage="Preparing", history=BEGUN[:1])
    )
    started = [*BEGUN, entry("half", "PhaseStarted")]
    tale = Tale().shop(canary=NEW).operator(preparing)
    assert "I7" in tale.operator(_in(HALF, *started)).names()


def test_a_phase_that_comes_again_is_objected_to():
    passed = [*BEGUN, entry("ten", "PhasePassed"), entry("half", "PhaseStarted")]
    tale = _begun().operator(_in({**TEN, "startedAt": STARTED}, *BEGUN, checks=[PASSED]))
    tale.operator(_in(HALF, *passed))
    assert "I7" in tale.operator(_in(TEN, *passed)).names()


def test_a_phase_out_of_range_is_objected_to():
    assert "I7" in _begun().operator(_in({**TEN, "index": 7}, *BEGUN)).names()


@pytest.mark.parametrize(("old", "new", "fine"), [(1, 2, True), (1, 3, False), (2, 1, False)])
def test_runs_are_counted_one_by_one(old: int, new: int, fine: bool):
    tale = Tale().stands(rollout(lastRunNumber=old)).operator(rollout(lastRunNumber=new))
    assert ("I7" not in tale.names()) is fine


# ---------------------------------------------------------------- I8


def _pass_ten(**before: Any) -> Tale:
    passed = [*BEGUN, entry("ten", "PhasePassed"), entry("half", "PhaseStarted")]
    phase = before.pop("phase", {**TEN, "startedAt": STARTED})
    tale = _begun().operator(_in(phase, *BEGUN, **before))
    return tale.operator(_in(HALF, *passed))


@pytest.mark.parametrize("verdict", ["fail", "nodata", "undecided", "error"])
def test_a_phase_that_passes_without_a_pass_of_its_gate_is_objected_to(verdict: str):
    assert "I8" in _pass_ten(checks=[{**PASSED, "verdict": verdict}]).names()


def test_a_phase_that_passes_before_its_gate_was_stored_is_objected_to():
    assert "I8" in _pass_ten().names()


@pytest.mark.parametrize("phase", [TEN, {**TEN, "startedAt": "2026-01-01T00:00:16Z"}])
def test_a_hold_that_was_cut_short_is_objected_to(phase: Object):
    assert "I8" in _pass_ten(checks=[PASSED], phase=phase).names()


def test_a_promotion_that_leaves_out_a_phase_is_objected_to():
    history = [*BEGUN, entry("ten", "PhasePassed"), entry("promotion", "Promoting")]
    promoting = _in(HALF, *history, checks=[PASSED])
    assert "I8" in _begun().operator(promoting).names()


def test_a_person_may_leave_out_the_rest():
    history = [*BEGUN, entry("promotion", "Promoting")]
    skipped = _in(TEN, run=run(history=history, skipToEnd=True))
    assert "I8" not in _begun().operator(skipped).names()


# ---------------------------------------------------------------- I9


@pytest.mark.parametrize(
    "odd",
    [{"value": None}, {"value": float("nan")}, {"value": 0.02}, {"measuredAt": None}],
    ids=str,
)
def test_what_was_not_measured_is_no_pass(odd: Object):
    assert "I9" in _begun().operator(_in(TEN, *BEGUN, checks=[{**PASSED, **odd}])).names()


@pytest.mark.parametrize(
    ("value", "bound", "fine"),
    [
        (0.01, "<= 0.01", True),
        (0.011, "<= 0.01", False),
        (0.99, ">= 0.95", True),
        (0.9, ">= 0.95", False),
        (0.5, "0.1 .. 0.6", True),
        (0.7, "0.1 .. 0.6", False),
        (0.7, ">= stable", True),
        (0.7, "<= 0.6, >= stable", False),
    ],
)
def test_a_bound_is_read_as_people_read_it(value: float, bound: str, fine: bool):
    assert keeps(value, bound) is fine


# ---------------------------------------------------------------- I11


def _reverted() -> Tale:
    last = {"number": 1, "to": NEW, "outcome": "Reverted", "history": BEGUN}
    sent_back = rollout(state="Reverted", lastRunNumber=1, lastRun=last, revertedRevision=NEW)
    return _begun().operator(sent_back)


def _second_run(template: str = "v1", to: str = NEW) -> Object:
    again = rollout(
        state="Progressing",
        lastRunNumber=2,
        run=run(2, to, stage="Preparing", history=BEGUN[:1]),
    )
    again["spec"]["template"] = {"image": template}
    return again


def test_a_reverted_revision_that_is_tried_again_is_objected_to():
    assert "I11" in _reverted().operator(_second_run()).names()


def test_a_retry_may_try_it_again():
    retry = thing("RolloutAction", "r", spec={"rollout": "shop", "verb": "retry"})
    assert "I11" not in _reverted().stands(retry).operator(_second_run()).names()


def test_another_template_may_be_tried():
    changed = rollout(state="Reverted", lastRunNumber=1)
    changed["spec"]["template"] = {"image": "v3"}
    tale = _reverted().stands(changed).operator(_second_run("v3"))
    assert "I11" not in tale.names()


def test_stable_itself_is_not_tried():
    assert "I11" in _reverted().operator(_second_run(to=OLD)).names()


# ---------------------------------------------------------------- I14


def test_a_phase_that_nobody_wrote_down_is_objected_to():
    assert "I14" in _begun().operator(_in(HALF, *BEGUN)).names()


def test_an_entry_that_comes_twice_is_objected_to():
    assert "I14" in _begun().operator(_in(TEN, *BEGUN, BEGUN[1])).names()


def _renewed(tale: Tale, after_s: float = 4.0) -> Tale:
    """The operator renews its Lease, and is seen to be alive."""
    lease = thing("Lease", "tidegate")
    lease["metadata"]["namespace"] = "tidegate-system"
    tale.later(after_s)
    tale.docket.log(
        tale.write(
            lease, namespace="tidegate-system", request={"metadata": {"resourceVersion": "1"}}
        )
    )
    return tale.later(30)


def test_a_decision_without_an_event_is_objected_to():
    assert "I14" in _renewed(_begun()).names()


def test_a_decision_of_an_operator_that_died_may_go_untold():
    assert _begun().later(30).said() == []


def test_an_event_that_was_refused_is_not_missed():
    tale = _begun()
    tale.docket.log(tale.write(thing("Event", "e"), verb="create", code=403, version=0))
    assert _renewed(tale).said() == []


def test_a_decision_with_its_event_is_fine():
    assert _renewed(_told(_begun(), "RunStarted", "PhaseStarted")).said() == []


def test_a_raise_without_an_event_is_objected_to():
    tale = _told(_begun(), "RunStarted", "PhaseStarted").operator(routes(10))
    (said,) = _renewed(tale).said()
    assert said.startswith("I14: shop/shop: no event TrafficShifted about 0 -> 10 %")


def test_where_requests_are_swallowed_events_may_be_lost():
    tale = _begun()
    tale.docket.events_are_due = False
    assert _renewed(tale).said() == []


# ---------------------------------------------------------------- I4


def _aborted(after_s: float, *writes: Object) -> Tale:
    abort = thing("RolloutAction", "a", spec={"rollout": "shop", "verb": "abort"})
    tale = _begun().operator(routes(50)).later(10).stands(abort).later(after_s)
    return tale.operator(*writes, {**abort, "status": {"result": "Done"}})


def test_an_abort_that_is_answered_before_traffic_is_back_is_objected_to():
    assert "I4" in _aborted(1).names()


def test_an_abort_that_took_too_long_is_objected_to():
    assert "I4" in _aborted(6, routes(0)).names()


def test_an_abort_in_time_is_fine():
    assert "I4" not in _aborted(1, routes(0)).names()


def test_an_abort_may_take_longer_when_another_leader_has_to_come():
    abort = thing("RolloutAction", "a", spec={"rollout": "shop", "verb": "abort"})
    tale = _begun().operator(routes(50)).later(10).stands(abort).later(15)
    tale.operator(routes(0), {**abort, "status": {"result": "Done"}}, epoch=2)
    assert "I4" not in tale.names()


def test_an_abort_waits_for_stable_pods():
    abort = thing("RolloutAction", "a", spec={"rollout": "shop", "verb": "abort"})
    tale = _begun().operator(routes(50)).later(10).stands(abort)
    tale.gone(*(pod(OLD, number) for number in range(4)))
    assert "I4" not in tale.operator({**abort, "status": {"result": "Done"}}).names()


# ---------------------------------------------------------------- I15, I16


def _rest(tale: Tale) -> list[str]:
    tale.said()
    world = tale.docket.world
    return [*releases_end(world), *rest_is_at_home(world)]


def test_a_release_that_goes_on_has_not_ended():
    assert _rest(_begun()) != []


def test_rest_with_traffic_on_another_revision_is_no_rest():
    assert _rest(_reverted().stands(routes(10))) != []


def _recorded(tale: Tale, outcome: str = "Reverted", pods: int = 0) -> Tale:
    """The record of the first run, and what pods the revision has that was sent back."""
    tale.operator(thing("RolloutRun", "shop-1", status={"outcome": outcome}))
    return tale.later(SETTLED_S).operator(replica_set(NEW, pods))


@pytest.mark.parametrize(
    "tale", [Tale().shop(), _recorded(_reverted())], ids=["healthy", "reverted"]
)
def test_healthy_and_reverted_are_rest(tale: Tale):
    assert _rest(tale) == []


@pytest.mark.parametrize(
    "tale",
    [
        _reverted(),
        _recorded(_reverted(), "Running"),
        _recorded(_reverted(), pods=1),
        Tale().shop().operator(rollout(draining=[{"revision": NEW}])),
        Tale().shop().operator(rollout(observedGeneration=0)),
    ],
    ids=["no-record", "old-record", "pods", "draining", "unseen"],
)
def test_what_is_still_to_be_done_is_no_rest(tale: Tale):
    assert _rest(tale) != []


# ---------------------------------------------------------------- I17


def test_a_status_of_the_future_is_objected_to():
    assert "I17" in Tale().shop().operator(rollout(observedGeneration=2)).names()


def test_healthy_with_traffic_on_the_canary_is_objected_to():
    tale = _begun().operator(routes(10)).later(10)
    assert "I17" in tale.operator(rollout(lastRunNumber=1)).names()


def test_healthy_with_a_canary_that_is_not_home_is_objected_to():
    assert "I17" in _begun().operator(rollout(lastRunNumber=1)).names()


def test_healthy_at_rest_is_fine():
    tale = _begun().operator(rule()).later(10)
    assert "I17" not in tale.operator(rollout(lastRunNumber=1)).names()


def test_what_somebody_else_changed_a_moment_ago_is_not_held_against_the_status():
    tale = Tale().shop().stands(rule(canary=NEW)).later(0.1)
    assert "I17" not in tale.operator(rollout(message="serves all")).names()


# ---------------------------------------------------------------- I20


def test_a_status_that_grows_without_bound_is_objected_to():
    assert "I20" in Tale().shop().operator(rollout(message="x" * 200_000)).names()


def test_a_journal_that_grows_without_bound_is_objected_to():
    long = [entry("x", "ActionDone") for _ in range(65)]
    assert "I20" in _begun().operator(_in(TEN, *BEGUN, *long)).names()


@pytest.mark.parametrize(("writes", "fine"), [(60, True), (400, False)])
def test_a_run_takes_a_bounded_number_of_writes(writes: int, fine: bool):
    tale = _begun()
    for number in range(writes):
        tale.operator(_in(TEN, *BEGUN, message=f"{number}"))
    last = {"number": 1, "to": NEW, "outcome": "Reverted", "history": BEGUN}
    tale.operator(rollout(state="Reverted", lastRunNumber=1, lastRun=last))
    assert ("I20" not in tale.names()) is fine
