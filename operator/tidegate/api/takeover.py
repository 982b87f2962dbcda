"""The Deployment that a Rollout takes over, and how far that is, as it lies in `.status`."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel, Rule
from tidegate.api.scalars import ObjectName, Timestamp

Pods = Annotated[int, Field(ge=0, le=limits.MAX_COUNT)]


class WorkloadRef(ApiModel):
    """A Deployment of this namespace that is taken over, and whose pod template is used."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.apiVersion == 'apps/v1' && self.kind == 'Deployment'",
            message="only a Deployment of apps/v1 can be taken over; for others use template",
            holds=lambda ref: (ref.api_version, ref.kind) == ("apps/v1", "Deployment"),
        ),
    )

    api_version: str = Field(
        min_length=1, max_length=limits.MAX_NAME_CHARS, description="API version: apps/v1."
    )
    kind: str = Field(
        min_length=1, max_length=limits.MAX_LABEL_CHARS, description="Kind: Deployment."
    )
    name: ObjectName = Field(description="Name of the Deployment in the Rollout's namespace.")


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
