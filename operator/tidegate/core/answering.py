"""What people ask for through a RolloutAction, and the answer each gets.

An action is carried out, recorded in the status with its uid, and answered last. A crash in
between finds the uid and only answers, so nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Literal

from tidegate.api.actions import Action, Verb
from tidegate.api.status import LastAction, PauseStatus, Stage
from tidegate.core import approving, freezing, going_back, hooks, preflight, reasons, revert
from tidegate.core.decision import AnswerAction, HoldRollout, Note
from tidegate.core.hook_places import after_undo
from tidegate.core.journal import note_run
from tidegate.core.running import enter
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.whereabouts import in_preflight

DATED_TO_S = 1.0
"""The API server dates actions to the second."""
URGENT = {Verb.ABORT: 0, Verb.REJECT: 1}
"""What sends traffic back goes before all that was asked for earlier."""


def abort(scene: Scene) -> Step | None:
    """Carry out a pending abort or reject of the run that is on: it wins over everything."""
    if scene.run is None:
        return None
    for action in sorted(scene.observed.actions, key=_urgency):
        if action.verb not in URGENT or _idle(scene, action):
            continue
        step = VERBS[action.verb](scene, action)
        if step.reason != reasons.ACTION_REFUSED:  # what is refused is answered in its turn
            return _recorded(step, action, scene)
    return None


def _idle(scene: Scene, action: Action) -> bool:
    """Whether an abort was carried out already, is about another revision, or will be refused.

    The one that ended a bake must not be carried out again on the way back that it began. What
    is refused is answered in its turn, one action after the other.
    """
    last = scene.status.last_action
    done = last is not None and last.uid == action.uid
    refused = not revert.can_go_back(scene) or (scene.undo and action.spec.revision is None)
    return done or refused or _other_revision(scene, action) is not None


def answer(scene: Scene) -> Step | None:
    """Handle the most urgent pending action, or answer the one that was just handled."""
    if not scene.observed.actions:
        return None
    last = scene.status.last_action
    # What was done is answered before anything else is: one uid is remembered, not two. An action
    # of the same second, whose name comes first, would else have it done again.
    done = (action for action in scene.observed.actions if last and action.uid == last.uid)
    action = next(done, None) or min(scene.observed.actions, key=_urgency)
    if last is not None and last.uid == action.uid:
        result: Literal["Done", "Refused"] = "Done" if last.result == "Done" else "Refused"
        return Step(
            scene.status, AnswerAction(action.name, action.uid, result, last.message, scene.now)
        )
    wrong_revision = _other_revision(scene, action)
    step = wrong_revision or _frozen(scene, action) or VERBS[action.spec.verb](scene, action)
    begins = scene.run is None and step.status.run is not None
    if begins and not scene.rollout.held:  # as before any run: a deletion must wait for it
        return Step(scene.status, HoldRollout())
    return _recorded(step, action, scene)


def _urgency(action: Action) -> tuple[int, float, str]:
    created = action.created_at.timestamp() if action.created_at else 0.0
    return URGENT.get(action.verb, len(URGENT)), created, action.name


def _recorded(step: Step, action: Action, scene: Scene) -> Step:
    refused = step.reason == reasons.ACTION_REFUSED
    result = "Refused" if refused else "Done"
    last = LastAction(uid=action.uid, verb=action.spec.verb, result=result, message=step.message)
    note = Note(
        step.reason if refused else reasons.ACTION_DONE,
        f"{action.spec.verb} by {action.author}: {step.message}",
        warning=refused,
    )
    status = note_run(step.status, scene.now, action.spec.verb, note.reason, note.message)
    return Step(
        changed(status, last_action=last),
        step.effect,
        (note, *step.notes),
        step.reason,
        step.message,
    )


def _refuse(scene: Scene, why: str) -> Step:
    return Step(scene.status, reason=reasons.ACTION_REFUSED, message=why)


def _other_revision(scene: Scene, action: Action) -> Step | None:
    asked = action.spec.revision
    current = scene.run.to_revision if scene.run else scene.status.reverted_revision
    if scene.run is None and action.verb is Verb.UNDO:
        current = scene.status.stable_revision
    if asked is None or asked == current:
        return None
    return _refuse(scene, f"asked for revision {asked}, but {current or 'none'} is being tried")


def _frozen(scene: Scene, action: Action) -> Step | None:
    """Refuse what would let a run go on in a freeze; to stop it or send it back never is."""
    freeze = freezing.current(scene)
    if freeze is None or action.spec.verb not in ONWARD:
        return None
    if scene.run is None and scene.status.pause is None:
        return None  # there is nothing that could go on, which is said in its own words
    return _refuse(scene, f"{freeze.sentence}; ask again then")


def _abort(scene: Scene, action: Action) -> Step:
    if scene.run is None:
        return _refuse(scene, "no run is on, so there is nothing to abort")
    # Two people who abort a bad release in the same moment must not cancel each other.
    if scene.undo and action.spec.revision is None:
        return _refuse(scene, _on_the_way_back(scene))
    if not revert.can_go_back(scene):
        return _refuse(scene, _nothing_left(scene))
    return revert.send_back(scene, reasons.ABORTED, f"aborted by {action.author}")


def _on_the_way_back(scene: Scene) -> str:
    run = scene.run
    assert run is not None, "asked only on the way back"
    return (
        f"revision {run.from_revision} is being sent back to {run.to_revision} already; "
        f"to stop that, abort revision {run.to_revision} by name"
    )


def _nothing_left(scene: Scene) -> str:
    return f"the ReplicaSet of revision {scene.canary_revision} was deleted; nothing to go back to"


def _undo(scene: Scene, action: Action) -> Step:
    """Back to the revision before stable: at rest a run of its own, in a bake its end."""
    status, why = scene.status, f"undone by {action.author}"
    if scene.undo:
        return _refuse(scene, _on_the_way_back(scene))
    if scene.baking:
        if not revert.can_go_back(scene):
            return _refuse(scene, _nothing_left(scene))
        return revert.send_back(scene, reasons.UNDONE, why)
    if scene.run is not None:
        return _refuse(scene, "a run is on that is not promoted yet; abort sends it back")
    if scene.target != status.stable_revision:
        return _refuse(scene, f"the template is not stable revision {status.stable_revision}")
    there = (name for name in status.proven_revisions if scene.observed.revision(name))
    old = next(there, None)
    if old is None:
        return _refuse(scene, "no revision that was stable before has a ReplicaSet any more")
    begun = after_undo(scene, going_back.begun(scene, status, old, why))
    message = f"going back from revision {status.stable_revision} to {old}"
    return Step(begun, None, going_back.note_of(begun), reasons.RUN_STARTED, message)


def _pause(scene: Scene, action: Action) -> Step:
    status = scene.status
    if scene.undo:
        return _refuse(scene, "the way back is not paused")
    if scene.run is None and scene.target in (status.stable_revision, status.reverted_revision):
        return _refuse(scene, "no run is on; set spec.paused to keep the next one from starting")
    if scene.status.pause is not None:
        return _refuse(scene, f"already paused by {scene.status.pause.by}")
    pause = PauseStatus(
        by=action.spec.requested_by or "somebody", reason=action.spec.reason, at=scene.now
    )
    return Step(changed(scene.status, pause=pause), reason=reasons.PAUSED, message="paused")


def _resume(scene: Scene, _action: Action) -> Step:
    if scene.spec.paused:
        return _refuse(scene, "spec.paused is true; set it to false where the Rollout is kept")
    if scene.status.pause is None:
        return _refuse(scene, "it is not paused")
    return Step(
        changed(scene.status, pause=None, resumed_at=scene.now),
        reason=reasons.RESUMED,
        message="resumed",
    )


def _promote(scene: Scene, _action: Action) -> Step:
    if scene.run is None:
        return _refuse(scene, "no run is on, so there is nothing to promote")
    if scene.undo:
        return _refuse(scene, "the way back has no phases to leave out")
    if scene.baking:
        run = scene.run.model_copy(update={"skip_to_end": True})
        return Step(
            changed(scene.status, run=run, pause=None),
            reason=reasons.BAKING,
            message="the bake ends as soon as every guard passes",
        )
    if in_preflight(scene.status):
        why = "the pre-flight is not over; skip leaves it out, and promote then all phases"
        return _refuse(scene, why)
    if lacks := approving.lacking(scene, len(scene.spec.phases)):
        return _refuse(scene, lacks)
    run = scene.run.model_copy(update={"skip_to_end": True})
    return Step(
        changed(scene.status, run=run, pause=None),
        reason=reasons.PROMOTING,
        message="the remaining phases are left out; guards stay on",
    )


def _skip(scene: Scene, action: Action) -> Step:
    """End the phase that is on without its hold and gates, and go to the next or a later one."""
    run, phase = scene.run, scene.phase
    if run is None:
        return _refuse(scene, "no run is on, so there is no phase to skip")
    if in_preflight(scene.status):
        return preflight.skipped(scene, action)
    if run.skip_to_end or run.stage is Stage.PROMOTING:
        return _refuse(scene, "no phase is left to skip; the promotion is on its way")
    if run.stage is not Stage.PHASE:
        return _refuse(scene, "no phase is on yet; the pods of the new revision are made ready")
    if phase is None:
        return _refuse(scene, "its phase is gone from spec; put it back, abort or promote")
    names = [each.name for each in scene.spec.phases]
    here = names.index(phase.name)
    if action.phase is None:
        return _skipped(scene, action, here, here + 1)
    if action.phase not in names:
        return _refuse(scene, f"no phase is named {action.phase!r}; there are {', '.join(names)}")
    if names.index(action.phase) == here:
        return _refuse(scene, f"phase {action.phase} is on already; ask skip without a phase")
    if names.index(action.phase) < here:
        why = f"phase {action.phase} comes before phase {phase.name}, and a run only goes forward"
        return _refuse(scene, f"{why}; abort it and ask retry to begin anew")
    return _skipped(scene, action, here, names.index(action.phase))


def _skipped(scene: Scene, action: Action, here: int, there: int) -> Step:
    """As with `promote`, who asks for it means it to go on: a pause of a person is lifted."""
    if lacks := approving.lacking(scene, there):
        return _refuse(scene, lacks)
    status, left_out = scene.status, scene.spec.phases[here:there]
    for phase in left_out:
        message = f"phase {phase.name} left out by {action.author}"
        status = note_run(status, scene.now, phase.name, reasons.PHASE_SKIPPED, message)
    if status.pause is not None:
        status = changed(status, pause=None, resumed_at=scene.now)
    entered = enter(Scene(scene.rollout, status, scene.observed, scene.now), there)
    names = ", ".join(phase.name for phase in left_out)
    ahead = scene.spec.phases[there:]
    to = f"phase {ahead[0].name}" if ahead else "the promotion"
    note = Note(reasons.PHASE_SKIPPED, f"left out by {action.author}: {names}")
    message = f"left out {names} without hold and gates; on to {to}; guards stay on"
    return Step(entered.status, None, (note, *entered.notes), entered.reason, message)


def _outdated(scene: Scene, action: Action) -> str | None:
    """Why a retry that was asked for in a run is none of what that run has left since."""
    last, asked_at = scene.status.last_run, action.created_at
    if scene.run is not None or last is None or asked_at is None:
        return None
    if asked_at + timedelta(seconds=DATED_TO_S) > last.finished_at:
        return None
    return f"it was asked before run {last.number} ended ({last.reason}); look at it, and ask again"


def _retry(scene: Scene, action: Action) -> Step:
    if (failed := hooks.held(scene)) is not None:
        return hooks.retried(scene, failed)
    if (why := _outdated(scene, action)) is not None:
        return _refuse(scene, why)
    reverted = scene.status.reverted_revision
    if reverted is None or reverted != scene.target:
        return _refuse(
            scene, "the present template was not sent back, so there is nothing to retry"
        )
    return Step(
        changed(scene.status, reverted_revision=None),
        reason=reasons.RUN_STARTED,
        message=f"revision {reverted} will be tried again",
    )


ONWARD = frozenset({"promote", "resume", "skip"})
"""What nobody may ask for while releases are frozen."""

VERBS: dict[str, Callable[[Scene, Action], Step]] = {
    "abort": _abort,
    "approve": approving.approve,
    "pause": _pause,
    "promote": _promote,
    "reject": approving.reject,
    "resume": _resume,
    "retry": _retry,
    "skip": _skip,
    "undo": _undo,
}
