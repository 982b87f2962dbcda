"""Asking a metrics provider about one revision, and about the traffic of many Rollouts at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tidegate.api.checks import Metric
from tidegate.core.observation import Reading, TrafficReading


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a question is about: one arm (stable or canary) of one Rollout.

    `cluster_host` is the fully qualified Service host that the mesh routes to and `subset` the
    DestinationRule subset in it ("" at host level): together they name Envoy's upstream cluster
    `outbound|PORT|SUBSET|HOST`. `since` is when the destination began to select this revision;
    no built-in template may count requests that the destination served before. `began` is when
    the run began: what befell pods before is no part of it.
    """

    namespace: str
    rollout: str
    revision: str
    cluster_host: str
    subset: str
    since: datetime | None = None
    began: datetime | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One metric about one subject; `samples` asks for the number of samples behind it as well.

    `stable` asks for the same of the stable arm, at the same time and over the same window.
    """

    metric: Metric
    subject: Subject
    samples: bool = False
    stable: Subject | None = None


@dataclass(frozen=True, slots=True)
class Arms:
    """The two destinations of one Rollout and all its revisions, for the traffic question.

    `measured` is whom checks are about where that is not the canary: in a bake, mostly stable.
    `variants` are the other arms of an experiment, by name.
    """

    namespace: str
    rollout: str
    revisions: tuple[str, ...]
    stable: Subject
    canary: Subject
    measured: Subject | None = None
    variants: tuple[tuple[str, Subject], ...] = ()


class Metrics(Protocol):
    """Answers questions; never raises for what a provider says or fails to say."""

    async def ask(self, questions: Iterable[Question]) -> Mapping[Question, Reading]:
        """One Reading a question; questions that share a template or a query are asked once."""
        ...

    async def traffic(self, arms: Iterable[Arms]) -> Mapping[tuple[str, str], TrafficReading]:
        """Requests per revision and per subset of many Rollouts, keyed by (namespace, rollout)."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
