"""What is done when metrics cannot be read: of a Rollout, of a policy, or of one guard."""

from typing import Literal

from pydantic import Field

from tidegate.api.base import ApiModel
from tidegate.api.scalars import DurationS


class Blind(ApiModel):
    """What to do when metrics cannot be read."""

    after_s: DurationS = Field(
        300.0, description="Time without readable metrics before anything is done (default 5m)."
    )
    then: Literal["hold", "revert"] = Field(
        "hold", description="What is done then: hold or revert (default hold)."
    )
