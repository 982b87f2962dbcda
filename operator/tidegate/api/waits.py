"""What a RolloutPolicy makes a release wait for: freeze windows, its turn, other Rollouts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import SET, ApiModel, Rule
from tidegate.api.scalars import (
    MOMENT_PATTERN,
    DnsLabel,
    LabelKey,
    Message,
    ObjectName,
    Reason,
    ShortText,
    Timestamp,
    parse_timestamp,
)

TIME_OF_DAY_CHARS: Final = len("16:00")
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
"""In the order of `date.weekday()`."""

Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
Moment = Annotated[
    str, Field(pattern=MOMENT_PATTERN, min_length=1, max_length=limits.MAX_TIMESTAMP_CHARS)
]
FreezeReason = Annotated[str, Field(max_length=limits.MAX_FREEZE_REASON_CHARS)]
ZoneName = Annotated[str, Field(min_length=1, max_length=limits.MAX_ZONE_CHARS)]


@dataclass(frozen=True, slots=True)
class Frozen:
    """One time in which a window is on, in UTC: `since` counts to it, `until` does not."""

    window: str
    reason: str
    since: datetime
    until: datetime


class FreezeWindow(ApiModel):
    """A time in which no release begins or goes on: once, or on some days of each week."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(has(self.days) && self.days.size() > 0) ? "
            "self.from.size() == 5 && self.until.size() == 5 : "
            "self.from.size() > 5 && self.until.size() > 5",
            message="with days, from and until are times of day such as 16:00; without, they are "
            "points in time such as 2026-12-20T00:00:00Z",
            holds=lambda window: window.in_one_form,
        ),
        Rule(
            cel="self.from.size() == 5 || self.until.size() == 5 || "
            "timestamp(self.from) < timestamp(self.until)",
            message="until must be later than from",
            holds=lambda window: window.in_order,
            field=".until",
        ),
        Rule(
            cel="!has(self.timeZone) || has(self.days) && self.days.size() > 0",
            message="is for a window with days; a point in time has a zone of its own",
            holds=lambda window: window.time_zone is None or bool(window.days),
            field=".timeZone",
        ),
    )

    name: DnsLabel = Field(description="Name of the window, for messages.")
    reason: FreezeReason = Field("", description="Why, for people who wait.")
    days: tuple[Day, ...] = Field(
        (),
        max_length=len(DAYS),
        description="Days of the week on which it begins, such as Fri; left out, it is on once.",
        json_schema_extra=SET,
    )
    from_moment: Moment = Field(
        validation_alias="from",
        serialization_alias="from",
        description="When it begins: a time of day with days (16:00), else a point in time "
        "(2026-12-20T00:00:00Z).",
    )
    until: Moment = Field(
        description="When it ends, of the same form; a time of day that is not later than from is "
        "of the next day."
    )
    time_zone: ZoneName | None = Field(
        None,
        description="Time zone of the times of day, such as Europe/Berlin; left out, UTC.",
    )

    @property
    def in_one_form(self) -> bool:
        """Whether both times are of the form that `days` asks for."""
        sizes = {len(self.from_moment), len(self.until)}
        if self.days:
            return sizes == {TIME_OF_DAY_CHARS}
        return TIME_OF_DAY_CHARS not in sizes

    @property
    def in_order(self) -> bool:
        """Whether two points in time exist and stand in order; times of day always do."""
        if TIME_OF_DAY_CHARS in {len(self.from_moment), len(self.until)}:
            return True
        try:
            since, until = self.once
        except ValueError:
            return False
        return since < until

    @property
    def once(self) -> tuple[datetime, datetime]:
        """Both points in time, in UTC. Raises ValueError for one that does not exist."""
        return parse_timestamp(self.from_moment), parse_timestamp(self.until)


class OneAtATime(ApiModel):
    """At most one Rollout of a group has a run on; the others wait, first come, first served."""

    group_label: LabelKey | None = Field(
        None,
        description="Label of Rollouts whose value tells groups apart; those without it are one "
        "group. Left out, all Rollouts that the policy matches are.",
    )
    count_bake: bool = Field(
        default=False,
        description="Whether a run counts until its bake is over (default false: until it is "
        "promoted).",
    )


class Dependency(ApiModel):
    """A Rollout that has to be healthy and at rest before a run begins."""

    name: ObjectName = Field(description="Name of the Rollout.")
    namespace: DnsLabel | None = Field(
        None, description="Its namespace; left out, that of the Rollout that waits."
    )


class WaitStatus(ApiModel):
    """What a policy makes the release wait for."""

    reason: Reason = Field(
        description="Frozen, WaitingForTurn or WaitingForDependency; what it waits for."
    )
    policy: ShortText = Field(description="Name of the RolloutPolicy.")
    about: ShortText = Field("", description="The window, or the Rollout that is waited for.")
    message: Message = Field("", description="What it waits for, in one sentence.")
    since: Timestamp = Field(
        description="Since when it waits, in UTC: its place among those that wait for their turn."
    )
    until: Timestamp | None = Field(
        None, description="When that is over, in UTC, as far as it is known."
    )
