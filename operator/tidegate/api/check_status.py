"""What the status of a Rollout says of one guard or gate."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel
from tidegate.api.checks import Severity
from tidegate.api.scalars import CheckId, Detail, Measured, MetricText, ShortText, Timestamp
from tidegate.api.takeover import Pods


class Verdict(StrEnum):
    """What a check says; only PASS ever promotes, only FAIL ever reverts by itself."""

    PASS = "pass"  # noqa: S105 — a verdict, not a password
    FAIL = "fail"
    UNDECIDED = "undecided"
    NODATA = "nodata"
    ERROR = "error"


class CheckStatus(ApiModel):
    """The last word of one guard or gate."""

    id: CheckId = Field(
        description="Which check it is: guard/0 of the Rollout, guard/1/0 or gate/1/0 of phase 1, "
        "gate/preflight/0 of the pre-flight, policy/NAME/0 of a RolloutPolicy; followed by @NAME "
        "where it is about a variant."
    )
    variant: ShortText = Field(
        "", description="The variant that it is about; empty for the revision of the run."
    )
    kind: Literal["guard", "gate"] = Field(description="guard or gate.")
    metric: MetricText = Field(
        description="Name of the metric, or policy/metric, or of a scorecard."
    )
    verdict: Verdict = Field(description="pass, fail, undecided, nodata or error.")
    value: Measured = Field(
        None, description="Last measured value, in the metric's unit, or the score, 0 to 100."
    )
    bound: Detail = Field("", description='What the value must keep, such as "<= 0.01".')
    samples: Measured = Field(None, description="Number of samples behind the value.")
    pods: Pods | None = Field(
        None, description="Number of pods that the value comes from, of a kube- template."
    )
    measured_at: Timestamp | None = Field(None, description="When it was measured, in UTC.")
    passing_since: Timestamp | None = Field(
        None, description="Since when it has passed without a break, in UTC."
    )
    detail: Detail = Field("", description="More about the verdict, in one sentence.")
    severity: Severity | None = Field(
        None,
        description="How loudly people are told of a guard: info, warning or critical; none of a "
        "gate.",
    )
    warning: bool = Field(
        default=False, description="Whether the value passes, and is beyond a warn level."
    )
    failures: int = Field(
        0,
        ge=0,
        le=limits.MAX_BREACHES,
        description="Failed measurements in a row, of a guard with `failures` and at most those.",
    )
    ignored: bool = Field(
        default=False,
        description="Whether the guard's onNoData or onError lets the release go on unmeasured.",
    )
    blind_since: Timestamp | None = Field(
        None,
        description="Since when a guard with a `blind` of its own cannot be measured, in UTC.",
    )
    about: ShortText = Field(
        "", description="Digest of the scorecard that the score is of; empty for a metric."
    )
