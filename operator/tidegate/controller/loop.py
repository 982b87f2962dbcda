"""The loop: observe, decide, do one thing, look again; until there is nothing to do but wait.

The order within a pass is the contract that core relies on. An effect goes first and the status
after it; a change of intent comes without an effect and is stored before anything acts on it. On
a conflict everything is read and decided anew, from what is stored. A leader that takes a Rollout
over in the middle of something first claims it (`_claim`), and only then decides.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.resources import Body, uid_of, version_of
from tidegate.api.checks import Bound
from tidegate.api.constants import FINALIZER
from tidegate.api.meta import Meta
from tidegate.api.problems import SpecError
from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus
from tidegate.controller.alarms import Alarms
from tidegate.controller.asking import Asked, Asker, question_about
from tidegate.controller.memory import Memory, asked_of
from tidegate.controller.neighbours import Neighbours
from tidegate.controller.posting import Poster
from tidegate.controller.progress import PASS_S_MAX, Progress
from tidegate.controller.queue import KeyQueue, Lane
from tidegate.controller.recording import Recorder
from tidegate.controller.statuses import Statuses
from tidegate.core import reasons
from tidegate.core.decide import decide
from tidegate.core.decision import Ask, Decision, Effect
from tidegate.core.leaving import leave_s_max_of
from tidegate.core.observation import Observed, Problem, Reading, TrafficReading
from tidegate.core.resting import in_flight
from tidegate.core.revert import takes_away
from tidegate.core.scene import Scene, changed
from tidegate.core.storing import intent_changed, stored_first, told_already, worth_writing
from tidegate.ports.clock import Clock
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone
from tidegate.ports.metrics import Metrics
from tidegate.views.conditions import conditions

Key: TypeAlias = tuple[str, str]

WORKERS = 16
"""Rollouts whose passes may wait for the API server at the same time."""
URGENT_WORKERS = 8
"""More that only take aborts and fresh readings, however many others hang in a slow request."""
STEPS_MAX = 40
"""Writes of one pass; a Rollout that wants more is queued again, behind the others."""
ASK_AGAIN = timedelta(seconds=1)
"""The least time between two askings of one check, whatever its answers say of their own time."""
RETRY_MIN_S = 0.2
RETRY_MAX_S = 15.0
RETRY_AFTER_MAX_S = 60.0
DOUBLINGS_MAX = 10
CONFLICTS_MAX = 3
"""Conflicts in a row after which a pass waits: somebody else writes as fast as we do."""
LEAVE_GRACE = timedelta(seconds=10)
"""How much longer than core's own limit a deletion may take."""
PROBLEM_AGAIN = timedelta(seconds=30)
"""How soon a Rollout that waits for somebody to mend something looks again by itself."""

logger = logging.getLogger(__name__)


class Loop:
    """Runs passes for the keys in its queue."""

    def __init__(
        self,
        cluster: KubernetesCluster,
        metrics: Metrics,
        clock: Clock,
        poster: Poster,
        recorder: Recorder,
        traffic_interval_s: float,
    ) -> None:
        self.queue = KeyQueue()
        self._cluster = cluster
        self._clock = clock
        self._poster = poster
        self._recorder = recorder
        self._neighbours = Neighbours(
            cluster, clock, lambda key: self.queue.add(key, Lane.PROGRESS)
        )
        self._statuses = Statuses(cluster, clock, recorder, self._neighbours)
        self._traffic_interval = timedelta(seconds=traffic_interval_s)
        self._memories: dict[Key, Memory] = {}
        self._alarms = Alarms(clock, lambda key: self.queue.add(key, Lane.PROGRESS))
        self._asker = Asker(metrics, clock, self._answered)
        self.progress = Progress()

    async def run(self) -> None:
        """Serve until cancelled."""
        self._neighbours.leads()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.progress.beat(), name="heartbeat")
            group.create_task(self._alarms.run(), name="alarms")
            group.create_task(self._asker.run(), name="asker")
            for number in range(WORKERS):
                group.create_task(self._work(Lane.STATUS), name=f"worker {number}")
            for number in range(URGENT_WORKERS):
                group.create_task(self._work(Lane.BREACH), name=f"urgent worker {number}")

    def forget(self, key: Key) -> None:
        """A Rollout is gone; so is all that was remembered of it."""
        self._memories.pop(key, None)
        self._alarms.set(key, None)
        self._cluster.forget(key)
        self._recorder.forget(key)
        self._neighbours.gone(key)

    async def _work(self, least_urgent: Lane) -> None:
        while True:
            key = await self.queue.take(least_urgent)
            self.progress.passes[key] = self.progress.now_s()
            try:
                async with asyncio.timeout(PASS_S_MAX):
                    await self._pass(key)
            except (ApiUnavailable, ApiRefused, Conflict, Gone, TimeoutError) as error:
                self._retry_later(key, error)
            except Exception as error:
                # One poisonous object must not stop the others; the trace is for us to mend it.
                logger.exception("%s/%s: a pass failed; trying again later", *key)
                self._retry_later(key, None)
                await self._say_poisonous(key, error)
            finally:
                del self.progress.passes[key]
                self.queue.done(key)

    async def _say_poisonous(self, key: Key, error: Exception) -> None:
        memory = self._memories.get(key)
        if memory is None:
            return
        try:
            await self._statuses.say_poisonous(key, memory, error)
        except Exception:  # whatever it is about that Rollout, its worker has to go on
            logger.exception("%s/%s: not even that can be said", *key)

    def _retry_later(self, key: Key, error: Exception | None) -> None:
        memory = self._memories.get(key)
        if memory is None:
            self._alarms.set_no_later(key, self._clock.now() + timedelta(seconds=RETRY_MAX_S))
            return
        if error is not None:
            said = str(error) or f"no end within {PASS_S_MAX:g} s"
            logger.warning("%s/%s: %s; trying again", *key, said)
        wait_s = min(RETRY_MAX_S, RETRY_MIN_S * 2 ** min(memory.failures, DOUBLINGS_MAX))
        if isinstance(error, ApiUnavailable) and error.retry_after_s is not None:
            wait_s = max(wait_s, min(error.retry_after_s, RETRY_AFTER_MAX_S))
        memory.failures += 1
        # Spread over time, so that many Rollouts do not come back at once.
        wait_s *= random.uniform(0.7, 1.3)  # noqa: S311 — jitter, not a secret
        self._alarms.set_no_later(key, self._clock.now() + timedelta(seconds=wait_s))

    async def _pass(self, key: Key) -> None:
        conflicts = 0
        for _ in range(STEPS_MAX):
            body = self._cluster.rollouts.get(key)
            if body is None:
                self.forget(key)
                await self._cluster.refuse_orphans(key, self._clock.now())
                return
            if await self._let_go(key, body):
                continue
            memory = self._memory(key, body)
            rollout, unread = self._parse(body, memory)
            if rollout is None:
                await self._statuses.say_unreadable(key, body, memory, unread)
                return
            if rollout.deleting and not rollout.held:
                return  # nothing of it is on its way; the API server is removing it
            now = self._clock.now()
            rollout = self._cluster.policies.applied(rollout, body, memory.working, now)
            try:
                if not await self._step(key, rollout, memory, unread):
                    memory.failures = 0
                    return
                conflicts = 0
            except Conflict as conflict:
                logger.info("%s/%s: %s; looking again", *key, conflict)
                memory.working = memory.stored
                conflicts += 1
                if conflicts >= CONFLICTS_MAX:
                    raise
        self.queue.add(key, Lane.STATUS)

    async def _let_go(self, key: Key, body: Body) -> bool:
        """Release a Rollout whose deletion takes too long, whatever else is wrong with it.

        Core does so itself; this is for what never gets there: a spec that nobody can read, or a
        pass that fails every time.
        """
        meta = Meta.parse(body)
        if meta.deleted_at is None or FINALIZER not in meta.finalizers:
            return False
        limit = meta.deleted_at + timedelta(seconds=leave_s_max_of(body)) + LEAVE_GRACE
        if self._clock.now() < limit:
            self._alarms.set_no_later(key, limit)
            return False
        logger.warning("%s/%s: its deletion took too long; it is let go as it is", *key)
        await self._cluster.release(key)
        return True

    @staticmethod
    def _parse(body: Body, memory: Memory) -> tuple[Rollout | None, str]:
        """The Rollout, and why its spec cannot be read now.

        Then the last spec that could be read stands in for it, so that guards and aborts of a
        run that is on still work.
        """
        try:
            memory.parsed = Rollout.parse(body)
        except SpecError as error:
            if memory.parsed is None:
                return None, str(error)
            meta = Meta.parse(body)
            stand_in = replace(
                memory.parsed,
                resource_version=meta.resource_version,
                generation=meta.generation,
                deleting=meta.deleting,
                deleted_at=meta.deleted_at,
                held=FINALIZER in meta.finalizers,
            )
            return stand_in, str(error)
        return memory.parsed, ""

    def _memory(self, key: Key, body: Body) -> Memory:
        """What is remembered of the Rollout; a status that somebody else wrote replaces it."""
        memory = self._memories.get(key)
        if memory is None or memory.uid != uid_of(body):
            status = RolloutStatus.parse(body)
            memory = Memory(uid_of(body), version_of(body), status, status)
            self._memories[key] = memory
        elif memory.version != version_of(body):
            memory.version = version_of(body)
            status = RolloutStatus.parse(body)
            if status != memory.stored:
                memory.stored = memory.working = status
        return memory

    async def _step(self, key: Key, rollout: Rollout, memory: Memory, unread: str) -> bool:
        """One decision and its one write; whether another should follow at once."""
        observed = await self._observe(rollout, memory, unread)
        now = self._clock.now()
        if self._unclaimed(rollout, memory, observed, now):
            try:
                await self._claim(rollout, memory)
            except (ApiUnavailable, ApiRefused) as error:
                await self._meanwhile(key, rollout, memory, observed, error)
                raise
            self._recorder.record(rollout, memory.stored)  # the last leader may have died before
            return True
        decision = decide(rollout, memory.working, observed, now)
        found = conditions(rollout, decision.status, decision.reason, now)
        status = changed(decision.status, conditions=found)
        # Before any write: a write that fails must not keep a guard from being asked.
        wake_at = self._ask(key, rollout, memory, decision, observed)
        self._neighbours.claim(key, memory, status)
        if stored_first(memory.stored, status, decision.effect):
            await self._statuses.store(rollout, memory, status)
            self._poster.post(rollout, told_already(decision.notes))
            return True
        if decision.effect is not None:
            again_at = memory.not_before(decision.effect)
            if again_at is not None and now < again_at:
                memory.working = status
                self._alarms.set(key, wake_at)
                self._alarms.set_no_later(key, again_at)
                return False
            try:
                await self._cluster.apply(rollout, decision.effect)
            except (ApiUnavailable, ApiRefused) as error:
                self._alarms.set(key, wake_at)
                self._put_off(memory, decision.effect, error)
                if await self._statuses.store_failed(rollout, memory, status, error):
                    self._poster.post(rollout, decision.notes)
                raise
        decided = intent_changed(memory.stored, status)
        if decided or (decision.effect is None and worth_writing(memory.stored, status, now)):
            await self._statuses.store(rollout, memory, status)
        else:
            memory.working = status
        self._poster.post(rollout, decision.notes)
        if decided and (status.run is None or status.run.undo):  # an end, before the next begins
            self._recorder.record(rollout, status)
        if decision.effect is not None or decided:
            return True
        self._alarms.set(key, wake_at)
        if observed.problems:
            self._alarms.set_no_later(key, now + PROBLEM_AGAIN)
        self._recorder.record(rollout, status)
        return False

    def _put_off(self, memory: Memory, effect: Effect, error: Exception) -> None:
        """A busy API server says when to come again; another effect, such as a revert, may go."""
        if isinstance(error, ApiUnavailable) and error.retry_after_s is not None:
            wait_s = min(error.retry_after_s, RETRY_AFTER_MAX_S)
            memory.put_off = (effect, self._clock.now() + timedelta(seconds=wait_s))

    def _unclaimed(
        self, rollout: Rollout, memory: Memory, observed: Observed, now: datetime
    ) -> bool:
        """Whether an earlier leader may still be writing here."""
        if memory.stored.epoch == self._cluster.epoch:
            return False
        return in_flight(Scene(rollout, memory.stored, observed, now))

    async def _claim(self, rollout: Rollout, memory: Memory) -> None:
        """Touch all that such a write would be about; the status that says so comes last."""
        await self._cluster.claim(rollout)
        await self._statuses.store(rollout, memory, memory.stored)
        memory.working = memory.stored

    async def _meanwhile(
        self, key: Key, rollout: Rollout, memory: Memory, observed: Observed, error: Exception
    ) -> None:
        """A claim that fails keeps no guard from being asked, and no traffic from going back.

        Taking traffic away is safe without a claim: the write itself gives the route a version
        that no earlier leader knows. Nothing else is done.
        """
        now = self._clock.now()
        decision = decide(rollout, memory.working, observed, now)
        self._alarms.set(key, self._ask(key, rollout, memory, decision, observed))
        status = memory.working
        if takes_away(decision.effect, observed):
            await self._cluster.apply(rollout, decision.effect)
            found = conditions(rollout, decision.status, decision.reason, now)
            status = changed(decision.status, conditions=found)
            self._poster.post(rollout, decision.notes)
        await self._statuses.store_failed(rollout, memory, status, error, claimed=False)

    async def _observe(self, rollout: Rollout, memory: Memory, unread: str) -> Observed:
        seen = await self._cluster.observe(rollout)
        unreadable_now = (Problem(reasons.INVALID_SPEC, unread),) if unread else ()
        run = memory.working.run
        memory.begin(run.number if run else 0, *asked_of(rollout))
        return replace(
            self._neighbours.around(rollout, memory.working, seen),
            problems=unreadable_now + seen.problems,
            traffic=memory.traffic,
            readings=memory.snapshot(),
        )

    # ------------------------------------------------------------------ asking

    def _ask(
        self, key: Key, rollout: Rollout, memory: Memory, decision: Decision, observed: Observed
    ) -> datetime | None:
        """Ask what is due; when the next look is due, by question or by decision."""
        arms = self._cluster.arms(rollout, memory.working)
        now = self._clock.now()
        wake_at = decision.wake_at
        asked: list[Asked] = []
        scene = Scene(rollout, memory.working, observed, now)
        checks = {check.id: check for check in scene.probes()}
        for ask in decision.asks if arms is not None else ():
            check = checks.get(ask.check_id) if ask.check_id is not None else None
            bound = check.bound if check else None
            due = self._due(ask, bound, memory)
            if due is not None and now < due:
                # The answer was older than the question; asking at once again would not help.
                wake_at = due if wake_at is None else min(wake_at, due)
                continue
            question = question_about(check, arms, rollout)
            if ask.check_id in memory.asking or arms is None or (ask.check_id and not question):
                continue
            memory.asking.add(ask.check_id)
            memory.asked_at[ask.check_id] = now
            asked.append(Asked(key, memory.epoch, ask, arms, question))
        self._asker.ask(asked)
        return wake_at

    def _due(self, ask: Ask, bound: Bound | None, memory: Memory) -> datetime | None:
        last = memory.asked_at.get(ask.check_id)
        if last is None or last > self._clock.now():  # the clock was set back
            return None
        return last + (ASK_AGAIN if bound else self._traffic_interval)

    def _answered(self, asked: Asked, answer: Reading | TrafficReading) -> None:
        memory = self._memories.get(asked.key)
        if memory is None:
            return
        memory.asking.discard(asked.ask.check_id)
        if isinstance(answer, TrafficReading):
            memory.traffic = answer
            self.queue.add(asked.key, Lane.PROGRESS)
        elif asked.ask.check_id is not None:
            if memory.epoch == asked.epoch:
                memory.keep(asked.ask.check_id, answer)
            self.queue.add(asked.key, Lane.BREACH)
