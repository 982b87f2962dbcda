"""One operator process in virtual time: passes, alarms, answers on their way, and its end."""

from __future__ import annotations

import asyncio
from math import inf

from tests.controller.fakes import KEY
from tests.model.plant import Server, WorldCluster, loop_over
from tests.properties.measured import read_errors
from tests.properties.world import EPOCH
from tidegate.controller.asking import Asked
from tidegate.core.observation import Reading, TrafficReading
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone

ANSWER_S = 0.2
"""Seconds from a question to its answer."""
PASSES_MAX = 50
"""More passes than this without any time passing is a livelock."""
TURN_S = 5.0
"""The longest the process stays without a pass: what a resync would do."""


class Process:
    """A leader over a server; another one takes over when it is gone."""

    def __init__(self, server: Server, runner: asyncio.Runner) -> None:
        self.server = server
        self.runner = runner
        self.cluster = WorldCluster(server)
        self.loop = loop_over(self.cluster)
        self.on_the_way: list[tuple[float, Asked, Reading | TrafficReading]] = []
        self.answering = True

    @property
    def now_s(self) -> float:
        """Seconds of the simulation."""
        return self.server.world.now_s

    def one_pass(self) -> None:
        """What a worker does with the key."""
        try:
            self.runner.run(self.loop._pass(KEY))
        except (ApiUnavailable, ApiRefused, Conflict, Gone) as error:
            self.loop._retry_later(KEY, error)
        self._ask()

    def _ask(self) -> None:
        asker = self.loop._asker
        asked, asker._pending = asker._pending, []
        world, run = self.server.world, self.server.status.run
        for one in asked:
            answer: Reading | TrafficReading
            if one.question is None:
                answer = world.read_traffic()
            else:
                answer = read_errors(world, run.to_revision if run else "")
            self.on_the_way.append((self.now_s + ANSWER_S, one, answer))

    def _answer(self) -> bool:
        due = [item for item in self.on_the_way if item[0] <= self.now_s]
        if not self.answering or not due:
            return False
        self.on_the_way = [item for item in self.on_the_way if item[0] > self.now_s]
        for _, asked, answer in due:
            memory = self.loop._memories.get(KEY)
            if asked.ask.check_id and memory is not None and memory.epoch == asked.epoch:
                assert isinstance(answer, Reading)
                self.server.watch.reading(asked.ask.check_id, answer)
            self.loop._answered(asked, answer)
        return True

    def _alarm_s(self) -> float:
        at = self.loop._alarms._due.get(KEY)
        return inf if at is None else (at - EPOCH).total_seconds()

    def live(self, until_s: float) -> None:
        """Let time pass, with a pass whenever something could want one."""
        still = 0
        while True:
            self.one_pass()
            if self.now_s >= until_s:
                return
            arrival = min((item[0] for item in self.on_the_way), default=inf)
            if not self.answering:
                arrival = inf
            wakes = (self._alarm_s(), arrival, self.server.world.next_ready_s())
            wake_s = min(*wakes, until_s, self.now_s + TURN_S)
            still = 0 if wake_s > self.now_s else still + 1
            assert still < PASSES_MAX, f"livelock: {self.server.status.message}"
            self.server.world.advance(max(wake_s, self.now_s + 0.001))
            self._answer()
