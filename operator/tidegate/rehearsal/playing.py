"""The operator's loop in virtual time: decide, one write, store, decide again.

The order of reads and writes is the controller's, with the parts of core that it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from math import inf
from typing import Final

from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus, State
from tidegate.core.check import Check
from tidegate.core.decide import decide
from tidegate.core.decision import Ask, Decision, HoldRollout, Note, ReleaseRollout
from tidegate.core.observation import Reading, TrafficReading
from tidegate.core.scene import Scene, changed
from tidegate.core.storing import intent_changed, stored_first, told_already, worth_writing
from tidegate.core.verdicts import READINGS_MAX
from tidegate.core.whereabouts import in_preflight, preflight_of
from tidegate.rehearsal.setting import Setting, approved
from tidegate.rehearsal.values import window_of
from tidegate.rehearsal.world import EPOCH, World, moment
from tidegate.views.conditions import conditions

OLD: Final = "old"
NEW: Final = "new"
"""The two revisions of every play."""
ANSWER_S: Final = 0.1
"""How long the provider takes to answer."""
TRAFFIC_INTERVAL_S: Final = 5.0
"""How often requests per revision are counted anew, as the operator's settings have it."""
DEPLOYED_S_MAX: Final = 600.0
AT_REST_S: Final = 120.0
"""How long the old revision serves before the release, so that windows are full of it."""
AT_REST: Final = (State.HEALTHY, State.REVERTED)
PASSES_MAX: Final = 100
"""More decisions than this at one moment would be a loop without end."""
DECISIONS_MAX: Final = 500_000
TOLD_MAX: Final = 5_000
"""Lines of a timeline that are kept."""


class End(StrEnum):
    """How a play ends."""

    PROMOTED = "promoted"
    REVERTED = "reverted"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that happened, as the operator tells it; seconds since the release."""

    at_s: float
    phase: str
    weight: int
    reason: str
    message: str
    warning: bool = False


@dataclass(slots=True)
class _Memory:
    """What the process knows beside the status."""

    working: RolloutStatus
    readings: dict[str, tuple[Reading, ...]] = field(default_factory=dict)
    traffic: TrafficReading | None = None
    asked_s: dict[str | None, float] = field(default_factory=dict)
    due: list[tuple[float, Ask, Reading | TrafficReading]] = field(default_factory=list)
    run: int = 0


class Player:
    """One operator, one Rollout, one world; made with the old revision at rest."""

    def __init__(
        self, rollout: Rollout, setting: Setting, *, traffic_s: float = TRAFFIC_INTERVAL_S
    ) -> None:
        asked = preflight_of(rollout.spec) + rollout.spec.phases
        self.granted = tuple(phase.name for phase in asked if phase.approval)
        spec = approved(rollout.spec)
        spec = spec.model_copy(update={"template": {}, "workload_ref": None})
        self.rollout = replace(rollout, spec=spec, deleting=False, held=False)
        self.world = World(setting, OLD)
        self.stored = RolloutStatus()
        self.told: list[Told] = []
        self.told_more = 0
        self.reverted_s: float | None = None
        self.took_s = 0.0
        self.decisions = 0
        self._memory = _Memory(self.stored)
        self._traffic_s = traffic_s
        self._deploy()

    def _deploy(self) -> None:
        """Bring up the old revision before anything is counted."""
        self._run(DEPLOYED_S_MAX, lambda: self.stored.state == "Healthy")
        self.wait(AT_REST_S)
        self.told.clear()
        self.world.failed = 0.0

    @property
    def status(self) -> RolloutStatus:
        """The status as people see it."""
        return self.stored

    @property
    def now(self) -> datetime:
        """The time it is in the play."""
        return moment(self.world.now_s)

    @property
    def body(self) -> dict[str, object]:
        """The Rollout as the API server would hold it, for views."""
        rollout = self.rollout
        return {
            "metadata": {
                "name": rollout.name,
                "namespace": rollout.namespace,
                "generation": rollout.generation,
            },
            "spec": rollout.spec.as_dict(),
            "status": self._with_conditions(self._memory.working).as_dict(),
        }

    def wait(self, for_s: float) -> None:
        """Let the old revision serve for so long."""
        self._run(self.world.now_s + for_s, lambda: False)

    def release(self, until_s: float) -> End:
        """Apply the new template, and live until its run is over or that second after it."""
        self.world.release(NEW)
        self.rollout = replace(self.rollout, generation=self.rollout.generation + 1)
        self._run(self.world.now_s + until_s, self._over)
        self.took_s = self.world.elapsed_s
        return self.end

    def come_to_rest(self) -> None:
        """After the end: let the routes come home and old pods go, as far as they do by then."""
        drain_s = self.rollout.spec.drain.max_s + AT_REST_S
        self._run(self.world.now_s + drain_s, self._quiet)

    def _quiet(self) -> bool:
        status = self.stored
        return status.run is None and not status.draining and status.state in AT_REST

    @property
    def end(self) -> End:
        """How it stands."""
        status = self.stored
        if status.run is None and status.stable_revision == NEW:
            return End.PROMOTED
        if status.run is None and status.reverted_revision == NEW:
            return End.REVERTED
        return End.STUCK

    def _over(self) -> bool:
        return self.end is not End.STUCK

    # ------------------------------------------------------------ the loop

    def _run(self, until_s: float, stop: Callable[[], bool]) -> None:
        while self.decisions < DECISIONS_MAX:
            wake_s = self._settle()
            if self.world.now_s >= until_s or stop():
                return
            arrival_s = min((item[0] for item in self._memory.due), default=inf)
            self.world.advance(min(wake_s, arrival_s, self.world.next_ready_s(), until_s))
            self._deliver()

    def _settle(self) -> float:
        """Decide and write until nothing is left to do now; the second to wake at."""
        for _ in range(PASSES_MAX):
            self._forget_other_runs()
            memory, now = self._memory, moment(self.world.now_s)
            observed = self.world.observe(memory.readings, memory.traffic)
            decision = decide(self.rollout, memory.working, observed, now)
            self.decisions += 1
            wake_s = self._ask(decision, Scene(self.rollout, memory.working, observed, now))
            if stored_first(self.stored, decision.status, decision.effect):
                self._tell(told_already(decision.notes), memory.working)
                self._store(decision.status)
                continue
            if decision.effect is None:
                self._tell(decision.notes, memory.working)
            if decision.effect is not None:
                self._do(decision)
            elif worth_writing(self.stored, decision.status, now):
                self._store(decision.status)
            else:
                memory.working = decision.status
                return wake_s
        raise AssertionError(f"{PASSES_MAX} decisions at one moment: {self.stored.message}")

    def _do(self, decision: Decision) -> None:
        effect = decision.effect
        assert effect is not None, "asked only of a decision with a write"
        if isinstance(effect, HoldRollout | ReleaseRollout):
            self.rollout = replace(self.rollout, held=isinstance(effect, HoldRollout))
        before = self._memory.working
        self.world.apply(effect)
        self._tell(decision.notes, before)
        if intent_changed(self.stored, decision.status):
            self._store(decision.status)
        self._memory.working = decision.status

    def _store(self, status: RolloutStatus) -> None:
        self.stored = self._memory.working = status
        if self.reverted_s is None and status.reverted_revision == NEW:
            self.reverted_s = self.world.now_s

    def _with_conditions(self, status: RolloutStatus) -> RolloutStatus:
        now = moment(self.world.now_s)
        observed = self.world.observe(self._memory.readings, self._memory.traffic)
        reason = decide(self.rollout, status, observed, now).reason
        return changed(status, conditions=conditions(self.rollout, status, reason, now))

    def _tell(self, notes: tuple[Note, ...], status: RolloutStatus) -> None:
        """Put down what is told, with the phase that was on and the weight as it is now."""
        phase = status.phase
        for note in notes:
            if len(self.told) >= TOLD_MAX:
                self.told_more += 1
                continue
            self.told.append(
                Told(
                    at_s=self.world.elapsed_s,
                    phase=phase.name if phase else "",
                    weight=max(self.world.routes.weights.values(), default=0),
                    reason=note.reason,
                    message=note.message,
                    warning=note.warning,
                )
            )

    # ------------------------------------------------------------ questions

    def _forget_other_runs(self) -> None:
        memory = self._memory
        number = memory.working.run.number if memory.working.run else 0
        if number != memory.run:
            memory.run, memory.readings, memory.asked_s = number, {}, {}
            memory.due = [item for item in memory.due if item[1].check_id is None]

    def _ask(self, decision: Decision, scene: Scene) -> float:
        """Ask what is due; the second of the next look."""
        memory, now_s = self._memory, self.world.now_s
        wake_s = inf
        if decision.wake_at is not None:
            wake_s = (decision.wake_at - EPOCH).total_seconds()
        checks = {check.id: check for check in scene.probes()} if decision.asks else {}
        asking = {item[1].check_id for item in memory.due}
        for ask in decision.asks:
            if ask.check_id in asking:
                continue
            again_s = memory.asked_s.get(ask.check_id, -inf) + self._traffic_s
            if ask.check_id is None and again_s > now_s:
                wake_s = min(wake_s, again_s)
                continue
            answer = self._answer(ask, checks)
            if answer is not None:
                memory.asked_s[ask.check_id] = now_s
                memory.due.append((now_s + ANSWER_S, ask, answer))
        return wake_s

    def _answer(self, ask: Ask, checks: Mapping[str, Check]) -> Reading | TrafficReading | None:
        if ask.check_id is None:
            return self.world.read_traffic()
        check, run = checks.get(ask.check_id), self._memory.working.run
        if check is None or run is None:
            return None
        bound = check.bound
        metric = next((m for m in self.rollout.spec.metrics if m.name == bound.metric), None)
        if metric is None:
            return None
        window_s = window_of(bound, metric)
        stable = self._memory.working.stable_revision
        subject = self.world.arm(check.variant) if check.variant else run.to_revision
        if in_preflight(self._memory.working) and stable is not None:
            subject = stable  # of what serves, by whoever is asked
        reading = self.world.read(metric.name, subject, window_s)
        if bound.compare is None or stable == subject:
            return reading
        return replace(reading, stable=self.world.read(metric.name, stable, window_s))

    def _deliver(self) -> None:
        memory, now_s = self._memory, self.world.now_s
        arrived = [item for item in memory.due if item[0] <= now_s]
        memory.due = [item for item in memory.due if item[0] > now_s]
        for _, ask, answer in arrived:
            if isinstance(answer, TrafficReading):
                memory.traffic = answer
            elif ask.check_id is not None:
                known = memory.readings.get(ask.check_id, ())
                memory.readings[ask.check_id] = (*known, answer)[-READINGS_MAX:]
