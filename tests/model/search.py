"""Breadth-first search through every state within a scope, and what fair play leads to."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from tests.model.moves import Scope, moves
from tests.model.rules import broken
from tests.model.state import Engine, State


class TooLarge(Exception):
    """The scope has more states than the search may look at."""


@dataclass
class Found:
    """What a search saw. `parents` lead back to the start of each state."""

    engine: Engine
    scope: Scope
    parents: dict[State, tuple[State | None, str]] = field(default_factory=dict)
    edges: int = 0
    cpu_s: float = 0.0
    broken: str = ""

    def story(self, state: State, last: str = "") -> str:
        """How that state comes about, one line a step."""
        lines: list[str] = []
        at: State | None = state
        while at is not None:
            at, said = self.parents[at]
            lines.append(said)
        steps = [*reversed(lines), *([last] if last else [])]
        return "\n".join(f"{place:3d}. {said}" for place, said in enumerate(steps))

    def told(self) -> str:
        """The numbers of the search."""
        return (
            f"{len(self.parents)} states, {self.edges} edges, "
            f"{len(self.engine.choices)} decisions, {self.cpu_s:.1f} s of CPU"
        )


def search(engine: Engine, scope: Scope, start: State, *, states_max: int) -> Found:
    """Look at every state that can come about; stop at the first broken rule."""
    found = Found(engine, scope)
    began = time.process_time()
    found.parents[start] = (None, f"at the start: {told(start)}")
    queue = deque([start])
    while queue and not found.broken:
        state = queue.popleft()
        for move in moves(engine, scope, state):
            found.edges += 1
            wrong = next(broken(engine, state, move), "")
            if wrong:
                found.broken = f"{wrong}\n{found.story(state, move.said)}\n{told(move.state)}"
                break
            if move.state not in found.parents:
                found.parents[move.state] = (state, move.said)
                queue.append(move.state)
        if len(found.parents) > states_max:
            raise TooLarge(f"more than {states_max} states")
    found.cpu_s = time.process_time() - began
    return found


def told(state: State) -> str:
    """A state in one line."""
    world = state.world
    pods = ", ".join(f"{p.revision} {p.ready}/{p.replicas}" for p in world.sets)
    return f"template {world.target}, pods {pods or 'none'}, {world.routes}, {state.working}"
