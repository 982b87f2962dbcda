"""Metrics, and what is asked of them: guards (must never fail) and gates (must pass to go on)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel, Rule
from tidegate.api.scalars import DurationS, MetricName, MetricRef, MetricValue, Query

Change = Annotated[float, Field(ge=0, le=limits.MAX_VALUE)]
ChangePercent = Annotated[float, Field(ge=0, le=limits.MAX_PERCENT_CHANGE)]


class Metric(ApiModel):
    """A number about one revision, from a built-in template or a PromQL query."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.template) != has(self.query)",
            message="set exactly one of template (built in) and query (your own PromQL)",
            holds=lambda metric: (metric.template is None) != (metric.query is None),
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
        description="Metrics provider, by its name in the operator's settings (default default).",
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
    samples: Query | None = Field(
        None, description="PromQL that counts the samples behind the metric, for minSamples."
    )


class Compare(ApiModel):
    """A bound relative to another revision instead of a fixed number."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "has(self.minIncrease) || has(self.maxIncrease) || has(self.minDecrease) || "
                "has(self.maxDecrease) || has(self.minIncreasePercent) || "
                "has(self.maxIncreasePercent) || "
                "has(self.minDecreasePercent) || has(self.maxDecreasePercent) || has(self.test)"
            ),
            message="set at least one of the increases and decreases, or a test",
            holds=lambda compare: any(
                value is not None
                for value in (
                    compare.min_increase,
                    compare.max_increase,
                    compare.min_decrease,
                    compare.max_decrease,
                    compare.min_increase_percent,
                    compare.max_increase_percent,
                    compare.min_decrease_percent,
                    compare.max_decrease_percent,
                    compare.test,
                )
            ),
        ),
    )

    to: Literal["stable", "variant", "baseline"] = Field(
        description="What to compare with: stable, a variant, or a baseline."
    )
    variant: MetricName | None = Field(None, description="Name of the variant to compare with.")
    min_increase: Change | None = Field(
        None, description="Least rise over the other revision, in the metric's unit."
    )
    max_increase: Change | None = Field(
        None, description="Largest rise over the other revision, in the metric's unit."
    )
    min_decrease: Change | None = Field(
        None, description="Least fall below the other revision, in the metric's unit."
    )
    max_decrease: Change | None = Field(
        None, description="Largest fall below the other revision, in the metric's unit."
    )
    min_increase_percent: ChangePercent | None = Field(
        None, description="Least rise over the other revision, in percent of its value."
    )
    max_increase_percent: ChangePercent | None = Field(
        None, description="Largest rise over the other revision, in percent of its value."
    )
    min_decrease_percent: ChangePercent | None = Field(
        None, description="Least fall below the other revision, in percent of its value."
    )
    max_decrease_percent: ChangePercent | None = Field(
        None, description="Largest fall below the other revision, in percent of its value."
    )
    test: Literal["sequential", "mann-whitney", "welch"] | None = Field(
        None,
        description="Statistical test to judge the difference with: sequential for shares of "
        "failed requests, welch or mann-whitney for any number, once at the end of a phase.",
    )
    margin: float | None = Field(
        None,
        gt=0,
        le=limits.MAX_MARGIN,
        description="Ratio to the other revision's value that still counts as equal for a test, "
        "such as 1.2.",
    )
    confidence: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Confidence of all tests of the Rollout together, from 0.75 to 0.9999 (default "
        "0.95).",
    )


class Bound(ApiModel):
    """What guards and gates share: a metric and the limits it must keep."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.min) || has(self.max) || has(self.compare)",
            message="set at least one of min, max and compare",
            holds=lambda bound: (bound.min, bound.max, bound.compare) != (None, None, None),
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
    )

    metric: MetricRef = Field(
        description="Name of the metric in spec.metrics; in a Rollout also policy/metric, a metric "
        "of a RolloutPolicy that holds for it."
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


class Guard(Bound):
    """Must never fail; watched from the first canary pod to the end of the bake."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.breaches <= self.of",
            message="breaches must not be more than of",
            holds=lambda guard: guard.breaches <= guard.of,
            field=".breaches",
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
    then: Literal["revert", "pause", "hold"] = Field(
        "revert", description="What happens when it trips: revert, pause or hold (default revert)."
    )
    severity: Literal["info", "warning", "critical"] | None = Field(
        None, description="How loudly people are told: info, warning or critical."
    )


class Gate(Bound):
    """Must pass before its phase ends."""

    for_s: DurationS | None = Field(
        None, description="Time it must pass without a break, such as 5m; left out, once is enough."
    )
