"""A counterexample as a story: what happens to the world, and the operator's passes in between."""

from __future__ import annotations

from tests.model.moves import Scope, moves, own_pass
from tests.model.rules import broken
from tests.model.state import Engine, State

PASSES_MAX = 30


def lived(engine: Engine, scope: Scope, start: State, story: list[str]) -> tuple[State, str]:
    """The state at the end of a story, and the first rule that was broken on the way ("" if none).

    `pass` is one pass of the operator, `passes` as many as it wants; every other line is the
    beginning of what the search says of a step.
    """
    state = start
    for line in story:
        for _ in range(PASSES_MAX if line == "passes" else 1):
            said = "operator: " if line in {"pass", "passes"} else line
            if line in {"pass", "passes"} and own_pass(engine, state, engine.choice(state)) is None:
                break
            state, wrong = _step(engine, scope, state, said)
            if wrong:
                return state, wrong
    return state, ""


def _step(engine: Engine, scope: Scope, state: State, said: str) -> tuple[State, str]:
    for move in moves(engine, scope, state):
        if move.said.startswith(said):
            return move.state, next(broken(engine, state, move), "")
    offered = sorted({move.said for move in moves(engine, scope, state)})
    raise AssertionError(f"nothing begins with {said!r}; there are {offered}")
