"""A new leader touches what is in flight before it decides; what rests it leaves alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.controller.fakes import KEY, Bench, until
from tests.controller.worlds import bench_of
from tests.core.scenes import Case, asked, at_rest, in_phase
from tidegate.api.actions import Verb
from tidegate.api.rollout import Rollout
from tidegate.api.takeover import WorkloadStage, WorkloadStatus
from tidegate.core.decision import SetWeight
from tidegate.core.leaving import GIVE_BACK_S_UNREADABLE, LEAVE_S_MAX
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict


def written_under(case: Case, epoch: int, *, now: int) -> Bench:
    """A bench of the leader `now`; the status was written by the leader `epoch`."""
    status = case.status.model_copy(update={"epoch": epoch, "observed_generation": 7})
    bench = bench_of(replace(case, status=status))
    bench.cluster.epoch = now
    return bench


async def test_a_run_is_claimed_before_anything_else_is_written():
    bench = written_under(in_phase(), 1, now=2)
    order: list[str] = []
    claim, write = bench.cluster.claim, bench.cluster.write_status

    async def noted_claim(rollout):
        order.append("claim")
        await claim(rollout)

    async def noted_write(key, version, status):
        order.append(f"status {status.epoch}")
        return await write(key, version, status)

    bench.cluster.claim, bench.cluster.write_status = noted_claim, noted_write
    await bench.run_pass()
    assert order[:2] == ["claim", "status 2"]
    assert order.count("claim") == 1
    assert bench.cluster.statuses[0].run == in_phase().status.run


async def test_what_the_last_leader_may_not_have_recorded_is_recorded_before_it_is_replaced():
    bench = written_under(in_phase(weights=(50,)), 1, now=2)

    async def away(rollout, effect):
        raise ApiUnavailable("away")

    bench.cluster.apply = away
    with pytest.raises(ApiUnavailable):
        await bench.run_pass()
    recorder = asyncio.create_task(bench.loop._recorder.run())
    await until(lambda: bench.journal.written)
    recorder.cancel()
    assert [status.run.number for status in bench.journal.written] == [3]


async def test_a_rollout_of_ones_own_epoch_is_not_claimed_again():
    bench = written_under(in_phase(), 2, now=2)
    await bench.run_pass()
    assert bench.cluster.claimed == []


async def test_what_rests_is_neither_claimed_nor_written():
    bench = written_under(at_rest(), 2, now=2)
    await bench.run_pass()  # brings the made-up status into the shape the operator keeps
    bench.cluster.statuses.clear()
    bench.cluster.epoch = 3
    await bench.run_pass()
    assert bench.cluster.claimed == []
    assert bench.cluster.statuses == []


async def test_what_was_never_written_needs_no_claim():
    case = in_phase()
    bench = bench_of(replace(case, status=case.status.model_copy(update={"run": None})))
    bench.cluster.epoch = 2
    await bench.run_pass()
    assert bench.cluster.claimed == []


async def test_a_claim_that_meets_another_write_looks_again():
    bench = written_under(in_phase(), 1, now=2)
    errors = [Conflict("somebody else wrote")]
    claim = bench.cluster.claim

    async def torn(rollout):
        if errors:
            raise errors.pop()
        await claim(rollout)

    bench.cluster.claim = torn
    await bench.run_pass()
    assert len(bench.cluster.claimed) == 1
    assert bench.status.epoch == 2


REFUSED = ApiRefused("a policy says no")


@pytest.mark.parametrize("error", [REFUSED, ApiUnavailable("no answer")], ids=["refused", "away"])
async def test_traffic_goes_back_though_the_claim_fails(error: Exception):
    bench = written_under(in_phase(actions=(asked(Verb.ABORT),)), 1, now=2)

    async def fails(rollout: Rollout) -> None:
        raise error

    bench.cluster.claim = fails
    with pytest.raises(type(error)):
        await bench.run_pass()
    assert bench.cluster.effects == [SetWeight("shop", 0)]
    assert bench.status.run is None
    assert bench.status.epoch == 1, "it is not taken over yet"


async def test_nothing_else_is_written_while_the_claim_fails_and_people_see_why():
    bench = written_under(in_phase(weights=(0,)), 1, now=2)

    async def fails(rollout: Rollout) -> None:
        raise REFUSED

    bench.cluster.claim = fails
    with pytest.raises(ApiRefused):
        await bench.run_pass()
    assert bench.cluster.effects == []
    assert "a policy says no" in bench.status.message
    assert bench.status.epoch == 1
    assert bench.loop._memories[KEY].asking


async def test_who_did_not_take_it_over_does_not_say_so():
    bench = written_under(in_phase(), 1, now=2)
    body = bench.cluster.rollouts[KEY]
    bench.cluster.rollouts[KEY] = {**body, "spec": {**body["spec"], "replicas": "many"}}
    await bench.run_pass()
    assert bench.status.state == "Invalid"
    assert bench.status.epoch == 1


async def test_a_deletion_is_let_go_in_time_though_the_spec_cannot_be_read():
    bench = written_under(in_phase(), 0, now=0)
    body = bench.cluster.rollouts[KEY]
    deleted = (bench.clock.now() - timedelta(seconds=LEAVE_S_MAX)).isoformat()
    meta = {**body["metadata"], "deletionTimestamp": deleted.replace("+00:00", "Z")}
    spec = {**body["spec"], "replicas": "many"}
    bench.cluster.rollouts[KEY] = {**body, "metadata": meta, "spec": spec}
    await bench.run_pass()
    assert bench.cluster.released == []
    assert KEY in bench.loop._alarms._due
    bench.clock.advance(30)
    await bench.run_pass()
    assert bench.cluster.released == [KEY]


async def test_a_deletion_that_gives_a_deployment_back_gets_the_time_for_it():
    taken = WorkloadStatus(name="shop", stage=WorkloadStage.GIVING_BACK, replicas=4)
    bench = written_under(at_rest().status_with(workload=taken), 0, now=0)
    body = bench.cluster.rollouts[KEY]
    deleted = (bench.clock.now() - timedelta(seconds=LEAVE_S_MAX + 60)).isoformat()
    meta = {**body["metadata"], "deletionTimestamp": deleted.replace("+00:00", "Z")}
    spec = {**body["spec"], "replicas": "many"}
    bench.cluster.rollouts[KEY] = {**body, "metadata": meta, "spec": spec}
    await bench.run_pass()
    assert bench.cluster.released == []
    bench.clock.advance(GIVE_BACK_S_UNREADABLE)
    await bench.run_pass()
    assert bench.cluster.released == [KEY]


async def poisoned(bench: Bench, error: Exception) -> None:
    """What the loop does when a pass has failed for a bug of ours."""
    await bench.loop._statuses.say_poisonous(KEY, bench.loop._memories[KEY], error)


async def test_a_poisonous_rollout_says_so_itself(caplog: pytest.LogCaptureFixture):
    bench = written_under(at_rest(), 0, now=0)
    await bench.run_pass()
    error = RuntimeError("boom")
    await poisoned(bench, error)
    assert bench.status.state == "Invalid"
    assert "RuntimeError" in bench.status.message
    stalled = next(c for c in bench.status.conditions if c.type == "Stalled")
    assert (stalled.status, stalled.reason) == ("True", "InternalError")
    written = len(bench.cluster.statuses)
    await poisoned(bench, error)
    assert len(bench.cluster.statuses) == written
    await bench.run_pass()
    assert bench.status.state == "Healthy"
