"""`.status` of a Rollout: what it is doing, why, and what is next; the controller's only memory."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.approvals import RunApprovals
from tidegate.api.base import ATOMIC, SET, ApiModel, keyed_by
from tidegate.api.check_status import CheckStatus
from tidegate.api.evidence import CheckEvidence
from tidegate.api.hook_status import HookStatus
from tidegate.api.policy_status import PolicyInForce
from tidegate.api.runs import RunEntry
from tidegate.api.scalars import (
    CheckId,
    Count,
    Detail,
    Generation,
    Message,
    Percent,
    Reason,
    Revision,
    ShortText,
    Timestamp,
    UserName,
)
from tidegate.api.takeover import Pods, WorkloadStatus
from tidegate.api.waits import WaitStatus
from tidegate.api.wire import as_object, read_leniently


class State(StrEnum):
    """What a Rollout is doing, in one word."""

    INITIALIZING = "Initializing"
    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    AWAITING_APPROVAL = "AwaitingApproval"
    REVERTING = "Reverting"
    REVERTED = "Reverted"
    BAKING = "Baking"
    INVALID = "Invalid"


class Stage(StrEnum):
    """Where a run stands: pods are made, a phase is on, it is being promoted, or it bakes."""

    PREPARING = "Preparing"
    PHASE = "Phase"
    PROMOTING = "Promoting"
    BAKING = "Baking"


class PhaseStatus(ApiModel):
    """The phase that is on."""

    index: int = Field(
        ge=0, le=limits.MAX_PHASES, description="Place of the phase in spec.phases, from 0."
    )
    name: ShortText = Field(description="Name of the phase.")
    entered_at: Timestamp = Field(description="When the phase was entered, in UTC.")
    started_at: Timestamp | None = Field(
        None, description="When its hold began to count (pods ready, traffic there), in UTC."
    )
    reached_at: Timestamp | None = Field(
        None,
        description="When its weight was first there, in UTC; delays of guards count from then.",
    )
    timed_out_at: Timestamp | None = Field(
        None, description="When its deadline was found to be over, in UTC; none while it is not."
    )


class RunStatus(ApiModel):
    """The run that is under way."""

    number: Count = Field(description="Number of the run.")
    from_revision: Revision | None = Field(
        None,
        validation_alias="from",
        serialization_alias="from",
        description="Revision that was stable when the run began.",
    )
    to_revision: Revision = Field(
        validation_alias="to", serialization_alias="to", description="Revision being tried."
    )
    started_at: Timestamp = Field(description="When the run began, in UTC.")
    stage: Stage = Field(description="Where the run stands: Preparing, Phase, Promoting or Baking.")
    skip_to_end: bool = Field(
        default=False, description="Whether a person asked to promote without the remaining phases."
    )
    min_replicas: Pods = Field(
        0,
        description="Pods the Rollout had when the run began, or has had since if those were more; "
        "its size stays at least that.",
    )
    baking_since: Timestamp | None = Field(
        None, description="When it was promoted and its bake began, in UTC."
    )
    reached: tuple[Timestamp, ...] = Field(
        (),
        max_length=limits.MAX_PHASES,
        description="When the weights of phases that it left were first there, in UTC, oldest "
        "first; what was within a guard's delay from then counts in no later phase.",
        json_schema_extra=ATOMIC,
    )
    undo: Message = Field(
        "",
        description="Why the run goes back to a proven revision, without phases and without "
        "waiting for metrics; empty for a release.",
    )
    overlooked: tuple[CheckId, ...] = Field(
        (),
        max_length=limits.MAX_OVERLOOKED,
        description="What would have stopped the run, had mode been enforce: checks, phases and "
        "blind. The history says when and why.",
        json_schema_extra=SET,
    )
    approvals: RunApprovals | None = Field(
        None, description="Who approved which of its phases, and which one waits for that."
    )
    warned: tuple[CheckId, ...] = Field(
        (),
        max_length=limits.MAX_WARNED,
        description="Checks whose value was beyond a warn level in this run, as was told.",
        json_schema_extra=SET,
    )
    history: tuple[RunEntry, ...] = Field(
        (),
        max_length=limits.MAX_HISTORY,
        description="What happened in this run, oldest first.",
        json_schema_extra=ATOMIC,
    )


class LastRun(ApiModel):
    """How the last finished run went."""

    number: Count = Field(description="Number of the run.")
    from_revision: Revision | None = Field(
        None,
        validation_alias="from",
        serialization_alias="from",
        description="Revision that was stable when the run began.",
    )
    to_revision: Revision = Field(
        validation_alias="to", serialization_alias="to", description="Revision that was tried."
    )
    outcome: Literal["Promoted", "Reverted", "Superseded"] = Field(
        description="Promoted, Reverted or Superseded."
    )
    reason: Reason = Field("", description="Why it ended so, as one CamelCase word.")
    message: Message = Field("", description="Why it ended so, in one sentence.")
    started_at: Timestamp = Field(description="When the run began, in UTC.")
    finished_at: Timestamp = Field(description="When the run ended, in UTC.")
    kept_replicas: Pods | None = Field(
        None,
        description="Pods kept for a minute after it, for the size was lowered while it was on; "
        "none when it was not.",
    )
    history: tuple[RunEntry, ...] = Field(
        (),
        max_length=limits.MAX_HISTORY,
        description="What happened in the run, oldest first.",
        json_schema_extra=ATOMIC,
    )


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
    weight_since: Timestamp | None = Field(
        None,
        description="Since when all routes give that weight, and pick these requests, in UTC; "
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


class PauseStatus(ApiModel):
    """Who or what paused the Rollout."""

    by: UserName = Field(description="User, or guard, that paused it.")
    reason: Message = Field("", description="Why, in one sentence.")
    at: Timestamp = Field(description="When, in UTC.")


class Draining(ApiModel):
    """An old revision whose pods stay until their requests are seen to be gone."""

    revision: Revision = Field(description="Revision being drained.")
    since: Timestamp = Field(description="When traffic was routed away from it, in UTC.")


class LastAction(ApiModel):
    """The last RolloutAction that was handled."""

    uid: ShortText = Field(description="UID of the RolloutAction.")
    verb: ShortText = Field(description="What it asked for.")
    result: ShortText = Field(description="Done or Refused.")
    message: Message = Field("", description="What was done, or why not, in one sentence.")


class Condition(ApiModel):
    """A condition in the Kubernetes convention."""

    type: ShortText = Field(description="Name of the condition, such as Ready.")
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    reason: Reason = Field(description="Why, as one CamelCase word.")
    message: Message = Field("", description="Why and what next, in one sentence.")
    last_transition_time: Timestamp = Field(description="When status last changed, in UTC.")
    observed_generation: Generation = Field(
        -1, description="metadata.generation that the condition speaks of."
    )


class RolloutStatus(ApiModel):
    """What the Rollout is doing, why, and what is next."""

    observed_generation: Generation = Field(
        -1, description="metadata.generation the status speaks of; -1 means not seen yet."
    )
    epoch: Count = Field(
        0, description="Leadership of the operator that wrote this; 0 where no Lease is used."
    )
    state: State = Field(
        State.INITIALIZING,
        description="What the Rollout is doing, in one word, such as Healthy or Progressing.",
    )
    message: Message = Field("", description="What, why and what next, in one sentence.")
    stable_revision: Revision | None = Field(None, description="Revision last promoted.")
    canary_revision: Revision | None = Field(None, description="Revision being tried.")
    weight: Percent = Field(
        0, description="Share of requests routed to the canary as last observed, in percent."
    )
    ready: ShortText = Field("", description="Ready pods of the wanted ones, such as 4/4.")
    gates_summary: ShortText | None = Field(
        None, description="Passed gates of the phase's gates, such as 2/3."
    )
    replicas: Pods = Field(0, description="Pods of all revisions, for /scale.")
    ready_replicas: Pods = Field(0, description="Ready pods of all revisions.")
    selector: str = Field(
        "",
        max_length=limits.MAX_SELECTOR_CHARS,
        description="Label selector of the stable pods as text, for /scale.",
    )
    phase: PhaseStatus | None = Field(None, description="The phase that is on.")
    run: RunStatus | None = Field(None, description="The run that is under way.")
    last_run: LastRun | None = Field(None, description="How the last finished run went.")
    last_run_number: Count = Field(0, description="Number of the newest run; 0 before the first.")
    reverted_revision: Revision | None = Field(
        None, description="Revision that was reverted and is not tried again by itself."
    )
    proven_revisions: tuple[Revision, ...] = Field(
        (),
        max_length=limits.MAX_PROVEN,
        description="Revisions that were stable before the present one and were not sent back, "
        "newest first.",
        json_schema_extra=ATOMIC,
    )
    checks: tuple[CheckStatus, ...] = Field(
        (),
        max_length=limits.MAX_CHECKS,
        description="The last word of each guard and gate.",
        json_schema_extra=keyed_by("id"),
    )
    evidence: tuple[CheckEvidence, ...] = Field(
        (),
        max_length=limits.MAX_TESTS,
        description="What the statistical tests of the run have gathered.",
        json_schema_extra=keyed_by("id"),
    )
    hooks: tuple[HookStatus, ...] = Field(
        (),
        max_length=limits.MAX_HOOKS_KEPT,
        description="The hooks of the run that is on, or of the last one.",
        json_schema_extra=keyed_by("id"),
    )
    policies: tuple[PolicyInForce, ...] = Field(
        (),
        max_length=limits.MAX_POLICIES,
        description="The RolloutPolicies that hold for the Rollout, by name.",
        json_schema_extra=keyed_by("name"),
    )
    wait: WaitStatus | None = Field(
        None, description="What a RolloutPolicy makes the release wait for; none while nothing."
    )
    traffic: TrafficStatus | None = Field(None, description="What the routes say.")
    pause: PauseStatus | None = Field(None, description="Who or what paused the Rollout.")
    resumed_at: Timestamp | None = Field(
        None, description="When a person last resumed it; earlier breaches do not pause again."
    )
    waiting_since: Timestamp | None = Field(
        None,
        description="Since when pods are missing, or when one more than ever in this wait got "
        "ready, in UTC; progressDeadline counts from then.",
    )
    waiting_ready: int | None = Field(
        None,
        ge=0,
        le=limits.MAX_REPLICAS,
        description="Most pods that were ready at once in this wait; none without one.",
    )
    canary_ready_since: Timestamp | None = Field(
        None,
        description="Since when the new revision of this run has had a ready pod, in UTC: proxies "
        "get traffic.settle to know it before they send to it.",
    )
    deadline_since: Timestamp | None = Field(
        None,
        description="Since when the phase's deadline counts, in UTC: its start or the last resume; "
        "none while it is paused or has no deadline.",
    )
    blind_since: Timestamp | None = Field(
        None, description="Since when metrics cannot be read, in UTC."
    )
    draining: tuple[Draining, ...] = Field(
        (),
        max_length=limits.MAX_DRAINING,
        description="Old revisions whose pods are kept until idle.",
        json_schema_extra=keyed_by("revision"),
    )
    workload: WorkloadStatus | None = Field(
        None, description="The Deployment that was taken over, and how far that is."
    )
    last_action: LastAction | None = Field(
        None, description="The last RolloutAction that was handled."
    )
    conditions: tuple[Condition, ...] = Field(
        (),
        max_length=limits.MAX_CONDITIONS,
        description="Conditions: Ready, Reconciling, Stalled and others.",
        json_schema_extra=keyed_by("type"),
    )

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "RolloutStatus":
        """Read `.status` of a Rollout's body; what cannot be read falls back to its default."""
        return read_leniently(cls, as_object(body).get("status") or {})
