"""What a Rollout's status says of the RolloutPolicies that hold for it."""

from typing import Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel
from tidegate.api.scalars import Generation, Message, ShortText, Timestamp


class PolicyInForce(ApiModel):
    """A RolloutPolicy that holds for the Rollout."""

    name: ShortText = Field(description="Name of the RolloutPolicy.")
    generation: Generation = Field(description="metadata.generation that is applied.")
    mode: Literal["enforce", "observe", "invalid"] = Field(
        description="enforce; observe: only told; invalid: nothing goes on until it is mended."
    )
    guards: int = Field(
        0, ge=0, le=limits.MAX_POLICY_GUARDS, description="Number of guards that it adds."
    )
    message: Message = Field("", description="Why it is invalid here, in one sentence.")
    blind_since: Timestamp | None = Field(
        None, description="Since when one of its guards cannot be read, in UTC."
    )
