"""Every state within reach of a release: no rule is broken, and all come to rest.

The search asks the shipped `decide`, and prints how much it saw. The large ones run with
TIDEGATE_FAULTS=all.
"""

import pytest

from tests.faults.budget import TALLY, dice
from tests.model.progress import begun, stuck
from tests.model.scopes import (
    CUTS,
    EDITS,
    EVERYTHING,
    HALF,
    HEADERS,
    MEMBERS,
    MORE,
    PEOPLE,
    TEN,
    TORN_HEADERS,
    WHOLE,
    baked,
    baking,
    draining,
    empty,
    promoting,
    proven,
    released,
    shifting,
    spec,
    warm,
)
from tests.model.search import search
from tests.model.state import Engine

STATES_MAX = 400_000
SMALL = {
    "old pods and anything": (spec(TEN), draining, EVERYTHING, 1),
    "pods that follow the traffic": (shifting(HALF), released, CUTS, 1),
    "a release and torn passes": (spec(HALF), released, CUTS, 1),
    "header routes and torn passes": (spec(MEMBERS), released, TORN_HEADERS, 1),
    "a bake and torn passes": (baked(spec()), baking, CUTS, 1),
    "an undo and torn passes": (spec(), proven, CUTS, 1),
}
LARGE = {
    "a first deployment and anything": (spec(TEN), empty, EVERYTHING, 1),
    "a promotion and anything": (spec(TEN), promoting, EVERYTHING, 1),
    "a release and anything": (spec(TEN, HALF), released, EVERYTHING, 1),
    "two routes and edits": (spec(HALF, services=("shop", "inner")), released, EDITS, 1),
    "pods that follow the traffic there and back": (
        shifting(HALF, TEN),
        released,
        EVERYTHING,
        1,
    ),
    "people twice": (spec(TEN), promoting, PEOPLE, 2),
    "header routes and people": (spec(MEMBERS, MORE, HALF), released, HEADERS, 1),
    "header routes in two routes": (
        spec(MEMBERS, services=("shop", "inner")),
        released,
        TORN_HEADERS,
        1,
    ),
    "header routes and anything": (spec(MEMBERS, HALF), released, EVERYTHING, 1),
    "a bake and anything": (baked(spec()), baking, EVERYTHING, 1),
    "two routes, a warm bake and anything": (
        baked(spec(services=("shop", "inner"))),
        warm,
        EVERYTHING,
        1,
    ),
    "an undo and anything": (spec(), proven, EVERYTHING, 1),
    "a bake and people twice": (baked(spec()), warm, PEOPLE, 2),
}


@pytest.mark.parametrize("name", [*SMALL, *(LARGE if WHOLE else ())])
def test_no_rule_is_broken_and_every_state_comes_to_rest(name, capsys):
    made, start, scope, left = (SMALL | LARGE)[name]
    engine = Engine(made)
    found = search(engine, scope, start(engine, left), states_max=STATES_MAX)
    with capsys.disabled():
        print(f"\n{name}: {found.told()}", end=" ")
    assert found.broken == ""
    states = begun(found, dice(name))
    TALLY.add("states explored", len(found.parents))
    TALLY.add("states from which rest is reached", len(states))
    assert stuck(found, states, "pass") == ""
    assert stuck(found, states, "fail") == ""
