"""A Rollout's queries tried on a real Prometheus, by the very code that the operator asks with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from tidegate.adapters.prometheus.config import ProviderConfig, TelemetryConfig
from tidegate.adapters.prometheus.provider import PrometheusMetrics
from tidegate.api.checks import Metric
from tidegate.api.problems import FieldProblem
from tidegate.api.rollout import Rollout
from tidegate.cli.errors import UnreachableError, UsageError
from tidegate.core.observation import Answer, Reading
from tidegate.ports.metrics import Question, Subject

TIMEOUT_S: Final = 10.0
REVISION: Final = "lint-tries-this-query"
"""No pod has it, so that only the query itself is looked at."""


class WallClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """The present time in UTC."""
        return datetime.now(UTC)


def refused(rollout: Rollout, url: str) -> tuple[FieldProblem, ...]:
    """Each metric that Prometheus refuses, in its words; UnreachableError when it cannot say."""
    try:
        config = ProviderConfig(url, timeout_s=TIMEOUT_S)
    except ValueError as error:
        raise UsageError(f"--prometheus {url}: {error}") from error
    return tuple(_wrong(asyncio.run(_asked(rollout, config)), url))


def _metrics(rollout: Rollout) -> Iterator[tuple[str, Metric]]:
    """What is asked, with the field it stands in; samples are a query of their own."""
    for index, metric in enumerate(rollout.spec.metrics):
        path = f"spec.metrics[{index}]"
        alone = metric.model_copy(update={"samples": None})
        yield f"{path}.{'query' if metric.template is None else 'template'}", alone
        if metric.samples is not None:
            yield f"{path}.samples", alone.model_copy(update={"query": metric.samples})


async def _asked(rollout: Rollout, config: ProviderConfig) -> Mapping[str, Reading]:
    named = dict(_metrics(rollout))
    providers = {metric.provider: config for metric in named.values()}
    metrics = PrometheusMetrics(providers, TelemetryConfig(), WallClock())
    subject = Subject(rollout.namespace, rollout.name, REVISION, rollout.name, "canary")
    questions = {path: Question(metric, subject) for path, metric in named.items()}
    try:
        answers = await metrics.ask(questions.values())
    finally:
        await metrics.close()
    return {path: answers[question] for path, question in questions.items()}


def _wrong(answers: Mapping[str, Reading], url: str) -> Iterator[FieldProblem]:
    for path, reading in answers.items():
        if reading.answer is Answer.ERROR:
            raise UnreachableError(f"{url} could not be asked: {reading.detail}")
        if reading.answer is Answer.REFUSED:
            yield FieldProblem(path, reading.detail)
