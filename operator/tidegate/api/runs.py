"""RolloutRun: the record of one attempt to go from one revision to another."""

from typing import Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ATOMIC, ApiModel
from tidegate.api.scalars import Count, Message, ObjectName, Reason, Revision, ShortText, Timestamp


class RunEntry(ApiModel):
    """One thing that happened in a run."""

    at: Timestamp = Field(description="When it happened, in UTC.")
    what: ShortText = Field(description="What happened, such as PhaseStarted.")
    reason: Reason = Field("", description="Why, as one CamelCase word.")
    message: Message = Field("", description="One sentence for people.")


class RolloutRunSpec(ApiModel):
    """Which run of which Rollout."""

    rollout: ObjectName = Field(description="Name of the Rollout in the same namespace.")
    number: Count = Field(description="Number of the run, counted up from 1 for each Rollout.")
    from_revision: Revision | None = Field(
        None,
        validation_alias="from",
        serialization_alias="from",
        description="Revision that was stable when the run began.",
    )
    to_revision: Revision = Field(
        validation_alias="to",
        serialization_alias="to",
        description="Revision that the run tried.",
    )
    started_at: Timestamp = Field(description="When the run began, in UTC.")


class RolloutRunStatus(ApiModel):
    """How the run went."""

    epoch: Count = Field(
        0, description="Leadership of the operator that wrote this; 0 where no Lease is used."
    )
    outcome: Literal["Running", "Promoted", "Reverted", "Superseded"] = Field(
        "Running", description="Running, Promoted, Reverted or Superseded."
    )
    reason: Reason = Field("", description="Why it ended so, as one CamelCase word.")
    message: Message = Field("", description="Why it ended so, in one sentence.")
    finished_at: Timestamp | None = Field(None, description="When the run ended, in UTC.")
    history: tuple[RunEntry, ...] = Field(
        (),
        max_length=limits.MAX_HISTORY,
        description="What happened, oldest first.",
        json_schema_extra=ATOMIC,
    )
