"""Experiments: a phase that asks which of its arms is better, and what it has found so far."""

from typing import ClassVar, Final, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ATOMIC, ApiModel, Rule, keyed_by
from tidegate.api.scalars import (
    Count,
    DurationS,
    Measured,
    Message,
    MetricName,
    Revision,
    ShortText,
    Timestamp,
)

MARGIN_DEFAULT: Final = 1.0
CONFIDENCE_DEFAULT: Final = 0.95


class Measure(ApiModel):
    """A share of requests by which the arms of an experiment are compared with stable."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="duration(self.interval) >= duration('1s')",
            message="interval must be at least 1s",
            holds=lambda measure: measure.interval_s >= limits.MIN_INTERVAL_S,
            field=".interval",
        ),
    )

    metric: MetricName = Field(
        description="Name of the metric in spec.metrics: a share from 0 to 1 with its samples."
    )
    better: Literal["higher", "lower"] = Field(
        description="Which values are the better ones: higher, as of conversions, or lower, as of "
        "errors."
    )
    interval_s: DurationS = Field(
        60.0,
        description="Time between two measurements, at least 1s, each of which looks back as long "
        "(default 1m).",
    )


class Experiment(ApiModel):
    """What a phase finds out about its arms: each is compared with stable, the control.

    The first metric says who wins; by none of the others may the winner be shown to be worse.
    """

    decide: Literal["report", "winner"] = Field(
        "report",
        description="What the result is for: report tells it at the end of the hold and goes on; "
        "winner waits until one is shown, and, unless it is the canary, until Git or a person "
        "follows (default report).",
    )
    metrics: tuple[Measure, ...] = Field(
        min_length=1,
        max_length=limits.MAX_MEASURES,
        description="What arms are compared by; the first says who wins, and by none of the others "
        "may the winner be worse.",
        json_schema_extra=ATOMIC,
    )
    margin: float | None = Field(
        None,
        ge=limits.MIN_TEST_MARGIN,
        le=limits.MAX_TEST_MARGIN,
        description="Times stable's value that still counts as equal, from 1 to 100: with 1.02 "
        "only what is better by more than 2 percent wins (left out, 1).",
    )
    confidence: float | None = Field(
        None,
        ge=limits.MIN_CONFIDENCE,
        le=limits.MAX_CONFIDENCE,
        description="Confidence of all that the experiment shows, of every arm and metric "
        "together, from 0.75 to 0.9999 (left out, 0.95).",
    )
    stop_early: bool = Field(
        default=False,
        description="Whether the hold ends once every arm is shown to be better or worse by the "
        "first metric, and one wins (default false).",
    )

    @property
    def times(self) -> float:
        """Times stable's value that still counts as equal."""
        return self.margin or MARGIN_DEFAULT

    @property
    def sure(self) -> float:
        """Confidence of all that it shows."""
        return self.confidence or CONFIDENCE_DEFAULT


class MeasureStatus(ApiModel):
    """What one metric shows of one arm, by all that was counted in the phase."""

    metric: ShortText = Field(description="Name of the metric.")
    verdict: Literal["better", "worse", "undecided", "nodata"] = Field(
        description="Whether the arm is shown to be better or worse than stable: better, worse, "
        "undecided or nodata."
    )
    value: Measured = Field(None, description="The arm's value.")
    stable: Measured = Field(None, description="Stable's value in the same windows.")
    samples: Measured = Field(None, description="Requests of the arm that were counted.")
    ratio: Measured = Field(None, description="The arm's value in times of stable's.")
    low: Measured = Field(None, description="Lower end of the interval of the ratio, at one look.")
    high: Measured = Field(None, description="Upper end of the interval of the ratio.")
    evidence: Measured = Field(
        None, description="Evidence for the side that has more of it; what is shown needs `needed`."
    )
    needed: Measured = Field(None, description="Evidence from which something is shown.")


class ArmStatus(ApiModel):
    """What an experiment shows of one arm."""

    name: ShortText = Field(description="The name of a variant, or canary.")
    revision: Revision | None = Field(None, description="Revision that its pods have.")
    metrics: tuple[MeasureStatus, ...] = Field(
        (),
        max_length=limits.MAX_MEASURES,
        description="What each metric shows of it.",
        json_schema_extra=keyed_by("metric"),
    )


class ExperimentStatus(ApiModel):
    """The experiment of the phase that is on, or the last one there was."""

    run: Count = Field(description="Number of the run that it belongs to.")
    phase: ShortText = Field(description="Name of its phase.")
    about: ShortText = Field(
        description="Digest of the experiment and its revisions; what was shown of others is gone."
    )
    decide: ShortText = Field(description="What the result is for: report or winner.")
    outcome: Literal["Running", "Decided", "Undecided"] = Field(
        "Running",
        description="Running until its result was told, then Decided or Undecided.",
    )
    winner: ShortText = Field(
        "", description="The arm that wins: stable, canary or a variant; empty while none does."
    )
    message: Message = Field("", description="The result in one sentence, as it was told.")
    told_at: Timestamp | None = Field(None, description="When the result was told, in UTC.")
    arms: tuple[ArmStatus, ...] = Field(
        (),
        max_length=1 + limits.MAX_VARIANTS,
        description="What is shown of each arm.",
        json_schema_extra=keyed_by("name"),
    )


def without_numbers(one: ExperimentStatus) -> ExperimentStatus:
    """The same with verdicts and what was told, and without what wanders from look to look."""
    arms = tuple(
        arm.model_copy(
            update={
                "metrics": tuple(
                    MeasureStatus(metric=m.metric, verdict=m.verdict) for m in arm.metrics
                )
            }
        )
        for arm in one.arms
    )
    return one.model_copy(update={"arms": arms})
