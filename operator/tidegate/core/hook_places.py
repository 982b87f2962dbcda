"""Where hooks stand in the spec, who waits for them, and their entries in the status.

An entry belongs to one run, so a hook of the next run is another one. What a revert or a promotion
leaves to do is written into the status when the run ends, and is still known after any restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal, TypeAlias

from tidegate.api.hook_status import HookResult, HookStatus
from tidegate.api.hooks import Hook, RunHook
from tidegate.api.limits import MAX_HOOKS_KEPT
from tidegate.api.phases import Phase
from tidegate.api.status import RolloutStatus, RunStatus, Stage
from tidegate.core.scene import Scene, changed
from tidegate.core.whereabouts import in_preflight, preflight_of, title

AnyHook: TypeAlias = Hook | RunHook
When: TypeAlias = Literal["before", "after", "revert", "promoted"]

AFTERWARDS: Final = ("revert", "promoted")
"""Hooks that run after a run and are only told of."""
JOB_STEM_CHARS: Final = 52
"""With a dash and the digest a name of 63 characters, which fits into a label."""
DIGEST_CHARS: Final = 10
"""Hexadecimal digits that tell one try from any other: of other hooks, runs and namesakes."""


@dataclass(frozen=True, slots=True)
class Place:
    """One hook where it stands in the spec; `phase` is "" for a hook of the run."""

    hook: AnyHook
    phase: str = ""

    def id_in(self, run: int) -> str:
        """The id of its entry in that run."""
        where = f"phase/{self.phase}" if self.phase else "run"
        return f"{run}/{where}/{self.hook.when}/{self.hook.name}"

    @property
    def title(self) -> str:
        """The hook as people know it."""
        return f"hook {self.hook.name} of {title(self.phase)}" if self.phase else self.short

    @property
    def short(self) -> str:
        """The same where its phase is clear."""
        return f"hook {self.hook.name}"


def of_phase(phase: Phase, when: When) -> tuple[Place, ...]:
    """The hooks of a phase for that moment, in written order."""
    return tuple(Place(hook, phase.name) for hook in phase.hooks if hook.when == when)


def every(scene: Scene) -> Iterator[Place]:
    """All hooks of the spec."""
    for phase in preflight_of(scene.spec) + scene.spec.phases:
        yield from (Place(hook, phase.name) for hook in phase.hooks)
    yield from (Place(hook) for hook in scene.spec.hooks)


def awaited(scene: Scene) -> tuple[Place, ...]:
    """The hooks that the run that is on has, or had, to wait for at the place where it is now."""
    run, phases = scene.run, scene.spec.phases
    if run is None or run.undo or run.skip_to_end:
        return ()
    if run.stage is Stage.PREPARING:
        return of_phase(phases[0], "before") if phases else ()
    if run.stage is Stage.PREFLIGHT:
        return before_pods(scene)
    if run.stage is not Stage.PHASE or scene.phase is None:
        return ()
    following = phases[phases.index(scene.phase) + 1 :][:1]
    ahead = (place for phase in following for place in of_phase(phase, "before"))
    here = of_phase(scene.phase, "before") + of_phase(scene.phase, "after")
    return (*here, *ahead)


def after_phase(scene: Scene) -> tuple[Place, ...]:
    """What has to be over before the phase that is on is left."""
    run = scene.run
    if run is None or run.undo or run.skip_to_end or run.stage is not Stage.PHASE:
        return ()
    return of_phase(scene.phase, "after") if scene.phase is not None else ()


def before_pods(scene: Scene) -> tuple[Place, ...]:
    """What has to be over before the first pod is made; () once the pre-flight is."""
    phase = scene.phase if in_preflight(scene.status) else None
    return of_phase(phase, "before") if phase is not None else ()


def at_door(scene: Scene, index: int) -> tuple[Place, ...]:
    """What has to be over before the phase at that place is entered; () for the promotion."""
    run, phases = scene.run, scene.spec.phases
    if run is None or run.undo or run.skip_to_end:
        return ()
    return of_phase(phases[index], "before") if index < len(phases) else ()


def place_of(scene: Scene, entry: HookStatus) -> Place | None:
    """The hook of an entry as the spec has it now; None if it is gone."""
    return next((place for place in every(scene) if place.id_in(entry.run) == entry.id), None)


def untried(place: Place, run: RunStatus) -> HookStatus:
    """The entry of a hook in that run before its first try."""
    ends = (run.to_revision, run.from_revision or "")
    revision, stable = reversed(ends) if run.undo else ends
    return HookStatus(
        id=place.id_in(run.number),
        run=run.number,
        name=place.hook.name,
        phase=place.phase,
        when=place.hook.when,
        result=HookResult.WAITING,
        tries=1 + place.hook.retries,
        revision=revision,
        stable_revision=stable,
    )


def entry_of(status: RolloutStatus, entry_id: str) -> HookStatus | None:
    """The entry with that id, or None."""
    return next((entry for entry in status.hooks if entry.id == entry_id), None)


def with_entry(status: RolloutStatus, entry: HookStatus) -> RolloutStatus:
    """The status with that entry in the place of the one with its id, or at the end."""
    known = entry_of(status, entry.id)
    if known is not None:
        hooks = tuple(entry if one.id == entry.id else one for one in status.hooks)
    else:
        hooks = (*_room(status), entry)
    return changed(status, hooks=hooks)


def _room(status: RolloutStatus) -> tuple[HookStatus, ...]:
    """The entries, with room for one more: only edits without end ever fill the list.

    What is over and belongs to another run goes first, then the oldest that is over.
    """
    hooks = status.hooks
    if len(hooks) < MAX_HOOKS_KEPT:
        return hooks
    number = status.run.number if status.run else None
    least = min(hooks, key=lambda one: (not one.over, one.run == number))
    return tuple(one for one in hooks if one is not least)


def unfinished(status: RolloutStatus) -> tuple[HookStatus, ...]:
    """The entries that something is still to be done about."""
    return tuple(
        one
        for one in status.hooks
        if one.result is HookResult.RUNNING or (one.when in AFTERWARDS and not one.over)
    )


def left_to_do(scene: Scene) -> HookStatus | None:
    """The first hook of the last run that is not over, which a new run waits for."""
    found = (one for one in scene.status.hooks if one.when in AFTERWARDS and not one.over)
    return next(found, None)


def after_promotion(scene: Scene, status: RolloutStatus) -> RolloutStatus:
    """The status with the hooks that a promotion of the run leaves to do."""
    places = (Place(hook) for hook in scene.spec.hooks if hook.when == "promoted")
    return _queued(scene, status, places)


def after_revert(scene: Scene, status: RolloutStatus) -> RolloutStatus:
    """The same for its revert: of each phase up to the one that was on, and of the run."""
    run = scene.run
    if run is None or run.undo or scene.rollout.deleting:
        return status
    tried = (place for phase in _entered(scene, run) for place in of_phase(phase, "revert"))
    return _queued(scene, status, (*tried, *_of_reverts(scene)))


def after_undo(scene: Scene, status: RolloutStatus) -> RolloutStatus:
    """The same for an undo at rest, whose phases are long over; `status` has its run."""
    begun = Scene(scene.rollout, status, scene.observed, scene.now)
    return _queued(begun, status, _of_reverts(scene))


def _of_reverts(scene: Scene) -> Iterator[Place]:
    return (Place(hook) for hook in scene.spec.hooks if hook.when == "revert")


def _entered(scene: Scene, run: RunStatus) -> tuple[Phase, ...]:
    """The phases that may have done something: those up to the one that was on."""
    if run.stage in (Stage.PROMOTING, Stage.BAKING):
        return scene.spec.phases
    at = scene.status.phase
    if in_preflight(scene.status):
        return ()
    if scene.phase is not None:
        return scene.spec.phases[: scene.spec.phases.index(scene.phase) + 1]
    return scene.spec.phases[: at.index + 1] if at is not None else ()


def _queued(scene: Scene, status: RolloutStatus, places: Iterable[Place]) -> RolloutStatus:
    run = scene.run
    if run is None:
        return status
    for place in places:
        status = with_entry(status, untried(place, run))
    return status


def job_name(scene: Scene, entry_id: str, attempt: int) -> str:
    """The name of a try's Job: the same whoever makes it, and like no other's."""
    about = f"{scene.rollout.uid}/{entry_id}/{attempt}"
    digest = sha256(about.encode()).hexdigest()[:DIGEST_CHARS]
    number, _, *rest = entry_id.split("/")
    stem = "-".join((scene.rollout.name, number, *rest, str(attempt)))
    readable = stem.replace(".", "-")[:JOB_STEM_CHARS].rstrip("-")
    return f"{readable}-{digest}"


def view_key(entry: HookStatus) -> str:
    """By which a try is known outside: its Job's view, and the id of a call."""
    return f"{entry.id}/{entry.attempt}"


def intents(status: RolloutStatus) -> list[tuple[str, str, int, int]]:
    """What was decided about hooks, without what was only seen of them."""
    return [(one.id, one.result, one.attempt, one.tries) for one in status.hooks]
