"""Fakes at the ports: a clock to set, a cluster and a provider that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.runs import RunJournal
from tidegate.api.policy import Policy
from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus
from tidegate.controller.loop import Loop
from tidegate.controller.posting import Poster
from tidegate.controller.recording import Recorder
from tidegate.core.decision import Effect
from tidegate.core.observation import Answer, Observed, Reading, TrafficReading
from tidegate.ports.cluster import Gone
from tidegate.ports.metrics import Arms, Question, Subject

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
WAIT_S_MAX = 30.0
POLL_S = 0.002
KEY = ("shop", "shop")


async def until(holds: Callable[[], object]) -> None:
    """Wait until something is so; give up loudly."""
    async with asyncio.timeout(WAIT_S_MAX):
        while not holds():  # noqa: ASYNC110 — any condition, not only one that has an event
            await asyncio.sleep(POLL_S)


@dataclass
class SetClock:
    """Stands still until told otherwise."""

    time: datetime = NOON

    def now(self) -> datetime:
        """The time that was set."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)


def arms(rollout: str = "shop") -> Arms:
    """Both destinations of a Rollout."""
    both = [Subject("shop", rollout, name, "shop.svc", name) for name in ("stable", "canary")]
    return Arms("shop", rollout, ("stable", "canary"), both[0], both[1])


@dataclass
class FakeMetrics:
    """Answers with 0, those who ask for `slow` Rollouts never, or raises what `error` holds."""

    error: Exception | None = None
    asked: list[list[Question]] = field(default_factory=list)
    counted: list[list[Arms]] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)

    async def ask(self, questions: Iterable[Question]) -> Mapping[Question, Reading]:
        """A reading for each question whose metric is not hidden."""
        batch = list(questions)
        self.asked.append(batch)
        if self.error is not None:
            raise self.error
        if self.slow & {question.subject.rollout for question in batch}:
            await asyncio.Event().wait()
        seen = [question for question in batch if question.metric.name not in self.hidden]
        return {question: Reading(NOON, Answer.OK, value=0.0) for question in seen}

    async def traffic(self, arms: Iterable[Arms]) -> Mapping[tuple[str, str], TrafficReading]:
        """A count for each Rollout."""
        batch = list(arms)
        self.counted.append(batch)
        if self.error is not None:
            raise self.error
        return {(one.namespace, one.rollout): TrafficReading(NOON, 5.0) for one in batch}

    async def close(self) -> None:
        """Nothing to give back."""


class FakePolicies:
    """Policies that hold for every Rollout."""

    def __init__(self) -> None:
        self.found: tuple[Policy, ...] = ()

    version = 1

    def applied(
        self, rollout: Rollout, _body: Mapping[str, Any], _status: RolloutStatus, _now: datetime
    ) -> Rollout:
        """The Rollout with all of them."""
        return replace(rollout, policies=self.found)

    def matching(self, _namespace: str, _labels: Mapping[str, str]) -> tuple[Policy, ...]:
        """All of them."""
        return self.found


class FakeCluster:
    """One world for all Rollouts; `write_errors` are raised by status writes, one each."""

    def __init__(self, observed: Observed) -> None:
        self.observed = observed
        self.rollouts: dict[tuple[str, str], dict[str, Any]] = {}
        self.policies = FakePolicies()
        self.write_errors: list[Exception] = []
        self.apply_errors: list[Exception] = []
        self.observe_errors: list[Exception] = []
        self.statuses: list[RolloutStatus] = []
        self.effects: list[Effect] = []
        self.seen: list[Rollout] = []
        self.orphans: list[tuple[str, str]] = []
        self.forgotten: list[tuple[str, str]] = []
        self.touches: Callable[[], None] = lambda: None
        self.epoch = 0
        self.claimed: list[Rollout] = []
        self.released: list[tuple[str, str]] = []

    async def observe(self, rollout: Rollout) -> Observed:
        """The world as it was set."""
        await asyncio.sleep(0)  # as a real request would, so that nobody starves
        self.seen.append(rollout)
        if self.observe_errors:
            raise self.observe_errors.pop(0)
        return self.observed

    async def claim(self, rollout: Rollout) -> None:
        """Note it."""
        self.claimed.append(rollout)

    async def release(self, key: tuple[str, str]) -> None:
        """Note it; nobody else holds the Rollout, so it goes."""
        self.released.append(key)
        self.rollouts.pop(key, None)

    def arms(self, rollout: Rollout, status: RolloutStatus) -> Arms | None:
        """Both arms, always."""
        return arms(rollout.name)

    async def apply(self, rollout: Rollout, effect: Effect) -> None:
        """Note the effect, or fail."""
        if self.apply_errors:
            raise self.apply_errors.pop(0)
        self.effects.append(effect)

    async def write_status(self, key: tuple[str, str], version: str, status: RolloutStatus) -> str:
        """Store the status as the API server would."""
        if self.write_errors:
            self.touches()
            raise self.write_errors.pop(0)
        if key not in self.rollouts:
            raise Gone("gone")
        self.statuses.append(status)
        body = self.rollouts[key]
        stored = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        newer = str(int(version) + 1)
        meta = {**body["metadata"], "resourceVersion": newer}
        self.rollouts[key] = {**body, "metadata": meta, "status": stored}
        return newer

    def forget(self, key: tuple[str, str]) -> None:
        """Note it."""
        self.forgotten.append(key)

    async def refuse_orphans(self, key: tuple[str, str], now: datetime) -> None:
        """Note it."""
        self.orphans.append(key)


@dataclass
class Bench:
    """A loop over fakes, with no task of its own running."""

    loop: Loop
    cluster: FakeCluster
    metrics: FakeMetrics
    clock: SetClock
    journal: RecordingJournal

    @property
    def status(self) -> RolloutStatus:
        """The status as stored."""
        return RolloutStatus.parse(self.cluster.rollouts[KEY])

    async def run_pass(self) -> None:
        """One pass, as a worker runs it."""
        await self.loop._pass(KEY)


class RecordingJournal:
    """Notes what is written, or raises what `errors` holds, one each."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self.written: list[RolloutStatus] = []
        self.tries = 0
        self.forgotten: list[tuple[str, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, rollout: Rollout, status: RolloutStatus) -> None:
        """Note it once the gate is open, or fail."""
        self.tries += 1
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.written.append(status)

    def forget(self, key: tuple[str, str]) -> None:
        """Note it."""
        self.forgotten.append(key)


def bench(observed: Observed) -> Bench:
    """A loop over a world."""
    cluster, metrics, clock = FakeCluster(observed), FakeMetrics(), SetClock()
    journal = RecordingJournal()
    nobody = cast("Api", None)  # the poster only queues: its task does not run
    loop = Loop(
        cast("KubernetesCluster", cluster),
        metrics,
        clock,
        Poster(nobody, clock, "here"),
        Recorder(cast("RunJournal", journal)),
        5.0,
    )
    return Bench(loop, cluster, metrics, clock, journal)
