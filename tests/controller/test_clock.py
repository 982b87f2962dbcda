"""Time that nobody's clock change can bend, and that all operators agree on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tidegate.controller.clock import SKEW_S_MAX, SteadyClock

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Machine:
    """A wall clock that can be set and a steady one that cannot."""

    def __init__(self) -> None:
        self.wall_s = NOON.timestamp()
        self.steady_s = 5000.0

    def passes(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds

    def clock(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall_s, lambda: self.steady_s)


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_setting_the_clock_neither_ends_a_hold_nor_makes_it_endless(jump_s: float):
    machine = Machine()
    clock = machine.clock()
    machine.passes(60)
    machine.wall_s += jump_s
    assert clock.now() - NOON == timedelta(seconds=60)


def test_a_clock_that_agrees_with_the_server_is_used_to_the_millisecond():
    machine = Machine()
    clock = machine.clock()
    machine.wall_s += 0.4
    assert clock.agree_with(NOON) == pytest.approx(0.4)
    assert clock.now() == NOON + timedelta(seconds=0.4)


@pytest.mark.parametrize("skew_s", [600.0, -600.0, SKEW_S_MAX + 0.5])
def test_a_clock_that_is_off_gives_way_to_the_servers(skew_s: float):
    machine = Machine()
    machine.wall_s += skew_s
    clock = machine.clock()
    assert clock.agree_with(NOON) == pytest.approx(skew_s)
    assert clock.now() == NOON
    machine.passes(30)
    assert clock.now() == NOON + timedelta(seconds=30)


def test_the_real_clock_shows_the_time_of_day():
    assert abs(SteadyClock().now() - datetime.now(UTC)) < timedelta(seconds=1)
