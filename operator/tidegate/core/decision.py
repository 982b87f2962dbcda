"""What `decide` answers: the next status, at most one write, and when to look again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from tidegate.api.hook_status import HookStatus
from tidegate.api.hooks import Hook, RunHook
from tidegate.api.status import RolloutStatus
from tidegate.api.variants import Shares
from tidegate.core.picks import Picks

Destination: TypeAlias = str
"""`stable`, `canary`, or `variant/NAME`."""


@dataclass(frozen=True, slots=True)
class CreateReplicaSet:
    """Create the ReplicaSet of the target revision, or of a variant's, with that many pods."""

    revision: str
    replicas: int
    variant: str = ""


@dataclass(frozen=True, slots=True)
class ScaleReplicaSet:
    """Set the size of one ReplicaSet, if it is still the one that was seen (uid)."""

    revision: str
    replica_set: str
    uid: str
    replicas: int


@dataclass(frozen=True, slots=True)
class DeleteReplicaSet:
    """Delete one ReplicaSet that has no pods, if it is still the one that was seen (uid)."""

    revision: str
    replica_set: str
    uid: str


@dataclass(frozen=True, slots=True)
class SetWeight:
    """Give the canary that share (percent) in all managed routes of one VirtualService.

    `match` is what the header routes above them match from then on: () for none of them, None for
    those that are there already. `variants` are the shares of an experiment's other arms, () for
    none; stable gets the rest.
    """

    virtual_service: str
    weight: int
    match: Picks | None = ()
    variants: Shares = ()


@dataclass(frozen=True, slots=True)
class PointDestination:
    """Make the stable, the canary or a variant's destination select the pods of one revision."""

    destination: Destination
    revision: str


@dataclass(frozen=True, slots=True)
class SwitchService:
    """Send all requests of the active Service to one revision; `back` is away from the canary."""

    service: str
    revision: str
    back: bool


@dataclass(frozen=True, slots=True)
class ScaleWorkload:
    """Set the size of the Deployment that is taken over, if it is still the one seen (uid)."""

    name: str
    uid: str
    replicas: int


@dataclass(frozen=True, slots=True)
class GiveBackDestination:
    """Make a destination select the Deployment's own pods, or with "" whatever it did before us.

    `pods_label` is the pod-template-hash of those pods.
    """

    destination: Destination
    pods_label: str


@dataclass(frozen=True, slots=True)
class MakeDestinations:
    """Make the Rollout's own DestinationRule, whose two subsets select those revisions."""

    name: str
    stable: str
    canary: str


@dataclass(frozen=True, slots=True)
class MakeRoute:
    """Make the Rollout's own route, which gives the canary that share (percent).

    `revision` is what the canary destination selects, or None at a first deployment.
    """

    kind: str
    name: str
    weight: int
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class AlignRoute:
    """Give the Rollout's own route the hosts, gateways and port of the spec, and no weight."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class AnswerAction:
    """Write the result of a person's RolloutAction."""

    name: str
    uid: str
    result: Literal["Done", "Refused"]
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class HoldRollout:
    """Put our finalizer on the Rollout, so that a deletion cannot leave traffic astray."""


@dataclass(frozen=True, slots=True)
class ReleaseRollout:
    """Take our finalizer away: nothing of the Rollout is on its way any more."""


@dataclass(frozen=True, slots=True)
class StartHook:
    """Make the Job of one try, or send its call; a try that was made already stays as it is."""

    entry: HookStatus
    hook: Hook | RunHook


@dataclass(frozen=True, slots=True)
class StopHook:
    """Delete the Job of a try that nobody waits for any more, or drop its call."""

    entry: HookStatus


Effect: TypeAlias = (
    CreateReplicaSet
    | ScaleReplicaSet
    | DeleteReplicaSet
    | SetWeight
    | PointDestination
    | SwitchService
    | ScaleWorkload
    | GiveBackDestination
    | MakeDestinations
    | MakeRoute
    | AlignRoute
    | AnswerAction
    | HoldRollout
    | ReleaseRollout
    | StartHook
    | StopHook
)


@dataclass(frozen=True, slots=True)
class Note:
    """One event for people: a stable reason and a sentence with the values that mattered."""

    reason: str
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """A question due now. `check_id` names a guard or gate; None asks for traffic per revision."""

    check_id: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of one pass.

    The effect is applied first and the status written after it; a change of intent (a run, a
    phase, a promotion) comes without an effect, so that it is stored before anything acts on it.
    The one exception is a revert, whose route write goes ahead of everything.
    """

    status: RolloutStatus
    effect: Effect | None = None
    notes: tuple[Note, ...] = ()
    asks: tuple[Ask, ...] = ()
    wake_at: datetime | None = None
    reason: str = ""
