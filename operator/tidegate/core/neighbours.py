"""Other Rollouts as one that waits for them sees them: frozen values that the controller fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tidegate.api.status import RolloutStatus


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A Rollout of the same group that has a run on, or waits for its turn since some time.

    `name` is namespace/name. `running` also tells that its run is just being written down;
    `baking` that this run is promoted already.
    """

    name: str
    running: bool = False
    baking: bool = False
    waits_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """A Rollout that has to be healthy and at rest; `status` is None when there is none.

    `seen` tells that the operator has looked at its spec as it is now.
    """

    name: str
    status: RolloutStatus | None = None
    seen: bool = True


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What the others do, by the name of the policy that asks for it.

    Until `settled_at` a run that an earlier leader began may still be on its way to be stored.
    """

    groups: Mapping[str, tuple[Neighbour, ...]] = field(default_factory=dict)
    prerequisites: Mapping[str, tuple[Prerequisite, ...]] = field(default_factory=dict)
    settled_at: datetime | None = None


NOBODY: Final = Neighbourhood()
