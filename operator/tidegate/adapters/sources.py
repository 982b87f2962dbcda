"""Who answers which question: the API server or a Job some, Prometheus all others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from tidegate.adapters.kubernetes.job_metrics import JobMetrics
from tidegate.adapters.pods.provider import PodMetrics
from tidegate.api.constants import KUBERNETES_TEMPLATES
from tidegate.core.observation import Reading, TrafficReading
from tidegate.ports.metrics import Arms, Metrics, Question


class Sources:
    """Fills `ports.metrics.Metrics` from all three."""

    def __init__(self, prometheus: Metrics, pods: PodMetrics, jobs: JobMetrics) -> None:
        self._prometheus = prometheus
        self._pods = pods
        self._jobs = jobs

    async def ask(self, questions: Iterable[Question]) -> Mapping[Question, Reading]:
        """One Reading a question, from whoever knows its template."""
        wanted = tuple(questions)
        about_pods = [one for one in wanted if one.metric.template in KUBERNETES_TEMPLATES]
        by_jobs = [one for one in wanted if one.metric.job is not None]
        others = [one for one in wanted if one not in about_pods and one not in by_jobs]
        answers = await asyncio.gather(
            self._pods.ask(about_pods), self._jobs.ask(by_jobs), self._prometheus.ask(others)
        )
        return {question: reading for told in answers for question, reading in told.items()}

    async def traffic(self, arms: Iterable[Arms]) -> Mapping[tuple[str, str], TrafficReading]:
        """Requests are counted by Prometheus alone."""
        return await self._prometheus.traffic(arms)

    async def close(self) -> None:
        """Give back what they hold."""
        await self._pods.close()
        await self._jobs.close()
        await self._prometheus.close()
