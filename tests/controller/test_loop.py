"""A pass decides on what is stored, writes one thing at a time, and gives way when it must."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from tests.controller.fakes import KEY, NOON
from tests.controller.worlds import bench_of, body_of, edited
from tests.core.scenes import asked, at_rest, in_phase, read
from tidegate.api.actions import Verb
from tidegate.api.check_status import Verdict
from tidegate.api.status import RolloutStatus, State
from tidegate.controller.loop import (
    CONFLICTS_MAX,
    RETRY_MAX_S,
    RETRY_MIN_S,
)
from tidegate.controller.queue import Lane
from tidegate.controller.statuses import FAILURES_UNSAID
from tidegate.core import reasons
from tidegate.core.decision import SetWeight
from tidegate.core.observation import Problem, TrafficReading
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone


def wait_s(bench):
    """Seconds until the Rollout's alarm."""
    return (bench.loop._alarms._due[KEY] - bench.clock.now()).total_seconds()


def remembered(bench):
    return bench.loop._memories[KEY]


async def settled(bench):
    """Passes until nothing is left to do now."""
    await bench.run_pass()
    await bench.run_pass()
    bench.cluster.statuses.clear()
    bench.cluster.seen.clear()
    return bench


async def test_the_verdict_under_which_traffic_rises_is_stored_before_it_rises():
    case = in_phase(weights=(0,))
    phase = case.status.phase.model_copy(update={"started_at": None})
    bench = await settled(bench_of(case.status_with(phase=phase)))
    assert bench.status.checks[0].verdict is Verdict.NODATA
    remembered(bench).keep("guard/0", read(0, 0.001))
    order: list[str] = []
    apply, write = bench.cluster.apply, bench.cluster.write_status

    async def noted_apply(rollout, effect):
        order.append("effect")
        await apply(rollout, effect)

    async def noted_write(key, version, status):
        order.append(status.checks[0].verdict.value)
        return await write(key, version, status)

    bench.cluster.apply, bench.cluster.write_status = noted_apply, noted_write
    await bench.run_pass()
    assert order[:2] == ["pass", "effect"]
    assert isinstance(bench.cluster.effects[0], SetWeight)


# ---------------------------------------------------------------- conflicts


async def test_a_conflict_is_decided_anew_from_what_is_stored():
    bench = bench_of(at_rest())
    bench.cluster.write_errors = [Conflict("moved")] * (CONFLICTS_MAX - 1)
    await bench.run_pass()
    assert bench.status.state is State.HEALTHY
    assert len(bench.cluster.seen) == CONFLICTS_MAX


async def test_conflicts_in_a_row_end_the_pass():
    bench = bench_of(at_rest())
    bench.cluster.write_errors = [Conflict("moved")] * (CONFLICTS_MAX + 5)
    with pytest.raises(Conflict):
        await bench.run_pass()
    assert len(bench.cluster.seen) == CONFLICTS_MAX
    assert bench.cluster.statuses == []
    assert remembered(bench).working == remembered(bench).stored


async def test_after_a_conflict_the_others_write_is_what_is_decided_on():
    bench = bench_of(at_rest())
    bench.cluster.write_errors = [Conflict("moved")]
    theirs = RolloutStatus(stable_revision="A", last_run_number=42)
    stored = theirs.model_dump(mode="json", by_alias=True, exclude_none=True)
    bench.cluster.touches = lambda: edited(bench, status=stored)
    await bench.run_pass()
    assert bench.status.last_run_number == 42


# ---------------------------------------------------------------- trying again


async def test_waits_grow_and_are_capped_however_often_it_failed():
    bench = await settled(bench_of(at_rest()))
    for failures, least, most in ((0, RETRY_MIN_S, RETRY_MIN_S), (5000, RETRY_MAX_S, RETRY_MAX_S)):
        bench.loop._alarms.set(KEY, None)
        remembered(bench).failures = failures
        bench.loop._retry_later(KEY, ApiUnavailable("away"))
        assert 0.7 * least <= wait_s(bench) <= 1.3 * most
        assert remembered(bench).failures == failures + 1


async def test_a_server_that_says_how_long_is_given_that_time():
    bench = await settled(bench_of(at_rest()))
    bench.loop._alarms.set(KEY, None)
    bench.loop._retry_later(KEY, ApiUnavailable("busy", 40.0))
    assert 28 <= wait_s(bench) <= 52


async def test_what_a_server_is_too_busy_for_waits_whatever_else_wakes_the_rollout():
    bench = bench_of(in_phase(actions=(asked(Verb.ABORT),)))
    bench.cluster.apply_errors = [ApiUnavailable("busy", 3.0)]
    with pytest.raises(ApiUnavailable):
        await bench.run_pass()
    bench.clock.advance(2.9)
    await bench.run_pass()
    assert bench.cluster.effects == []
    assert wait_s(bench) <= 0.2
    bench.clock.advance(0.2)
    await bench.run_pass()
    assert bench.cluster.effects[0] == remembered(bench).put_off[0]


async def test_a_busy_server_is_asked_for_something_else_at_once():
    bench = await settled(bench_of(at_rest()))
    memory = remembered(bench)
    memory.put_off = (SetWeight("shop", 50), NOON)
    assert memory.not_before(SetWeight("shop", 50)) == NOON
    assert memory.not_before(SetWeight("shop", 0)) is None


async def test_trying_again_never_puts_an_earlier_alarm_off():
    bench = await settled(bench_of(at_rest()))
    bench.loop._alarms.set(KEY, NOON)
    bench.loop._retry_later(KEY, None)
    assert wait_s(bench) == 0


async def test_a_good_pass_forgets_the_failures():
    bench = await settled(bench_of(at_rest()))
    remembered(bench).failures = 7
    await bench.run_pass()
    assert remembered(bench).failures == 0


async def test_a_poisonous_pass_is_tried_again_and_stops_nobody():
    bench = bench_of(at_rest())
    other = body_of(at_rest(), name="other")
    bench.cluster.rollouts[("shop", "other")] = other
    bench.cluster.observe_errors = [RuntimeError("boom"), ApiUnavailable("away"), Gone("x")]
    task = asyncio.create_task(bench.loop.run())
    for key in bench.cluster.rollouts:
        bench.loop.queue.add(key, Lane.PROGRESS)

    async def until_all_are_healthy():
        while True:
            states = [RolloutStatus.parse(body).state for body in bench.cluster.rollouts.values()]
            if states == [State.HEALTHY] * 2:
                return
            bench.clock.advance(60)
            for key in bench.cluster.rollouts:
                bench.loop._alarms.set(key, NOON)
            await asyncio.sleep(0)

    async with asyncio.timeout(30):
        await until_all_are_healthy()
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


# ---------------------------------------------------------------- specs


async def test_a_spec_that_never_could_be_read_is_said_once_and_moves_nothing():
    bench = bench_of(at_rest())
    edited(bench, spec={"replicas": "many"})
    await bench.run_pass()
    await bench.run_pass()
    (status,) = bench.cluster.statuses
    assert status.state is State.INVALID
    assert "spec.replicas" in status.message
    assert status.observed_generation == 8
    assert bench.cluster.seen == []


async def test_with_an_unreadable_spec_the_last_readable_one_decides():
    case = in_phase()
    bench = bench_of(case)
    await bench.run_pass()
    edited(bench, spec={"replicas": "many"})
    bench.cluster.observed = case.with_(actions=(asked(Verb.ABORT),)).observed
    bench.cluster.effects.clear()
    bench.cluster.seen.clear()
    with suppress(Conflict):
        await bench.run_pass()
    assert SetWeight("shop", 0) in bench.cluster.effects
    seen = bench.cluster.seen[0]
    assert (seen.spec, seen.generation) == (case.spec, 8)


async def test_an_unreadable_spec_is_a_problem_until_it_is_mended():
    bench = await settled(bench_of(at_rest()))
    good = bench.cluster.rollouts[KEY]["spec"]
    edited(bench, spec={"replicas": "many"})
    await bench.run_pass()
    assert "spec.replicas" in bench.status.message
    ready = next(one for one in bench.status.conditions if one.type == "Stalled")
    assert (ready.status, ready.reason) == ("True", reasons.INVALID_SPEC)
    edited(bench, spec=good)
    await bench.run_pass()
    assert bench.status.state is State.HEALTHY
    assert all(one.type != "Stalled" for one in bench.status.conditions)


# ---------------------------------------------------------------- comings and goings


async def test_a_rollout_that_is_gone_is_forgotten_and_its_actions_refused():
    bench = await settled(bench_of(in_phase()))
    bench.cluster.rollouts.clear()
    await bench.run_pass()
    assert bench.loop._memories == {}
    assert bench.loop._alarms._due == {}
    assert (bench.cluster.forgotten, bench.journal.forgotten) == ([KEY], [KEY])
    assert bench.cluster.orphans == [KEY]


DELETED = {"deletionTimestamp": "2026-05-01T11:59:59Z"}


async def test_a_rollout_that_is_being_deleted_and_that_we_do_not_hold_is_left_alone():
    bench = bench_of(in_phase())
    bench.cluster.rollouts[KEY] = body_of(in_phase(), finalizers=["somebody/else"], **DELETED)
    await bench.run_pass()
    assert (bench.cluster.seen, bench.cluster.statuses) == ([], [])


async def test_a_rollout_that_is_deleted_in_the_middle_of_a_run_is_sent_back():
    bench = bench_of(in_phase())
    bench.cluster.rollouts[KEY] = body_of(in_phase(), **DELETED)
    await bench.run_pass()
    assert bench.cluster.effects[0] == SetWeight("shop", 0)
    assert bench.cluster.statuses[0].run is None


async def test_a_rollout_made_anew_is_remembered_anew():
    bench = await settled(bench_of(in_phase()))
    bench.cluster.rollouts[KEY] = body_of(at_rest(), uid="u2", version="1")
    bench.cluster.observed = at_rest().observed
    await bench.run_pass()
    assert remembered(bench).uid == "u2"
    assert bench.status.run is None


async def test_a_rollout_at_rest_is_written_once():
    bench = await settled(bench_of(at_rest()))
    for _ in range(5):
        await bench.run_pass()
    assert (bench.cluster.statuses, bench.cluster.effects) == ([], [])


# ---------------------------------------------------------------- writes that fail


async def test_a_refused_write_is_told_in_the_status():
    bench = bench_of(in_phase(actions=(asked(Verb.ABORT),)))
    bench.cluster.apply_errors = [ApiRefused("admission says no")]
    with pytest.raises(ApiRefused):
        await bench.run_pass()
    assert bench.status.message == "the API server refuses a write: admission says no"


async def test_a_write_that_keeps_failing_is_told_after_a_while_and_not_at_once():
    bench = bench_of(in_phase(weights=(30,)))
    said = []
    for _ in range(FAILURES_UNSAID + 1):
        bench.cluster.apply_errors = [ApiUnavailable("500 injected")]
        with pytest.raises(ApiUnavailable):
            await bench.run_pass()
        remembered(bench).failures += 1
        said.append("keeps failing" in bench.status.message)
    assert said == [False] * FAILURES_UNSAID + [True]
    assert bench.status.message.endswith("500 injected")


async def test_a_verdict_is_stored_though_its_write_did_not_arrive():
    case = in_phase(actions=(asked(Verb.ABORT),))
    bench = bench_of(case)
    bench.cluster.apply_errors = [ApiUnavailable("away")]
    with pytest.raises(ApiUnavailable):
        await bench.run_pass()
    assert bench.status.run is None
    assert bench.status.reverted_revision == "B"


async def test_a_problem_is_looked_at_again():
    problem = Problem(reasons.VIRTUAL_SERVICE_NOT_FOUND, "not there")
    bench = bench_of(at_rest(problems=(problem,)))
    await bench.run_pass()
    assert bench.status.message.startswith("not there")
    assert wait_s(bench) <= 30


# ---------------------------------------------------------------- asking


async def test_what_is_due_is_asked_once_until_it_is_answered():
    bench = bench_of(in_phase())
    await bench.run_pass()
    await bench.run_pass()
    pending = bench.loop._asker._pending
    assert sorted(str(one.ask.check_id) for one in pending) == ["None", "guard/0"]
    for one in tuple(pending):
        traffic = TrafficReading(NOON, 5.0, by_revision={"A": 90, "B": 10})
        bench.loop._answered(one, read(0, 0.001) if one.question else traffic)
    assert remembered(bench).asking == set()
    assert len(remembered(bench).snapshot()["guard/0"]) == 1
    assert remembered(bench).traffic is not None
    assert len(bench.loop.queue) == 1


async def test_an_answer_about_an_earlier_run_is_not_kept():
    bench = bench_of(in_phase())
    await bench.run_pass()
    asked_of = next(one for one in bench.loop._asker._pending if one.question)
    remembered(bench).begin(99, "other checks")
    bench.loop._answered(asked_of, read(0, 0.9))
    assert remembered(bench).snapshot() == {}
    assert asked_of.ask.check_id not in remembered(bench).asking


async def test_an_answer_for_a_rollout_that_is_gone_is_dropped():
    bench = bench_of(in_phase())
    await bench.run_pass()
    asked_of = bench.loop._asker._pending[0]
    bench.loop.forget(KEY)
    bench.loop._answered(asked_of, TrafficReading(NOON, 5.0))
    assert bench.loop._memories == {}
