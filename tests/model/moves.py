"""Everything that can happen next: a pass of the operator, time, answers, pods, people, crashes.

A pass is cut where the controller's loop can be cut: before its write, between the write and the
status, and after a write whose reply is lost. What goes wrong or comes from people costs one of
the disturbances that a search may spend; what a healthy cluster does by itself is free.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.model.kept import HALF_S, LONG, STALE, TICK, Kept, older, without_numbers
from tests.model.state import (
    Choice,
    Engine,
    Ghost,
    Memory,
    Pods,
    Routes,
    State,
    Word,
    World,
    counted,
)
from tidegate.api.actions import Verb
from tidegate.core.cohorts import match_text
from tidegate.core.decision import (
    AnswerAction,
    CreateReplicaSet,
    DeleteReplicaSet,
    Effect,
    GiveBackDestination,
    HoldRollout,
    PointDestination,
    ReleaseRollout,
    ScaleReplicaSet,
    ScaleWorkload,
    SetWeight,
    StartHook,
    StopHook,
    SwitchService,
)
from tidegate.core.leaving import LEAVE_S_MAX

LEFT = int(LEAVE_S_MAX / HALF_S)
"""Age (steps) of a deletion after which the Rollout is let go in any case."""


@dataclass(frozen=True)
class Scope:
    """What may go wrong in one search."""

    templates: tuple[str, ...] = ()
    verbs: tuple[Verb, ...] = ()
    words: tuple[Word, ...] = ()
    weights: tuple[int, ...] = ()
    selectors: bool = False
    spec_pause: bool = False
    deletion: bool = False
    pods: bool = False
    crashes: bool = False
    failures: bool = False
    slow: bool = False
    headers: bool = False


class Move(NamedTuple):
    """One step of the story. `effect` is the operator's write, done or tried."""

    said: str
    state: State
    effect: Effect | None = None
    is_pass: bool = False


def moves(engine: Engine, scope: Scope, state: State) -> Iterator[Move]:
    """Every next state.

    What a healthy cluster does by itself happens before a write of the operator or when it has
    nothing to do; only disturbances may come between a pass that writes no more than the status
    and the next. Before time passes, what was asked is answered.
    """
    if state.world.gone:
        return
    choice = engine.choice(state)
    own = own_pass(engine, state, choice)
    if own is not None:
        yield own
    if own is None or own.effect is not None:
        answered = answers(state, choice)
        yield from answered
        if own is None and not answered:
            yield Move("time passes", later(state))
        yield from cluster(state)
    if state.left:
        spent = state._replace(left=state.left - 1)
        yield from _cut_passes(engine, scope, spent, choice)
        if scope.slow and (own is not None or choice.asks):
            yield Move("time passes before that is done", later(spent))
        yield from _bad_answers(scope, spent, choice)
        yield from _people(scope, spent)
        yield from _edits(engine, scope, spent)
        yield from _dying(scope, spent)


# ---------------------------------------------------------------- the operator


def own_pass(engine: Engine, state: State, choice: Choice) -> Move | None:
    """One decision carried out whole; None when it changes nothing."""
    after = _noticed(engine, state)
    if choice.effect is not None:
        stored = choice.kept if choice.moved else state.stored
        after = applied(engine, after, choice.effect)
    elif choice.moved or without_numbers(choice.kept) != without_numbers(state.stored):
        stored = choice.kept
    else:
        stored = state.stored
    after = _tidy(after._replace(stored=stored, working=choice.kept), state)
    if after == state:
        return None
    return Move(f"operator: {_said(state, choice)}", after, choice.effect, is_pass=True)


def _cut_passes(engine: Engine, scope: Scope, state: State, choice: Choice) -> Iterator[Move]:
    """The same pass, torn by a crash, a conflict or a server that does not answer."""
    if choice.effect is not None:
        said = f"operator: {_said(state, choice)}"
        done = applied(engine, _noticed(engine, state), choice.effect)
        if scope.crashes:
            dead = _tidy(crashed(done), done)
            yield Move(f"{said}, and dies before the status", dead, choice.effect)
        if scope.failures:
            torn = _tidy(_forgiven(done._replace(working=state.stored)), done)
            yield Move(f"{said}; its status meets a conflict", torn, choice.effect)
            lost = _verdict_kept(done, choice, state)
            yield Move(f"{said}; the reply is lost", lost, choice.effect)
            untaken = _verdict_kept(state, choice, state)
            yield Move(f"{said}, which the server does not take", untaken)
    if scope.crashes:
        yield Move("operator: dies", crashed(state))
    if scope.failures and state.working != state.stored:
        yield Move("operator: a conflict", _forgiven(state._replace(working=state.stored)))


def _verdict_kept(state: State, choice: Choice, before: State) -> State:
    """After a write that failed, or seems to have: what was decided is stored in any case."""
    stored = choice.kept if choice.moved else state.stored
    return _tidy(state._replace(working=choice.kept, stored=stored), before)


def crashed(state: State) -> State:
    """A new process: it knows what is stored."""
    return _forgiven(state._replace(working=state.stored, memory=Memory()))


def _forgiven(state: State) -> State:
    """What the stored status does not tell of a broken hold, the next process cannot know."""
    phase, ghost = state.stored.phase, state.ghost
    if phase is None or phase.started is None or phase.started <= ghost.off:
        return state
    return state._replace(ghost=ghost._replace(off=LONG))


def _noticed(engine: Engine, state: State) -> State:
    """The operator looks: a phase whose weight is not there has not been held until now."""
    phase, ghost = state.working.phase, state.ghost._replace(unseen=False)
    if phase is not None:
        wanted = engine.wanted(phase.name)
        if any(one != wanted for one in state.world.routes.written):
            ghost = ghost._replace(off=0)
    elif ghost.off != LONG:
        ghost = ghost._replace(off=LONG)
    return state._replace(ghost=ghost)


def _tidy(state: State, before: State) -> State:
    """Readings belong to one run; and an action that is answered never comes again."""
    old, new = before.working.run, state.working.run
    if (old and old.to) != (new and new.to):
        state = state._replace(memory=state.memory._replace(readings=()))
    if state.world.action is None and (state.stored.answered or state.working.answered):
        state = state._replace(
            stored=state.stored._replace(answered=None),
            working=state.working._replace(answered=None),
        )
    return state


def applied(engine: Engine, state: State, effect: Effect) -> State:
    """The state after one write of the operator."""
    world, routes = state.world, state.world.routes
    match effect:
        case CreateReplicaSet(revision, replicas):
            made = Pods(revision, replicas, 0)
            return _with_world(state, world._replace(sets=(*world.sets, made)))
        case ScaleReplicaSet(revision, _, _, replicas):
            return _with_world(state, scaled(world, revision, replicas))
        case DeleteReplicaSet(revision):
            left = tuple(pods for pods in world.sets if pods.revision != revision)
            return _with_world(state, world._replace(sets=left))
        case SetWeight(name, weight, match):
            place = engine.services.index(name)
            text = routes.matching(place) if match is None else match_text(match)
            return rerouted(state, routes.with_written(place, weight, text))
        case PointDestination("stable", revision) | SwitchService(_, revision):
            return rerouted(state, routes._replace(stable=revision))
        case PointDestination(_, revision):
            return rerouted(state, routes._replace(canary=revision))
        case HoldRollout() | ReleaseRollout():
            held = isinstance(effect, HoldRollout)
            return state._replace(world=world._replace(held=held))
        case AnswerAction():
            return _with_world(state, world._replace(action=None))
        case ScaleWorkload() | GiveBackDestination() | StartHook() | StopHook():
            raise AssertionError("there are no Deployments and no hooks in this world")
        case _:
            raise AssertionError("all routes of this world are the user's")


def scaled(world: World, revision: str, replicas: int) -> World:
    """The world with that many pods of a revision; those that are ready stay."""
    return world._replace(
        sets=tuple(
            pods._replace(replicas=replicas, ready=min(pods.ready, replicas))
            if pods.revision == revision
            else pods
            for pods in world.sets
        )
    )


def rerouted(state: State, routes: Routes) -> State:
    """The state with other routes, which the slow proxy has not taken up yet.

    What was measured in the same moment was measured before.
    """
    world, memory = state.world, state.memory
    behind = world.behind if world.behind is not None else world.routes
    readings = tuple((c, word, max(age, 1)) for c, word, age in memory.readings)
    count = memory.traffic and memory.traffic._replace(age=max(memory.traffic.age, 1))
    moved = state._replace(memory=Memory(readings, count))
    return _with_world(moved, world._replace(routes=routes, behind=behind))


def _with_world(state: State, world: World) -> State:
    """The state with another world; since when each revision is unused goes with it."""
    known = dict(state.ghost.unused)
    idle = [pods for pods in world.sets if pods.replicas and pods.revision not in world.routes.used]
    unused = tuple((pods.revision, known.get(pods.revision, 0)) for pods in idle)
    return state._replace(world=world, ghost=state.ghost._replace(unused=unused))


def _said(state: State, choice: Choice) -> str:
    """The pass in a few words."""
    if choice.effect is not None:
        fields = ", ".join(str(value) for value in _values(choice.effect))
        return f"{type(choice.effect).__name__} {fields}"
    changes = [
        f"{name} {_brief(old)} -> {_brief(new)}"
        for name, old, new in zip(Kept._fields, state.working, choice.kept, strict=True)
        if old != new and name != "checks"
    ]
    return "writes down " + ("; ".join(changes) or "what it measured")


def _values(effect: Effect) -> list[object]:
    names = [name for name in effect.__slots__ if name not in {"uid", "at", "replica_set"}]
    return [getattr(effect, name) for name in names]


def _brief(value: object) -> str:
    return "none" if value is None else str(value)


# ---------------------------------------------------------------- time and the cluster


def later(state: State) -> State:
    """Ten seconds later."""
    memory, ghost, world = state.memory, state.ghost, state.world
    if world.deleted is not None:
        world = world._replace(deleted=min(world.deleted + TICK, LEFT))
    readings = tuple((c, word, min(age + TICK, STALE)) for c, word, age in memory.readings)
    count = memory.traffic
    if count is not None:
        count = count._replace(age=count.age + TICK) if count.age + TICK < LONG else None
    return state._replace(
        world=world,
        stored=older(state.stored, TICK),
        working=older(state.working, TICK),
        memory=Memory(readings, count),
        ghost=Ghost(
            min(ghost.off + TICK, LONG),
            tuple((name, min(age + TICK, LONG)) for name, age in ghost.unused),
            ghost.unseen,
        ),
    )


def answers(state: State, choice: Choice, word: Word = "pass") -> tuple[Move, ...]:
    """What was asked is answered: requests are counted, and all checks say that word."""
    if not choice.asks:
        return ()
    return (Move(f"all is counted, and all checks say {word}", _answered(state, choice, word)),)


def _bad_answers(scope: Scope, state: State, choice: Choice) -> Iterator[Move]:
    if any(ask is not None for ask in choice.asks):
        for word in scope.words:
            yield from answers(state, choice, word)


def _answered(state: State, choice: Choice, word: Word) -> State:
    fresh = {ask: (ask, word, 0) for ask in choice.asks if ask is not None}
    kept = [reading for reading in state.memory.readings if reading[0] not in fresh]
    readings = tuple(sorted([*kept, *fresh.values()]))
    count = counted(state.world) if None in choice.asks else state.memory.traffic
    return state._replace(memory=Memory(readings, count))


def cluster(state: State) -> Iterator[Move]:
    """Pods become ready, and the slow proxy takes up the routes."""
    world = state.world
    if world.behind is not None:
        yield Move("all proxies have the routes", state._replace(world=world._replace(behind=None)))
    for pods in world.sets:
        if pods.ready < pods.replicas:
            better = ready(world, pods.revision, pods.replicas)
            yield Move(f"pods of {pods.revision} are ready", state._replace(world=better))


def ready(world: World, revision: str, count: int) -> World:
    """The world with that many ready pods of a revision."""
    return world._replace(
        sets=tuple(
            pods._replace(ready=count) if pods.revision == revision else pods for pods in world.sets
        )
    )


# ---------------------------------------------------------------- disturbances


def _people(scope: Scope, state: State) -> Iterator[Move]:
    world = state.world
    for template in scope.templates:
        if template != world.target:
            changed = state._replace(world=world._replace(target=template))
            yield Move(f"somebody sets template {template}", changed)
    if world.action is None:
        for verb in scope.verbs:
            asked = state._replace(
                world=world._replace(action=verb),
                stored=state.stored._replace(answered=None),
                working=state.working._replace(answered=None),
            )
            yield Move(f"somebody asks {verb}", asked)
    if scope.spec_pause:
        changed = state._replace(world=world._replace(paused=not world.paused))
        yield Move("somebody turns spec.paused", changed)
    if scope.deletion and world.deleted is None:
        changed = state._replace(world=world._replace(deleted=0))
        yield Move("somebody deletes the Rollout", changed)


def _edits(engine: Engine, scope: Scope, state: State) -> Iterator[Move]:
    """Somebody edits the routes by hand, once between two looks of the operator."""
    world, routes = state.world, state.world.routes
    if state.ghost.unseen:
        return
    seen = state._replace(ghost=state.ghost._replace(unseen=True))
    for place, name in enumerate(engine.services):
        for weight in scope.weights:
            if weight != routes.weights[place]:
                edited = routes.with_written(place, weight, routes.matching(place))
                yield Move(f"somebody gives the canary {weight} in {name}", rerouted(seen, edited))
        for text in engine.matches if scope.headers else ():
            if text != routes.matching(place):
                edited = routes.with_written(place, routes.weights[place], text)
                said = f"somebody makes header routes of {name} for {text or 'nobody'}"
                yield Move(said, rerouted(seen, edited))
    for revision in [pods.revision for pods in world.sets] if scope.selectors else ():
        if revision != routes.stable:
            edited = routes._replace(stable=revision)
            yield Move(f"somebody points stable to {revision}", rerouted(seen, edited))
        if revision != routes.canary:
            edited = routes._replace(canary=revision)
            yield Move(f"somebody points canary to {revision}", rerouted(seen, edited))


def _dying(scope: Scope, state: State) -> Iterator[Move]:
    for pods in state.world.sets if scope.pods else ():
        for count in {0, pods.ready - 1} if pods.ready else ():
            worse = ready(state.world, pods.revision, count)
            yield Move(f"{count} pods of {pods.revision} stay ready", state._replace(world=worse))
