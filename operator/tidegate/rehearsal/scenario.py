"""What happens in a rehearsal: pods that need time, metrics that change, a provider that fails.

Times are lengths since the new template was applied. Of the changes of one metric the last one
that is on counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isfinite
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel, Rule
from tidegate.api.scalars import DnsLabel, DurationS, MetricName, MetricValue, Percent

RATE_RPS_MAX: Final = 1e6
RATE_RPS_DEFAULT: Final = 100.0
READY_AFTER_S_DEFAULT: Final = 20.0
MATCHED_PERCENT_DEFAULT: Final = 5
CHANGES_MAX: Final = 64
OUTAGES_MAX: Final = 32
EVERY_S_MIN: Final = 1.0


class Change(ApiModel):
    """A value that a metric has for a while: from a time on, from a weight on, or both."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.every) || duration(self.every) >= duration('1s')",
            message="every must be at least 1s",
            holds=lambda change: change.every_s is None or change.every_s >= EVERY_S_MIN,
            field=".every",
        ),
        Rule(
            cel="!has(self.every) || has(self.for) && duration(self.for) < duration(self.every)",
            message="every needs a shorter for: how long of it the value lasts",
            holds=lambda change: (
                change.every_s is None
                or (change.for_s is not None and change.for_s < change.every_s)
            ),
            field=".every",
        ),
    )

    at_s: DurationS = Field(0.0, description="When it begins (default 0s).")
    for_s: DurationS | None = Field(None, description="How long it lasts; left out, for good.")
    every_s: DurationS | None = Field(None, description="How often it comes back, such as 2m.")
    weight: Percent | None = Field(
        None, description="Only while the canary gets at least that share, in percent."
    )
    value: MetricValue | None = Field(
        None, description="Value in the metric's unit; left out, there is no data."
    )

    def on(self, at_s: float, weight: float) -> bool:
        """Whether it counts at that second and that share (percent) of the canary."""
        since_s = at_s - self.at_s
        if since_s < 0 or (self.weight is not None and weight < self.weight):
            return False
        if self.every_s is not None:
            since_s %= self.every_s
        return self.for_s is None or since_s < self.for_s

    def next_edge_s(self, at_s: float) -> float:
        """When it next begins or ends after that second; infinity for never."""
        if at_s < self.at_s:
            return self.at_s
        if self.for_s is None:
            return inf
        if self.every_s is None:
            end_s = self.at_s + self.for_s
            return end_s if end_s > at_s else inf
        begun_s = self.at_s + (at_s - self.at_s) // self.every_s * self.every_s
        edges = (begun_s + self.for_s, begun_s + self.every_s, begun_s + 2 * self.every_s)
        return next(edge for edge in edges if edge > at_s)


def written_out(raw: Any) -> Any:
    """A scenario as JSON has it, with every lone number of a script written out as a change."""
    metrics = raw.get("metrics") if isinstance(raw, Mapping) else None
    if not isinstance(metrics, Mapping):
        return raw
    return {**raw, "metrics": {name: _script(script) for name, script in metrics.items()}}


def _script(raw: Any) -> Any:
    if not isinstance(raw, Mapping):
        return raw
    return {side: _side(side, changes) for side, changes in raw.items()}


def _side(side: str, raw: Any) -> Any:
    if side == "variants" and isinstance(raw, Mapping):
        return {name: _listed(changes) for name, changes in raw.items()}
    return _listed(raw)


def _listed(value: Any) -> Any:
    """A lone number stands for one change, a number in the list for a change from the start."""
    if isinstance(value, list):
        return [{"value": item} if _number(item) else item for item in value]
    return [{"value": value}] if _number(value) else value


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


Changes = Annotated[tuple[Change, ...], Field(min_length=1, max_length=CHANGES_MAX)]


class Script(ApiModel):
    """One metric of the two revisions over time."""

    stable: Changes | None = Field(
        None, description="Values of stable; left out, what all guards and gates like."
    )
    canary: Changes | None = Field(
        None, description="Values of the new revision; left out, what all guards and gates like."
    )
    variants: dict[DnsLabel, Changes] = Field(
        default_factory=dict,
        max_length=limits.MAX_VARIANTS,
        description="Values of variants by name; one that is left out has those of the new "
        "revision.",
    )


class Outage(ApiModel):
    """A time in which the metrics provider fails."""

    at_s: DurationS = Field(0.0, description="When it begins (default 0s).")
    for_s: DurationS | None = Field(None, description="How long it lasts; left out, for good.")
    answer: Literal["error", "nodata"] = Field(
        "error", description="What it answers: error (it is down) or nodata (default error)."
    )

    def on(self, at_s: float) -> bool:
        """Whether the provider fails at that second."""
        return self.at_s <= at_s < self.at_s + (inf if self.for_s is None else self.for_s)


class Pods(ApiModel):
    """How the new revision's pods come up."""

    ready_after_s: DurationS = Field(
        READY_AFTER_S_DEFAULT, description="Time a pod needs to be ready (default 20s)."
    )
    never_ready: bool = Field(
        default=False, description="Whether they never become ready (default false)."
    )


class Scenario(ApiModel):
    """One world to play a release in."""

    description: str = Field("", max_length=limits.MAX_MESSAGE_CHARS, description="What it is.")
    rate: float = Field(
        RATE_RPS_DEFAULT, gt=0, le=RATE_RPS_MAX, description="Requests a second (default 100)."
    )
    matched: Percent = Field(
        MATCHED_PERCENT_DEFAULT,
        description="Share of requests that have the headers a phase matches, in percent "
        "(default 5).",
    )
    pods: Pods = Field(default_factory=lambda: Pods(), description="Pods of the new revision.")  # noqa: PLW0108 — mypy wants the call, not the class
    metrics: dict[MetricName, Script] = Field(
        default_factory=dict,
        max_length=limits.MAX_METRICS,
        description="Values by the metric's name in spec.metrics.",
    )
    provider: tuple[Outage, ...] = Field(
        (), max_length=OUTAGES_MAX, description="Times in which the metrics provider fails."
    )
