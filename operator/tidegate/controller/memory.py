"""What the process remembers of a Rollout between passes: a cache that may vanish at any time."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from types import MappingProxyType
from typing import Final

from tidegate.api.policy import policy_of_id
from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus
from tidegate.core.decision import Effect
from tidegate.core.observation import Reading, TrafficReading
from tidegate.core.verdicts import READINGS_MAX

EPOCHS = count(1)
"""Never the same twice in a process: an answer to a question of a deleted namesake fits nobody."""
NONE_IMPOSED: Final[Mapping[str, object]] = MappingProxyType({})


@dataclass(slots=True)
class Memory:
    """`stored` is the status as the API server has it, `working` the one that facts were added to.

    Readings belong to one run and one set of checks, an epoch; the next starts with none. `version`
    is the resourceVersion that `stored` was read at or written as; `parsed` is the last Rollout
    whose spec could be read.
    """

    uid: str
    version: str
    stored: RolloutStatus
    working: RolloutStatus
    epoch: int = 0
    asked_of: object = None
    imposed: Mapping[str, object] = field(default_factory=dict)
    readings: dict[str, deque[Reading]] = field(default_factory=dict)
    traffic: TrafficReading | None = None
    asked_at: dict[str | None, datetime] = field(default_factory=dict)
    asking: set[str | None] = field(default_factory=set)
    failures: int = 0
    parsed: Rollout | None = None
    put_off: tuple[Effect, datetime] | None = None
    """What the API server was too busy for, and when it wants to be asked again."""

    def not_before(self, effect: Effect) -> datetime | None:
        """When that very effect may be tried again; None if nobody asked to wait with it."""
        return self.put_off[1] if self.put_off is not None and self.put_off[0] == effect else None

    def begin(
        self, number: int, asked_of: object, imposed: Mapping[str, object] = NONE_IMPOSED
    ) -> None:
        """Forget the readings of an earlier run, or of checks that were edited since.

        `asked_of` is what check ids point into: an edit may give the same id to another metric.
        `imposed` is the same by policy, for the checks of that policy alone.
        """
        if (number, asked_of) != self.asked_of:
            self.asked_of, self.imposed = (number, asked_of), imposed
            self.epoch = next(EPOCHS)
            self.readings.clear()
            self.asked_at.clear()
            self.asking &= {None}  # a Job may take long: the new question does not wait for the old
        elif imposed != self.imposed:
            names = {*imposed, *self.imposed}
            edited = {name for name in names if imposed.get(name) != self.imposed.get(name)}
            self.imposed = imposed
            self.epoch = next(EPOCHS)  # what is on its way may be about the old ones
            for check_id in {*self.readings, *self.asked_at, *self.asking}:
                if check_id is not None and policy_of_id(check_id) in edited:
                    self.readings.pop(check_id, None)
                    self.asked_at.pop(check_id, None)
                    self.asking.discard(check_id)

    def keep(self, check_id: str, reading: Reading) -> None:
        """Add a reading, oldest first; the oldest give way. The same one twice is one."""
        known = self.readings.setdefault(check_id, deque(maxlen=READINGS_MAX))
        if not known or known[-1] != reading:
            known.append(reading)

    def snapshot(self) -> dict[str, tuple[Reading, ...]]:
        """The readings as core takes them."""
        return {check_id: tuple(readings) for check_id, readings in self.readings.items()}


def asked_of(rollout: Rollout) -> tuple[object, Mapping[str, object]]:
    """What ids of a Rollout's own checks point into, and those of each policy's, by its name."""
    spec = rollout.spec
    bounds = (*spec.guards, *(b for one in spec.phases for b in (*one.guards, *one.gates)))
    bounds += spec.preflight.gates if spec.preflight else ()
    names = [one.metric or "" for one in bounds]
    names += [member.metric for card in spec.scorecards for member in card.members]
    named = {name.rpartition("/")[0] for name in names}
    theirs = tuple((one.name, one.metrics) for one in rollout.policies if one.name in named)
    own = spec.metrics, spec.scorecards, spec.guards, spec.phases, spec.preflight, theirs
    return own, {one.name: (one.metrics, one.guards) for one in rollout.policies}
