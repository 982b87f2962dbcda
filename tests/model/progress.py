"""What fair play leads to: with all faults healed, every state must come to rest.

Fair play is one schedule: proxies catch up, pods become ready, questions are answered, the
operator makes its passes, people take back their pauses, and then time passes. It gives every
state one successor, so a state either comes to rest or is in a circle, and both are seen.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from tests.model.moves import answers, cluster, later, own_pass
from tests.model.search import Found, told
from tests.model.state import Engine, State, Word
from tidegate.api.actions import Verb


def successor(engine: Engine, state: State, word: Word) -> State:
    """The next state when nothing goes wrong any more and every check says that word.

    With "pass" it is one that the search itself looked at, but for what people take back.
    """
    if state.world.gone:
        return state
    choice = engine.choice(state)
    own = own_pass(engine, state, choice)
    if own is not None and own.effect is None:
        return own.state
    for move in (*cluster(state), *answers(state, choice, word)):
        return move.state
    if own is not None:
        return own.state
    world = state.world
    if world.paused:
        return state._replace(world=world._replace(paused=False))
    if state.working.pause is not None and world.action is None and word == "pass":
        return state._replace(world=world._replace(action=Verb.RESUME))
    return later(state)


def at_rest(state: State) -> bool:
    """Stable serves alone and nothing is left to do, or the Rollout is gone."""
    world, kept = state.world, state.working
    if world.gone:
        return True
    busy = [pods for pods in world.sets if pods.replicas and pods.revision != kept.stable]
    return (
        kept == state.stored
        and kept.run is None
        and not any(world.routes.weights)
        and not world.routes.headers
        and world.routes.used == {kept.stable}
        and world.target in (kept.stable, kept.reverted)
        and world.action is None
        and not busy
    )


REST_STATES_MAX = 10_000
"""From so many states rest is looked for; of a larger search, from a sample."""


def begun(found: Found, dice: random.Random) -> list[State]:
    """The states from which rest is looked for: all, or a sample of a large search."""
    everything = list(found.parents)
    if len(everything) <= REST_STATES_MAX:
        return everything
    return dice.sample(everything, REST_STATES_MAX)


def stuck(found: Found, states: Iterable[State], word: Word = "pass") -> str:
    """The story of one of the states that never comes to rest, or "" when all of them do."""
    good: set[State] = set()
    for state in states:
        path: dict[State, None] = {}
        at = state
        while at not in good and at not in path:
            path[at] = None
            at = successor(found.engine, at, word)
        if at not in good and not _rests(at, word):
            return f"{_why(found, at, word)}\n{found.story(state)}\n{told(at)}"
        good |= path.keys()
    return ""


def _rests(state: State, word: Word) -> bool:
    """A state in a circle of fair play: good when it is rest, or waits for a person to resume."""
    return at_rest(state) or (word != "pass" and state.working.pause is not None)


def _why(found: Found, state: State, word: Word) -> str:
    after = successor(found.engine, state, word)
    return "stands still short of rest" if after == state else "goes in a circle"
