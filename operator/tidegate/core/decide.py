"""From spec, status, world and time to one decision: the whole engine, in the order it thinks.

Every pass compares the world with the desired picture and takes the first safe write towards it.
The rules stand in order of urgency; the first that has something to say is the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from tidegate.api.rollout import Rollout
from tidegate.api.status import PauseStatus, RolloutStatus, Stage
from tidegate.core import (
    adopting,
    answering,
    baking,
    deadlines,
    draining,
    drift,
    facts,
    holding_back,
    hooks,
    initial,
    leaving,
    lost,
    making,
    measuring,
    mismatch,
    observing,
    policing,
    promotion,
    reasons,
    resting,
    revert,
    running,
    steering,
    undoing,
    variants,
    warning,
)
from tidegate.core.breaches import alarms, breaches
from tidegate.core.decision import (
    Decision,
    HoldRollout,
    MakeDestinations,
    MakeRoute,
    Note,
    PointDestination,
)
from tidegate.core.hook_places import intents
from tidegate.core.observation import Observed, Problem
from tidegate.core.proving import by_evidence
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.storing import intent_changed
from tidegate.core.summary import summarised
from tidegate.core.switching import as_switch
from tidegate.core.verdicts import bound_text


def decide(rollout: Rollout, status: RolloutStatus, observed: Observed, now: datetime) -> Decision:
    """The next status, at most one write towards it, and when to look again.

    Total and deterministic: the same arguments always give the same decision, and no argument
    that the models accept raises.
    """
    scene = facts.record(facts.understood(Scene(rollout, status, observed, now)))
    problems = _problems(scene)
    step = _loss_noted(status, _use_noted(status, _first_word(scene, problems)))
    step = _hooks_noted(status, scene, _evidence_noted(status, scene, step))
    if not problems and intents(status) == intents(scene.status):
        for rule in (variants.beside, draining.step, hooks.beside):
            step = _beside(scene, step, rule)
    step = replace(step, effect=as_switch(scene.status, step.effect)) if scene.switches else step
    asks, next_ask = measuring.questions(scene)
    told_until = drift.keeps_coming_until(scene.status)
    wakes = [step.wake_at, next_ask, deadlines.ends_at(scene), told_until]
    wakes += holding_back.wakes_at(scene)
    times = [time for time in wakes if time is not None and time > now]
    return Decision(
        status=summarised(scene, step, problems),
        effect=step.effect,
        notes=hooks.notes(scene, status)
        + step.notes
        + drift.note(scene, status)
        + mismatch.note(scene, status)
        + lost.note(scene)
        + policing.notes(scene, status)
        + holding_back.notes(scene, status),
        asks=asks,
        wake_at=min(times, default=None),
        reason=problems[0].reason if problems else step.reason,
    )


def _use_noted(stored: RolloutStatus, step: Step) -> Step:
    """That an old revision was selected again is stored before the destination leaves it.

    Otherwise a crash right after that write would count it as idle from before.
    """
    if not isinstance(step.effect, PointDestination) or step.status.draining == stored.draining:
        return step
    return replace(step, effect=None, notes=())


def _loss_noted(stored: RolloutStatus, step: Step) -> Step:
    """That a route was missing is stored before it is made again.

    Otherwise a crash right after that write would count the times of the old one on.
    """
    if not isinstance(step.effect, MakeDestinations | MakeRoute):
        return step
    if stored.traffic is None or stored.traffic.missing:
        return step
    return replace(step, effect=None, notes=())


def _evidence_noted(stored: RolloutStatus, scene: Scene, step: Step) -> Step:
    """What a test has shown is stored before traffic goes back for it: one write more.

    Other breaches are in the metrics and would be found there again. Evidence is in the status
    alone: after a crash between the two writes the canary would get its traffic back until the
    same was shown once more.
    """
    if step.reason != reasons.GUARD_BREACHED or stored.evidence == scene.status.evidence:
        return step
    tripped = [check for check, guard, _ in breaches(scene) if guard.then == "revert"]
    return Step(scene.status) if all(by_evidence(scene, one) for one in tripped) else step


def _hooks_noted(stored: RolloutStatus, scene: Scene, step: Step) -> Step:
    """What became of a hook is stored before anything else is done: one write more.

    A call is known to this process alone. What sends back or takes traffic away waits for nothing.
    """
    if step.effect is None or intents(stored) == intents(scene.status):
        return step
    run, goes_on = scene.run, step.status.run
    ends = run is not None and (goes_on is None or goes_on.number != run.number)
    if ends or scene.undo or revert.takes_away(step.effect, scene.observed):
        return step
    return Step(scene.status)


def _problems(scene: Scene) -> tuple[Problem, ...]:
    refused = measuring.refused(scene)
    return scene.observed.problems + adopting.problems(scene) + ((refused,) if refused else ())


RULES: tuple[Callable[[Scene], Step | None], ...] = (
    promotion.commit,
    revert.unfinished,
    undoing.sends,
    answering.abort,
    revert.on_trouble,
    hooks.sends_back,
    observing.step,
    answering.answer,
    revert.found_back,
    warning.step,
)


def _first_word(scene: Scene, problems: tuple[Problem, ...]) -> Step:
    if scene.rollout.deleting:
        return leaving.step(scene)
    for rule in RULES:
        step = rule(scene)
        if step is not None:
            return step
    if problems:
        return (
            steering.arms_lost(scene)
            or making.again(scene, problems)
            or _grown(scene, problems)
            or Step(scene.status)
        )
    if scene.status.stable_revision is None:
        return initial.step(scene)
    own = making.step(scene)
    if own is not None:
        return own
    if scene.routes is None:
        return Step(scene.status, reason=reasons.INITIALIZING, message="routes cannot be read")
    if scene.run is None:
        return resting.step(scene)
    return (
        _held(scene)
        or _retargeted(scene)
        or _paused_by_guard(scene)
        or deadlines.step(scene)
        or resting.stable_size_up(scene)
        or resting.size_grown(scene)
        or resting.stable_home(scene)
        or _of_stage(scene)
    )


def _grown(scene: Scene, problems: tuple[Problem, ...]) -> Step | None:
    """Stable grows beside problems that say nothing about it: they may last for days."""
    stable = scene.stable
    if stable is None or any(problem.reason not in making.ELSEWHERE for problem in problems):
        return None
    return resting.stable_size_up(scene)


def _held(scene: Scene) -> Step | None:
    """Our finalizer again, if somebody replaced the whole object in the middle of a run."""
    return None if scene.rollout.held else Step(scene.status, HoldRollout())


def _of_stage(scene: Scene) -> Step:
    if scene.undo:
        return undoing.step(scene)
    if scene.baking:
        return baking.step(scene)
    if scene.run is not None and scene.run.stage is Stage.PROMOTING:
        return promotion.step(scene)
    return running.step(scene)


def _retargeted(scene: Scene) -> Step | None:
    """Another template mid-run: traffic goes to stable first, and the next pass starts anew."""
    run = scene.run
    if run is None or scene.target == run.to_revision or run.undo:
        return None  # a way back is gone to its end; what is new then starts from there
    if scene.baking:
        return _ends_bake(scene)
    if scene.target == scene.status.stable_revision:
        message = f"the template is revision {scene.target} again, which is stable"
        step = revert.send_back(scene, reasons.TARGET_IS_STABLE, message)
        return replace(step, status=changed(step.status, reverted_revision=None))
    message = f"run {run.number}: revision {run.to_revision} superseded by {scene.target}"
    status = revert.end_run(scene, revert.OUTCOME_SUPERSEDED, reasons.SUPERSEDED, message)
    note = Note(reasons.SUPERSEDED, message)
    return Step(status, revert.away(scene), (note,), reasons.SUPERSEDED, message)


def _ends_bake(scene: Scene) -> Step:
    """Another template in a bake: the old one is a way back, any other starts from what is new."""
    if scene.target == scene.canary_revision and scene.canary is not None:
        message = f"the template is revision {scene.target} again"
        return revert.send_back(scene, reasons.UNDONE, message)
    return baking.ended(scene, reasons.SUPERSEDED, f"revision {scene.target} is the template now")


def _paused_by_guard(scene: Scene) -> Step | None:
    if scene.status.pause is not None or scene.undo:
        return None
    for check, guard, _readings in breaches(scene, since=scene.status.resumed_at):
        if guard.then != "pause":
            continue
        message = (
            f"guard {check.name} must be {bound_text(guard)} ({guard.loudness}); resume when it "
            "is understood"
        )
        pause = PauseStatus(by=f"guard {check.name}", reason=message, at=scene.now)
        note = Note(reasons.PAUSED, message, warning=alarms(guard))
        return Step(changed(scene.status, pause=pause), None, (note,), reasons.PAUSED, message)
    return None


def _beside(scene: Scene, step: Step, rule: Callable[[Scene], Step | None]) -> Step:
    """What goes on whatever else is waited for: old pods are let go, hooks come to an end."""
    if step.effect is not None or intent_changed(scene.status, step.status):
        return step
    also = rule(Scene(scene.rollout, step.status, scene.observed, scene.now))
    if also is None:
        return step
    times = [time for time in (step.wake_at, also.wake_at) if time is not None]
    return replace(
        step,
        status=also.status,
        effect=also.effect,
        notes=step.notes + also.notes,
        wake_at=min(times, default=None),
    )
