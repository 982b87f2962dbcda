"""Scorecards: several metrics weighed into one score, so that one of them alone does not decide."""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel, Rule, keyed_by
from tidegate.api.compare import Compare
from tidegate.api.scalars import MetricName, MetricValue

Score = Annotated[float, Field(ge=0, le=limits.MAX_SCORE)]


class Member(ApiModel):
    """One metric of a scorecard, what it must keep, and how much it counts."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.min) || has(self.max) || has(self.compare)",
            message="set at least one of min, max and compare",
            holds=lambda member: (member.min, member.max, member.compare) != (None, None, None),
        ),
        Rule(
            cel="!has(self.min) || !has(self.max) || self.min <= self.max",
            message="min must not be more than max",
            holds=lambda member: None in (member.min, member.max) or member.min <= member.max,
            field=".min",
        ),
    )

    metric: MetricName = Field(description="Name of the metric in spec.metrics.")
    weight: int = Field(
        ge=1,
        le=limits.MAX_MEMBER_WEIGHT,
        description="Share of the score, beside the weights of the others, from 1 to 1000.",
    )
    min: MetricValue | None = Field(None, description="Least good value, in the metric's unit.")
    max: MetricValue | None = Field(None, description="Largest good value, in the metric's unit.")
    min_samples: int | None = Field(
        None,
        ge=1,
        le=limits.MAX_SAMPLES,
        description="Number of samples below which the member counts as not measured.",
    )
    compare: Compare | None = Field(None, description="Bound relative to another revision.")
    critical: bool = Field(
        default=False,
        description="Whether its failure fails the whole, whatever the score (default false).",
    )


class Scorecard(ApiModel):
    """The weighted score of several metrics, from 0 to 100."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.marginal) || self.marginal <= self.pass",
            message="marginal must not be more than pass",
            holds=lambda card: card.marginal is None or card.marginal <= card.pass_mark,
            field=".marginal",
        ),
    )

    name: MetricName = Field(description="Name by which guards and gates refer to the scorecard.")
    pass_mark: Score = Field(
        validation_alias="pass",
        serialization_alias="pass",
        description="Least score at which a gate passes, from 0 to 100.",
    )
    marginal: Score | None = Field(
        None,
        description="Score below which a guard or gate fails, from 0 to 100; between it and pass "
        "a gate waits and a guard does not trip; left out, the same as pass.",
    )
    coverage: int = Field(
        100,
        ge=1,
        le=limits.MAX_COVERAGE_PERCENT,
        description="Weight that must be measured for there to be a score, in percent of all "
        "weight (default 100).",
    )
    members: tuple[Member, ...] = Field(
        min_length=1,
        max_length=limits.MAX_MEMBERS,
        description="The metrics that are weighed.",
        json_schema_extra=keyed_by("metric"),
    )

    @property
    def marginal_mark(self) -> float:
        """The score below which it fails."""
        return self.pass_mark if self.marginal is None else self.marginal


CARD_RULES: Final = (
    # `scorecard_checks` says the same with the name that is wrong and those there are.
    Rule(
        cel="!has(self.guards) || self.guards.all(g, !has(g.scorecard) || "
        "has(self.scorecards) && self.scorecards.exists(c, c.name == g.scorecard))",
        message="every guard must name a scorecard of spec.scorecards",
        field=".guards",
    ),
    Rule(
        cel="!has(self.phases) || self.phases.all(p, (!has(p.gates) || p.gates.all(g, "
        "!has(g.scorecard) || has(self.scorecards) && "
        "self.scorecards.exists(c, c.name == g.scorecard))) && (!has(p.guards) || "
        "p.guards.all(g, !has(g.scorecard) || has(self.scorecards) && "
        "self.scorecards.exists(c, c.name == g.scorecard))))",
        message="every guard and gate of a phase must name a scorecard of spec.scorecards",
        field=".phases",
    ),
    Rule(
        cel="!has(self.scorecards) || self.scorecards.all(c, c.members.all(b, "
        "has(self.metrics) && self.metrics.exists(m, m.name == b.metric)))",
        message="every member of a scorecard must name a metric of spec.metrics",
        field=".scorecards",
    ),
    Rule(
        cel="!has(self.scorecards) || !has(self.metrics) || self.scorecards.all(c, "
        "!self.metrics.exists(m, m.name == c.name))",
        message="a scorecard must not have the name of a metric",
        field=".scorecards",
    ),
)
"""What holds between scorecards and the rest of a spec."""
