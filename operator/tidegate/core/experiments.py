"""What an experiment has counted so far, and what that shows of each of its arms.

Of every arm and metric two claims are tested beside each other, that the arm has more of it than
stable and that it has less, by the sequential test of guards and gates (`weighing`). All claims of
an experiment share its chance of a mistake. Arms that are all alike are so told apart, by as much
as one claim, in no more than 1 - confidence of all experiments, however often they are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Literal

from tidegate.api.checks import Bound
from tidegate.api.evidence import CheckEvidence
from tidegate.api.experiments import ArmStatus, Experiment, ExperimentStatus, MeasureStatus
from tidegate.api.phases import Phase
from tidegate.api.status import Stage
from tidegate.core import weighing
from tidegate.core.check import Check
from tidegate.core.measured import known_revision
from tidegate.core.measures import arms_of, less, measure_of, more
from tidegate.core.mismatch import comparable, right_since
from tidegate.core.scene import Scene
from tidegate.core.statistics.rates import rate_ratio
from tidegate.core.statistics.refused import Refused
from tidegate.core.statistics.sequential import Finding
from tidegate.core.statistics.window import Window
from tidegate.core.testing import Trial

SIDES = 2
"""Claims of each arm and metric: more than stable, and less."""
ABOUT_CHARS = 16
"""Hexadecimal digits of the digest: enough to tell one Rollout's experiments apart."""
SHOWN_MOST = 1e9
"""Nobody needs to know how much more certain."""


def phase_on(scene: Scene) -> Phase | None:
    """The phase that is on, if it has an experiment."""
    run, phase = scene.run, scene.phase
    if run is None or run.undo or run.stage is not Stage.PHASE or phase is None:
        return None
    return phase if phase.experiment is not None else None


def gathered(scene: Scene) -> tuple[CheckEvidence, ...]:
    """The evidence of the experiment that is on, with what was read since."""
    entries = []
    for check, trials in _asked(scene):
        readings = comparable(scene, scene.readings(check))
        for trial in trials:
            entry = weighing.added(trial, readings, _known(scene, trial), _since(scene, check))
            entries += [entry] if entry is not None else []
    return tuple(entries)


def _asked(scene: Scene) -> Iterator[tuple[Check, tuple[Trial, Trial]]]:
    """Each metric of each arm, with the claims that it has more and that it has less."""
    phase = phase_on(scene)
    if phase is None or phase.experiment is None:
        return
    place, about = scene.spec.phases.index(phase), about_of(scene, phase)
    for arm in arms_of(phase):
        for index in range(len(phase.experiment.metrics)):
            check = measure_of(phase.experiment, place, index, arm)
            yield check, _trials(scene, phase, index, check, about)


def _trials(
    scene: Scene, phase: Phase, index: int, check: Check, about: str
) -> tuple[Trial, Trial]:
    experiment = phase.experiment
    assert experiment is not None, "called only of an experiment"
    measure, tests = experiment.metrics[index], _claims(experiment, phase)
    metric = scene.rollout.metric(check.id, measure.metric)
    digest = _digest(about, check.variant, metric.model_dump_json() if metric else "", measure)
    sides = {"more": more, "less": less}

    def trial(side: str) -> Trial:
        bound: Bound = sides[side](measure, experiment.times, experiment.sure)
        assert bound.compare is not None, "as it was made"
        return Trial(f"{check.id}/{side}", digest, bound, bound.compare, tests, check.variant)

    return trial("more"), trial("less")


def _claims(experiment: Experiment, phase: Phase) -> int:
    return SIDES * len(experiment.metrics) * len(arms_of(phase))


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:ABOUT_CHARS]


def about_of(scene: Scene, phase: Phase) -> str:
    """What the experiment is about, as a digest: any change of it makes another experiment."""
    run, experiment = scene.run, phase.experiment
    arms = [(name, revision_of(scene, name)) for name in arms_of(phase)]
    number = run.number if run else 0
    # When it may end, and what for, says nothing about what was counted.
    asked = experiment.model_dump(exclude={"decide", "stop_early"}) if experiment else {}
    return _digest(number, phase.name, scene.status.stable_revision, arms, asked)


def revision_of(scene: Scene, arm: str) -> str | None:
    """The revision of an arm; that of the run for ""."""
    if arm:
        return known_revision(scene.status, scene.observed, arm)
    return scene.run.to_revision if scene.run is not None else None


def _known(scene: Scene, trial: Trial) -> CheckEvidence | None:
    entry = next((one for one in scene.status.evidence if one.id == trial.id), None)
    return entry if entry is not None and entry.about == trial.about else None


def _since(scene: Scene, check: Check) -> datetime:
    """From when windows count: none may mix two shares or two revisions, nor be before the hold."""
    traffic, at = scene.status.traffic, scene.status.phase
    times = (
        scene.weight_since,
        scene.measured_from(check.variant),
        traffic.stable_since if traffic else None,
        right_since(scene),
        at.started_at if at is not None and at.started_at is not None else scene.now,
    )
    return max(time for time in times if time is not None)


def recorded(scene: Scene) -> ExperimentStatus | None:
    """The experiment as the status shows it; its evidence is in the scene's status already."""
    phase, known, run = phase_on(scene), scene.status.experiment, scene.run
    if phase is None or phase.experiment is None or run is None:
        over = known is not None and run is not None and run.number != known.run
        return None if over else known
    about = about_of(scene, phase)
    if known is None or known.about != about:
        known = ExperimentStatus(run=run.number, phase=phase.name, about=about, decide="")
    return known.model_copy(
        update={"decide": phase.experiment.decide, "arms": tuple(_arms(scene, phase))}
    )


def _arms(scene: Scene, phase: Phase) -> Iterator[ArmStatus]:
    found: dict[str, list[MeasureStatus]] = {name: [] for name in arms_of(phase)}
    for index, (check, trials) in enumerate(_asked(scene)):
        assert phase.experiment is not None, "as phase_on says"
        measure = phase.experiment.metrics[index % len(phase.experiment.metrics)]
        found[check.variant].append(_shown(scene, trials, measure.metric, measure.better))
    for name, measures in found.items():
        revision = revision_of(scene, name)
        yield ArmStatus(name=name or "canary", revision=revision or None, metrics=tuple(measures))


def _shown(scene: Scene, trials: tuple[Trial, Trial], metric: str, better: str) -> MeasureStatus:
    """What both claims say: one that is shown alone is the verdict."""
    up, down = (_found(scene, trial) for trial in trials)
    alpha = trials[0].alpha
    if up is None or down is None or isinstance(alpha, Refused):
        return MeasureStatus(metric=metric, verdict="nodata")
    (rises, counts), (falls, _) = up, down
    if not (counts.canary_requests and counts.stable_requests):
        return MeasureStatus(metric=metric, verdict="nodata")
    interval = rate_ratio(counts, alpha=SIDES * alpha)
    known = None if isinstance(interval, Refused) else interval
    return MeasureStatus(
        metric=metric,
        verdict=_verdict(rises, falls, better),
        value=counts.canary_errors / counts.canary_requests,
        stable=counts.stable_errors / counts.stable_requests,
        samples=counts.canary_requests,
        ratio=known.ratio if known else None,
        low=known.low if known else None,
        high=known.high if known else None,
        evidence=min(SHOWN_MOST, 1.0 / min(rises.p, falls.p)),
        needed=1.0 / alpha,
    )


def _found(scene: Scene, trial: Trial) -> tuple[Finding, Window] | None:
    entry = _known(scene, trial)
    return weighing.found(trial, entry) if entry is not None else None


def _verdict(
    rises: Finding, falls: Finding, better: str
) -> Literal["better", "worse", "undecided"]:
    """Both were shown where it changed with time: then neither is."""
    if rises.shown is falls.shown:
        return "undecided"
    return "better" if rises.shown is (better == "higher") else "worse"
