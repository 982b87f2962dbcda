"""From spec, status, world and time to one decision: the whole engine, in the order it thinks.

Every pass compares the world with the desired picture and takes the first safe write towards it.
The rules stand in order of urgency; the first that has something to say is the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from tidegate.api.rollout import Rollout
from tidegate.api.status import PauseStatus, RolloutStatus, Stage
from tidegate.core import (
    answering,
    draining,
    facts,
    initial,
    measuring,
    promotion,
    reasons,
    resting,
    revert,
    running,
)
from tidegate.core.decision import Decision, Note
from tidegate.core.observation import Observed, Problem, Reading
from tidegate.core.scene import Check, Scene, Step, changed
from tidegate.core.storing import intent_changed
from tidegate.core.summary import summarised
from tidegate.core.verdicts import bound_text, guard_breached, stale_after_s


def decide(rollout: Rollout, status: RolloutStatus, observed: Observed, now: datetime) -> Decision:
    """The next status, at most one write towards it, and when to look again.

    Total and deterministic: the same arguments always give the same decision, and no argument
    that the models accept raises.
    """
    scene = facts.record(Scene(rollout, status, observed, now))
    problems = _problems(scene)
    step = _first_word(scene, problems)
    if step.effect is None and not problems and not intent_changed(scene.status, step.status):
        step = _with_draining(scene, step)
    asks, next_ask = measuring.questions(scene)
    times = [time for time in (step.wake_at, next_ask) if time is not None and time > now]
    return Decision(
        status=summarised(scene, step, problems),
        effect=step.effect,
        notes=step.notes,
        asks=asks,
        wake_at=min(times, default=None),
        reason=problems[0].reason if problems else step.reason,
    )


def _problems(scene: Scene) -> tuple[Problem, ...]:
    refused = measuring.refused(scene)
    return scene.observed.problems + ((refused,) if refused else ())


RULES: tuple[Callable[[Scene], Step | None], ...] = (
    promotion.commit,
    revert.unfinished,
    answering.abort,
    revert.on_trouble,
    answering.answer,
)


def _first_word(scene: Scene, problems: tuple[Problem, ...]) -> Step:
    for rule in RULES:
        step = rule(scene)
        if step is not None:
            return step
    if problems:
        return Step(scene.status)
    if scene.status.stable_revision is None:
        return initial.step(scene)
    if scene.routes is None:
        return Step(scene.status, reason=reasons.INITIALIZING, message="routes cannot be read")
    if scene.run is None:
        return resting.step(scene)
    return (
        _retargeted(scene)
        or _paused_by_guard(scene)
        or resting.stable_size_up(scene)
        or resting.stable_home(scene)
        or _of_stage(scene)
    )


def _of_stage(scene: Scene) -> Step:
    if scene.run is not None and scene.run.stage is Stage.PROMOTING:
        return promotion.step(scene)
    return running.step(scene)


def _retargeted(scene: Scene) -> Step | None:
    """Another template mid-run: traffic goes to stable first, and the next pass starts anew."""
    run = scene.run
    if run is None or scene.target == run.to_revision:
        return None
    if scene.target == scene.status.stable_revision:
        message = f"the template is revision {scene.target} again, which is stable"
        step = revert.send_back(scene, reasons.TARGET_IS_STABLE, message)
        return replace(step, status=changed(step.status, reverted_revision=None))
    message = f"run {run.number}: revision {run.to_revision} superseded by {scene.target}"
    status = revert.end_run(scene, revert.OUTCOME_SUPERSEDED, reasons.SUPERSEDED, message)
    note = Note(reasons.SUPERSEDED, message)
    return Step(status, revert.away(scene), (note,), reasons.SUPERSEDED, message)


def _since_resumed(scene: Scene, check: Check) -> tuple[Reading, ...]:
    """What was measured since a person last said that it may go on."""
    resumed = scene.status.resumed_at
    readings = scene.readings(check)
    return tuple(r for r in readings if r.at > resumed) if resumed else readings


def _paused_by_guard(scene: Scene) -> Step | None:
    if scene.status.pause is not None:
        return None
    for check, guard in scene.guards():
        readings = _since_resumed(scene, check)
        if guard.then != "pause" or not readings or not guard_breached(guard, readings):
            continue
        if scene.now - readings[-1].at > timedelta(seconds=stale_after_s(guard)):
            continue
        message = f"guard {guard.metric} must be {bound_text(guard)}; resume when it is understood"
        pause = PauseStatus(by=f"guard {guard.metric}", reason=message, at=scene.now)
        note = Note(reasons.PAUSED, message, warning=True)
        return Step(changed(scene.status, pause=pause), None, (note,), reasons.PAUSED, message)
    return None


def _with_draining(scene: Scene, step: Step) -> Step:
    """Old pods are let go beside whatever else is waited for."""
    after = Scene(scene.rollout, step.status, scene.observed, scene.now)
    drained = draining.step(after)
    if drained is None:
        return step
    times = [time for time in (step.wake_at, drained.wake_at) if time is not None]
    return replace(
        step,
        status=drained.status,
        effect=drained.effect,
        notes=step.notes + drained.notes,
        wake_at=min(times, default=None),
    )
