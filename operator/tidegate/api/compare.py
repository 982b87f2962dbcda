"""A bound relative to another revision: by plain limits, or by a statistical test."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel, Rule
from tidegate.api.scalars import MetricName

Change = Annotated[float, Field(ge=0, le=limits.MAX_VALUE)]
ChangePercent = Annotated[float, Field(ge=0, le=limits.MAX_PERCENT_CHANGE)]


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
