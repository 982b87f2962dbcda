"""A gallery of moments under a scorecard: what it weighs, lacks, and says of each member."""

from __future__ import annotations

from tests.core.scenes import ago, in_phase
from tests.core.score_cards import GATE, answered, scored_spec
from tidegate.core.observation import Answer, Reading

GATED = scored_spec(guards=(), gates=(GATE.model_copy(update={"for_s": 60.0}),))
DOWN = {"guard/0:goals": (Reading(ago(1), Answer.ERROR, detail="connection refused"),)}
BAD = ("success", "goals")
SCORES = {
    "a score below its pass mark trips no guard": in_phase(
        spec=scored_spec(), readings=answered("guard/0", ("goals",))
    ),
    "a score below its marginal mark sends back": in_phase(
        spec=scored_spec(), readings=answered("guard/0", BAD)
    ),
    "a critical member sends back": in_phase(
        spec=scored_spec(critical=("goals",)), readings=answered("guard/0", ("goals",))
    ),
    "a member of a score cannot be measured": in_phase(
        spec=scored_spec(), readings=answered("guard/0", ()) | DOWN
    ),
    "a gate waits for its score": in_phase(spec=GATED, readings=answered("gate/0/0", ("goals",))),
    "a gate's score passes, not yet for long": in_phase(
        spec=GATED, readings=answered("gate/0/0", ())
    ),
}
