"""The deadline of a phase: how long it may take to pass, and what happens when it takes longer.

It counts from when the phase was entered. A pause stops it and a resume starts it anew, as with
the progress deadline of other controllers: the time that people take is nobody's delay, and who
resumes means to give it another chance. A freeze does the same: nobody could let the phase pass.
Since when it counts is stored, so a restart changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tidegate.api.phases import Phase
from tidegate.api.scalars import format_duration
from tidegate.api.status import PauseStatus, PhaseStatus, Stage
from tidegate.core import freezing, reasons
from tidegate.core.approvals import awaited
from tidegate.core.decision import Note
from tidegate.core.experimenting import waits_for_people
from tidegate.core.journal import note_run
from tidegate.core.measuring import obstacle_to_pass
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.whereabouts import title


def counted_since(scene: Scene) -> datetime | None:
    """Since when the deadline of the phase that is on counts; None while it does not."""
    phase, entered = _on(scene), scene.status.phase
    if phase is None or entered is None or phase.deadline_s is None or scene.paused:
        return None
    if awaited(scene.spec, scene.status, scene.now) is not None and not obstacle_to_pass(scene):
        return None  # as in a pause: it waits for people alone
    if waits_for_people(scene):
        return None
    if freezing.current(scene) is not None:
        return None
    known = scene.status.deadline_since
    return max(known, entered.entered_at) if known is not None else scene.now


def ends_at(scene: Scene) -> datetime | None:
    """When the deadline of the phase that is on is over; None while none counts."""
    phase, since = _on(scene), scene.status.deadline_since
    if phase is None or phase.deadline_s is None or since is None:
        return None
    return since + timedelta(seconds=phase.deadline_s)


def overdue(scene: Scene) -> str:
    """That the phase did not pass in time, as a sentence; "" while there is time."""
    phase, end = _on(scene), ends_at(scene)
    if phase is None or end is None or scene.now < end:
        return ""
    return f"{title(phase.name)} did not pass within its deadline of {_length(phase)}"


def step(scene: Scene) -> Step | None:
    """Write down and tell once that the deadline is over, or that it no longer is; or pause."""
    phase, entered, message = _on(scene), scene.status.phase, overdue(scene)
    if phase is None or entered is None:
        return None
    if not message:
        return _taken_back(scene, entered)
    if phase.on_timeout == "pause":
        pause = PauseStatus(by=f"deadline of {title(phase.name)}", reason=message, at=scene.now)
        return _told(scene, message, "resume gives it as long again", pause=pause)
    if entered.timed_out_at is not None:
        return None
    late = entered.model_copy(update={"timed_out_at": scene.now})
    return _told(scene, message, "it goes on once it passes", phase=late)


def reminded(scene: Scene, said: Step) -> Step:
    """What a phase waits for, with the word that it waits for too long already."""
    phase, entered = _on(scene), scene.status.phase
    if phase is None or entered is None or entered.timed_out_at is None or not said.message:
        return said
    late = f"{title(phase.name)} is over its deadline of {_length(phase)}"
    return replace(said, message=f"{late}: {said.message}")


def _told(scene: Scene, message: str, hint: str, **fields: object) -> Step:
    note = Note(reasons.PHASE_DEADLINE_EXCEEDED, f"{message}; {hint}", warning=True)
    name = scene.status.phase.name if scene.status.phase else ""
    status = note_run(changed(scene.status, **fields), scene.now, name, note.reason, note.message)
    return Step(status, None, (note,), note.reason, note.message)


def _taken_back(scene: Scene, entered: PhaseStatus) -> Step | None:
    """A pause, a resume or a longer deadline gives it time again."""
    if entered.timed_out_at is None:
        return None
    in_time = entered.model_copy(update={"timed_out_at": None})
    return Step(changed(scene.status, phase=in_time))


def _on(scene: Scene) -> Phase | None:
    run = scene.run
    if run is None or run.stage not in (Stage.PREFLIGHT, Stage.PHASE) or run.skip_to_end:
        return None
    return scene.phase


def _length(phase: Phase) -> str:
    return format_duration(phase.deadline_s or 0.0)
