"""One at a time in the loop: of Rollouts that are decided on at the same time one begins."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from tests.controller.fakes import Bench, FakeCluster, bench
from tests.controller.worlds import body_of
from tests.core.scenes import at_rest, pods
from tidegate.api.policy import Policy, RolloutPolicySpec
from tidegate.api.status import RolloutStatus, State
from tidegate.api.waits import Dependency, OneAtATime
from tidegate.controller import neighbours as module
from tidegate.controller.queue import Lane
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict

NAMES = ("a", "b", "c", "d")
NEW = at_rest(target="B", revisions=(pods("A", 4),), held=True)
OLD = at_rest(target="A", revisions=(pods("A", 4),), held=False)


def turns(name="queue", **fields):
    """A policy that lets one at a time."""
    return Policy(name=name, spec=RolloutPolicySpec(one_at_a_time=OneAtATime(**fields)))


class Slow(FakeCluster):
    """A cluster whose answers take some turns of the loop, drawn from `dice`."""

    dice = random.Random(0)
    lost: list[bool]
    """Of the next writes: whether the write is done though its answer is lost."""

    async def _takes_time(self) -> None:
        for _ in range(self.dice.randrange(6)):
            await asyncio.sleep(0)

    async def observe(self, rollout):
        """As ever, later."""
        await self._takes_time()
        return await super().observe(rollout)

    async def write_status(self, key, version, status):
        """As ever, later, if the version is the stored one."""
        await self._takes_time()
        if self.rollouts[key]["metadata"]["resourceVersion"] != version:
            raise Conflict("it changed")
        done = self.lost.pop(0) if self.lost else None
        if done is False:
            raise ApiUnavailable("no answer")
        if done:
            # The API server has it; our copy learns of it later, by the watch.
            self.late[key] = (version, status)
            raise ApiUnavailable("no answer")
        newer = await super().write_status(key, version, status)
        await self._takes_time()
        return newer

    async def brought(self):
        """The watch brings what was written unseen."""
        for key, (version, status) in self.late.items():
            await FakeCluster.write_status(self, key, version, status)
        self.late.clear()


def line(*policies, names=NAMES, seed=0, labels=None) -> Bench:
    """A loop over that many Rollouts with a new template each."""
    made = bench(NEW.observed)
    cluster = Slow(NEW.observed)
    cluster.dice, cluster.lost, cluster.late = random.Random(seed), [], {}
    cluster.policies.found = policies or (turns(),)
    for name in names:
        body = body_of(NEW, uid=name, name=name, labels=(labels or {}).get(name, {}))
        cluster.rollouts["shop", name] = body
    made.cluster = cluster
    for part in (made.loop, made.loop._statuses, made.loop._neighbours):
        part._cluster = cluster
    return made


def of(made, name):
    """The stored status of one."""
    return RolloutStatus.parse(made.cluster.rollouts["shop", name])


def running(made):
    """Who has a run on."""
    return [key[1] for key in made.cluster.rollouts if of(made, key[1]).run is not None]


async def passes(made, names=NAMES):
    """A pass of each at the same time; what a pass fails with is as a worker takes it."""
    found = await asyncio.gather(
        *(made.loop._pass(("shop", name)) for name in names), return_exceptions=True
    )
    odd = [one for one in found if isinstance(one, BaseException)]
    assert all(isinstance(one, ApiUnavailable | ApiRefused | Conflict) for one in odd), odd


def woken(made):
    """Who is queued, and no more then."""
    lanes = made.loop.queue._lanes
    found = {key[1] for keys in lanes.values() for key in keys}
    for keys in lanes.values():
        keys.clear()
    made.loop.queue._waiting.clear()
    return found


def ended(made, name):
    """Its run is over and recorded as such."""
    key = "shop", name
    memory = made.loop._memories[key]
    over = memory.stored.model_copy(update={"run": None, "phase": None, "stable_revision": "B"})
    return made.loop._statuses._write(key, memory, over)


@pytest.mark.parametrize("seed", range(12))
async def test_of_many_that_are_decided_on_at_once_exactly_one_begins(seed):
    made = line(seed=seed)
    await passes(made)
    assert len(running(made)) == 1
    [first] = running(made)
    waiting = [of(made, name) for name in NAMES if name != first]
    assert {one.wait.reason for one in waiting} == {"WaitingForTurn"}
    await passes(made)
    assert running(made) == [first]


@pytest.mark.parametrize("seed", range(4))
async def test_without_such_a_policy_all_of_them_begin(seed):
    made = line(Policy(name="queue"), seed=seed)
    await passes(made)
    assert running(made) == list(NAMES)


@pytest.mark.parametrize("seed", range(4))
async def test_groups_are_told_apart_by_a_label_and_those_without_it_are_one(seed):
    labels = {"a": {"team": "x"}, "b": {"team": "x"}}
    made = line(turns(group_label="team"), seed=seed, labels=labels)
    await passes(made)
    assert len(running(made)) == 2
    assert len({name in "ab" for name in running(made)}) == 2


async def test_who_came_first_goes_first_whoever_looks_first():
    made = line()
    await passes(made, ("c",))
    for name in ("b", "a", "d"):
        made.clock.advance(10)
        await passes(made, (name,))
    woken(made)
    await ended(made, "c")
    assert woken(made) == {"b"}, "the next one alone is woken"
    made.cluster.observed = NEW.observed
    await passes(made, ("d", "a", "b"))
    assert running(made) == ["b"]


async def test_a_new_process_finds_the_places_in_the_statuses():
    made = line()
    await passes(made, ("c",))
    for name in ("b", "a"):
        made.clock.advance(10)
        await passes(made, (name,))
    await ended(made, "c")
    after = line()
    after.cluster.rollouts = made.cluster.rollouts
    after.clock.time = made.clock.time
    await passes(after, ("a", "b"))
    assert running(after) == ["b"]


@pytest.mark.parametrize("done", [True, False])
async def test_a_beginning_without_an_answer_holds_its_place_until_it_is_known(done):
    made = line()
    made.cluster.lost = [done]
    await passes(made, ("a",))
    await passes(made, ("b", "c"))
    assert running(made) == []
    await made.cluster.brought()
    await passes(made, ("a",))
    assert running(made) == ["a"]
    await passes(made, ("b", "c"))
    assert running(made) == ["a"]


async def test_a_beginning_that_is_refused_holds_up_nobody():
    made = line()
    made.cluster.write_errors = [ApiRefused("no right")]
    await passes(made, ("a",))
    await passes(made, ("b",))
    assert running(made) == ["b"]


async def test_who_is_paused_meanwhile_gives_way_and_the_next_is_woken():
    made = line()
    await passes(made, ("c",))
    for name in ("a", "b"):
        made.clock.advance(10)
        await passes(made, (name,))
    woken(made)
    body = made.cluster.rollouts["shop", "a"]
    meta = {**body["metadata"], "resourceVersion": "900", "generation": 8}
    paused = {**body, "metadata": meta, "spec": body["spec"] | {"paused": True}}
    made.cluster.rollouts["shop", "a"] = paused
    await passes(made, ("a",))
    assert of(made, "a").wait is None
    assert woken(made) == {"b"}
    await ended(made, "c")
    await passes(made, ("b",))
    assert running(made) == ["b"]


@pytest.mark.parametrize("stuck", ["Invalid", "deleting"])
async def test_who_cannot_begin_any_more_holds_up_nobody(stuck):
    made = line(names=("a", "b", "c"))
    await passes(made, ("c",))
    await passes(made, ("a",))
    made.clock.advance(10)
    await passes(made, ("b",))
    body = made.cluster.rollouts["shop", "a"]
    if stuck == "Invalid":
        made.cluster.rollouts["shop", "a"] = body | {
            "status": body["status"] | {"state": "Invalid"}
        }
    else:
        meta = body["metadata"] | {"deletionTimestamp": "2026-05-01T12:00:00Z"}
        made.cluster.rollouts["shop", "a"] = body | {"metadata": meta}
    await ended(made, "c")
    await passes(made, ("b",))
    assert running(made) == ["b"]


async def test_the_deletion_of_who_has_a_run_on_wakes_the_next():
    made = line(names=("a", "b"))
    await passes(made, ("a",))
    await passes(made, ("b",))
    woken(made)
    del made.cluster.rollouts["shop", "a"]
    await passes(made, ("a",))
    assert woken(made) == {"b"}


async def test_a_new_leader_waits_for_the_last_write_of_the_one_before():
    made = line(names=("a",))
    made.cluster.epoch = 7
    made.loop._neighbours.leads()
    body = made.cluster.rollouts["shop", "a"]
    made.cluster.rollouts["shop", "a"] = body | {"status": body["status"] | {"epoch": 7}}
    await passes(made, ("a",))
    assert running(made) == []
    made.clock.advance(module.LAST_LEADERS_WRITES.total_seconds())
    await passes(made, ("a",))
    assert running(made) == ["a"]


async def test_without_a_lease_nobody_waits_for_an_earlier_leader():
    made = line(names=("a",))
    made.loop._neighbours.leads()
    await passes(made, ("a",))
    assert running(made) == ["a"]


# ---------------------------------------------------------------- dependencies


def after(*names, **fields):
    """A policy that has its Rollouts wait for those."""
    depends_on = tuple(Dependency(name=name, **fields) for name in names)
    return Policy(name="order", spec=RolloutPolicySpec(depends_on=depends_on))


async def test_a_run_waits_for_its_dependency_and_is_woken_once_that_is_healthy():
    made = line(after("db"), names=("a", "db"))
    await passes(made, ("a", "db"))
    assert running(made) == ["db"], "nobody waits for itself"
    assert "shop/db at rest, and it is Progressing" in of(made, "a").message
    woken(made)
    memory = made.loop._memories["shop", "db"]
    rest = memory.stored.model_copy(update={"run": None, "phase": None, "state": State.HEALTHY})
    await made.loop._statuses._write(("shop", "db"), memory, rest)
    assert woken(made) == {"a"}
    await passes(made, ("a",))
    assert "a" in running(made)


async def test_a_change_that_was_not_looked_at_yet_is_waited_for():
    made = line(after("db"), names=("a", "db"))
    body = body_of(OLD, name="db")
    rest = OLD.decided().status
    stored = rest.model_copy(update={"observed_generation": 6})
    made.cluster.rollouts["shop", "db"] = body | {"status": stored.as_dict()}
    await passes(made, ("a",))
    assert "its last change was not looked at yet" in of(made, "a").message
    made.cluster.rollouts["shop", "db"] = body | {"status": rest.as_dict()}
    await passes(made, ("a",))
    assert running(made) == ["a"]


@pytest.mark.parametrize(("namespace", "begins"), [(None, False), ("ops", True)])
async def test_a_dependency_is_in_the_namespace_that_is_named_or_in_the_rollouts_own(
    namespace, begins
):
    made = line(after("db", namespace=namespace), names=("a",))
    healthy = body_of(OLD, name="db", namespace="ops") | {"status": OLD.decided().status.as_dict()}
    made.cluster.rollouts["ops", "db"] = healthy
    await passes(made, ("a",))
    assert (running_in(made, "a") is not None) is begins


def running_in(made, name):
    return of(made, name).run


async def test_two_that_wait_for_each_other_say_so():
    made = line(after("a", "b"), names=("a", "b"))
    await passes(made, ("a", "b"))
    await passes(made, ("a", "b"))
    assert running(made) == []
    assert "it waits for another one itself" in of(made, "a").message


async def test_labels_and_policies_are_matched_again_when_they_change():
    made = line()
    await passes(made, ("a",))
    await passes(made, ("b",))
    made.cluster.policies.found = (replace(turns(), name="other"),)
    made.cluster.policies.version += 1
    made.loop.queue.add(("shop", "b"), Lane.PROGRESS)
    await passes(made, ("b",))
    assert of(made, "b").wait.policy == "other"
