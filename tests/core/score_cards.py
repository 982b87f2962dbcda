"""A scorecard to try: five members with the weights 25, 25, 20, 15 and 15."""

from __future__ import annotations

from collections.abc import Collection

from tests.core.scenes import read, spec
from tidegate.api.checks import Gate, Guard, Metric
from tidegate.api.compare import Compare
from tidegate.api.phases import Phase
from tidegate.api.rollout import RolloutSpec
from tidegate.api.scorecards import Member, Scorecard
from tidegate.core.observation import Reading
from tidegate.core.scoring import Card, scored

NAMES = ("success", "satisfaction", "stability", "response", "goals")
WEIGHTS = (25, 25, 20, 15, 15)
GATE = Gate(scorecard="health", interval_s=10.0)
GUARD = Guard(scorecard="health", interval_s=10.0)


def scorecard(
    *, critical: Collection[str] = (), compared: Collection[str] = (), coverage: int = 100
) -> Scorecard:
    """Each member must be at least 0.9; those `compared` only at most 5 % below stable's."""
    members = tuple(
        Member(
            metric=name,
            weight=weight,
            min=None if name in compared else 0.9,
            critical=name in critical,
            compare=Compare(to="stable", max_decrease_percent=5) if name in compared else None,
        )
        for name, weight in zip(NAMES, WEIGHTS, strict=True)
    )
    return Scorecard(name="health", pass_mark=95, marginal=75, coverage=coverage, members=members)


def card(bound: Gate | Guard = GATE) -> Card:
    """The scorecard as a gate or a guard uses it."""
    found = scored((scorecard(),), "c", bound)[1]
    assert found is not None
    return found


def scored_spec(
    *,
    guards: tuple[Guard, ...] = (GUARD,),
    gates: tuple[Gate, ...] = (),
    critical: Collection[str] = (),
    compared: Collection[str] = (),
    coverage: int = 100,
) -> RolloutSpec:
    """A guard of the Rollout, and gates of phase ten, on the score of the five members."""
    made = scorecard(critical=critical, compared=compared, coverage=coverage)
    return spec(
        metrics=tuple(Metric(name=name, template="istio-error-rate") for name in NAMES),
        scorecards=(made,),
        guards=guards,
        phases=(
            Phase(name="ten", weight=10, hold_s=60.0, gates=gates),
            Phase(name="half", weight=50),
        ),
    )


def answered(
    check_id: str, *bad: Collection[str], seconds: Collection[float] = (1.0,)
) -> dict[str, tuple[Reading, ...]]:
    """A reading of each member so many seconds ago: 0.2 where it is bad by then, else 1."""
    return {
        f"{check_id}:{name}": tuple(
            read(back, 0.2 if name in names else 1.0)
            for back, names in zip(seconds, bad, strict=True)
        )
        for name in NAMES
    }
