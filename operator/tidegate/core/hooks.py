"""Hooks in a run: begun, waited for, tried again, given up; and what runs after it.

A try is written into the status before anything is made of it, so that a crash at any moment finds
it there: a Job has a name of its own by which it is found again, and a call is sent again under the
same id. No revert and no abort ever comes here first: hooks stand at the door of phases and before
a weight that rises, and everything else goes on beside what waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Literal

from tidegate.api.hook_status import HookResult, HookStatus
from tidegate.api.hooks import Hook
from tidegate.api.preflight import PREFLIGHT
from tidegate.api.status import RolloutStatus
from tidegate.core import hook_places, reasons, revert
from tidegate.core.decision import Note, StartHook, StopHook
from tidegate.core.hook_places import (
    AFTERWARDS,
    Place,
    after_phase,
    at_door,
    awaited,
    entry_of,
    job_name,
    of_phase,
    place_of,
    untried,
    view_key,
    with_entry,
)
from tidegate.core.journal import note_run
from tidegate.core.observation import HookSight, HookView
from tidegate.core.scene import Scene, Step
from tidegate.core.steering import not_paused
from tidegate.core.whereabouts import title

OVERDUE_S: Final = 30.0
"""How long after its timeout a Job may still be reported as running before it is deleted.

Kubernetes itself ends it at its timeout; this is for a Job that nobody takes care of.
"""


def door(scene: Scene, index: int) -> Step | None:
    """Why the phase at that place is not entered yet: a hook before it is not over."""
    return _first_open(scene, at_door(scene, index))


def before_pods(scene: Scene) -> Step | None:
    """Why no pod of the run is made yet: a hook of its pre-flight is not over."""
    return _first_open(scene, hook_places.before_pods(scene))


def leaving(scene: Scene) -> Step | None:
    """Why the phase that is on is not left yet: a hook after it is not over."""
    return _first_open(scene, after_phase(scene))


def before_weight(scene: Scene) -> Step | None:
    """The same inside a phase until it begins, for a person may have skipped past its door."""
    at, run = scene.status.phase, scene.run
    if scene.phase is None or at is None or at.started_at is not None:
        return None
    if run is not None and run.skip_to_end:
        return None  # it leaves the phase as soon as it may
    step = _first_open(scene, of_phase(scene.phase, "before"))
    return step and (not_paused(scene) or step)


def _first_open(scene: Scene, places: Iterable[Place]) -> Step | None:
    steps = (_towards(scene, place) for place in places)
    return next((step for step in steps if step is not None), None)


def _towards(scene: Scene, place: Place) -> Step | None:
    """The next move of one hook; None once it is over and nothing speaks against going on."""
    run = scene.run
    assert run is not None, "called only while a run is on"
    entry = entry_of(scene.status, place.id_in(run.number)) or untried(place, run)
    match entry.result:
        case HookResult.SUCCEEDED:
            return None
        case HookResult.RUNNING:
            return _waits(scene, place, entry)
        case HookResult.FAILED if entry.over:
            return _failed(scene, place, entry)
    return _begun(scene, place, entry)


def _failed(scene: Scene, place: Place, entry: HookStatus) -> Step | None:
    """No try is left: what is done is the hook's `onFailure`. In mode observe it is only told."""
    then = _then(scene, place)
    if then == "ignore":
        return None
    message = f"{place.title} failed: {entry.message}"
    if then == "revert":
        return revert.send_back(scene, reasons.HOOK_FAILED, message)
    return Step(
        scene.status,
        reason=reasons.HOOK_FAILED,
        message=f"{message}. Ask retry to run it again, skip to leave "
        f"{'the pre-flight' if place.phase == PREFLIGHT else 'the phase'} out, or abort",
    )


def _then(scene: Scene, place: Place) -> Literal["hold", "revert", "ignore"]:
    """What its failure asks for: mode observe only tells, and what runs after a run is told."""
    if scene.observing or not isinstance(place.hook, Hook):
        return "ignore"
    return place.hook.on_failure or "hold"


def sends_back(scene: Scene) -> Step | None:
    """Traffic goes back for a hook that failed for good, whatever else the run waits for."""
    for place in awaited(scene):
        entry = entry_of(scene.status, place.id_in(scene.run.number)) if scene.run else None
        if entry is not None and _hopeless(entry) and _then(scene, place) == "revert":
            return _failed(scene, place, entry)
    return None


def held(scene: Scene) -> Place | None:
    """The hook that failed and is why the run waits for a person; None if there is none."""
    for place in awaited(scene):
        entry = entry_of(scene.status, place.id_in(scene.run.number)) if scene.run else None
        step = _failed(scene, place, entry) if entry is not None and _hopeless(entry) else None
        if step is not None:
            return place
    return None


def _hopeless(entry: HookStatus) -> bool:
    return entry.over and entry.result is HookResult.FAILED


def retried(scene: Scene, place: Place) -> Step:
    """The hook anew, with as many tries as it had at first: a person asked for it."""
    assert scene.run is not None, "called only while a run is on"
    entry = entry_of(scene.status, place.id_in(scene.run.number))
    assert entry is not None, "only a hook that failed is held"
    more = entry.model_copy(update={"tries": entry.attempt + 1 + place.hook.retries})
    begun = _begun(scene, place, more)
    return replace(begun, message=f"{place.title} is run again")


# ------------------------------------------------------------------ one try


def _begun(scene: Scene, place: Place, known: HookStatus) -> Step:
    """The next try, in the status alone: it is stored before anything is made."""
    attempt, traffic = known.attempt + 1, scene.status.traffic
    entry = known.model_copy(
        update={
            "result": HookResult.RUNNING,
            "attempt": attempt,
            "tries": max(known.tries, attempt),
            "job": job_name(scene, known.id, attempt) if place.hook.cron_job else "",
            "started_at": scene.now,
            "sent_at": None,
            "finished_at": None,
            "exit_code": None,
            "weight": traffic.weight if traffic else 0,
            "message": "",
        }
    )
    message = f"{place.title} begins: {what(place, entry)}"
    note = Note(reasons.HOOK_STARTED, message)
    status = with_entry(scene.status, entry)
    status = _journal(status, scene.now, entry, note)
    return Step(status, None, (note,), reasons.WAITING_FOR_HOOK, _waiting_text(place, entry))


def _waits(scene: Scene, place: Place, entry: HookStatus) -> Step:
    """What a try that was begun needs next: to be made, to be ended, or time."""
    if bool(entry.job) != (place.hook.cron_job is not None):
        return _given_up(scene, place, entry, "it was edited while it ran")
    view = scene.observed.hooks.get(view_key(entry))
    message = _waiting_text(place, entry)
    if view is None:
        made = StartHook(entry, place.hook)
        return Step(scene.status, made, (), reasons.WAITING_FOR_HOOK, message)
    limit = _overdue_at(place, view)
    if limit is not None and scene.now >= limit:
        why = f"its Job did not end within timeout {place.hook.timeout_s:g}s and is deleted"
        return _given_up(scene, place, entry, why)
    if view.message:
        message += f": {view.message}"
    return Step(scene.status, reason=reasons.WAITING_FOR_HOOK, message=message, wake_at=limit)


def _overdue_at(place: Place, view: HookView) -> datetime | None:
    if view.since is None:
        return None
    return view.since + timedelta(seconds=place.hook.timeout_s + OVERDUE_S)


def _given_up(scene: Scene, place: Place, entry: HookStatus, why: str) -> Step:
    """End a try that runs: what runs is ended first, then that is written down."""
    update = {"result": HookResult.FAILED, "finished_at": scene.now, "message": why}
    failed = entry.model_copy(update=update)
    status = with_entry(scene.status, failed)
    message = f"{place.title} failed: {why}"
    return Step(status, StopHook(entry), (_note(failed),), reasons.WAITING_FOR_HOOK, message)


def what(place: Place, entry: HookStatus) -> str:
    """By what a try is run, and which it is."""
    by = f"Job {entry.job}" if entry.job else f"a call to Service {place.hook.service}"
    return f"{by}, try {entry.attempt} of {entry.tries}"


def _waiting_text(place: Place, entry: HookStatus) -> str:
    by = what(place, entry)
    if not place.phase:
        return f"{place.short} runs ({by})"
    waits = "waits for" if entry.when == "before" else "is over but for"
    return f"{title(place.phase)} {waits} {place.short} ({by})"


# ------------------------------------------------------------------ what is seen


def recorded(scene: Scene) -> RolloutStatus:
    """The status with what became of the tries that were under way."""
    status = scene.status
    for known in status.hooks:
        view, entry = scene.observed.hooks.get(view_key(known)), known
        if entry.result is not HookResult.RUNNING or view is None:
            continue
        if entry.sent_at is None:  # only what was seen can be missed: a write may have failed
            entry = known.model_copy(update={"sent_at": scene.now})
            status = with_entry(status, entry)
        if view.sight in (HookSight.SUCCEEDED, HookSight.FAILED):
            ended = _finished(entry, view, scene.now)
            status = _journal(with_entry(status, ended), scene.now, ended, _note(ended))
    return status


def _finished(entry: HookStatus, view: HookView, now: datetime) -> HookStatus:
    good = view.sight is HookSight.SUCCEEDED
    return entry.model_copy(
        update={
            "result": HookResult.SUCCEEDED if good else HookResult.FAILED,
            "finished_at": now,
            "exit_code": view.exit_code,
            "message": view.message,
        }
    )


def _note(entry: HookStatus) -> Note:
    good = entry.result is HookResult.SUCCEEDED
    of = f" of {title(entry.phase)}" if entry.phase else ""
    by = f"Job {entry.job}, " if entry.job else ""
    code = "" if entry.exit_code is None else f", {'exit code' if entry.job else 'HTTP'} "
    code += "" if entry.exit_code is None else str(entry.exit_code)
    words = f": {entry.message}" if entry.message else ""
    verb = "succeeded" if good else "failed"
    message = (
        f"hook {entry.name}{of} {verb} ({by}try {entry.attempt} of {entry.tries}{code}){words}"
    )
    return Note(reasons.HOOK_SUCCEEDED if good else reasons.HOOK_FAILED, message, warning=not good)


def notes(scene: Scene, before: RolloutStatus) -> tuple[Note, ...]:
    """The word about tries that ended; `before` is the status at the beginning of the pass."""
    ended = (HookResult.SUCCEEDED, HookResult.FAILED)
    running = {one.id: one for one in before.hooks if one.result is HookResult.RUNNING}
    return tuple(_note(e) for e in scene.status.hooks if e.id in running and e.result in ended)


def _journal(status: RolloutStatus, now: datetime, entry: HookStatus, note: Note) -> RolloutStatus:
    """The run's own record has its hooks; what runs after it is in `status.hooks` alone."""
    if status.run is None or status.run.number != entry.run:
        return status
    return note_run(status, now, "hook", note.reason, note.message)


# ------------------------------------------------------------------ beside the rest


def beside(scene: Scene) -> Step | None:
    """What goes on whatever the run waits for: hooks after it, and ends for what nobody awaits."""
    if scene.rollout.deleting:
        return None  # its Jobs go with it
    return _strays(scene) or _afterwards(scene)


def _strays(scene: Scene) -> Step | None:
    wanted = {place.id_in(scene.run.number) for place in awaited(scene)} if scene.run else set()
    for entry in scene.status.hooks:
        known = place_of(scene, entry)
        if entry.when in AFTERWARDS:
            if entry.over or known is not None:
                continue
        elif entry.result is not HookResult.RUNNING or (known and entry.id in wanted):
            continue
        return _cancelled(scene, entry)
    return None


def _cancelled(scene: Scene, entry: HookStatus) -> Step:
    update = {"result": HookResult.CANCELLED, "finished_at": scene.now}
    done = entry.model_copy(update=update | {"message": "nobody waits for it any more"})
    runs = entry.result is HookResult.RUNNING
    return Step(with_entry(scene.status, done), StopHook(entry) if runs else None)


def _afterwards(scene: Scene) -> Step | None:
    """The next move of what is left to do after a run: one hook after the other."""
    for entry in scene.status.hooks:
        place = place_of(scene, entry)
        if entry.when not in AFTERWARDS or entry.over or place is None:
            continue
        if entry.when == "revert" and not _traffic_back(scene):
            continue
        if entry.result is HookResult.RUNNING:
            return _waits(scene, place, entry)
        return _begun(scene, place, entry)
    return None


def _traffic_back(scene: Scene) -> bool:
    return scene.run is None and scene.routes is not None and scene.routes.idle
