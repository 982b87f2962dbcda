"""Where a Rollout may stand when something happens to it: a row for each state of the machine.

A row brings the simulated world to its place, and says what it is called and how it ends from
there. A state of the API without a row fails `test_matrix`, and so does a row whose place is
called otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.properties.loop import Operator
from tests.properties.scenario import (
    BETA,
    DEPLOYED_S,
    QUICK,
    baked,
    finish,
    phase,
    quiet,
    retarget,
    rollout_spec,
)
from tests.properties.watch import Watch
from tests.properties.world import Setting, World
from tidegate.api.actions import Verb
from tidegate.api.approvals import Approval
from tidegate.api.rollout import Capacity, RolloutSpec
from tidegate.api.status import RolloutStatus, Stage, State
from tidegate.api.traffic import ServiceTraffic, Traffic
from tidegate.core.observation import Problem

FOUND_S = 200.0
"""Seconds within which every place is reached."""
Way = Literal["weights", "shift", "hybrid", "header routes", "blue-green"]

FEW = (phase("ten", 10, hold_s=2.0), phase("half", 50))
SERVICE = Traffic(service=ServiceTraffic(active="shop", preview="shop-preview"), settle_s=5.0)
WAYS: dict[Way, RolloutSpec] = {
    "weights": rollout_spec(phases=FEW),
    "shift": rollout_spec(phases=FEW).model_copy(update={"capacity": Capacity(mode="shift")}),
    "hybrid": rollout_spec(
        phases=(
            phase("ten", 10, hold_s=2.0),
            phase("warm", 10, hold_s=2.0, replicas="100%"),
            phase("switch", 100),
        )
    ),
    "header routes": rollout_spec(
        phases=(phase("members", 0, match=BETA), phase("more", 10, match=BETA))
    ),
    "blue-green": rollout_spec(
        phases=(phase("green", 0, replicas="100%"), phase("switch", 100))
    ).model_copy(update={"traffic": SERVICE}),
}
"""Every way to move a release; one of them a day under TIDEGATE_QUICK=2."""


def ways() -> tuple[Way, ...]:
    """Those to try now."""
    every = tuple(WAYS)
    return (every[int(os.environ["TIDEGATE_SEED"]) % len(every)],) if QUICK == "2" else every


def setting_of(way: Way) -> Setting:
    """The cluster that the way needs."""
    return Setting(switch="preview") if way == "blue-green" else Setting()


Seen = Callable[[RolloutStatus], bool]


class _There(Exception):
    """The status that was looked for has just been stored."""


class Halting(Operator):
    """It can be stopped right after a status was stored, also between two writes of one moment."""

    _wanted: Seen | None = None

    def _store(self, status: RolloutStatus) -> None:
        super()._store(status)
        if self._wanted is not None and self._wanted(self.stored):
            raise _There

    def live_until(self, wanted: Seen) -> Halting:
        """Live until such a status is stored; itself."""
        self._wanted = wanted
        try:
            self.run(self.world.now_s + FOUND_S)
        except _There:
            return self
        finally:
            self._wanted = None
        raise AssertionError(f"not there: {self.stored.state}, {self.stored.message}")


def _installed(way: Way, *, bake_s: float = 0.0) -> Halting:
    spec = WAYS[way]
    made = Halting(World(setting_of(way)), baked(spec, bake_s) if bake_s else spec, watch=Watch())
    made.run(DEPLOYED_S)
    assert quiet(made), made.status.message
    made.world.failed = 0.0
    made.world.failures.clear()
    return made


def _released(way: Way, *, bake_s: float = 0.0) -> Halting:
    operator = _installed(way, bake_s=bake_s)
    retarget(operator, "B")
    return operator


def _is(state: State, stage: Stage | None = None) -> Seen:
    return lambda status: (status.state, status.run and status.run.stage) == (state, stage)


def _first(way: Way) -> Operator:
    operator = Operator(World(setting_of(way)), WAYS[way], watch=Watch())
    operator.run(1.0)
    return operator


def _preparing(way: Way) -> Operator:
    return _released(way).live_until(_is(State.PROGRESSING, Stage.PREPARING))


def _in_phase(way: Way) -> Halting:
    """The canary has all that the last phase gives it, and waits there."""
    last = len(WAYS[way].phases) - 1

    def there(status: RolloutStatus) -> bool:
        on = status.phase
        return on is not None and on.index == last and on.started_at is not None

    return _released(way).live_until(there)


def _promoting(way: Way) -> Operator:
    return _released(way).live_until(_is(State.PROGRESSING, Stage.PROMOTING))


def _winding_down(way: Way) -> Operator:
    """The run is over, and the old pods are still there."""
    return _released(way).live_until(lambda status: status.last_run is not None)


def _awaiting(way: Way) -> Operator:
    """The last phase could begin, and nobody has approved it."""
    operator = _installed(way)
    *before, last = operator.rollout.spec.phases
    operator.edit(phases=(*before, last.model_copy(update={"approval": Approval()})))
    retarget(operator, "B")
    return operator.live_until(_is(State.AWAITING_APPROVAL, Stage.PHASE))


def _paused(way: Way) -> Operator:
    operator = _in_phase(way)
    operator.world.ask(Verb.PAUSE)
    return operator.live_until(_is(State.PAUSED, Stage.PHASE))


def _paused_at_rest(way: Way) -> Operator:
    operator = _installed(way)
    operator.edit(paused=True)
    retarget(operator, "B")
    return operator.live_until(_is(State.PAUSED))


def _reverting(way: Way) -> Operator:
    operator = _in_phase(way)
    operator.world.ask(Verb.ABORT)
    return operator.live_until(_is(State.REVERTING))


def _reverted(way: Way) -> Operator:
    operator = _in_phase(way)
    operator.world.ask(Verb.ABORT)
    finish(operator)
    return operator


def _undoing(way: Way) -> Operator:
    operator = _released(way)
    finish(operator)
    operator.world.ask(Verb.UNDO)
    return operator.live_until(_is(State.REVERTING, Stage.PROMOTING))


def _baking(way: Way) -> Operator:
    return _released(way, bake_s=20.0).live_until(_is(State.BAKING, Stage.BAKING))


def _invalid(way: Way) -> Operator:
    operator = _in_phase(way)
    operator.world.problems = (Problem("TemplateRefused", "no such image policy"),)
    return operator.live_until(_is(State.INVALID, Stage.PHASE))


@dataclass(frozen=True, slots=True)
class End:
    """What a Rollout comes to: what it is called, and which revision serves."""

    state: State
    stable: str


IN_PLACE = End(State.HEALTHY, "A")
PROMOTED = End(State.HEALTHY, "B")
SENT_BACK = End(State.REVERTED, "A")
REPLACED = End(State.HEALTHY, "C")


@dataclass(frozen=True, slots=True)
class Row:
    """A place: what it is called, how to get there, and what becomes of a Rollout from there.

    `alone` is its end when nobody does anything, `aborted` that of an abort (None: it is refused,
    and changes nothing), `left` the revision that serves when it is deleted (None: there is none
    yet). `switched` is what it is called where one Service is the switch, if that is different.
    """

    state: State
    stage: Stage | None
    reach: Callable[[Way], Operator]
    alone: End = PROMOTED
    aborted: End | None = SENT_BACK
    left: str | None = "A"
    switched: State | None = None

    def called(self, way: Way) -> State:
        """Its state in the API."""
        return self.switched if self.switched and way == "blue-green" else self.state


ROWS: dict[str, Row] = {
    "a first deployment": Row(State.INITIALIZING, None, _first, IN_PLACE, None, None),
    "rest": Row(State.HEALTHY, None, _installed, IN_PLACE, None),
    "pods being made": Row(State.PROGRESSING, Stage.PREPARING, _preparing),
    "the last phase": Row(State.PROGRESSING, Stage.PHASE, _in_phase),
    "all traffic on the canary": Row(State.PROGRESSING, Stage.PROMOTING, _promoting),
    "old pods draining": Row(
        State.PROGRESSING, None, _winding_down, PROMOTED, None, "B", switched=State.HEALTHY
    ),
    "a wait for an approval": Row(State.AWAITING_APPROVAL, Stage.PHASE, _awaiting),
    "a pause in a phase": Row(State.PAUSED, Stage.PHASE, _paused),
    "a pause at rest": Row(State.PAUSED, None, _paused_at_rest, PROMOTED, None),
    "the way back of an abort": Row(State.REVERTING, None, _reverting, SENT_BACK, None),
    "the way back of an undo": Row(
        State.REVERTING, Stage.PROMOTING, _undoing, SENT_BACK, None, "B"
    ),
    "a reverted release": Row(State.REVERTED, None, _reverted, SENT_BACK, None),
    "a bake": Row(State.BAKING, Stage.BAKING, _baking, PROMOTED, SENT_BACK, "B"),
    "a problem in a phase": Row(State.INVALID, Stage.PHASE, _invalid),
}
"""By what is going on there."""

NOT_YET: frozenset[State] = frozenset()
"""States that no code gives a Rollout; the first line that does needs a row."""


def healed(operator: Operator) -> None:
    """What waits for a person is mended and resumed, so that all may come to an end."""
    operator.world.problems = ()
    phases = operator.rollout.spec.phases
    approved = tuple(phase.model_copy(update={"approval": None}) for phase in phases)
    operator.edit(paused=False, phases=approved)
    if operator.status.pause is not None:
        operator.world.ask(Verb.RESUME)
