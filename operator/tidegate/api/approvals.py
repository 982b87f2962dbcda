"""Approvals: who must agree before a phase begins, and who has agreed in the run that is on."""

from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ATOMIC, SET, ApiModel, Rule
from tidegate.api.scalars import Detail, DurationS, ShortText, Timestamp, UserName

GroupName = Annotated[str, Field(min_length=1, max_length=limits.MAX_USER_CHARS)]


class Approval(ApiModel):
    """People who must agree before the phase starts."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.expiry) || duration(self.expiry) >= duration('1m')",
            message="expiry must be at least 1m, or no approval could be given in time",
            holds=lambda one: one.expiry_s is None or one.expiry_s >= limits.MIN_EXPIRY_S,
            field=".expiry",
        ),
    )

    required: int = Field(
        1,
        ge=1,
        le=limits.MAX_APPROVERS,
        description="Number of different persons who must approve (default 1).",
    )
    groups: tuple[GroupName, ...] = Field(
        (),
        max_length=limits.MAX_GROUPS,
        description="Groups whose members may approve, any one of them; empty means whoever has "
        "the right rollouts/approve.",
        json_schema_extra=SET,
    )
    expiry_s: DurationS | None = Field(
        None,
        description="Time an approval counts; older when the phase could start, it must be given "
        "anew. Left out, as long as the run lasts.",
    )


class ApprovalGiven(ApiModel):
    """One person's approval of one phase of the run that is on."""

    by: UserName = Field(description="User who approved.")
    phase: ShortText = Field(description="Name of the phase that is approved.")
    at: Timestamp = Field(description="When it was asked for, in UTC; expiry counts from then.")
    uid: ShortText = Field("", description="UID of the RolloutAction.")
    about: ShortText = Field(
        "", description="Digest of the phase as it was; of a phase that is changed it says nothing."
    )
    reason: Detail = Field("", description="Why, in the words of who approved.")


class RunApprovals(ApiModel):
    """What was approved in the run, and what it waits for."""

    awaiting: ShortText = Field(
        "",
        description="Phase that could begin but for its approvals, as was told; empty when none.",
    )
    given: tuple[ApprovalGiven, ...] = Field(
        (),
        max_length=limits.MAX_APPROVALS,
        description="Who approved which phase, when and why, oldest first.",
        json_schema_extra=ATOMIC,
    )
