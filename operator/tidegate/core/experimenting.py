"""When an experiment's result is told, and what its phase waits for then.

A result is told once the hold is over, or before where the experiment says so, and stays what it
was told to be. Undecided is a result, too; one that is to name a winner goes on counting then, and
is told again once there is one. Nothing here holds up a revert, an abort, a skip or a promotion.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tidegate.api.experiments import ArmStatus, Experiment, MeasureStatus
from tidegate.api.limits import MAX_MESSAGE_CHARS
from tidegate.api.phases import Phase
from tidegate.core import reasons
from tidegate.core.decision import Note
from tidegate.core.experiments import phase_on
from tidegate.core.journal import note_run
from tidegate.core.measuring import obstacle_to_pass
from tidegate.core.mismatch import SUSPECT, mismatched
from tidegate.core.scene import Scene, Step, changed

STABLE, CANARY = "stable", "canary"
DECIDED, UNDECIDED = "Decided", "Undecided"
BY_HAND = "promote, skip or abort ends it by hand"


def told(scene: Scene) -> Step | None:
    """Tell the result once it is due, and later a winner where none was shown by then."""
    phase, known = phase_on(scene), scene.status.experiment
    if phase is None or phase.experiment is None or known is None or known.outcome == DECIDED:
        return None
    odd = mismatched(scene)
    winner = "" if odd else winner_of(phase.experiment, known.arms)
    if not (_over(scene, phase) or (winner and _resolved(phase.experiment, known.arms))):
        return None
    if not winner and known.outcome == UNDECIDED:
        return None
    reason = reasons.EXPERIMENT_DECIDED if winner else reasons.EXPERIMENT_UNDECIDED
    said = SUSPECT if odd else sentence(phase.experiment, known.arms, winner)
    message = f"experiment of phase {phase.name}: {said}"[:MAX_MESSAGE_CHARS]
    result = known.model_copy(
        update={
            "outcome": DECIDED if winner else UNDECIDED,
            "winner": winner,
            "message": message,
            "told_at": scene.now,
        }
    )
    status = note_run(
        changed(scene.status, experiment=result), scene.now, phase.name, reason, message
    )
    return Step(status, notes=(Note(reason, message),), reason=reason, message=message)


def ended_early(scene: Scene) -> bool:
    """Whether the hold is over because all was decided."""
    phase, known = phase_on(scene), scene.status.experiment
    if phase is None or phase.experiment is None or known is None:
        return False
    return phase.experiment.stop_early and known.outcome == DECIDED


def obstacle(scene: Scene) -> Step | None:
    """Why a phase whose experiment is to name a winner does not end yet."""
    phase, known = phase_on(scene), scene.status.experiment
    if phase is None or phase.experiment is None or known is None or scene.observing:
        return None
    if phase.experiment.decide != "winner" or known.winner == CANARY:
        return None
    if known.outcome != DECIDED:
        message = f"phase {phase.name} waits until its experiment shows a winner; {BY_HAND}"
    else:
        message = f"{known.message}; {_to_follow(known.winner)}; {BY_HAND}"
    return Step(scene.status, reason=reasons.WAITING_FOR_WINNER, message=message)


def waits_for_people(scene: Scene) -> bool:
    """Whether a winner is named that Git or a person has to follow, and nothing else is left."""
    phase, status = phase_on(scene), scene.status
    known = status.experiment
    if phase is None or phase.experiment is None or known is None or scene.observing:
        return False
    named = known.outcome == DECIDED and known.winner != CANARY
    return phase.experiment.decide == "winner" and named and not obstacle_to_pass(scene)


def _to_follow(winner: str) -> str:
    if winner == STABLE:
        return "give spec.template what stable has, or abort"
    return (
        f"give spec.template the patch of variant {winner}, and take the variants out of the phases"
    )


def _over(scene: Scene, phase: Phase) -> bool:
    at = scene.status.phase.started_at if scene.status.phase else None
    return at is not None and scene.now >= at + timedelta(seconds=phase.hold_s)


def _resolved(experiment: Experiment, arms: Sequence[ArmStatus]) -> bool:
    """Whether the hold may end: every arm is shown to be better or worse by the first metric."""
    settled = ("better", "worse")
    return experiment.stop_early and all(_first(arm).verdict in settled for arm in arms)


def _first(arm: ArmStatus) -> MeasureStatus:
    return arm.metrics[0]


def winner_of(experiment: Experiment, arms: Sequence[ArmStatus]) -> str:
    """The arm that wins, "" while none is shown to.

    It is shown to be better by the first metric and worse by none. Of several the one that is ahead
    is named, and nobody has tested these against each other. Stable wins over arms that are all
    shown to be worse.
    """
    better = [arm for arm in arms if _wins(arm)]
    if better:
        sign = 1.0 if experiment.metrics[0].better == "higher" else -1.0
        return max(better, key=lambda arm: sign * (_first(arm).ratio or 0.0)).name
    return STABLE if arms and all(_first(arm).verdict == "worse" for arm in arms) else ""


def _wins(arm: ArmStatus) -> bool:
    worse = any(one.verdict == "worse" for one in arm.metrics)
    return _first(arm).verdict == "better" and not worse


def sentence(experiment: Experiment, arms: Sequence[ArmStatus], winner: str) -> str:
    """The result in words: who wins, by what, and what is known of each arm by the first metric."""
    metric = experiment.metrics[0].metric
    shown = ", ".join(f"{arm.name} {_measured(_first(arm))}" for arm in arms)
    others = [arm.name for arm in arms if _wins(arm) and arm.name != winner]
    if not winner:
        return f"no winner is shown by {metric}: {shown}{_against(arms)}"
    ahead = f"; it is ahead of {', '.join(others)}, which is not tested" if others else ""
    return f"{winner} wins by {metric}: {shown}{ahead}"


def _against(arms: Sequence[ArmStatus]) -> str:
    """Arms that would win but for another metric."""
    found = [
        f"{arm.name} is worse by {one.metric}"
        for arm in arms
        if _first(arm).verdict == "better"
        for one in arm.metrics
        if one.verdict == "worse"
    ]
    return "".join(f"; {one}" for one in found)


def _measured(one: MeasureStatus) -> str:
    if one.value is None or one.stable is None:
        return "was not measured"
    interval = ""
    if one.ratio is not None and one.low is not None and one.high is not None:
        interval = f" ({one.ratio:.3g} times, {one.low:.3g} to {one.high:.3g})"
    strength = f"evidence {one.evidence:.3g} of {one.needed:.3g}" if one.evidence else ""
    return (
        f"{one.value:.4g} against {one.stable:.4g}{interval} is {one.verdict}, {strength}"
    ).rstrip(", ")
