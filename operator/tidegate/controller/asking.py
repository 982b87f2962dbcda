"""Questions to metrics providers, gathered over many Rollouts and asked beside the loop.

A pass never waits for a provider: it says what it wants to know, goes on, and is run again when
the answer is there. What comes due within a moment is asked together, so that one query can
serve many Rollouts; each answer is handed on as it comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tidegate.api.checks import Bound, Metric
from tidegate.api.rollout import Rollout
from tidegate.core.check import Check
from tidegate.core.decision import Ask
from tidegate.core.observation import Answer, Reading, TrafficReading
from tidegate.core.testing import tested
from tidegate.ports.clock import Clock
from tidegate.ports.metrics import Arms, Metrics, Question

GATHER_S = 0.02
"""How long a question waits for others to be asked with it."""
BATCHES_MAX = 256
"""Batches on their way at once; beyond that questions wait for the next gathering."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of one Rollout: a check, or (None) its traffic."""

    key: tuple[str, str]
    epoch: int
    ask: Ask
    arms: Arms
    question: Question | None = None


class Asker:
    """Gathers questions and hands each answer to `answered`."""

    def __init__(
        self,
        metrics: Metrics,
        clock: Clock,
        answered: Callable[[Asked, Reading | TrafficReading], None],
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._answered = answered
        self._pending: list[Asked] = []
        self._due = asyncio.Event()
        self._batches: set[asyncio.Task[None]] = set()
        self._jobs: set[asyncio.Task[None]] = set()

    def ask(self, asked: Iterable[Asked]) -> None:
        """Queue questions."""
        self._pending.extend(asked)
        if self._pending:
            self._due.set()

    async def run(self) -> None:
        """Send batches until cancelled."""
        while True:
            await self._due.wait()
            await asyncio.sleep(GATHER_S)
            if len(self._batches) >= BATCHES_MAX:
                await asyncio.wait(self._batches, return_when=asyncio.FIRST_COMPLETED)
            batch, self._pending = self._pending, []
            self._due.clear()
            slow = [asked for asked in batch if _slow(asked)]
            self._start([asked for asked in batch if not _slow(asked)], self._batches)
            for asked in slow:
                self._start([asked], self._jobs)

    def _start(self, batch: list[Asked], among: set[asyncio.Task[None]]) -> None:
        if not batch:
            return
        task = asyncio.create_task(self._send(batch), name="ask metrics")
        among.add(task)
        task.add_done_callback(among.discard)

    async def _send(self, batch: list[Asked]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send_checks([a for a in batch if a.question is not None]))
            group.create_task(self._send_traffic([a for a in batch if a.question is None]))

    async def _send_checks(self, batch: list[Asked]) -> None:
        """Each is awaited by itself, so that a slow one delays no other.

        The metrics see that what two of them ask alike is asked once.
        """
        async with asyncio.TaskGroup() as group:
            for asked in batch:
                if asked.question is not None:
                    group.create_task(self._send_check(asked, asked.question))

    async def _send_check(self, asked: Asked, question: Question) -> None:
        answers: Mapping[Question, Reading] = {}
        try:
            answers = await self._metrics.ask([question])
        except Exception:  # a check must never stay asked for ever, which would blind a guard
            logger.exception("asking a metrics provider failed")
        failed = Reading(self._clock.now(), Answer.ERROR, detail="the question failed; see the log")
        self._answered(asked, answers.get(question, failed))

    async def _send_traffic(self, batch: list[Asked]) -> None:
        if not batch:
            return
        answers: Mapping[tuple[str, str], TrafficReading] = {}
        try:
            answers = await self._metrics.traffic([asked.arms for asked in batch])
        except Exception:  # as above
            logger.exception("counting traffic failed")
        failed = TrafficReading(self._clock.now(), 0.0, error="the question failed; see the log")
        for asked in batch:
            self._answered(asked, answers.get(asked.key, failed))


def _slow(asked: Asked) -> bool:
    """Whether a Job answers: it may take minutes, in which no other question may wait for room."""
    return asked.question is not None and asked.question.metric.job is not None


def question_about(check: Check | None, arms: Arms | None, rollout: Rollout) -> Question | None:
    """The question of a check, or None while there is no check, or nobody whom it is about."""
    if check is None or arms is None:
        return None
    metric = rollout.metric(check.id, check.bound.metric)
    return question_of(check.bound, arms, metric, check.variant)


def question_of(
    bound: Bound, arms: Arms, metric: Metric | None, variant: str = ""
) -> Question | None:
    """The question that a guard or gate asks of the run's revision, or of a variant.

    None for an unknown metric, or a variant that is not known.
    """
    subject = dict(arms.variants).get(variant) if variant else arms.measured or arms.canary
    if metric is None or subject is None:
        return None
    # A revision beside itself is never worse: there has to be another one to compare with.
    other = arms.stable if arms.stable.revision != subject.revision else None
    counts = tested(bound)
    if counts or metric.job is not None:
        # Windows that overlap would count an error twice, so one is as long as the interval. A Job
        # is run once in each.
        metric = metric.model_copy(update={"window_s": bound.interval_s})
    elif bound.window_s is not None:
        metric = metric.model_copy(update={"window_s": bound.window_s})
    return Question(
        metric,
        subject,
        samples=counts or bound.min_samples is not None,
        stable=other if bound.compare is not None else None,
    )
