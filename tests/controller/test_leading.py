"""Who leads: taken when free, kept while renewed, given back, and left at once when lost.

The Lease lives on a fake API server, time is a steady clock that the test moves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi, connected, serving
from tests.controller.fakes import SetClock, until
from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.fence import Fence
from tidegate.adapters.kubernetes.leases import LeaseLock
from tidegate.controller.leading import Elector, Times

LEASES = "/apis/coordination.k8s.io/v1/namespaces/ops/leases"
LEASE = f"{LEASES}/tidegate"
QUICK = Times(lease_s=15.0, renew_within_s=10.0, renew_every_s=0.01, look_every_s=0.005)


class LostError(Exception):
    """What stands in for the end of the process."""


@dataclass
class Process:
    """One operator as far as its leadership goes; `stamped` is the highest epoch on Rollouts."""

    api: Api
    name: str
    now_s: float = 1000.0
    stamped: int = 0
    fence: Fence = field(init=False)
    elector: Elector = field(init=False)

    def __post_init__(self) -> None:
        self.fence = Fence(now_s=lambda: self.now_s, lost=self._lost)
        lock = LeaseLock(self.api, "ops", "tidegate", self.name)
        self.elector = Elector(lock, self.fence, SetClock(), self._highest, QUICK)

    async def _highest(self) -> int:
        return self.stamped

    @staticmethod
    def _lost(why: str):
        raise LostError(why)


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeApi]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with serving() as made:
        yield made


@pytest.fixture
async def one(served: FakeApi) -> AsyncIterator[Process]:
    async with connected(served) as api:
        yield Process(api, "one")


@pytest.fixture
async def two(served: FakeApi) -> AsyncIterator[Process]:
    async with connected(served) as api:
        yield Process(api, "two")


def spec(served: FakeApi) -> dict[str, Any]:
    """The Lease as it is stored."""
    found: dict[str, Any] = served.objects[LEASE]["spec"]
    return found


async def stays_out(process: Process, served: FakeApi) -> None:
    """It looks several times and does not get in."""
    looks = len(served.made("GET", LEASE))
    task = asyncio.create_task(process.elector.acquire())
    await until(lambda: task.done() or len(served.made("GET", LEASE)) >= looks + 3)
    task.cancel()
    assert not process.fence.open


# ---------------------------------------------------------------- taking it


async def test_the_first_one_leads_with_the_first_epoch(one: Process, served: FakeApi):
    assert not one.fence.open
    await one.elector.acquire()
    assert spec(served)["holderIdentity"] == "one"
    assert (one.fence.epoch, spec(served)["leaseTransitions"]) == (1, 1)
    assert one.fence.open


async def test_a_held_lease_keeps_others_out_until_it_was_seen_unchanged_for_its_length(
    one: Process, two: Process, served: FakeApi
):
    await one.elector.acquire()
    await stays_out(two, served)
    two.now_s += 14.9
    await stays_out(two, served)
    two.now_s += 0.1
    await two.elector.acquire()
    assert (spec(served)["holderIdentity"], two.fence.epoch) == ("two", 2)


async def test_every_renewal_that_is_seen_starts_the_wait_anew(
    one: Process, two: Process, served: FakeApi
):
    await one.elector.acquire()
    await stays_out(two, served)
    two.now_s += 14.9
    await one.elector._renew()
    await stays_out(two, served)
    two.now_s += 14.9
    await stays_out(two, served)


async def test_the_holders_clock_and_stamps_decide_nothing(
    one: Process, two: Process, served: FakeApi
):
    """Ten minutes of skew, either way: only the watcher's own seconds count."""
    await one.elector.acquire()
    for stamp in ("2020-01-01T00:00:00.000000Z", "2040-01-01T00:00:00.000000Z"):
        body = served.objects[LEASE]
        served.put(LEASE, {**body, "spec": {**body["spec"], "renewTime": stamp}})
        await stays_out(two, served)


async def test_a_restarted_container_goes_on_at_once_under_a_new_epoch(
    one: Process, served: FakeApi
):
    await one.elector.acquire()
    again = Process(one.api, "one")
    await again.elector.acquire()
    assert again.fence.epoch == 2
    with pytest.raises(LostError, match="held by one now"):
        await one.elector._renew()


async def test_an_epoch_is_higher_than_any_that_a_rollout_was_written_under(
    one: Process, two: Process, served: FakeApi
):
    await one.elector.acquire()
    await one.elector.release()
    two.stamped = 41
    await two.elector.acquire()
    assert two.fence.epoch == 42


async def test_a_lease_that_vanished_is_waited_out_where_somebody_led_before(
    one: Process, two: Process, served: FakeApi
):
    two.stamped = 7
    await stays_out(two, served)
    two.now_s += 15.0
    await two.elector.acquire()
    assert two.fence.epoch == 8


async def test_two_that_start_at_once_do_not_both_lead(one: Process, two: Process, served: FakeApi):
    for _ in range(20):
        served.objects.pop(LEASE, None)
        first, second = Process(one.api, "one"), Process(two.api, "two")
        tries = await asyncio.gather(first.elector._tried(), second.elector._tried())
        assert sorted(tries) == [False, True]


async def test_an_api_server_in_trouble_is_waited_for(one: Process, served: FakeApi):
    served.says("GET", LEASE, 503, {"message": "away"})
    served.says("GET", LEASE, 403, {"message": "no right"})
    await one.elector.acquire()
    assert one.fence.open


# ---------------------------------------------------------------- keeping it


async def test_a_renewal_counts_from_when_it_was_sent(one: Process):
    await one.elector.acquire()
    one.now_s += 9.0
    sent_s, renew = one.now_s, one.elector._lock.renew

    async def slow(*args):
        one.now_s += 4.0
        return await renew(*args)

    one.elector._lock.renew = slow
    await one.elector._renew()
    assert one.fence.valid_until_s == sent_s + 10.0


async def test_a_leader_that_cannot_renew_in_time_ends(one: Process, served: FakeApi):
    await one.elector.acquire()
    for _ in range(50):
        served.says("PUT", LEASE, 500, {"message": "no quorum"})
    task = asyncio.create_task(one.elector.renew())
    await until(lambda: len(served.made("PUT", LEASE)) >= 2)
    assert not task.done()
    one.now_s += 10.0
    with pytest.raises(LostError, match="could not be renewed in time"):
        await asyncio.wait_for(task, 30)


async def test_a_leader_that_slept_too_long_ends_before_it_asks(one: Process, served: FakeApi):
    await one.elector.acquire()
    one.now_s += 25.0
    with pytest.raises(LostError):
        await asyncio.wait_for(one.elector.renew(), 30)
    assert served.made("PUT", LEASE) == []


async def test_a_lease_that_somebody_else_took_ends_the_process(
    one: Process, two: Process, served: FakeApi
):
    await one.elector.acquire()
    await stays_out(two, served)
    two.now_s += 15.0
    await two.elector.acquire()
    with pytest.raises(LostError, match="held by two now"):
        await one.elector._renew()


async def test_a_label_on_the_lease_costs_nobody_anything(one: Process, served: FakeApi):
    await one.elector.acquire()
    body = served.objects[LEASE]
    served.put(LEASE, {**body, "metadata": {**body["metadata"], "labels": {"team": "ops"}}})
    await one.elector._renew()
    await one.elector._renew()
    assert one.fence.epoch == 1
    assert served.objects[LEASE]["metadata"]["labels"] == {"team": "ops"}


async def test_a_deleted_lease_is_made_anew_with_a_higher_epoch(
    one: Process, two: Process, served: FakeApi
):
    await one.elector.acquire()
    await stays_out(two, served)
    del served.objects[LEASE]
    two.stamped = 1
    await stays_out(two, served)
    await one.elector._renew()
    assert (one.fence.epoch, spec(served)["leaseTransitions"]) == (2, 2)


async def test_a_deleted_lease_that_somebody_else_made_ends_the_process(
    one: Process, two: Process, served: FakeApi
):
    await one.elector.acquire()
    del served.objects[LEASE]
    served.says("PUT", LEASE, 404, {"message": "gone"})
    await two.elector.acquire()
    with pytest.raises(LostError, match="taken by somebody else"):
        await one.elector._renew()


# ---------------------------------------------------------------- giving it back


async def test_a_lease_given_back_is_taken_at_the_next_look(
    one: Process, two: Process, served: FakeApi
):
    await one.elector.acquire()
    await stays_out(two, served)
    await one.elector.release()
    assert not one.fence.open
    await two.elector.acquire()
    assert two.fence.epoch == 2


async def test_a_lease_whose_last_renewal_was_not_heard_of_is_given_back_all_the_same(
    one: Process, served: FakeApi
):
    await one.elector.acquire()
    served.put(LEASE, served.objects[LEASE])  # the renewal landed; its answer was cancelled
    await one.elector.release()
    assert spec(served)["holderIdentity"] == ""


async def test_a_standby_that_stops_gives_nothing_back(one: Process, two: Process, served: FakeApi):
    await one.elector.acquire()
    await two.elector.release()
    assert spec(served)["holderIdentity"] == "one"


async def test_a_leader_whose_time_is_over_leaves_the_lease_alone(one: Process, served: FakeApi):
    """It may be somebody else's by now; and if it is not, it runs out by itself."""
    await one.elector.acquire()
    one.now_s += 10.0
    await one.elector.release()
    assert served.made("PUT", LEASE) == []
