"""The metrics port over Prometheus: few queries for many questions, and an answer to each."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from tidegate.adapters.prometheus.answers import Failure, Sample, Vector
from tidegate.adapters.prometheus.catalogue import TEMPLATES
from tidegate.adapters.prometheus.circuit import Circuit
from tidegate.adapters.prometheus.client import PrometheusClient
from tidegate.adapters.prometheus.config import ProviderConfig, TelemetryConfig
from tidegate.adapters.prometheus.pairing import paired
from tidegate.adapters.prometheus.render import RenderError, render
from tidegate.adapters.prometheus.sharing import Shared, Sharing
from tidegate.adapters.prometheus.templates import (
    Measure,
    Measures,
    Template,
    window_since,
)
from tidegate.adapters.prometheus.traffic import Counts, Depth, depths, reading
from tidegate.adapters.steady_time import steady_s
from tidegate.api.checks import Metric
from tidegate.api.constants import (
    HISTOGRAM_TEMPLATES,
    OWN_SERIES_TEMPLATES,
    RATIO_TEMPLATE,
    SLOW_TEMPLATES,
)
from tidegate.core.observation import Answer, Reading, TrafficReading
from tidegate.ports.clock import Clock
from tidegate.ports.metrics import Arms, Question, Subject

ANSWER_AGE_S_MAX = 0.5
"""How long an answer serves whoever asks the same; what a guard may at most lose by sharing."""

Result = Vector | Failure


@dataclass(frozen=True, slots=True)
class Measured:
    """What a template's answer holds of every destination, and when it was evaluated."""

    at: datetime
    measures: Measures


class PrometheusMetrics:
    """Fills `ports.metrics.Metrics` from named providers.

    `providers` maps the names that metrics use to where they are; `telemetry` says how traffic
    is counted and by which of them. Made once, used from one event loop, closed at the end.
    `now_s` gives steady seconds, for how long a provider that does not answer is left alone.
    """

    def __init__(
        self,
        providers: Mapping[str, ProviderConfig],
        telemetry: TelemetryConfig,
        clock: Clock,
        now_s: Callable[[], float] = steady_s,
    ) -> None:
        self._circuits = {name: Circuit(name, now_s) for name in providers}

        def clients() -> dict[str, PrometheusClient]:
            circuits = self._circuits
            return {
                name: PrometheusClient(name, at, circuits[name]) for name, at in providers.items()
            }

        self._clients = clients()
        # Slots of their own: one tenant's slow queries must not blind everybody's guards.
        self._own_clients = clients()
        self._telemetry = telemetry
        self._clock = clock
        self._depths = depths(telemetry)
        self._values: Sharing[Result] = Sharing(clock, ANSWER_AGE_S_MAX)
        self._measures: Sharing[Measured | Failure] = Sharing(clock, ANSWER_AGE_S_MAX)
        self._counts: Sharing[Counts | Failure] = Sharing(clock, telemetry.interval_s / 2)

    async def ask(self, questions: Iterable[Question]) -> Mapping[Question, Reading]:
        """One Reading a question, at the time its query was evaluated at."""
        wanted = tuple(dict.fromkeys(questions))
        readings = await asyncio.gather(*(self._answer(question) for question in wanted))
        return dict(zip(wanted, readings, strict=True))

    async def traffic(self, arms: Iterable[Arms]) -> Mapping[tuple[str, str], TrafficReading]:
        """Requests of the telemetry window by (namespace, rollout): two queries in all.

        Where no provider is configured nothing is counted, which is not an error.
        """
        if self._telemetry.provider not in self._clients:
            silent = TrafficReading(self._clock.now(), self._telemetry.window_s)
            return {(one.namespace, one.rollout): silent for one in arms}
        by_revision, by_subset = await asyncio.gather(*map(self._count, self._depths))
        at = min(by_revision.at, by_subset.at)
        window_s = self._telemetry.window_s
        return {
            (one.namespace, one.rollout): reading(
                one, at, window_s, by_revision.result, by_subset.result
            )
            for one in arms
        }

    async def close(self) -> None:
        """Cancel what is under way and close all connections."""
        await self._values.close()
        await self._measures.close()
        await self._counts.close()
        for circuit in self._circuits.values():
            await circuit.close()
        for client in (*self._clients.values(), *self._own_clients.values()):
            await client.close()

    async def _answer(self, question: Question) -> Reading:
        now, metric = self._clock.now(), question.metric
        client = self._clients.get(metric.provider)
        if client is None:
            return _failed(now, self._unknown_provider(metric.provider))
        if metric.template is None:
            return await self._own_query(self._own_clients[metric.provider], question, now)
        template = TEMPLATES.get(metric.template)
        if template is None:
            known = ", ".join(sorted(TEMPLATES))
            detail = f"template {metric.template} does not exist (there are: {known})"
            return _failed(now, Failure.refused(detail))
        if missing := _missing(metric):
            return _failed(now, Failure.refused(f"template {metric.template} needs {missing}"))
        if metric.template in OWN_SERIES_TEMPLATES:
            # What a user names may be slow, as a user's query may be.
            client = self._own_clients[metric.provider]
        return await self._built_in(client, template, question, now)

    def _unknown_provider(self, name: str) -> Failure:
        has = ", ".join(sorted(self._clients)) or "none"
        return Failure.refused(f"provider {name} is not configured (has: {has})")

    async def _built_in(
        self, client: PrometheusClient, template: Template, question: Question, now: datetime
    ) -> Reading:
        metric, subject = question.metric, question.subject
        window_s = _window_s(question, now)
        text = template.query(window_s, metric)

        async def measure(at: datetime) -> Measured | Failure:
            result = await client.query(text, at)
            if isinstance(result, Failure):
                return result
            return Measured(result.evaluated_at(at), template.measures(result, window_s))

        shared = await self._measures.get((metric.provider, metric.template, text), measure)
        if isinstance(shared.result, Failure):
            return _failed(shared.at, shared.result)
        at, found = shared.result.at, shared.result.measures
        reading = _measured(at, found.get(template.key(subject)), window_s, template)
        if question.stable is None:
            return reading
        other = found.get(template.key(question.stable))
        return paired(reading, _measured(at, other, window_s, template))

    async def _own_query(
        self, client: PrometheusClient, question: Question, now: datetime
    ) -> Reading:
        window_s = _window_s(question, now)
        if question.stable is None:
            return await self._own_value(client, question, question.subject, window_s)
        canary, stable = await asyncio.gather(
            self._own_value(client, question, question.subject, window_s),
            self._own_value(client, question, question.stable, window_s),
        )
        return paired(canary, stable)

    async def _own_value(
        self, client: PrometheusClient, question: Question, subject: Subject, window_s: float
    ) -> Reading:
        metric = question.metric
        try:
            text = render(metric.query or "", subject, window_s)
            counting = None
            if question.samples and metric.samples is not None:
                counting = render(metric.samples, subject, window_s)
        except RenderError as wrong:
            return _failed(self._clock.now(), Failure.refused(str(wrong)))
        if counting is None:
            return _valued(await self._value(client, metric.provider, text))
        value, samples = await asyncio.gather(
            self._value(client, metric.provider, text),
            self._value(client, metric.provider, counting),
        )
        return _with_samples(_valued(value), _valued(samples))

    async def _value(self, client: PrometheusClient, provider: str, text: str) -> Shared[Result]:
        return await self._values.get((provider, text), partial(client.query, text))

    async def _count(self, depth: Depth) -> Shared[Counts | Failure]:
        client = self._clients[self._telemetry.provider]

        async def count(at: datetime) -> Counts | Failure:
            result = await client.query(depth.query, at)
            return result if isinstance(result, Failure) else depth.counts(result)

        return await self._counts.get(depth.name, count)


def _missing(metric: Metric) -> str:
    """What the metric's template cannot do without, or ""; an old object may lack it."""
    if metric.template in SLOW_TEMPLATES and metric.threshold_s is None:
        return "a threshold"
    if metric.template in HISTOGRAM_TEMPLATES and metric.histogram is None:
        return "a histogram"
    return "counters" if metric.template == RATIO_TEMPLATE and metric.counters is None else ""


def _window_s(question: Question, now: datetime) -> float:
    """The window that every subject of the question has lived through."""
    asked = filter(None, (question.subject, question.stable))
    return min(window_since(question.metric.window_s, subject, now) for subject in asked)


def _measured(
    at: datetime, measured: Measure | None, window_s: float, template: Template
) -> Reading:
    if measured is None:
        detail = f"no {template.samples} in the last {window_s:g} s"
        return Reading(at, Answer.NODATA, samples=0.0, detail=detail)
    if measured.flaw:
        detail = f"not measured in the last {window_s:g} s: Prometheus has {measured.flaw}"
        return Reading(at, Answer.NODATA, detail=detail)
    return Reading(at, Answer.OK, value=measured.value, samples=measured.samples)


def _failed(at: datetime, failure: Failure) -> Reading:
    return Reading(at, failure.answer, detail=failure.detail)


def _valued(shared: Shared[Result]) -> Reading:
    """The one number that a user's query must give."""
    result = shared.result
    if isinstance(result, Failure):
        return _failed(shared.at, result)
    notes, at = "; ".join(result.notes), result.evaluated_at(shared.at)
    match result.samples:
        case ():
            return Reading(at, Answer.NODATA, detail=notes or "the query gives no series")
        case (Sample(value=value),) if math.isfinite(value):
            return Reading(at, Answer.OK, value=value, detail=notes)
        case (Sample(value=value),):
            detail = f"the query gives {_spelled(value)}, which is no measurement"
            return Reading(at, Answer.NODATA, detail=detail)
        case several:
            detail = f"the query gives {len(several)} series; aggregate with sum() or avg()"
            return _failed(at, Failure.refused(detail))


def _with_samples(value: Reading, samples: Reading) -> Reading:
    """The reading with the number of samples; why there is none is said in the detail."""
    detail = value.detail
    if samples.answer is not Answer.OK:
        detail = "; ".join(filter(None, (detail, f"samples unknown: {samples.detail}")))
    at = min(value.at, samples.at)
    return Reading(at, value.answer, value.value, samples.value, detail)


def _spelled(value: float) -> str:
    if math.isnan(value):
        return "NaN (as 0/0 does)"
    return "+Inf" if value > 0 else "-Inf"
