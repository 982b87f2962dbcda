"""What an experiment asks: each of its metrics, of each arm beside stable."""

from __future__ import annotations

from functools import lru_cache

from tidegate.api.checks import Gate, Guard
from tidegate.api.compare import Compare
from tidegate.api.experiments import Experiment, Measure
from tidegate.api.phases import Phase
from tidegate.api.rollout import RolloutSpec
from tidegate.api.status import RunStatus, Stage
from tidegate.core.check import Check, id_for

BOUNDS_KEPT = 256
"""Bounds that are kept made up: those of the experiments of some ten Rollouts."""


def arms_of(phase: Phase) -> tuple[str, ...]:
    """The arms of a phase that are compared with stable; "" is the revision of the run."""
    own = ("",) if phase.weight else ()
    return (*own, *(name for name, _ in phase.shares))


def measures_of(spec: RolloutSpec, phase: Phase) -> tuple[Check, ...]:
    """What the experiment of a phase asks; nothing of a phase without one."""
    if phase.experiment is None:
        return ()
    place = spec.phases.index(phase)
    return tuple(
        measure_of(phase.experiment, place, index, arm)
        for arm in arms_of(phase)
        for index in range(len(phase.experiment.metrics))
    )


def measure_of(experiment: Experiment, place: int, index: int, arm: str) -> Check:
    """One metric of one arm, of the experiment in the phase at that place."""
    own = f"measure/{place}/{index}"
    bound = less(experiment.metrics[index], experiment.times, experiment.sure)
    return Check(id_for(own, arm) if arm else own, bound, variant=arm)


def asked_now(spec: RolloutSpec, run: RunStatus | None, phase: Phase | None) -> tuple[Check, ...]:
    """What is asked now: in a phase what its experiment asks, before the first that of all."""
    if run is None or run.undo:
        return ()
    if run.stage is Stage.PREPARING:
        return tuple(check for one in spec.phases for check in measures_of(spec, one))
    if run.stage is Stage.PHASE and phase is not None:
        return measures_of(spec, phase)
    return ()


@lru_cache(maxsize=BOUNDS_KEPT)
def more(measure: Measure, margin: float, confidence: float) -> Guard:
    """The claim that an arm has more of it than stable, by more than the margin."""
    return Guard(
        metric=measure.metric,
        interval_s=measure.interval_s,
        compare=Compare(to="stable", test="sequential", margin=margin, confidence=confidence),
    )


@lru_cache(maxsize=BOUNDS_KEPT)
def less(measure: Measure, margin: float, confidence: float) -> Gate:
    """The claim that an arm has less of it than stable, by more than the margin."""
    return Gate(
        metric=measure.metric,
        interval_s=measure.interval_s,
        compare=Compare(to="stable", test="sequential", margin=1.0 / margin, confidence=confidence),
    )
