"""What a statistical test has gathered in a run, as it lies in `.status`."""

from typing import Annotated, Final

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ATOMIC, ApiModel
from tidegate.api.scalars import CheckId, ShortText, Timestamp

TOTALS: Final = 4
LOG_RATIOS: Final = 8
DISPERSION: Final = 11
DIFFERENCES: Final = 3
"""Numbers a list: as many as the test's own record has."""

Sum = Annotated[float, Field(ge=-limits.MAX_EVIDENCE, le=limits.MAX_EVIDENCE)]


class CheckEvidence(ApiModel):
    """The evidence of one guard or gate; it starts over when what it is about changes."""

    id: CheckId = Field(description="Which check it is for, as in checks.")
    about: ShortText = Field(
        description="Digest of the run, the revisions, the metric and the test it was gathered for."
    )
    until: Timestamp = Field(
        description="End of the last window that was counted, in UTC; the next begins there or "
        "later."
    )
    canary_errors: Sum = Field(description="Failed requests of the canary in these windows.")
    totals: tuple[Sum, ...] = Field(
        max_length=TOTALS,
        description="Requests of the canary and of stable, failed requests of both, and the least "
        "p so far.",
        json_schema_extra=ATOMIC,
    )
    log_ratios: tuple[Sum, ...] = Field(
        max_length=LOG_RATIOS,
        description="Log-likelihood of each foreseen ratio above that of the margin.",
        json_schema_extra=ATOMIC,
    )
    dispersion: tuple[Sum, ...] = Field(
        max_length=DISPERSION,
        description="How much more the errors vary than if they came one by one.",
        json_schema_extra=ATOMIC,
    )
    differences: tuple[Sum, ...] = Field(
        max_length=DIFFERENCES,
        description="Number of windows, mean and squared deviations of the differences of the "
        "error rates.",
        json_schema_extra=ATOMIC,
    )
