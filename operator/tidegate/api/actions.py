"""RolloutAction: what a person asks a Rollout to do, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.approvals import GroupName
from tidegate.api.base import SET, ApiModel, Rule
from tidegate.api.meta import Meta
from tidegate.api.scalars import DnsLabel, Message, ObjectName, Revision, Timestamp
from tidegate.api.wire import as_object, read_leniently, read_strictly


class Verb(StrEnum):
    """What can be asked for."""

    ABORT = "abort"
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    RETRY = "retry"
    APPROVE = "approve"
    REJECT = "reject"
    SKIP = "skip"
    UNDO = "undo"


NAMING_A_PHASE: Final = frozenset({Verb.SKIP, Verb.APPROVE, Verb.REJECT})


class RolloutActionSpec(ApiModel):
    """What is asked, of which Rollout, by whom and why; never changed after creation."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self == oldSelf",
            message="an action is written once; create a new RolloutAction instead",
            reason="FieldValueForbidden",
        ),
        Rule(
            cel="!has(self.phase) || self.verb in ['skip', 'approve', 'reject']",
            message="phase is only for skip, approve and reject; leave it out",
            holds=lambda spec: spec.phase is None or spec.verb in NAMING_A_PHASE,
            field=".phase",
        ),
        Rule(
            cel="self.verb != 'approve' || has(self.revision)",
            message="approve needs revision: the canary revision that is approved "
            "(status.canaryRevision)",
            holds=lambda spec: spec.verb is not Verb.APPROVE or spec.revision is not None,
            field=".revision",
        ),
        Rule(
            cel="!has(self.requestedGroups) || size(self.requestedGroups) == 0 || "
            "self.verb == 'approve'",
            message="requestedGroups is only for approve; leave it out",
            holds=lambda spec: not spec.requested_groups or spec.verb is Verb.APPROVE,
            field=".requestedGroups",
        ),
    )

    rollout: ObjectName = Field(description="Name of the Rollout in the same namespace.")
    verb: Verb = Field(
        description="abort, pause, resume, promote, retry, approve, reject, skip or undo."
    )
    reason: str = Field(
        "",
        max_length=limits.MAX_ACTION_REASON_CHARS,
        description="Why, in one sentence; kept in the run's history.",
    )
    requested_by: str | None = Field(
        None,
        max_length=limits.MAX_USER_CHARS,
        description="User who asks; admission proves that it is the author.",
    )
    requested_groups: tuple[GroupName, ...] = Field(
        (),
        max_length=limits.MAX_GROUPS,
        description="For approve: groups of the user that the phase may ask for; admission proves "
        "that the author is in all of them.",
        json_schema_extra=SET,
    )
    revision: Revision | None = Field(
        None,
        description="Act only if this is the canary revision; left out, act on any. Required by "
        "approve.",
    )
    phase: DnsLabel | None = Field(
        None,
        description="For skip: later phase to go to; left out, the next one. For approve and "
        "reject: phase that is meant; left out, the one that waits, or the next that needs an "
        "approval.",
    )


class RolloutActionStatus(ApiModel):
    """What became of the action."""

    result: Literal["Done", "Refused"] | None = Field(None, description="Done or Refused.")
    message: Message = Field("", description="What was done, or why not, in one sentence.")
    handled_at: Timestamp | None = Field(None, description="When it was handled, in UTC.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A RolloutAction as the controller reads it."""

    name: str
    namespace: str
    uid: str
    created_at: datetime | None
    spec: RolloutActionSpec
    status: RolloutActionStatus

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "Action":
        """Read a RolloutAction's body; raise SpecError when it cannot be understood."""
        meta = Meta.parse(body)
        spec = read_strictly(RolloutActionSpec, as_object(body).get("spec"), "spec")
        status = read_leniently(RolloutActionStatus, as_object(body).get("status") or {})
        return cls(
            name=meta.name,
            namespace=meta.namespace,
            uid=meta.uid,
            created_at=meta.created_at,
            spec=spec,
            status=status,
        )

    @property
    def rollout(self) -> str:
        """Name of the Rollout that is meant."""
        return self.spec.rollout

    @property
    def verb(self) -> Verb:
        """What is asked for."""
        return self.spec.verb

    @property
    def reason(self) -> str:
        """Why, in the words of the person who asks."""
        return self.spec.reason

    @property
    def requested_by(self) -> str | None:
        """User who asks."""
        return self.spec.requested_by

    @property
    def author(self) -> str:
        """Who asks and why, for people."""
        by = self.spec.requested_by or "somebody"
        return f"{by}: {self.spec.reason}" if self.spec.reason else by

    @property
    def revision(self) -> str | None:
        """Canary revision that is meant, or None for any."""
        return self.spec.revision

    @property
    def phase(self) -> str | None:
        """Phase that is meant, or None for the next one."""
        return self.spec.phase

    @property
    def done(self) -> bool:
        """Whether the action has been handled, either way."""
        return self.status.result is not None
