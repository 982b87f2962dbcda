"""What must hold on every write and in every state: the safety argument, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model.kept import LONG, STALE, TICK, Kept, Run, Traffic
from tests.model.moves import LEFT, Move
from tests.model.state import NOBODY, Choice, Engine, State
from tidegate.api.actions import Verb
from tidegate.api.check_status import Verdict
from tidegate.api.status import Stage
from tidegate.core.cohorts import match_text
from tidegate.core.decision import (
    DeleteReplicaSet,
    PointDestination,
    ReleaseRollout,
    ScaleReplicaSet,
    SetWeight,
)

FRESH = 2
"""Age (steps) up to which a reading at the search's interval of 2 s is no more than 11 s old."""
HEADROOM = 2


def broken(engine: Engine, state: State, move: Move) -> Iterator[str]:
    """What that step does that must never be done."""
    if move.effect is not None:
        yield from _write(engine, state, move)
    if move.is_pass:
        choice = engine.choice(state)
        yield from _order(state, choice)
        yield from _promotion(engine, state, choice.kept)
    yield from _shape(engine, move.state)


def _shape(engine: Engine, state: State) -> Iterator[str]:
    names = [pods.revision for pods in state.world.sets]
    if len(set(names)) != len(names):
        yield "I12: two ReplicaSets of one revision"
    stored = state.stored
    if stored.phase is not None and stored.phase.place >= len(engine.spec.phases):
        yield "I7: a phase out of range"


def _order(state: State, choice: Choice) -> Iterator[str]:
    """An intent is stored before it is acted on; only a revert's route write leads."""
    before, kept = state.working, choice.kept
    moved = choice.moved - {"draining"}
    if choice.effect is not None and moved:
        ended = before.run is not None and (kept.run is None or _sent_back(before, kept))
        if not (ended and isinstance(choice.effect, SetWeight)):
            yield f"{sorted(moved)} changed together with {choice.effect}"
    if before.run is None and kept.run is not None and kept.run.to == before.reverted:
        yield "I11: a revision that was sent back is tried again"
    old, new = before.phase, kept.phase
    if old and new and new.place not in (old.place, old.place + 1):
        yield f"I7: phase {old.place} -> {new.place}"


def _sent_back(before: Kept, kept: Kept) -> bool:
    """Whether a bake ended by the beginning of the way back."""
    return _baking(before.run) and kept.run is not None and kept.run.undo


def _baking(run: Run | None) -> bool:
    return run is not None and run.stage is Stage.BAKING


def _canary(run: Run | None) -> str | None:
    """Whom the canary destination is for."""
    if run is None:
        return None
    return run.origin if _baking(run) else run.to


# ---------------------------------------------------------------- promotion


def _promotion(engine: Engine, state: State, kept: Kept) -> Iterator[str]:
    """A phase ends only after its hold, and only on checks that pass now."""
    run, phase = state.working.run, state.working.phase
    if run is None or phase is None or kept.run is None or kept.run.skip:
        return
    if state.world.action is Verb.SKIP and kept.answered != state.working.answered:
        return  # a person took the blame
    if run.stage is not Stage.PHASE or (kept.phase and kept.phase.name == phase.name):
        return
    spec = engine.spec.phases[phase.place]
    if state.ghost.off * 5.0 < spec.hold_s:
        yield f"the hold of {phase.name} ends {state.ghost.off * 5} s after its weight was off"
    last = _last(state)
    for i in range(len(engine.spec.guards)):
        word, age = last.get(f"guard/{i}", ("nodata", STALE))
        if word != "pass" or age > FRESH:
            yield f"I8: {phase.name} ends on a guard that says {word} ({age})"
    checks = {check.id: check for check in kept.checks} | {c.id: c for c in state.working.checks}
    for i in range(len(spec.gates)):
        check = checks.get(f"gate/{phase.place}/{i}")
        word, age = last.get(f"gate/{phase.place}/{i}", ("", 0))
        known = check is not None and check.verdict is Verdict.PASS
        if not (word == "pass" and age <= FRESH) and not (word == "" and known):
            yield f"I8: {phase.name} ends on a gate that says {word or check}"


# ---------------------------------------------------------------- writes


def _write(engine: Engine, state: State, move: Move) -> Iterator[str]:
    match move.effect:
        case SetWeight():
            yield from _weight(engine, state, move.effect)
        case PointDestination("stable"):
            yield from _point_stable(engine, state, move.effect)
        case PointDestination():
            yield from _point_canary(state, move.effect)
        case ScaleReplicaSet() if (
            move.effect.replicas < state.world.pods(move.effect.revision).replicas
        ):
            yield from _shrink(engine, state, move.effect)
        case DeleteReplicaSet():
            if state.world.pods(move.effect.revision).replicas:
                yield "I3: a ReplicaSet with pods is deleted"
            yield from _in_use(state, move.effect.revision)
        case ReleaseRollout():
            yield from _let_go(state)
        case _:
            pass


def _let_go(state: State) -> Iterator[str]:
    """A deleted Rollout leaves nothing of its run in the routes, while there is time."""
    world, stable = state.world, state.working.stable
    routes = world.routes
    home = routes.used == {stable} and not any(routes.weights) and not routes.headers
    if world.deleted is not None and world.deleted < LEFT and not home:
        yield "F65: let go while its routes are not home"


def _weight(engine: Engine, state: State, effect: SetWeight) -> Iterator[str]:
    world, run = state.world, state.working.run
    routes = world.routes
    place = engine.services.index(effect.virtual_service)
    present, there = routes.weights[place], routes.matching(place)
    match = there if effect.match is None else match_text(effect.match)
    canary, stable = world.pods(routes.canary), world.pods(routes.stable)
    if (effect.weight, match) == (present, there):
        yield "I20: a write that changes nothing"
    if match not in (NOBODY, there):
        yield from _matched(engine, state, match)
    if effect.weight > present or match not in (NOBODY, there):
        back = run is not None and (run.undo or _baking(run))
        headroom = HEADROOM if back else 1
        if canary.ready * headroom * 100 < effect.weight * engine.full:
            yield f"I2: weight {effect.weight} for {canary.ready} ready pods"
        if run is None or _canary(run) != routes.canary:
            yield "I2: weight raised onto a revision that is not tried"
        if not back:  # whoever goes back knows already why
            yield from _may_rise(engine, state, effect)
        return
    if routes.canary == routes.stable:
        return
    carried = min(100, 100 * stable.ready * HEADROOM // engine.full)
    if canary.ready and carried < 100 - effect.weight:
        yield f"I2: {100 - effect.weight} % sent to {stable.ready} ready stable pods"


def _matched(engine: Engine, state: State, match: str) -> Iterator[str]:
    """Header routes come only in a phase that asks for them, onto pods that are ready."""
    phase = state.stored.phase
    if phase is None or engine.wanted(phase.name)[1] != match:
        yield f"I21: header routes for {match} outside of their phase"
    if state.world.pods(state.world.routes.canary).ready == 0:
        yield "I21: header routes to no ready pod"


def _may_rise(engine: Engine, state: State, effect: SetWeight) -> Iterator[str]:
    if state.working.pause is not None or state.world.paused:
        yield "I10: weight raised in a pause"
    last = _last(state)
    for i in range(len(engine.spec.guards)):
        word, age = last.get(f"guard/{i}", ("error", 0))
        if word in ("fail", "error") or age > FRESH:
            yield f"I10: weight raised on a guard that says {word} ({age})"
    phase = state.stored.phase
    if phase is not None and phase.started is not None:
        wanted = engine.spec.phases[phase.place].weight
        if effect.weight == wanted and state.stored.run == state.working.run:
            yield "the end of a hold is not stored before the weight rises again"


def _point_stable(engine: Engine, state: State, effect: PointDestination) -> Iterator[str]:
    world, kept = state.world, state.working
    if world.pods(effect.revision).ready == 0:
        yield "I2: stable pointed at no ready pod"
    if kept.stable is None or effect.revision == kept.stable:
        yield from _forgets_use(state, world.routes.stable)
        return  # the first deployment, or somebody else's edit is put right
    run = state.stored.run
    if run is None or run.stage is not Stage.PROMOTING or run.to != effect.revision:
        yield "stable re-pointed without a stored promotion"
    if any(weight != 100 for weight in world.routes.weights):
        yield "stable re-pointed while it has weight"
    if world.routes.headers:
        yield "I21: stable re-pointed under header routes"
    if world.sent("stable"):
        yield "stable re-pointed while a proxy sends to it"
    if run is not None and not run.undo:
        yield from _guards_pass(engine, state)


def _guards_pass(engine: Engine, state: State) -> Iterator[str]:
    last = _last(state)
    for i in range(len(engine.spec.guards)):
        word, age = last.get(f"guard/{i}", ("nodata", STALE))
        if word != "pass" or age > FRESH:
            yield f"I8: promoted on a guard that says {word} ({age})"


def _point_canary(state: State, effect: PointDestination) -> Iterator[str]:
    world, kept = state.world, state.working
    routes, run = world.routes, kept.run
    if kept.stable is None:
        return
    yield from _forgets_use(state, routes.canary)
    if effect.revision not in (kept.stable, _canary(run)):
        yield "canary pointed at a revision nobody asked for"
    if any(routes.weights) or routes.headers:
        yield "canary re-pointed while it has weight"
    if world.pods(routes.canary).ready == 0:
        return  # it can only get better
    if world.pods(effect.revision).ready == 0:
        yield "I2: canary pointed at no ready pod"
    home_or_back = run is None or run.undo
    if world.sent("canary") and not (home_or_back and _drained(kept)):
        yield "canary re-pointed while a proxy sends to it"


def _drained(kept: Kept) -> bool:
    """Whether drain.max is over for the canary destination."""
    traffic = kept.traffic
    if traffic is None or traffic.since is None:
        return False
    return min(traffic.canary_since, traffic.since) >= LONG


def _forgets_use(state: State, revision: str | None) -> Iterator[str]:
    """That a draining revision was in use again must outlive the write that ends it."""
    if not state.world.pods(revision).ready:
        return
    if any(name == revision for name, _ in state.stored.draining):
        yield f"{revision} is still counted as idle, though a destination selects it"


def _shrink(engine: Engine, state: State, effect: ScaleReplicaSet) -> Iterator[str]:
    world, name = state.world, effect.revision
    if name == state.working.stable:
        yield from _shrink_stable(engine, state, effect)
        return
    yield from _in_use(state, name)
    if world.pods(name).ready == 0:
        return
    unused = dict(state.ghost.unused).get(name, 0)
    if unused < TICK:
        yield f"I3: pods of {name} go {unused * 5} s after a destination selected them"
    if world.gets(name) and unused < LONG:
        yield f"I3: pods of {name} go while a proxy sends to them"


def _shrink_stable(engine: Engine, state: State, effect: ScaleReplicaSet) -> Iterator[str]:
    run, world = state.working.run, state.world
    if run is None or engine.spec.capacity.mode != "shift":
        if run is not None or effect.replicas < engine.full:
            yield "I3: stable shrinks"
        return
    if run.stage is not Stage.PHASE or state.stored.run != run:
        yield "I3: stable shrinks outside of a stored phase"
    for one in world.proxies():
        sent = sum(share for _, revision, share in one.flows() if revision == effect.revision)
        if effect.replicas * 100 < sent * engine.full:
            yield f"I3: stable shrinks to {effect.replicas} pods while a proxy sends it {sent} %"
    if world.routes.headers:
        yield "I21: stable shrinks under header routes, whose share nobody knows"
    for weight in world.routes.weights:
        if effect.replicas * 100 < (100 - weight) * engine.full:
            yield f"I3: stable shrinks to {effect.replicas} pods for {100 - weight} %"


def _in_use(state: State, name: str) -> Iterator[str]:
    run = state.working.run
    if name in {*state.world.routes.used, state.working.stable, run.to if run else None}:
        yield f"I3: {name} is in use and loses its pods"
    elif _baking(run) and name == _canary(run):
        yield f"I3: {name} is kept warm and loses its pods"


def _measured_since(run: Run | None, traffic: Traffic | None) -> int:
    """Since when its destination selects the run's revision: the stable one, in a bake."""
    if run is None or traffic is None:
        return -1
    if _baking(run):
        return traffic.stable_since if traffic.stable == run.to else -1
    return traffic.canary_since if traffic.canary == run.to else -1


def _last(state: State) -> dict[str, tuple[str, int]]:
    """The last word of each check about the revision that is tried, and its age.

    What was measured before the canary destination selected it is about somebody else.
    """
    since = _measured_since(state.working.run, state.working.traffic)
    return {
        check: (word if word == "error" or age <= since else "nodata", age)
        for check, word, age in state.memory.readings
    }
