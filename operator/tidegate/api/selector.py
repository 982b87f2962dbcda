"""Which pods belong to a Rollout."""

from typing import ClassVar, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ATOMIC, ApiModel, Rule
from tidegate.api.scalars import LabelKey, LabelValue


class LabelRequirement(ApiModel):
    """One condition on a label."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
            message="In and NotIn need at least one value, Exists and DoesNotExist take none",
            holds=lambda need: (need.operator in {"In", "NotIn"}) == bool(need.values),
        ),
    )

    key: LabelKey = Field(description="Label key.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(
        description="In, NotIn, Exists or DoesNotExist."
    )
    values: tuple[LabelValue, ...] = Field(
        (),
        max_length=limits.MAX_SELECTOR_VALUES,
        description="Values for In and NotIn; empty for the other two.",
        json_schema_extra=ATOMIC,
    )


class LabelSelector(ApiModel):
    """Which pods belong to the Rollout."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.matchLabels) && size(self.matchLabels) > 0 || "
            "has(self.matchExpressions) && size(self.matchExpressions) > 0",
            message="must name at least one label; an empty selector would claim every pod",
            holds=lambda selector: bool(selector.match_labels or selector.match_expressions),
        ),
    )

    match_labels: dict[str, LabelValue] = Field(
        default_factory=dict,
        max_length=limits.MAX_SELECTOR_LABELS,
        description="Labels a pod must have, by key.",
    )
    match_expressions: tuple[LabelRequirement, ...] = Field(
        (),
        max_length=limits.MAX_SELECTOR_EXPRESSIONS,
        description="Further conditions on labels; all must hold.",
        json_schema_extra=ATOMIC,
    )
