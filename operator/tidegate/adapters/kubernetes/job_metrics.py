"""Numbers that Jobs bring: one Job an interval, made from a CronJob, and read when it has ended.

A Job is named after the Rollout, the run, the metric and the tick (which interval of the clock it
is). So a process that starts anew finds the Job of the tick again and makes no second one. Only
one runs at a time: who asks again while it runs waits for the same, and who asks once it has ended
waits for the next tick. A finished Job is deleted by Kubernetes some intervals later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil
from typing import Any, Final

from tidegate.adapters.hooks.words import harmless
from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.hook_jobs import Order, finished, last_words, ordered, view_of_job
from tidegate.adapters.kubernetes.job_results import result_of
from tidegate.adapters.kubernetes.replica_sets import owned_by
from tidegate.adapters.kubernetes.resources import CRON_JOBS, JOBS, PODS, Body, Key
from tidegate.adapters.kubernetes.watched import Watched
from tidegate.api.constants import LABEL_METRIC
from tidegate.api.jobs import JobSource
from tidegate.api.problems import SpecError
from tidegate.api.rollout import Rollout
from tidegate.api.scalars import format_duration, parse_timestamp
from tidegate.core.observation import Answer, HookSight, Reading
from tidegate.ports.clock import Clock
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone
from tidegate.ports.metrics import Question

KEPT_INTERVALS: Final = 3
"""Finished Jobs of one metric that stay to be looked at, about."""
LOOK_AGAIN_S: Final = 10.0
"""How long a watch may be silent before a running Job is read anew."""
LATE_S: Final = 30.0
"""How long after its timeout a Job may be reported as running before nobody waits for it.

Kubernetes itself ends it at its timeout; this is for a Job that nobody takes care of.
"""
PODS_MAX: Final = 10
"""Pods of one Job whose last words are looked at."""
STEM_CHARS: Final = 50
DIGEST_CHARS: Final = 12
SERIES_KEPT: Final = 4096
"""Metrics whose last tick is remembered; to forget one costs one request."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Series:
    """The Jobs of one metric in one run of a Rollout."""

    uid: str
    run: str
    revision: str
    metric: str
    interval_s: float
    source: JobSource


@dataclass(frozen=True, slots=True)
class _Run:
    """One Job: what it is of, and which tick."""

    rollout: Rollout
    series: _Series
    tick: int
    source: JobSource
    told: tuple[tuple[str, str], ...]

    @property
    def key(self) -> Key:
        """Namespace and name: the same whoever makes it."""
        one = self.series
        parts = (one.uid, one.run, one.revision, one.metric, f"{one.interval_s:g}")
        about = "/".join((*parts, one.source.cron_job))
        digest = sha256(f"{about}/{self.tick}".encode()).hexdigest()[:DIGEST_CHARS]
        stem = f"{self.rollout.name}-{one.metric}".replace(".", "-")[:STEM_CHARS].rstrip("-")
        return self.rollout.namespace, f"{stem}-{digest}"


class JobMetrics:
    """`rollouts` are the bodies that the operator knows. Made once, used from one event loop."""

    def __init__(
        self, api: Api, namespaces: Sequence[str], clock: Clock, rollouts: Mapping[Key, Body]
    ) -> None:
        self._api = api
        self._clock = clock
        self._rollouts = rollouts
        self._jobs = Watched(api, JOBS, namespaces, self._touched, selector=LABEL_METRIC)
        self._changed: dict[Key, asyncio.Event] = {}
        self._running: dict[_Series, asyncio.Task[Reading]] = {}
        self._parsed: dict[str, Rollout] = {}
        self._ended: dict[_Series, int] = {}

    async def ask(self, questions: Iterable[Question]) -> Mapping[Question, Reading]:
        """One Reading a question, as of the moment its Job was made."""
        wanted = tuple(dict.fromkeys(questions))
        readings = await asyncio.gather(*(self._answer(question) for question in wanted))
        return dict(zip(wanted, readings, strict=True))

    async def close(self) -> None:
        """Stop waiting. Jobs that run end by themselves."""
        self._jobs.close()
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, question: Question, *, later: bool = False) -> Reading:
        if not question.subject.revision:
            return Reading(self._clock.now(), Answer.NODATA, detail="it has no pods yet")
        run = self._run_of(question)
        if isinstance(run, str):
            return self._error(run)
        if later and self._is_over(question):
            return self._error("its run is over")
        if self._ended.get(run.series, run.tick - 1) >= run.tick:
            await asyncio.sleep(_until_next_s(run.series.interval_s, self._clock.now()))
            return await self._answer(question, later=True)
        task = self._running.get(run.series)  # one at a time, whoever asks
        if task is None:
            task = asyncio.create_task(self._result(run), name=f"metric job {run.key}")
            self._running[run.series] = task
            task.add_done_callback(lambda _: self._running.pop(run.series, None))
        # Shielded: one caller that is cancelled must not take the answer from the others.
        return await asyncio.shield(task)

    def _is_over(self, question: Question) -> bool:
        """Whether the run that asked ended while its tick was waited for."""
        subject = question.subject
        body = self._rollouts.get((subject.namespace, subject.rollout)) or {}
        started = ((body.get("status") or {}).get("run") or {}).get("startedAt")
        on = parse_timestamp(started) if isinstance(started, str) else None
        return subject.began is not None and on != subject.began

    def _run_of(self, question: Question) -> _Run | str:
        """The Job that answers now, or why there can be none."""
        subject, source = question.subject, question.metric.job
        body = self._rollouts.get((subject.namespace, subject.rollout))
        if source is None or body is None:
            return "its Rollout is gone"
        rollout = self._read_rollout(body)
        if isinstance(rollout, str):
            return rollout
        interval_s = question.metric.window_s
        series = _Series(
            uid=rollout.uid,
            run=subject.began.isoformat() if subject.began else "",
            revision=subject.revision,
            metric=question.metric.name,
            interval_s=interval_s,
            source=source,
        )
        tick = int(self._clock.now().timestamp() // interval_s)
        return _Run(rollout, series, tick, source, _told(rollout, question, body))

    def _read_rollout(self, body: Body) -> Rollout | str:
        """The Rollout, or as it was last readable: a mistake in it makes no guard blind."""
        uid = str(body["metadata"]["uid"])
        try:
            rollout = Rollout.parse(body)
        except SpecError as error:
            return self._parsed.get(uid) or f"its Rollout cannot be read: {error}"
        self._parsed.pop(uid, None)
        self._parsed[uid] = rollout
        if len(self._parsed) > SERIES_KEPT:
            self._parsed.pop(next(iter(self._parsed)))
        return rollout

    async def _result(self, run: _Run) -> Reading:
        """Make the Job or find it, wait for its end, and read what it left."""
        key, limit_s = run.key, run.source.timeout_s + LATE_S
        try:
            async with asyncio.timeout(limit_s):
                at = await self._made(run)
                job = await self._finished(key, run.rollout.uid)
            return await self._read(run, job, at)
        except TimeoutError:
            waited = format_duration(run.source.timeout_s)
            return self._error(f"Job {key[1]} did not end within its timeout of {waited}")
        except ValueError as error:
            return self._error(str(error))
        except (ApiRefused, ApiUnavailable, Conflict, Gone) as error:
            return self._error(f"Job {key[1]}: {error}")
        finally:
            self._jobs.forget(key)
            self._changed.pop(key, None)

    async def _made(self, run: _Run) -> datetime:
        """When it was made, by this process or one before. Raises ValueError if it cannot be."""
        (namespace, name), source = run.key, run.source
        try:
            cron_job = await self._api.request("GET", CRON_JOBS.path(namespace, source.cron_job))
        except Gone as gone:
            missing = f"there is no CronJob {source.cron_job} in namespace {namespace}"
            raise ValueError(missing) from gone
        order = Order(
            name=name,
            timeout_s=source.timeout_s,
            kept_s=ceil(KEPT_INTERVALS * run.series.interval_s),
            labels={LABEL_METRIC: run.series.metric},
            told=[{"name": variable, "value": value} for variable, value in run.told],
        )
        try:
            body = ordered(run.rollout, order, cron_job)
        except ValueError as error:
            raise ValueError(f"CronJob {source.cron_job} {error}") from error
        at = self._clock.now()
        try:
            await self._api.request("POST", JOBS.path(namespace), body=body)
        except Conflict:  # made before a crash, or by an answer that was lost
            found: Body = await self._api.request("GET", JOBS.path(namespace, name))
            if not owned_by(found, run.rollout.uid):
                said = f"Job {name} exists and is not this Rollout's; delete it"
                raise ValueError(said) from None
            made = found["metadata"].get("creationTimestamp")
            return min(at, parse_timestamp(str(made))) if made else at
        return at

    async def _finished(self, key: Key, uid: str) -> Body:
        """The Job once it has ended. Raises ValueError when it was deleted before."""
        changed = self._changed.setdefault(key, asyncio.Event())
        job = await self._jobs.get(key, key)
        while True:
            if job is None or not owned_by(job, uid):
                raise ValueError(f"Job {key[1]} was deleted before it ended")
            if finished(job):
                return job
            try:
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await changed.wait()
                changed.clear()
                job = await self._jobs.get(key, key)
            except TimeoutError:
                job = await self._looked_up(key)

    async def _looked_up(self, key: Key) -> Body | None:
        """The Job as the API server has it now, whatever the watch has told."""
        try:
            found: Body = await self._api.request("GET", JOBS.path(*key))
        except Gone:
            return None
        return found

    async def _read(self, run: _Run, job: Body, at: datetime) -> Reading:
        namespace, name = run.key
        self._remember(run)
        view = view_of_job(job)
        query = {"labelSelector": f"batch.kubernetes.io/job-name={name}", "limit": str(PODS_MAX)}
        try:
            page = await self._api.request("GET", PODS.path(namespace), query=query)
        except ApiRefused as error:
            raise ValueError(f"the result of Job {name} cannot be read: {error}") from error
        code, message = last_words(page.get("items") or ())
        if view.sight is not HookSight.SUCCEEDED:
            why = "; ".join(filter(None, (view.message, harmless(message))))
            ended = "" if code is None else f" with exit code {code}"
            return self._error(f"Job {name} failed{ended}: {why}", at)
        try:
            found = result_of(message)
        except ValueError as error:
            return self._error(f"Job {name} {error}", at)
        return Reading(at, Answer.OK, value=found.value, samples=found.samples)

    def _remember(self, run: _Run) -> None:
        if len(self._ended) >= SERIES_KEPT:
            self._ended.clear()
        self._ended[run.series] = run.tick

    def _touched(self, key: Key) -> None:
        if key in self._changed:
            self._changed[key].set()

    def _error(self, detail: str, at: datetime | None = None) -> Reading:
        return Reading(at or self._clock.now(), Answer.ERROR, detail=harmless(detail))


def _until_next_s(interval_s: float, now: datetime) -> float:
    """Seconds until the next tick begins, and a moment more: clocks are not exact."""
    into = timedelta(seconds=now.timestamp() % interval_s)
    return interval_s - into.total_seconds() + 0.01


def _told(rollout: Rollout, question: Question, body: Body) -> tuple[tuple[str, str], ...]:
    """What the Job is told by its environment; whom it is to measure is TIDEGATE_REVISION."""
    status: dict[str, Any] = body.get("status") or {}
    run = status.get("run") or {}
    return (
        ("TIDEGATE_ROLLOUT", rollout.name),
        ("TIDEGATE_NAMESPACE", rollout.namespace),
        ("TIDEGATE_RUN", str(run.get("number") or "")),
        ("TIDEGATE_METRIC", question.metric.name),
        ("TIDEGATE_REVISION", question.subject.revision),
        ("TIDEGATE_STABLE_REVISION", str(status.get("stableRevision") or "")),
        ("TIDEGATE_INTERVAL", format_duration(question.metric.window_s)),
    )
