"""What a statistical test has gathered in a run, as it lies in `.status`."""

from typing import Annotated, Final

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ATOMIC, ApiModel
from tidegate.api.check_status import Verdict
from tidegate.api.scalars import CheckId, Detail, MetricValue, ShortText, Timestamp

TOTALS: Final = 4
LOG_RATIOS: Final = 8
DISPERSION: Final = 11
DIFFERENCES: Final = 3
"""Numbers a list: as many as the test's own record has."""

Sum = Annotated[float, Field(ge=-limits.MAX_EVIDENCE, le=limits.MAX_EVIDENCE)]
Chance = Annotated[float, Field(ge=0, le=1)]


class Look(ApiModel):
    """The one look of a test that may look only once."""

    at: Timestamp = Field(description="When it was taken, in UTC.")
    p_not_worse: Chance = Field(
        description="Chance of such values, were the canary worse than the margin allows."
    )
    p_worse: Chance = Field(description="Chance of such values, were it not worse than that.")
    why: Detail = Field("", description="Why the values say nothing; empty when they do.")


class CheckEvidence(ApiModel):
    """The evidence of one guard, gate or member; it starts over when what it is about changes."""

    id: CheckId = Field(
        description="Which check it is for, as in checks; of a member of a scorecard with its "
        "metric, such as gate/0/0:error-rate."
    )
    about: ShortText = Field(
        description="Digest of the run, the revisions, the metric and the test it was gathered for."
    )
    until: Timestamp = Field(
        description="End of the last window that was counted, in UTC; the next begins there or "
        "later."
    )
    canary_errors: Sum = Field(0.0, description="Failed requests of the canary in these windows.")
    totals: tuple[Sum, ...] = Field(
        (),
        max_length=TOTALS,
        description="Requests of the canary and of stable, failed requests of both, and the least "
        "p so far.",
        json_schema_extra=ATOMIC,
    )
    log_ratios: tuple[Sum, ...] = Field(
        (),
        max_length=LOG_RATIOS,
        description="Log-likelihood of each foreseen ratio above that of the margin.",
        json_schema_extra=ATOMIC,
    )
    dispersion: tuple[Sum, ...] = Field(
        (),
        max_length=DISPERSION,
        description="How much more the errors vary than if they came one by one.",
        json_schema_extra=ATOMIC,
    )
    differences: tuple[Sum, ...] = Field(
        (),
        max_length=DIFFERENCES,
        description="Number of windows, mean and squared deviations of the differences of the "
        "error rates.",
        json_schema_extra=ATOMIC,
    )
    canary_values: tuple[MetricValue, ...] = Field(
        (),
        max_length=limits.MAX_TEST_VALUES,
        description="The canary's values of the last windows, oldest first.",
        json_schema_extra=ATOMIC,
    )
    stable_values: tuple[MetricValue, ...] = Field(
        (),
        max_length=limits.MAX_TEST_VALUES,
        description="Stable's values of the same windows.",
        json_schema_extra=ATOMIC,
    )
    look: Look | None = Field(None, description="What the one look showed; none before it.")
    verdict: Verdict | None = Field(
        None,
        description="What a member of a scorecard says by it now; none of a guard's or gate's own "
        "test, which says it in checks.",
    )
    said: Detail = Field("", description="The same of a member in one sentence.")
    since: Timestamp | None = Field(
        None, description="Since which measurement a member has said so, in UTC."
    )
