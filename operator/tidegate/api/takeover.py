"""How far a Deployment is taken over, as it lies in `.status`."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel
from tidegate.api.scalars import ObjectName, Timestamp

Pods = Annotated[int, Field(ge=0, le=limits.MAX_COUNT)]


class WorkloadStage(StrEnum):
    """Where the takeover of a Deployment stands, from its first pod to its way back."""

    TAKING_OVER = "TakingOver"
    TAKEN_OVER = "TakenOver"
    GIVING_BACK = "GivingBack"
    GIVEN_BACK = "GivenBack"


class WorkloadDrift(StrEnum):
    """What became of pods that a Deployment got again after it was taken over."""

    PUTTING_BACK = "PuttingBack"
    PUT_BACK = "PutBack"
    LEFT_ALONE = "LeftAlone"


class WorkloadStatus(ApiModel):
    """The Deployment that was taken over."""

    name: ObjectName = Field(description="Name of the Deployment.")
    stage: WorkloadStage = Field(
        description="TakingOver, TakenOver, GivingBack (it gets its pods again) or GivenBack (it "
        "serves; the Rollout's pods go)."
    )
    replicas: Pods = Field(
        description="Pods it had when it was taken over; while it is given back, pods it gets."
    )
    emptied_at: Timestamp | None = Field(
        None,
        description="Since when the Rollout has no pods left while the Deployment is given back, "
        "in UTC.",
    )
    drift: WorkloadDrift | None = Field(
        None,
        description="PuttingBack or PutBack once somebody else gave it pods again; LeftAlone when "
        "that happened once more.",
    )
