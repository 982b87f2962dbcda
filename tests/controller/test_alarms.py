"""Alarms ring when they are due, in order, and once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from tests.controller.fakes import NOON, SetClock, until
from tidegate.controller.alarms import IDLE_WAIT_S, Alarms

A, B, C = ("n", "a"), ("n", "b"), ("n", "c")


def at(seconds):
    return NOON + timedelta(seconds=seconds)


class Bell:
    def __init__(self):
        self.clock = SetClock()
        self.rung = []
        self.alarms = Alarms(self.clock, self.rung.append)

    def after(self, seconds):
        """What rings when that much time passes, and how long the next wait is."""
        self.clock.advance(seconds)
        self.rung.clear()
        wait_s = self.alarms._ring_due()
        return list(self.rung), wait_s


@pytest.fixture
def bell():
    return Bell()


def test_alarms_ring_in_the_order_of_their_times(bell):
    for key, seconds in ((A, 3), (B, 1), (C, 2)):
        bell.alarms.set(key, at(seconds))
    assert bell.after(0.5) == ([], 0.5)
    assert bell.after(2.5) == ([B, C, A], IDLE_WAIT_S)
    assert bell.after(100) == ([], IDLE_WAIT_S)


@pytest.mark.parametrize(("first", "second"), [(1, 5), (5, 1)])
def test_another_alarm_replaces_the_first_one(bell, first, second):
    bell.alarms.set(A, at(first))
    bell.alarms.set(A, at(second))
    assert bell.after(second - 0.5)[0] == []
    assert bell.after(0.5)[0] == [A]
    assert bell.after(10)[0] == []


def test_an_alarm_can_be_taken_away_and_set_again(bell):
    bell.alarms.set(A, at(1))
    bell.alarms.set(A, None)
    bell.alarms.set(B, None)
    bell.alarms.set(A, at(1))
    bell.alarms.set(A, at(1))
    assert bell.after(1)[0] == [A]
    bell.alarms.set(A, at(5))
    bell.alarms.set(A, None)
    assert bell.after(9) == ([], IDLE_WAIT_S)


def test_no_later_keeps_the_earlier_alarm(bell):
    bell.alarms.set_no_later(A, at(5))
    bell.alarms.set_no_later(A, at(9))
    assert bell.after(5)[0] == [A]
    bell.alarms.set_no_later(A, at(20))
    bell.alarms.set_no_later(A, at(7))
    assert bell.after(2)[0] == [A]
    assert bell.after(60)[0] == []


def test_a_far_alarm_is_looked_at_again_in_between(bell):
    bell.alarms.set(A, at(1000))
    assert bell.after(0) == ([], IDLE_WAIT_S)


def test_a_key_may_be_set_again_while_it_rings():
    clock, rung = SetClock(), []

    def ring(key):
        rung.append(key)
        if len(rung) == 1:
            alarms.set(key, at(2))

    alarms = Alarms(clock, ring)
    alarms.set(A, at(1))
    clock.advance(1)
    assert alarms._ring_due() == 1
    clock.advance(1)
    alarms._ring_due()
    assert rung == [A, A]


async def test_an_alarm_set_while_it_sleeps_wakes_it(bell):
    task = asyncio.create_task(bell.alarms.run())
    bell.alarms.set(A, at(1000))
    await asyncio.sleep(0)
    bell.alarms.set(B, NOON)
    await until(lambda: bell.rung == [B])
    bell.alarms.set(C, at(0.01))
    bell.clock.advance(0.02)
    await until(lambda: bell.rung == [B, C])
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
