"""What people ask for through a RolloutAction, and the answer each gets.

An action is carried out, recorded in the status with its uid, and answered last. A crash in
between finds the uid and only answers, so nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from tidegate.api.actions import Action, Verb
from tidegate.api.status import LastAction, PauseStatus
from tidegate.core import reasons
from tidegate.core.decision import AnswerAction, Note
from tidegate.core.journal import note_run
from tidegate.core.revert import send_back
from tidegate.core.scene import Scene, Step, changed


def abort(scene: Scene) -> Step | None:
    """Carry out a pending abort of the run that is on: it wins over everything."""
    if scene.run is None:
        return None
    for action in sorted(scene.observed.actions, key=_urgency):
        if action.verb is Verb.ABORT and not _other_revision(scene, action):
            return _recorded(_abort(scene, action), action, scene)
    return None


def answer(scene: Scene) -> Step | None:
    """Handle the most urgent pending action, or answer the one that was just handled."""
    if not scene.observed.actions:
        return None
    action = min(scene.observed.actions, key=_urgency)
    last = scene.status.last_action
    if last is not None and last.uid == action.uid:
        result: Literal["Done", "Refused"] = "Done" if last.result == "Done" else "Refused"
        return Step(
            scene.status, AnswerAction(action.name, action.uid, result, last.message, scene.now)
        )
    wrong_revision = _other_revision(scene, action)
    step = wrong_revision or VERBS.get(action.spec.verb, _not_built)(scene, action)
    return _recorded(step, action, scene)


def _urgency(action: Action) -> tuple[bool, float, str]:
    created = action.created_at.timestamp() if action.created_at else 0.0
    return action.verb is not Verb.ABORT, created, action.name


def _who(action: Action) -> str:
    by = action.spec.requested_by or "somebody"
    return f"{by}: {action.spec.reason}" if action.spec.reason else by


def _recorded(step: Step, action: Action, scene: Scene) -> Step:
    refused = step.reason == reasons.ACTION_REFUSED
    result = "Refused" if refused else "Done"
    last = LastAction(uid=action.uid, verb=action.spec.verb, result=result, message=step.message)
    note = Note(
        step.reason if refused else reasons.ACTION_DONE,
        f"{action.spec.verb} by {_who(action)}: {step.message}",
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
    if asked is None or asked == current:
        return None
    return _refuse(scene, f"asked for revision {asked}, but {current or 'none'} is being tried")


def _abort(scene: Scene, action: Action) -> Step:
    if scene.run is None:
        return _refuse(scene, "no run is on, so there is nothing to abort")
    return send_back(scene, reasons.ABORTED, f"aborted by {_who(action)}")


def _pause(scene: Scene, action: Action) -> Step:
    status = scene.status
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
    run = scene.run.model_copy(update={"skip_to_end": True})
    return Step(
        changed(scene.status, run=run, pause=None),
        reason=reasons.PROMOTING,
        message="the remaining phases are left out; guards stay on",
    )


def _retry(scene: Scene, _action: Action) -> Step:
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


def _not_built(scene: Scene, action: Action) -> Step:
    return _refuse(
        scene, f"{action.spec.verb} is not built yet; there are {', '.join(sorted(VERBS))}"
    )


VERBS: dict[str, Callable[[Scene, Action], Step]] = {
    "abort": _abort,
    "pause": _pause,
    "promote": _promote,
    "resume": _resume,
    "retry": _retry,
}
