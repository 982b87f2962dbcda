"""What `decide` answers: the next status, at most one write, and when to look again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from tidegate.api.status import RolloutStatus

Destination: TypeAlias = Literal["stable", "canary"]


@dataclass(frozen=True, slots=True)
class CreateReplicaSet:
    """Create the ReplicaSet of the target revision with that many pods."""

    revision: str
    replicas: int


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
    """Give the canary that share (percent) in all managed routes of one VirtualService."""

    virtual_service: str
    weight: int


@dataclass(frozen=True, slots=True)
class PointDestination:
    """Make the stable or the canary destination select the pods of one revision."""

    destination: Destination
    revision: str


@dataclass(frozen=True, slots=True)
class AnswerAction:
    """Write the result of a person's RolloutAction."""

    name: str
    uid: str
    result: Literal["Done", "Refused"]
    message: str
    at: datetime


Effect: TypeAlias = (
    CreateReplicaSet
    | ScaleReplicaSet
    | DeleteReplicaSet
    | SetWeight
    | PointDestination
    | AnswerAction
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
