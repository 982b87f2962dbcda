"""Seeing and changing the cluster for one Rollout."""

from __future__ import annotations

from typing import Protocol

from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus
from tidegate.core.decision import Effect
from tidegate.core.observation import Observed
from tidegate.ports.metrics import Arms


class Conflict(Exception):
    """The object changed since it was read: look again and decide again, never write blindly."""


class Gone(Exception):
    """The object is not there any more."""


class NotServed(Gone):
    """The API server has no such kind: its custom resource definition is not installed."""


class ApiUnavailable(Exception):
    """The API server did not answer in time or is overloaded; `retry_after_s` may say how long."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ApiRefused(Exception):
    """The API server understood and refused (403, 422 …); the message is in its own words."""


class Cluster(Protocol):
    """Everything about one Rollout's objects; each write is one request with a precondition."""

    async def observe(self, rollout: Rollout) -> Observed:
        """The world without metrics: revisions, routes, destinations, problems, actions."""
        ...

    def arms(self, rollout: Rollout, status: RolloutStatus) -> Arms | None:
        """Who the metrics questions are about, or None while the routes cannot be read."""
        ...

    async def apply(self, rollout: Rollout, effect: Effect) -> None:
        """Carry out one effect. Raises Conflict, Gone, ApiUnavailable or ApiRefused."""
        ...

    async def write_status(self, key: tuple[str, str], version: str, status: RolloutStatus) -> str:
        """Store the status under compare-and-set; returns the new resourceVersion."""
        ...
