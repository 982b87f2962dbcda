"""Whatever the API server does, every scenario ends as if nothing had happened."""

from __future__ import annotations

import pytest

from tests.faults.arena import Arena
from tests.faults.budget import SEED, TALLY, chosen, dice, side_by_side
from tests.faults.disturbances import DISTURBANCES
from tests.faults.judging import References, judged
from tests.faults.scenarios import SCENARIOS, Scenario

pytestmark = [pytest.mark.api, pytest.mark.faults, pytest.mark.usefixtures("observer")]

SLICE = 4
"""Pairs of a fault and a scenario in a slice."""
EACH = 2
"""Scenarios that meet each fault when everything is run; another seed pairs them otherwise."""


def _pairs() -> list[tuple[Scenario, str]]:
    installed = [scenario for scenario in SCENARIOS if scenario.installed]
    return [
        (scenario, name)
        for name in DISTURBANCES
        for scenario in dice(f"pairs of {name}").sample(installed, EACH)
    ]


def test_every_fault_leaves_every_scenario_its_end(arena: Arena, references: References):
    pairs = chosen(_pairs(), SLICE, "api faults")
    side_by_side(references.of, list({scenario.name: scenario for scenario, _ in pairs}.values()))

    def tried(pair: tuple[Scenario, str]) -> str:
        scenario, name = pair
        disturbance = DISTURBANCES[name](dice(f"{scenario} {name}"))
        told = judged(arena, scenario, references.of(scenario), disturbance)
        return "\n  ".join([f"{scenario}, {disturbance} (seed {SEED}):", *told]) if told else ""

    bad = [told for told in side_by_side(tried, pairs) if told]
    TALLY.add("faults", len(pairs))
    TALLY.add("violations", len(bad))
    assert not bad, "\n".join(bad)
