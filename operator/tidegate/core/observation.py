"""The world as one pass sees it: frozen values that the adapters fill and `decide` reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from tidegate.api.actions import Action


class Answer(StrEnum):
    """What a metrics provider said to one question."""

    OK = "ok"
    NODATA = "nodata"
    ERROR = "error"
    REFUSED = "refused"  # the provider understood us and says that the query itself is wrong


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer to one check of one revision; `value` is set only when `answer` is OK."""

    at: datetime
    answer: Answer
    value: float | None = None
    samples: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TrafficReading:
    """Requests counted in the last `window_s` seconds.

    `by_revision` is None when no telemetry tells revisions apart, `by_subset` when none tells
    the two route destinations (`stable`, `canary`) apart. `error` says why neither is known.
    """

    at: datetime
    window_s: float
    by_revision: Mapping[str, float] | None = None
    by_subset: Mapping[str, float] | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class RevisionView:
    """One ReplicaSet of the Rollout; `ready` counts pods that can take traffic now."""

    name: str
    replica_set: str
    uid: str
    replicas: int
    ready: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RouteWeight:
    """The share in percent that the routes of one VirtualService give to the canary.

    `weight` is the highest of its managed routes; `even` tells that they all agree and that the
    pair of each sums to 100, so that one write is needed when they do not.
    """

    virtual_service: str
    weight: int
    even: bool = True


@dataclass(frozen=True, slots=True)
class RoutesView:
    """The routes and what the two destinations select (a revision, or None for foreign labels)."""

    weights: tuple[RouteWeight, ...]
    stable: str | None
    canary: str | None

    @property
    def weight(self) -> int:
        """The highest share in percent that any managed route gives to the canary."""
        return max((route.weight for route in self.weights), default=0)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person must mend before the Rollout may move: a reason and one sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything one decision may depend on besides spec, status and the time.

    `target` is the revision of the template as it stands now. `routes` is None when they could
    not be read, and then `problems` says why. `readings` holds the latest answers of each check
    of the running revision, oldest first.
    """

    target: str
    revisions: tuple[RevisionView, ...] = ()
    routes: RoutesView | None = None
    problems: tuple[Problem, ...] = ()
    traffic: TrafficReading | None = None
    readings: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()

    def revision(self, name: str | None) -> RevisionView | None:
        """The ReplicaSet of that revision, or None."""
        return next((view for view in self.revisions if view.name == name), None)
