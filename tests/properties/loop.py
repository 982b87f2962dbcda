"""The controller's loop over the simulated cluster: decide, one write, store, decide again."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf

from tests.properties.measured import read_errors
from tests.properties.watch import Watch
from tests.properties.world import EPOCH, WRITE_S, World, moment
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.api.status import RolloutStatus
from tidegate.core.check import Check
from tidegate.core.decide import decide
from tidegate.core.decision import (
    Ask,
    Decision,
    Effect,
    HoldRollout,
    Note,
    ReleaseRollout,
)
from tidegate.core.observation import Reading, TrafficReading
from tidegate.core.scene import Scene
from tidegate.core.storing import intent_changed, stored_first, told_already, worth_writing
from tidegate.core.verdicts import READINGS_MAX

PASSES_MAX = 60
"""More decisions than this without any time passing is a livelock."""

Script = list[tuple[float, Callable[["Operator"], None]]]


class Crashed(Exception):
    """The process died right after a write."""


@dataclass
class Memory:
    """What the process knows and loses when it dies."""

    working: RolloutStatus
    readings: dict[str, tuple[Reading, ...]] = field(default_factory=dict)
    traffic: TrafficReading | None = None
    on_the_way: list[tuple[float, int, Ask, Reading | TrafficReading]] = field(default_factory=list)
    about: str | None = None


class Operator:
    """One operator, one Rollout, one world."""

    def __init__(self, world: World, spec: RolloutSpec, *, watch: Watch | None = None) -> None:
        self.world = world
        self.rollout = Rollout(
            name="shop",
            namespace="shop",
            uid="u",
            resource_version="1",
            generation=1,
            deleting=False,
            spec=spec,
        )
        self.stored = RolloutStatus()
        self.memory = Memory(self.stored)
        self.watch = watch or Watch()
        self.writes = 0
        self.crash_after: frozenset[int] = frozenset()
        self.restart_s = 2.0
        self.effects: list[tuple[float, Effect]] = []
        self.notes: list[Note] = []
        self.decisions = 0
        self._asked = 0
        self._script: list[tuple[float, int, Callable[[Operator], None]]] = []

    @property
    def status(self) -> RolloutStatus:
        """The status as people see it."""
        return self.stored

    @property
    def last_event_s(self) -> float:
        """When the last thing that is planned happens."""
        return max((item[0] for item in self._script), default=self.world.now_s)

    def edit(self, **fields: object) -> None:
        """Change the spec, as a user would."""
        spec = self.rollout.spec.model_copy(update=fields)
        self.rollout = replace(self.rollout, spec=spec, generation=self.rollout.generation + 1)

    def delete(self) -> None:
        """Delete the Rollout, as a user would: it stays for as long as it is held."""
        self.rollout = replace(self.rollout, deleting=True, deleted_at=moment(self.world.now_s))

    @property
    def gone(self) -> bool:
        """Whether it is deleted and nobody holds it any more."""
        return self.rollout.deleting and not self.rollout.held

    def at(self, at_s: float, do: Callable[[Operator], None]) -> None:
        """Do something at that second."""
        heapq.heappush(self._script, (at_s, len(self._script), do))

    def decided(self) -> Decision:
        """Decide on the world as it is, and change nothing."""
        observed = self.world.observe(self.memory.readings, self.memory.traffic)
        now = moment(self.world.now_s)
        decision = decide(self.rollout, self.memory.working, observed, now)
        self.decisions += 1
        return decision

    def run(self, until_s: float, *, stop: Callable[[Operator], bool] | None = None) -> None:
        """Live until then, or until `stop` is seen at a quiet moment or right after a crash."""
        while True:
            try:
                wake_s = self.settle()
            except Crashed:
                self._restart()
                if stop is not None and stop(self):
                    return
                continue
            if self.world.now_s >= until_s or (stop is not None and stop(self)):
                return
            arrival = min((item[0] for item in self.memory.on_the_way), default=inf)
            act = self._script[0][0] if self._script else inf
            self._pass_time(min(wake_s, arrival, act, self.world.next_ready_s(), until_s))

    def _pass_time(self, until_s: float) -> None:
        self.world.advance(until_s)
        self._deliver()
        while self._script and self._script[0][0] <= self.world.now_s:
            heapq.heappop(self._script)[2](self)

    def _restart(self) -> None:
        self.watch.crashes += 1
        self.world.hooks.operator_died()
        self.memory = Memory(self.stored)
        self._pass_time(self.world.now_s + self.restart_s)

    def settle(self) -> float:
        """Decide and write until nothing is left to do now; the second to wake at."""
        for _ in range(PASSES_MAX):
            if self.gone:
                return inf
            self._forget_other_revisions()
            decision = self.decided()
            self.watch.decision(self.world, self.rollout, self.memory.working, decision)
            self._ask(decision.asks)
            if stored_first(self.stored, decision.status, decision.effect):
                self._store(decision.status)
                self.notes += told_already(decision.notes)
                continue
            self.notes += decision.notes
            if decision.effect is not None:
                self._do(decision)
            elif worth_writing(self.stored, decision.status, moment(self.world.now_s)):
                self._store(decision.status)
            else:
                self.memory.working = decision.status
                if decision.wake_at is None:
                    return inf
                return (decision.wake_at - EPOCH).total_seconds()
        raise AssertionError(f"livelock: {[effect for _, effect in self.effects[-8:]]}")

    def _do(self, decision: Decision) -> None:
        assert decision.effect is not None
        self.watch.effect(self.world, self.rollout, decision)
        self.effects.append((self.world.now_s, decision.effect))
        if isinstance(decision.effect, HoldRollout | ReleaseRollout):
            held = isinstance(decision.effect, HoldRollout)
            self.rollout = replace(self.rollout, held=held)
        self.world.apply(decision.effect)
        self._count()
        if intent_changed(self.stored, decision.status):
            self._store(decision.status)
        self.memory.working = decision.status

    def _store(self, status: RolloutStatus) -> None:
        # What etcd keeps is what survives the way to JSON and back.
        self.stored = RolloutStatus.model_validate_json(status.model_dump_json(by_alias=True))
        self.memory.working = self.stored
        self.world.advance(self.world.now_s + WRITE_S)
        self._count()

    def _count(self) -> None:
        self.writes += 1
        if self.writes in self.crash_after:
            raise Crashed

    # ------------------------------------------------------------ questions

    def _forget_other_revisions(self) -> None:
        run = self.memory.working.run
        about = f"{run.number}" if run else None
        if about != self.memory.about:
            self.memory.about = about
            self.memory.readings = {}
            self.memory.on_the_way = [
                item for item in self.memory.on_the_way if item[2].check_id is None
            ]

    def _ask(self, asks: tuple[Ask, ...]) -> None:
        asked = {item[2].check_id for item in self.memory.on_the_way}
        run = self.memory.working.run
        checks = self._checks() if any(ask.check_id for ask in asks) else {}
        for ask in asks:
            if ask.check_id in asked:
                continue
            answer: Reading | TrafficReading
            if ask.check_id is None:
                answer = self.world.read_traffic()
            elif run is not None:
                stable = self.memory.working.stable_revision
                check = checks.get(ask.check_id)
                bound = check.bound if check else None
                arm = check.variant if check else ""
                about = self.world.arm(arm) if arm else run.to_revision
                answer = read_errors(self.world, about, bound=bound, stable=stable)
            else:
                continue
            self._asked += 1
            due = self.world.now_s + self.world.setting.ask_s
            self.memory.on_the_way.append((due, self._asked, ask, answer))

    def _checks(self) -> dict[str, Check]:
        observed = self.world.observe({}, None)
        scene = Scene(self.rollout, self.memory.working, observed, moment(self.world.now_s))
        return {check.id: check for check in scene.probes()}

    def _deliver(self) -> None:
        memory = self.memory
        due = sorted(item for item in memory.on_the_way if item[0] <= self.world.now_s)
        memory.on_the_way = [item for item in memory.on_the_way if item[0] > self.world.now_s]
        for _, _, ask, answer in due:
            if isinstance(answer, TrafficReading):
                memory.traffic = answer
            elif ask.check_id is not None:
                known = memory.readings.get(ask.check_id, ())
                memory.readings[ask.check_id] = (*known, answer)[-READINGS_MAX:]
                self.watch.reading(ask.check_id, answer)
