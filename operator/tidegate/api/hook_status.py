"""How the hooks of a run go: what was tried, when, and what came of it."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel
from tidegate.api.scalars import CheckId, Count, Detail, Percent, Revision, ShortText, Timestamp


class HookResult(StrEnum):
    """How the last try of a hook went, or that it has not been tried yet."""

    WAITING = "Waiting"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class HookStatus(ApiModel):
    """One hook of one run, with its last try."""

    id: CheckId = Field(description="Number of the run, and where the hook stands in the spec.")
    run: Count = Field(description="Number of the run.")
    name: ShortText = Field(description="Name of the hook.")
    phase: ShortText = Field("", description="Name of its phase; empty for a hook of the run.")
    when: Literal["before", "after", "revert", "promoted"] = Field(
        description="When it runs: before, after, revert or promoted."
    )
    result: HookResult = Field(
        description="Waiting, Running, Succeeded, Failed, or Cancelled when nobody waits any more."
    )
    attempt: Count = Field(
        0,
        validation_alias="try",
        serialization_alias="try",
        description="Number of the last try, from 1; 0 before the first.",
    )
    tries: Count = Field(description="Number of the last try that is made without being asked.")
    job: ShortText = Field("", description="Name of the try's Job; empty for a call.")
    started_at: Timestamp | None = Field(None, description="When the last try began, in UTC.")
    sent_at: Timestamp | None = Field(
        None, description="When its Job was made or its call was sent, in UTC."
    )
    finished_at: Timestamp | None = Field(None, description="When the last try ended, in UTC.")
    exit_code: Annotated[int, Field(ge=-limits.MAX_COUNT, le=limits.MAX_COUNT)] | None = Field(
        None, description="Exit code of the Job's container, or the call's HTTP status."
    )
    revision: Revision = Field("", description="Revision that the run is about.")
    stable_revision: Revision = Field("", description="Revision that it was to replace.")
    weight: Percent = Field(
        0, description="Share of requests routed to the canary when the try began, in percent."
    )
    message: Detail = Field("", description="What the try said, or why it failed.")

    @property
    def over(self) -> bool:
        """Whether it will not be tried again unless somebody asks for it."""
        if self.result is HookResult.FAILED:
            return self.attempt >= self.tries
        return self.result in (HookResult.SUCCEEDED, HookResult.CANCELLED)
