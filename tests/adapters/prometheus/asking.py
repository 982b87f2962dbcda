"""What the tests ask with: a clock to set, and short ways to say a question."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tidegate.adapters.prometheus import PrometheusMetrics
from tidegate.api.checks import Metric
from tidegate.api.constants import HISTOGRAM_TEMPLATES, RATIO_TEMPLATE
from tidegate.api.series import Counters
from tidegate.core.observation import Reading
from tidegate.ports.metrics import Arms, Question, Subject

HOST = "web.shop.svc.cluster.local"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@dataclass
class SetClock:
    """Stands still until told otherwise."""

    time: datetime = field(default=NOON)

    def now(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class WallClock:
    """The real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def subject(
    revision: str = "abc",
    subset: str = "canary",
    host: str = HOST,
    since: datetime | None = None,
    namespace: str = "shop",
) -> Subject:
    return Subject(namespace, "web", revision, host, subset, since)


def metric(
    template: str | None = None,
    query: str | None = None,
    *,
    window_s: float = 60.0,
    provider: str = "default",
    samples: str | None = None,
    quantile: float | None = None,
    threshold_s: float | None = None,
    counters: Counters | None = None,
    histogram: str | None = None,
) -> Metric:
    if template == RATIO_TEMPLATE and counters is None:
        counters = Counters(bad="bad_total", total="all_total")
    if template in HISTOGRAM_TEMPLATES and histogram is None:
        histogram = "waited_seconds"
    return Metric(
        name="m",
        template=template,
        query=query,
        window_s=window_s,
        provider=provider,
        samples=samples,
        quantile=quantile,
        threshold_s=threshold_s,
        counters=counters,
        histogram=histogram,
    )


def arms(rollout: str = "web", host: str = HOST, namespace: str = "shop") -> Arms:
    return Arms(
        namespace,
        rollout,
        ("abc", "def"),
        Subject(namespace, rollout, "def", host, "stable"),
        Subject(namespace, rollout, "abc", host, "canary"),
    )


async def ask_one(
    metrics: PrometheusMetrics, about: Metric, who: Subject | None = None, *, samples: bool = False
) -> Reading:
    question = Question(about, who or subject(), samples)
    return (await metrics.ask([question]))[question]
