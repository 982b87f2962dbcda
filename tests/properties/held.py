"""What the simulated API server holds: the routes, and pods by their ReplicaSets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tidegate.api.matching import HttpMatch
from tidegate.api.variants import DESTINATION, Shares, destination_of
from tidegate.core.picks import Kept, Picks, copied
from tidegate.core.shares import canary_part


@dataclass(frozen=True)
class Routes:
    """What the API server holds: weights by VirtualService and what the destinations select.

    `matches` are those of the header routes, as the operator reads them; `shares` what variants get
    by VirtualService, `variants` what their subsets select.
    """

    weights: tuple[int, ...]
    even: tuple[bool, ...]
    stable: str | None = None
    canary: str | None = None
    matches: tuple[Picks | None, ...] = ()
    shares: tuple[Shares, ...] = ()
    variants: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def matched(self) -> bool:
        """Whether there is any header route."""
        return any(match != () for match in self.matches)

    @property
    def sent(self) -> frozenset[str]:
        """The variants that some route sends requests to."""
        return frozenset(name for shares in self.shares for name, _ in shares)

    def selected(self, destination: str) -> str | None:
        """The revision that a destination selects."""
        if destination.startswith(DESTINATION):
            return self.variants[destination.removeprefix(DESTINATION)]
        return self.canary if destination == "canary" else self.stable

    def pointed(self, destination: str, revision: str | None) -> Routes:
        """The same once a destination selects that revision."""
        if destination.startswith(DESTINATION):
            name = destination.removeprefix(DESTINATION)
            return replace(self, variants={**self.variants, name: revision})
        if destination == "stable":
            return replace(self, stable=revision)
        return replace(self, canary=revision)

    def ways(self, place: int, whole: int, matched: float) -> list[tuple[str, float]]:
        """What each destination gets of one VirtualService's requests, in percent."""
        match = self.matches[place]
        kept = [pick.weight for pick in match or () if isinstance(pick, Kept)]
        canary = float(kept[0]) if kept else written_share(whole, self.weights[place])
        if match is None or any(isinstance(pick, HttpMatch) for pick in match):
            canary += (100 - canary) * matched / 100
        picked = [pick.arms for pick in match or () if isinstance(pick, Kept)]
        shares = picked[0] if picked else self.shares[place]
        ways = [(destination_of(name), float(share)) for name, share in shares]
        stable = 100 - canary - sum(share for _, share in ways)
        canary += stable * copied(match or ()) / 100
        return [way for way in (("canary", canary), *ways, ("stable", stable)) if way[1]]


def written_share(whole: int, weight: int) -> float:
    """The canary's share in percent that the whole numbers of a weight come to."""
    return 100 * canary_part(whole, weight) / whole


def nothing_yet(count: int, variants: tuple[str, ...]) -> Routes:
    """So many VirtualServices before anybody has written to them."""
    none: tuple[()] = ()
    return Routes(
        (0,) * count,
        (True,) * count,
        matches=(none,) * count,
        shares=(none,) * count,
        variants=dict.fromkeys(variants),
    )


@dataclass
class ReplicaSet:
    """Pods of one revision by the second they are ready."""

    uid: str
    created_s: float
    ready_at: list[float] = field(default_factory=list)
    variant: str = ""
