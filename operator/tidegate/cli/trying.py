"""A Rollout's queries tried on a real Prometheus, by the very code that the operator asks with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from tidegate.adapters.prometheus.config import ProviderConfig, TelemetryConfig
from tidegate.adapters.prometheus.provider import PrometheusMetrics
from tidegate.api.checks import Metric
from tidegate.api.constants import KUBERNETES_TEMPLATES
from tidegate.api.problems import FieldProblem
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


def refused(
    metrics: Sequence[Metric], namespace: str, name: str, url: str
) -> tuple[FieldProblem, ...]:
    """Each metric that Prometheus refuses, in its words; UnreachableError when it cannot say.

    `namespace` and `name` are what queries ask for.
    """
    try:
        config = ProviderConfig(url, timeout_s=TIMEOUT_S)
    except ValueError as error:
        raise UsageError(f"--prometheus {url}: {error}") from error
    subject = Subject(namespace, name, REVISION, name, "canary")
    return tuple(_wrong(asyncio.run(_asked(metrics, subject, config)), url))


def _parts(metrics: Sequence[Metric]) -> Iterator[tuple[str, Metric]]:
    """What is asked, with the field it stands in; samples are a query of their own."""
    for index, metric in enumerate(metrics):
        if metric.template in KUBERNETES_TEMPLATES or metric.job is not None:
            continue  # asked of a cluster, which is not there
        path = f"spec.metrics[{index}]"
        alone = metric.model_copy(update={"samples": None})
        yield f"{path}.{'query' if metric.template is None else 'template'}", alone
        if metric.samples is not None:
            yield f"{path}.samples", alone.model_copy(update={"query": metric.samples})


async def _asked(
    metrics: Sequence[Metric], subject: Subject, config: ProviderConfig
) -> Mapping[str, Reading]:
    named = dict(_parts(metrics))
    providers = {metric.provider: config for metric in named.values()}
    prometheus = PrometheusMetrics(providers, TelemetryConfig(), WallClock())
    questions = {path: Question(metric, subject) for path, metric in named.items()}
    try:
        answers = await prometheus.ask(questions.values())
    finally:
        await prometheus.close()
    return {path: answers[question] for path, question in questions.items()}


def _wrong(answers: Mapping[str, Reading], url: str) -> Iterator[FieldProblem]:
    for path, reading in answers.items():
        if reading.answer is Answer.ERROR:
            raise UnreachableError(f"{url} could not be asked: {reading.detail}")
        if reading.answer is Answer.REFUSED:
            yield FieldProblem(path, reading.detail)
