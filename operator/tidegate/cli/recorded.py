"""Past releases of a Rollout read from Prometheus, and judged moment by moment.

The moments lie on the grid of --step. A check whose interval is no multiple of it is measured at
the next moment after its interval.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from tidegate.adapters.prometheus.answers import Failure, Vector
from tidegate.adapters.prometheus.config import ProviderConfig, TelemetryConfig
from tidegate.adapters.prometheus.counting import duration, latest_seen
from tidegate.adapters.prometheus.history import (
    MissingClientError,
    Moment,
    RangeClient,
    Recorded,
    moment_of,
)
from tidegate.adapters.prometheus.provider import PrometheusMetrics
from tidegate.adapters.prometheus.render import RenderError, fill
from tidegate.api.constants import DESTINATION_TEMPLATES
from tidegate.api.rollout import Rollout
from tidegate.api.scalars import format_duration
from tidegate.cli.errors import UnreachableError, UsageError
from tidegate.controller.asking import question_of
from tidegate.core.check import Check
from tidegate.core.observation import Answer, Reading
from tidegate.ports.metrics import Arms, Question, Subject
from tidegate.rehearsal.past import Active, Release, releases
from tidegate.rehearsal.replaying import Outcome, Watched, outcome, watched

TIMEOUT_S: Final = 30.0
SILENT_S_LEAST: Final = 120.0
"""A revision without requests for longer is gone, and so is one of four moments' silence."""
SILENT_STEPS: Final = 4
STEPS_EACH_MAX: Final = 11_000
"""Moments of one release that are judged: what Prometheus itself gives of one series at most."""
WORKLOAD: Final = "destination_workload"
REVISION: Final = "destination_canonical_revision"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be judged: Unix seconds from `begins` to `ends`, every `step_s`."""

    rollout: Rollout
    url: str
    begins: int
    ends: int
    step_s: int
    revisions: str | None = None
    host: str | None = None


@dataclass(slots=True)
class Past:
    """Each release with what the guards and gates say, and what a reader has to know."""

    judged: tuple[tuple[Release, tuple[Outcome, ...]], ...] = ()
    notes: list[str] = field(default_factory=list)


def judged(asked: Asked) -> Past:
    """Find and judge the releases; UsageError and UnreachableError in a sentence."""
    try:
        config = ProviderConfig(asked.url, timeout_s=TIMEOUT_S)
    except ValueError as error:
        raise UsageError(f"--prometheus {asked.url}: {error}") from error
    try:
        ranges = RangeClient(config.url, TIMEOUT_S)
    except MissingClientError as error:
        raise UsageError(str(error)) from error
    silent_s = max(SILENT_S_LEAST, float(SILENT_STEPS * asked.step_s))
    found = releases(tuple(_moments(asked, ranges)), silent_s)
    checks = watched(asked.rollout.spec)
    past = Past(notes=[*_notes(asked, checks), *_cut_short(found, asked.step_s)])
    past.judged = tuple(
        (one, asyncio.run(_Replay(asked, config, ranges, one).outcomes(checks))) for one in found
    )
    return past


def _notes(asked: Asked, checks: tuple[Watched, ...]) -> Iterator[str]:
    for one in checks:
        interval_s = one.bound.interval_s
        if not one.why_not and interval_s % asked.step_s:
            every = asked.step_s * ceil(interval_s / asked.step_s)
            yield f"{one.check.id} is measured every {every}s, not every {interval_s:g}s"
    providers = sorted({metric.provider for metric in asked.rollout.spec.metrics})
    if len(providers) > 1:
        yield f"providers {', '.join(providers)} are all asked of {asked.url}"


def _cut_short(found: Iterable[Release], step_s: int) -> Iterator[str]:
    for one in found:
        moments = (one.ended_s - one.began_s) // step_s
        if moments > STEPS_EACH_MAX:
            judged_s = format_duration(float(STEPS_EACH_MAX * step_s))
            yield (
                f"of the release {one.stable} -> {one.canary} only the first {judged_s} are "
                f"judged: {STEPS_EACH_MAX} of {moments} moments; choose a wider --step for all"
            )


# ---------------------------------------------------------------- who had requests


def _moments(asked: Asked, ranges: RangeClient) -> Iterator[tuple[int, Active]]:
    rollout = asked.rollout
    if asked.revisions is None:
        matcher = f"destination_workload_namespace={json.dumps(rollout.namespace)}"
        series = f'istio_requests_total{{{matcher},{REVISION}!~"|latest|unknown"}}'
        window = duration(float(max(asked.step_s, 1)))
        text = f"sum by ({WORKLOAD},{REVISION}) ({latest_seen(series, window)}) > 0"
    else:
        values = {"namespace": rollout.namespace, "rollout": rollout.name, "revision": ""}
        try:
            text = fill(asked.revisions, values, float(asked.step_s))
        except RenderError as error:
            raise UsageError(f"--revisions: {error}") from error
    recorded = Recorded(ranges, asked.step_s, moment_of(asked.ends))
    for second in range(asked.begins, asked.ends + 1, asked.step_s):
        vector = recorded.value(text, moment_of(second))
        if isinstance(vector, Failure):
            raise _told(vector, "the requests per revision", asked)
        yield second, _active(vector, asked)


def _active(vector: Vector, asked: Asked) -> Active:
    found: dict[str, float] = {}
    for sample in vector.samples:
        if asked.revisions is None:
            revision = sample.labels.get(REVISION, "")
            name = asked.rollout.name
            if sample.labels.get(WORKLOAD) not in (name, f"{name}-{revision}"):
                continue
        else:
            revision = sample.labels.get("revision", "")
        if not revision:
            raise UsageError("--revisions: each series must have the label revision")
        if sample.value > 0:  # NaN is not
            found[revision] = found.get(revision, 0.0) + sample.value
    return found


def _told(failure: Failure, what: str, asked: Asked) -> UnreachableError:
    return UnreachableError(f"{asked.url} could not be asked for {what}: {failure.detail}")


# ---------------------------------------------------------------- one release


class _Replay:
    """One release, measured at each moment by the code that the operator measures with."""

    def __init__(
        self, asked: Asked, config: ProviderConfig, ranges: RangeClient, release: Release
    ) -> None:
        self._asked = asked
        self._release = release
        steps = min((release.ended_s - release.began_s) // asked.step_s, STEPS_EACH_MAX)
        self._seconds = [release.began_s + asked.step_s * i for i in range(steps + 1)]
        recorded = Recorded(ranges, asked.step_s, moment_of(self._seconds[-1]))
        self._clock = Moment(moment_of(release.began_s))
        providers = {metric.provider: config for metric in asked.rollout.spec.metrics}
        self._metrics = PrometheusMetrics(
            providers, TelemetryConfig(), self._clock, client=lambda *_: recorded
        )

    async def outcomes(self, checks: tuple[Watched, ...]) -> tuple[Outcome, ...]:
        """Measure all, then judge one by one."""
        probes = [probe for one in checks if not one.why_not for probe in one.check.probes]
        readings: dict[str, list[Reading]] = {probe.id: [] for probe in probes}
        asked_s: dict[str, int] = {}
        try:
            for second in self._seconds:
                self._clock.at = moment_of(second)
                due = [probe for probe in probes if self._due(probe, asked_s, second)]
                asked_s |= dict.fromkeys((probe.id for probe in due), second)
                await self._measure(due, readings)
        finally:
            await self._metrics.close()
        began = moment_of(self._release.began_s - self._asked.step_s)
        spec = self._asked.rollout.spec
        return tuple(outcome(spec, one, readings, began) for one in checks)

    @staticmethod
    def _due(probe: Check, asked_s: dict[str, int], second: int) -> bool:
        return second >= asked_s.get(probe.id, 0) + probe.bound.interval_s

    async def _measure(self, due: list[Check], readings: dict[str, list[Reading]]) -> None:
        found = {probe.id: self._question(probe) for probe in due}
        questions = {check_id: one for check_id, one in found.items() if one is not None}
        answers = await self._metrics.ask(questions.values())
        for check_id, question in questions.items():
            reading = answers[question]
            # An operator would ask again; nothing is judged on half of a recording.
            if reading.answer in (Answer.ERROR, Answer.REFUSED):
                failure = Failure(reading.answer, reading.detail)
                raise _told(failure, f"metric {question.metric.name}", self._asked)
            readings[check_id].append(reading)

    def _question(self, probe: Check) -> Question | None:
        metrics = self._asked.rollout.spec.metrics
        metric = next((one for one in metrics if one.name == probe.bound.metric), None)
        by_subset = metric is not None and metric.template in DESTINATION_TEMPLATES
        return question_of(probe.bound, self._arms(by_subset=by_subset), metric)

    def _arms(self, *, by_subset: bool) -> Arms:
        rollout, release = self._asked.rollout, self._release
        host = self._asked.host or f"{rollout.name}.{rollout.namespace}.svc.cluster.local"
        # Of a subset only the requests since it was pointed here; a revision has no others.
        since = moment_of(release.began_s - self._asked.step_s) if by_subset else None
        canary, stable = (
            Subject(rollout.namespace, rollout.name, revision, host, subset, since=from_)
            for revision, subset, from_ in (
                (release.canary, "canary", since),
                (release.stable, "stable", None),
            )
        )
        revisions = (release.stable, release.canary)
        return Arms(rollout.namespace, rollout.name, revisions, stable, canary)
