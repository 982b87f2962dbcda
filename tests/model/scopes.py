"""The worlds that are searched: small specs, where they start, and what may go wrong in each."""

from __future__ import annotations

import os

from tests.model.kept import LONG, Kept, Run, Traffic
from tests.model.moves import Scope
from tests.model.state import Engine, Ghost, Memory, Pods, Routes, State, World
from tests.properties.scenario import BETA, gate, guard, phase, rollout_spec
from tidegate.api.actions import Verb
from tidegate.api.blind import Blind
from tidegate.api.phases import Phase
from tidegate.api.rollout import Bake, Capacity, Drain, RolloutSpec
from tidegate.api.status import Stage

WHOLE = os.environ.get("TIDEGATE_FAULTS") in ("all", "nightly")
"""Whether the large searches run, too: minutes instead of seconds."""
STEP_S = 10.0
"""Every limit of the specs is a small multiple of the time that passes at once."""

TEN = phase("ten", 10, hold_s=STEP_S, gates=(gate(),))
HALF = phase("half", 50, hold_s=STEP_S)
ALL = phase("all", 100, hold_s=STEP_S)
MEMBERS = phase("members", 0, hold_s=STEP_S, match=BETA)
MORE = phase("more", 10, hold_s=STEP_S, match=BETA)
DARK = phase("dark", 0, hold_s=0.0, replicas="100%")

EVERY_VERB = (
    Verb.ABORT,
    Verb.PAUSE,
    Verb.RESUME,
    Verb.PROMOTE,
    Verb.RETRY,
    Verb.SKIP,
    Verb.UNDO,
)


def spec(
    *phases: Phase, services: tuple[str, ...] = ("shop",), then: str = "revert"
) -> RolloutSpec:
    """Two pods, one guard, and limits of one to three steps of time."""
    made = rollout_spec(
        replicas=2,
        settle_s=STEP_S,
        phases=phases,
        virtual_services=services,
        guards=(guard(then="pause" if then == "pause" else "revert"),),
    )
    return made.model_copy(
        update={
            "drain": Drain(min_s=STEP_S, max_s=3 * STEP_S),
            "progress_deadline_s": 2 * STEP_S,
            "blind": Blind(after_s=2 * STEP_S),
            "revision_history_limit": 1,
        }
    )


def shifting(*phases: Phase) -> RolloutSpec:
    """The same, with stable pods that follow the traffic."""
    return spec(*phases).model_copy(update={"capacity": Capacity(mode="shift", headroom="0%")})


def baked(made: RolloutSpec) -> RolloutSpec:
    """The same with a bake of two steps."""
    return made.model_copy(update={"bake": Bake(duration_s=2 * STEP_S)})


def released(engine: Engine, left: int) -> State:
    """A is stable and at rest, and the template has just become B."""
    at_home = Traffic(0, LONG, "A", LONG, "A", LONG)
    kept = Kept(stable="A", traffic=at_home)
    routes = Routes((0,) * len(engine.services), "A", "A")
    world = World("B", (Pods("A", 2, 2),), routes)
    return State(world, kept, kept, Memory(), Ghost(), left)


def promoting(engine: Engine, left: int) -> State:
    """All phases have passed, and B has all the traffic; a slow proxy still sends half to A."""
    run = Run("A", "B", Stage.PROMOTING, skip=False)
    kept = Kept(stable="A", run=run, traffic=Traffic(100, 0, "A", LONG, "B", LONG))
    routes = Routes((100,) * len(engine.services), "A", "B")
    slow = routes._replace(weights=(50,) * len(engine.services))
    world = World("B", (Pods("A", 2, 2), Pods("B", 2, 2)), routes, slow, held=True)
    return State(world, kept, kept, Memory(), Ghost(), left)


def baking(engine: Engine, left: int) -> State:
    """B bakes; a slow proxy still sends half of its requests to the canary destination."""
    run = Run("A", "B", Stage.BAKING, skip=False, baking=0)
    traffic = Traffic(0, 0, "B", LONG, "B", LONG)
    kept = Kept(stable="B", proven=("A",), run=run, traffic=traffic)
    routes = Routes((0,) * len(engine.services), "B", "B")
    slow = routes._replace(weights=(50,) * len(engine.services))
    world = World("B", (Pods("A", 2, 2), Pods("B", 2, 2)), routes, slow, held=True)
    return State(world, kept, kept, Memory(), Ghost(unused=(("A", 0),)), left)


def warm(engine: Engine, left: int) -> State:
    """The bake is on, and the canary destination is on A again."""
    state = baking(engine, left)
    traffic = Traffic(0, LONG, "B", LONG, "A", LONG)
    kept = state.stored._replace(traffic=traffic)
    routes = Routes((0,) * len(engine.services), "B", "A")
    world = state.world._replace(routes=routes, behind=None)
    return state._replace(world=world, stored=kept, working=kept, ghost=Ghost())


def proven(engine: Engine, left: int) -> State:
    """B is stable and at rest; A was, and its ReplicaSet is there without pods."""
    kept = Kept(stable="B", proven=("A",), traffic=Traffic(0, LONG, "B", LONG, "B", LONG))
    routes = Routes((0,) * len(engine.services), "B", "B")
    world = World("B", (Pods("A", 0, 0), Pods("B", 2, 2)), routes, action=Verb.UNDO)
    return State(world, kept, kept, Memory(), Ghost(), left)


def draining(engine: Engine, left: int) -> State:
    """B was promoted a moment ago; the pods of A are still there, for one very slow proxy."""
    kept = Kept(stable="B", traffic=Traffic(0, 0, "B", LONG, "B", 0))
    routes = Routes((0,) * len(engine.services), "B", "B")
    slow = routes._replace(stable="A", canary="A")
    world = World("B", (Pods("A", 2, 2), Pods("B", 2, 2)), routes, slow, held=True)
    ghost = Ghost(unused=(("A", 0),))
    return State(world, kept, kept, Memory(), ghost, left)


def empty(engine: Engine, left: int) -> State:
    """Nothing was ever deployed."""
    routes = Routes((0,) * len(engine.services), None, None)
    return State(World("A", (), routes), Kept(), Kept(), Memory(), Ghost(), left)


PEOPLE = Scope(templates=("A", "C"), verbs=EVERY_VERB, spec_pause=True, deletion=True)
EDITS = Scope(weights=(0, 33, 100), selectors=True)
CUTS = Scope(crashes=True, failures=True, words=("fail",))
EVERYTHING = Scope(
    templates=("A", "C"),
    verbs=EVERY_VERB,
    words=("fail", "nodata", "error"),
    weights=(0, 33, 100),
    selectors=True,
    spec_pause=True,
    deletion=True,
    pods=True,
    crashes=True,
    failures=True,
    slow=True,
    headers=True,
)
HEADERS = Scope(
    templates=("C",), verbs=EVERY_VERB, weights=(0, 33), headers=True, pods=True, deletion=True
)
TORN_HEADERS = Scope(crashes=True, failures=True, words=("fail",), headers=True)
"""Whatever the search can think of."""
