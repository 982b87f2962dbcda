"""The part of a Rollout's status that says where requests go."""

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ATOMIC, ApiModel
from tidegate.api.scalars import Detail, Percent, Revision, ShortText, Timestamp


class TrafficStatus(ApiModel):
    """What the routes say, and since when."""

    weight: Percent = Field(description="Share of requests routed to the canary, in percent.")
    match: Detail = Field(
        "", description="Whose requests all go to the canary, whatever the weight."
    )
    sticky: ShortText = Field(
        "", description="Cookie by which each user is kept where the weight has put them."
    )
    mirror: Percent | None = Field(
        None, description="Share of requests that are copied to the canary, in percent."
    )
    variants: Detail = Field("", description="What variants get, such as `a 25 %, b 25 %`.")
    weight_since: Timestamp | None = Field(
        None,
        description="Since when all routes give these shares, and pick these requests, in UTC; "
        "none while they differ.",
    )
    stable: Revision | None = Field(
        None, description="Revision that the stable subset or Service selects."
    )
    stable_since: Timestamp | None = Field(
        None, description="Since when the stable side selects it, in UTC."
    )
    canary: Revision | None = Field(
        None, description="Revision that the canary subset or Service selects."
    )
    canary_since: Timestamp | None = Field(
        None, description="Since when the canary side selects it, in UTC."
    )
    converged: bool = Field(
        default=False,
        description="Whether the share seen in telemetry is the share that was asked for.",
    )
    mismatch_since: Timestamp | None = Field(
        None,
        description="Since when requests are shared out otherwise than asked, beyond chance, in "
        "UTC; none while they are not.",
    )
    mismatch_until: Timestamp | None = Field(
        None,
        description="When requests were last found to be shared out as asked again, in UTC; what "
        "gates with a test gather begins anew then.",
    )
    missing: bool = Field(
        default=False,
        description="Whether a route that Tidegate made is not there; all times count anew then.",
    )
    drifts: tuple[Timestamp, ...] = Field(
        (),
        max_length=limits.MAX_DRIFTS,
        description="When weights that somebody else had changed were found, in UTC, oldest first.",
        json_schema_extra=ATOMIC,
    )
