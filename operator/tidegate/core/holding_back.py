"""What policies make a release wait for, written down before anything waits for it.

`status.wait` is computed anew in each pass; of what it said before only the time it began is kept.
For a Rollout that waits for its turn that is its place among the others. It takes one only while
nothing of its own is in the way: it must not hold up those who could go.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.api.status import RolloutStatus
from tidegate.api.waits import WaitStatus
from tidegate.core import adopting, freezing, policing, reasons, turns
from tidegate.core.decision import Note
from tidegate.core.hook_places import left_to_do
from tidegate.core.journal import note_run
from tidegate.core.resting import at_rest
from tidegate.core.scene import Scene, changed

LOOK_AGAIN_S = 30.0
"""How soon one that waits for others looks again by itself; usually they wake it at once."""


def recorded(scene: Scene) -> RolloutStatus:
    """The status with what the release waits for now; in a run a new wait goes into its journal."""
    wait, known = _found(scene), scene.status.wait
    if wait is not None and known is not None:
        wait = wait.model_copy(update={"since": known.since})
    status = changed(scene.status, wait=wait)
    if wait is not None and not _same(wait, known):
        status = note_run(status, scene.now, "policy", wait.reason, wait.message)
    return status


def notes(scene: Scene, before: RolloutStatus) -> tuple[Note, ...]:
    """The event of a wait that begins, or is for something else; `before` is the status before."""
    wait = scene.status.wait
    if wait is None or _same(wait, before.wait):
        return ()
    what = f"revision {scene.target} waits: " if scene.run is None else ""
    return (Note(wait.reason, what + wait.message),)


def _same(wait: WaitStatus, known: WaitStatus | None) -> bool:
    """Whether both are the same wait; whom a turn waits for may change many times in one."""
    if known is None or (wait.reason, wait.policy) != (known.reason, known.policy):
        return False
    return wait.about == known.about or wait.reason == reasons.WAITING_FOR_TURN


def wakes_at(scene: Scene) -> tuple[datetime | None, ...]:
    """When to look again for what is waited for, and for a window that begins or ends."""
    wait = scene.status.wait
    others = wait is not None and wait.reason != reasons.FROZEN
    again = scene.now + timedelta(seconds=LOOK_AGAIN_S) if others else None
    return (again, wait.until if wait else None, freezing.next_change(scene))


def _found(scene: Scene) -> WaitStatus | None:
    if scene.run is not None:
        return _frozen(scene)
    if not _wants_to_begin(scene):
        return None
    return _frozen(scene) or turns.others(scene)


def _frozen(scene: Scene) -> WaitStatus | None:
    freeze = freezing.current(scene)
    if freeze is None:
        return None
    return WaitStatus(
        reason=reasons.FROZEN,
        policy=freeze.policy,
        about=freeze.window,
        message=freeze.sentence,
        since=scene.now,
        until=freeze.until,
    )


def _wants_to_begin(scene: Scene) -> bool:
    """Whether a run would begin now but for the policies that make it wait."""
    status = scene.status
    settled = (None, status.stable_revision, status.reverted_revision)
    if status.stable_revision is None or scene.target in settled or scene.paused:
        return False
    if scene.rollout.deleting or scene.observed.problems or adopting.problems(scene):
        return False
    if left_to_do(scene) is not None:
        return False  # hooks of the run before
    odd = policing.obstacle(scene)
    return not odd and at_rest(scene) and not adopting.taking_over(scene)
