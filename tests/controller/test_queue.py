"""One pass a key at a time, nothing lost, the urgent first."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.controller.queue import KeyQueue, Lane

A, B, C = ("n", "a"), ("n", "b"), ("n", "c")
LANES = st.sampled_from(list(Lane))
KEYS = st.sampled_from([A, B, C])
STEPS = st.lists(
    st.tuples(st.just("add"), KEYS, LANES)
    | st.tuples(st.just("take"), KEYS, LANES)
    | st.tuples(st.just("done"), KEYS, LANES),
    max_size=40,
)


def take_now(queue):
    """What a worker would get at once, or None."""
    work = queue.take()
    try:
        work.send(None)
    except StopIteration as got:
        return got.value
    finally:
        work.close()
    return None


class Model:
    """What each key waits for, written as plainly as can be."""

    def __init__(self):
        self.wanted: dict = {}
        self.running: dict = {}

    def add(self, key, lane):
        place = self.running if key in self.running else self.wanted
        known = place.get(key)
        place[key] = lane if known is None else min(lane, known)

    def done(self, key):
        again = self.running.pop(key, None)
        if again is not None:
            self.add(key, again)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(STEPS)
def test_no_key_runs_twice_none_is_lost_and_the_urgent_come_first(steps):
    asyncio.run(follow(steps))


async def follow(steps):
    queue, model = KeyQueue(), Model()
    for what, key, lane in steps:
        if what == "add":
            queue.add(key, lane)
            model.add(key, lane)
        elif what == "done":
            if key in model.running:
                queue.done(key)
                model.done(key)
        else:
            expect_take(queue, model)
        again = sum(lane is not None for lane in model.running.values())
        assert len(queue) == len(model.wanted) + again
    while model.wanted or model.running:
        for key in tuple(model.running):
            queue.done(key)
            model.done(key)
        while model.wanted:
            expect_take(queue, model)
    assert take_now(queue) is None
    assert len(queue) == 0


def expect_take(queue, model):
    got = take_now(queue)
    if not model.wanted:
        assert got is None
        return
    assert got not in model.running
    assert model.wanted[got] == min(model.wanted.values())
    del model.wanted[got]
    model.running[got] = None


def test_a_lane_is_served_in_the_order_of_asking():
    async def ask():
        queue = KeyQueue()
        for key in (B, A, C, B):
            queue.add(key, Lane.PROGRESS)
        return [await queue.take() for _ in range(3)]

    assert asyncio.run(ask()) == [B, A, C]


def test_a_more_urgent_wish_moves_a_key_ahead_and_a_lesser_one_does_not():
    async def ask():
        queue = KeyQueue()
        for key in (A, B):
            queue.add(key, Lane.PROGRESS)
        queue.add(B, Lane.ABORT)
        queue.add(B, Lane.STATUS)
        return [await queue.take() for _ in range(2)]

    assert asyncio.run(ask()) == [B, A]


async def test_a_worker_that_waits_is_woken():
    queue = KeyQueue()
    waiting = [asyncio.create_task(queue.take()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.add(A, Lane.STATUS)
    queue.add(B, Lane.STATUS)
    async with asyncio.timeout(30):
        done, rest = await asyncio.wait(waiting[:2])
    assert {task.result() for task in done} == {A, B}
    assert not rest
    waiting[2].cancel()
    with suppress(asyncio.CancelledError):
        await waiting[2]
    queue.add(C, Lane.STATUS)
    assert await queue.take() == C


async def test_workers_share_the_keys_and_never_one_key():
    queue, running, served = KeyQueue(), set(), []

    async def work():
        while True:
            key = await queue.take()
            assert key not in running
            running.add(key)
            await asyncio.sleep(0)
            queue.add(A, Lane.STATUS) if len(served) < 20 else None
            running.discard(key)
            served.append(key)
            queue.done(key)

    workers = [asyncio.create_task(work()) for _ in range(4)]
    for key in (A, B, C):
        queue.add(key, Lane.PROGRESS)
    async with asyncio.timeout(30):
        while len(queue) or running or len(served) < 20:
            assert not any(worker.done() for worker in workers)
            await asyncio.sleep(0)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert {B, C} <= set(served)
