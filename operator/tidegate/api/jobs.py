"""A metric whose value a Job brings: made from a CronJob, run once an interval."""

from typing import ClassVar

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel, Rule
from tidegate.api.scalars import DurationS, ObjectName


class JobSource(ApiModel):
    """Which Job brings the value, and how long it may take."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.timeout) || duration(self.timeout) >= duration('1s')",
            message="timeout must be at least 1s",
            holds=lambda job: job.timeout_s >= limits.MIN_HOOK_S,
            field=".timeout",
        ),
    )

    cron_job: ObjectName = Field(
        description="CronJob of this namespace whose job template is run once an interval; its "
        'last container leaves {"value": 1.5, "samples": 100} as its termination message.'
    )
    timeout_s: DurationS = Field(
        30.0,
        description="Time one run may take, at most the interval of what asks for it (default "
        "30s).",
    )
