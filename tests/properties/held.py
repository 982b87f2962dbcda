"""What the simulated API server holds: the routes, and pods by their ReplicaSets."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.core.picks import Picks


@dataclass(frozen=True)
class Routes:
    """What the API server holds: weights by VirtualService and what the destinations select.

    `matches` are those of the header routes, as the operator reads them.
    """

    weights: tuple[int, ...]
    even: tuple[bool, ...]
    stable: str | None = None
    canary: str | None = None
    matches: tuple[Picks | None, ...] = ()

    @property
    def matched(self) -> bool:
        """Whether there is any header route."""
        return any(match != () for match in self.matches)


@dataclass
class ReplicaSet:
    """Pods of one revision by the second they are ready."""

    uid: str
    created_s: float
    ready_at: list[float] = field(default_factory=list)
