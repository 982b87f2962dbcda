"""What a shop looked like all along: the total of its weights, and pods behind its traffic."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tests.cluster.direct import Object, path_to
from tests.faults.actors.actor import Actor, Place
from tests.faults.actors.editor import MANAGED_ROUTE

ALL = 100


@dataclass(frozen=True)
class Sight:
    """One look: seconds since the first, weights, the state and its sentence."""

    at_s: float
    stable: int
    canary: int
    state: str
    message: str


@dataclass
class Story:
    """What was seen, and what must never have been."""

    sights: list[Sight] = field(default_factory=list)
    objections: list[str] = field(default_factory=list)

    def messages(self) -> list[str]:
        """The sentences of the status, each once, in order."""
        return list(dict.fromkeys(sight.message for sight in self.sights))


class Witness(Actor):
    """Looks often, and never touches anything."""

    period_s = 0.1

    def __init__(self, place: Place, seed: str = "") -> None:
        super().__init__(place, seed)
        self.story = Story()
        self._began_s = time.monotonic()

    def deed(self) -> str:
        """One look."""
        api, namespace, name = self.place.api, self.place.namespace, self.place.name
        routes = api.get(path_to("VirtualService", namespace, name))
        status = api.get(path_to("Rollout", namespace, name)).get("status", {})
        stable, canary = weights_of(routes)
        sight = Sight(
            round(time.monotonic() - self._began_s, 2),
            stable,
            canary,
            status.get("state", ""),
            status.get("message", ""),
        )
        if stable + canary != ALL:
            self.story.objections.append(f"weights {stable} and {canary} at {sight.at_s} s")
        if not self.story.sights or self.story.sights[-1] != sight:
            self.story.sights.append(sight)
        return ""


def weights_of(routes: Object) -> tuple[int, int]:
    """The weights of the managed route: stable, canary."""
    stable, canary = routes["spec"]["http"][MANAGED_ROUTE]["route"]
    return int(stable.get("weight", 0)), int(canary.get("weight", 0))
