"""How many members of scorecards may be asked for at once: more would make other Rollouts wait."""

import pytest

from tests.api.samples import changed, parsed
from tidegate.api.limits import MAX_MEMBERS_ASKED
from tidegate.api.validation import problems

NAMES = [f"m{i}" for i in range(16)]
METRICS = [{"name": name, "template": "istio-error-rate"} for name in NAMES]
CARD = {
    "name": "health",
    "pass": 90,
    "members": [{"metric": name, "weight": 1, "max": 0.1} for name in NAMES],
}
ASKS = {"scorecard": "health"}
MOST = MAX_MEMBERS_ASKED // len(NAMES)


def found(guards, *edits):
    """What is said of a spec with so many guards on the score."""
    spec = (("metrics", METRICS), ("scorecards", [CARD]), ("guards", [ASKS] * guards))
    return [str(one) for one in problems(parsed(changed(*spec, ("phases", [PHASE]), *edits)))]


PHASE = {"name": "ten", "weight": 10}


def test_as_many_as_may_be_asked_at_once_are_fine():
    assert not found(MOST)
    assert not found(MOST - 1, ("phases.0.gates", [ASKS]))
    assert not found(MOST - 1, ("phases", [{**PHASE, "name": n, "gates": [ASKS]} for n in "ab"]))


@pytest.mark.parametrize("field", ["guards", "gates"])
def test_guards_and_gates_that_together_ask_for_too_many_members_are_refused(field):
    (said,) = found(MOST, (f"phases.0.{field}", [ASKS]))
    assert said.startswith("spec.phases[0]: its guards and gates, with spec.guards, ask for 272 ")
    assert said.endswith("256 may be; name scorecards in fewer of them, or make them smaller")


def test_guards_alone_that_ask_for_too_many_are_told_once():
    (said,) = found(MOST + 1, ("phases.0.gates", [ASKS]))
    assert said.startswith("spec.guards: ask for 272 members of scorecards at once, 256 may be")
