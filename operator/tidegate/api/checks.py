"""Metrics, and what is asked of them: guards (must never fail) and gates (must pass to go on)."""

from typing import ClassVar, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel, Rule
from tidegate.api.blind import Blind
from tidegate.api.compare import Compare
from tidegate.api.constants import HISTOGRAM_TEMPLATES, PROVIDER_DEFAULT, RATIO_TEMPLATE
from tidegate.api.jobs import JobSource
from tidegate.api.scalars import DurationS, MetricName, MetricRef, MetricValue, Query
from tidegate.api.series import Counters, Series

Unmeasured = Literal["blind", "fail", "ignore"]
Severity = Literal["info", "warning", "critical"]


class Metric(ApiModel):
    """A number about one revision: from a built-in template, a PromQL query or a Job."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="[has(self.template), has(self.query), has(self.job)].filter(s, s).size() == 1",
            message="set exactly one of template (built in), query (your own PromQL) and job",
            holds=lambda metric: (metric.template, metric.query, metric.job).count(None) == 2,  # noqa: PLR2004 — two of these three
        ),
        Rule(
            cel="!has(self.job) || !has(self.samples) && "
            f"(!has(self.provider) || self.provider == '{PROVIDER_DEFAULT}')",
            message="a job brings its samples itself and asks no provider; leave samples and "
            "provider out",
            holds=lambda metric: (
                metric.job is None
                or (metric.samples is None and metric.provider == PROVIDER_DEFAULT)
            ),
            field=".job",
        ),
        Rule(
            cel="duration(self.window) >= duration('1s')",
            message="window must be at least 1s",
            holds=lambda metric: metric.window_s >= limits.MIN_WINDOW_S,
            field=".window",
        ),
        Rule(
            cel=(
                "!has(self.threshold) || (duration(self.threshold) >= duration('1ms') && "
                "duration(self.threshold) <= duration('10m'))"
            ),
            message="threshold must be 1ms to 10m",
            holds=lambda metric: (
                metric.threshold_s is None
                or limits.MIN_THRESHOLD_S <= metric.threshold_s <= limits.MAX_THRESHOLD_S
            ),
            field=".threshold",
        ),
        Rule(
            cel=(
                f"has(self.counters) == (has(self.template) && self.template == '{RATIO_TEMPLATE}')"
            ),
            message=f"counters goes with template {RATIO_TEMPLATE}; set both or neither",
            holds=lambda metric: (
                (metric.counters is not None) == (metric.template == RATIO_TEMPLATE)
            ),
        ),
        Rule(
            cel=(
                "has(self.histogram) == (has(self.template) && self.template in "
                f"{sorted(HISTOGRAM_TEMPLATES)})"
            ),
            message=(
                f"histogram goes with template {' or '.join(sorted(HISTOGRAM_TEMPLATES))}; "
                "set both or neither"
            ),
            holds=lambda metric: (
                (metric.histogram is not None) == (metric.template in HISTOGRAM_TEMPLATES)
            ),
        ),
        Rule(
            cel="!has(self.histogram) || !self.histogram.matches('^[^{]*_bucket([{]|$)')",
            message="histogram must be named without _bucket",
            holds=lambda metric: (
                metric.histogram is None
                or not metric.histogram.partition("{")[0].endswith("_bucket")
            ),
            field=".histogram",
        ),
    )

    name: MetricName = Field(description="Name by which guards and gates refer to the metric.")
    template: MetricName | None = Field(
        None, description="Built-in query, such as istio-error-rate or envoy-latency."
    )
    query: Query | None = Field(
        None,
        description=(
            "PromQL that yields one number; {{namespace}}, {{rollout}}, {{revision}} and "
            "{{window}} are filled in."
        ),
    )
    window_s: DurationS = Field(
        60.0, description="Length of time a measurement looks back, at least 1s (default 1m)."
    )
    unit: str = Field(
        "", max_length=limits.MAX_UNIT_CHARS, description="Unit shown to people, such as seconds."
    )
    provider: MetricName = Field(
        "default",
        description="Metrics provider, by its name in the operator's settings (default default); "
        "a kube- template asks the API server instead.",
    )
    quantile: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Quantile of a latency template, between 0 and 1, such as 0.95.",
    )
    threshold_s: DurationS | None = Field(
        None,
        description=(
            "Time beyond which a request is slow, of a slow-share template: an edge of the "
            "histogram's buckets, such as 250ms."
        ),
    )
    counters: Counters | None = Field(
        None,
        description=(
            "Counters of template counter-ratio: metrics that the pods export, with fixed matchers."
        ),
    )
    histogram: Series | None = Field(
        None,
        description=(
            "Histogram of a histogram template: a metric that the pods export, without _bucket, "
            'with fixed matchers, such as job_duration_seconds{queue="mail"}.'
        ),
    )
    samples: Query | None = Field(
        None, description="PromQL that counts the samples behind the metric, for minSamples."
    )
    job: JobSource | None = Field(
        None, description="A Job that brings the value, instead of a template or a query."
    )


class Bound(ApiModel):
    """What guards and gates share: a metric and the limits it must keep, or a scorecard."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.metric) != has(self.scorecard)",
            message="set exactly one of metric and scorecard",
            holds=lambda bound: (bound.metric is None) != (bound.scorecard is None),
        ),
        Rule(
            cel="has(self.scorecard) || has(self.min) || has(self.max) || has(self.compare)",
            message="set at least one of min, max and compare",
            holds=lambda bound: (
                bound.scorecard is not None
                or (bound.min, bound.max, bound.compare) != (None, None, None)
            ),
        ),
        Rule(
            cel="!has(self.scorecard) || !has(self.min) && !has(self.max) && "
            "!has(self.compare) && !has(self.minSamples) && !has(self.warnMin) && "
            "!has(self.warnMax) && !has(self.window)",
            message="a scorecard has its own marks: set min, max, compare and minSamples in its "
            "members, window in its metrics, and leave warn levels out",
            holds=lambda bound: (
                bound.scorecard is None
                or (
                    (bound.min, bound.max, bound.compare, bound.min_samples) == (None,) * 4
                    and (bound.warn_min, bound.warn_max, bound.window_s) == (None,) * 3
                )
            ),
            field=".scorecard",
        ),
        Rule(
            cel="!has(self.min) || !has(self.max) || self.min <= self.max",
            message="min must not be more than max",
            holds=lambda bound: None in (bound.min, bound.max) or bound.min <= bound.max,
            field=".min",
        ),
        Rule(
            cel="duration(self.interval) >= duration('1s')",
            message="interval must be at least 1s",
            holds=lambda bound: bound.interval_s >= limits.MIN_INTERVAL_S,
            field=".interval",
        ),
        Rule(
            cel="!has(self.window) || duration(self.window) >= duration('1s')",
            message="window must be at least 1s",
            holds=lambda bound: bound.window_s is None or bound.window_s >= limits.MIN_WINDOW_S,
            field=".window",
        ),
        Rule(
            cel="!has(self.warnMax) || !has(self.max) || self.warnMax < self.max",
            message="warnMax must be less than max, beyond which the value fails",
            holds=lambda bound: None in (bound.warn_max, bound.max) or bound.warn_max < bound.max,
            field=".warnMax",
        ),
        Rule(
            cel="!has(self.warnMin) || !has(self.min) || self.warnMin > self.min",
            message="warnMin must be more than min, below which the value fails",
            holds=lambda bound: None in (bound.warn_min, bound.min) or bound.warn_min > bound.min,
            field=".warnMin",
        ),
        Rule(
            cel="!has(self.warnMin) || !has(self.warnMax) || self.warnMin <= self.warnMax",
            message="warnMin must not be more than warnMax, or every value would be told",
            holds=lambda bound: (
                None in (bound.warn_min, bound.warn_max) or bound.warn_min <= bound.warn_max
            ),
            field=".warnMin",
        ),
    )

    metric: MetricRef | None = Field(
        None,
        description="Name of the metric in spec.metrics; in a Rollout also policy/metric, a metric "
        "of a RolloutPolicy that holds for it.",
    )
    scorecard: MetricName | None = Field(
        None, description="Name of the scorecard in spec.scorecards, instead of a metric."
    )
    min: MetricValue | None = Field(None, description="Least good value, in the metric's unit.")
    max: MetricValue | None = Field(None, description="Largest good value, in the metric's unit.")
    interval_s: DurationS = Field(
        10.0,
        description="Time between two measurements, at least 1s (default 10s); a test looks back "
        "as long, whatever the window of the metric is.",
    )
    min_samples: int | None = Field(
        None,
        ge=1,
        le=limits.MAX_SAMPLES,
        description="Number of samples below which the metric is undecided, neither pass nor fail.",
    )
    compare: Compare | None = Field(None, description="Bound relative to another revision.")
    warn_min: MetricValue | None = Field(
        None,
        description="Value below which people are told, once a run, in the metric's unit; it still "
        "passes (left out, none).",
    )
    warn_max: MetricValue | None = Field(
        None,
        description="Value above which people are told, once a run, in the metric's unit; it still "
        "passes (left out, none).",
    )
    window_s: DurationS | None = Field(
        None,
        description="Length of time a measurement looks back, at least 1s, in place of the "
        "metric's window (left out, that of the metric).",
    )
    delay_s: DurationS | None = Field(
        None,
        description="Time before measurements count: of a gate, since the phase's hold began; of a "
        "guard, since the phase's weight was first there (left out, 0s).",
    )


class Guard(Bound):
    """Must never fail; watched from the first canary pod to the end of the bake."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.breaches <= self.of",
            message="breaches must not be more than of",
            holds=lambda guard: guard.breaches <= guard.of,
            field=".breaches",
        ),
        Rule(
            cel="!has(self.failures) || self.breaches == 1 && self.of == 1",
            message="failures counts in a row, breaches among the last `of`: set one of the two",
            holds=lambda guard: guard.failures is None or (guard.breaches, guard.of) == (1, 1),
            field=".failures",
        ),
        Rule(
            cel=(
                "!has(self.minPods) || (!has(self.min) && "
                "(!has(self.compare) || !has(self.compare.test)))"
            ),
            message="minPods goes with max, or compare without a test",
            holds=lambda guard: (
                guard.min_pods is None
                or (guard.min is None and (guard.compare is None or guard.compare.test is None))
            ),
            field=".minPods",
        ),
    )

    breaches: int = Field(
        1,
        ge=1,
        le=limits.MAX_BREACHES,
        description="Number of failed measurements among the last `of` that trip it (default 1).",
    )
    of: int = Field(
        1,
        ge=1,
        le=limits.MAX_BREACHES,
        description="Number of last measurements that are looked at (default 1).",
    )
    failures: int | None = Field(
        None,
        ge=1,
        le=limits.MAX_BREACHES,
        description="Number of failed measurements in a row that trip it, in place of breaches and "
        "of; a restart of the operator counts on (left out, breaches and of decide).",
    )
    min_pods: int | None = Field(
        None,
        ge=1,
        le=limits.MAX_MIN_PODS,
        description="Number of pods from which a failure must come to count, of a kube- template; "
        "left out, one is enough.",
    )
    then: Literal["revert", "pause", "hold"] = Field(
        "revert", description="What happens when it trips: revert, pause or hold (default revert)."
    )
    severity: Severity | None = Field(
        None,
        description="How loudly people are told, whatever `then` does: info, warning or critical "
        "(left out, critical with then revert, else warning).",
    )

    on_no_data: Unmeasured = Field(
        "blind",
        description="What no data about the new revision means once it has traffic: blind (the "
        "guard cannot see; blind decides), fail (a failed measurement) or ignore (nothing waits "
        "for it, and the release may be promoted unmeasured) (default blind).",
    )
    on_error: Unmeasured = Field(
        "blind",
        description="What a failed query means once there is traffic: blind, fail or ignore, as "
        "with onNoData (default blind).",
    )
    blind: Blind | None = Field(
        None,
        description="What to do when this guard cannot be measured, in place of spec.blind (left "
        "out, that decides).",
    )

    @property
    def row(self) -> tuple[int, int]:
        """How many failed measurements trip it, among how many of the last."""
        return (self.failures, self.failures) if self.failures else (self.breaches, self.of)

    @property
    def loudness(self) -> Severity:
        """The severity, or what stands for one that is left out."""
        return self.severity or ("critical" if self.then == "revert" else "warning")


class Gate(Bound):
    """Must pass before its phase ends."""

    for_s: DurationS | None = Field(
        None, description="Time it must pass without a break, such as 5m; left out, once is enough."
    )
