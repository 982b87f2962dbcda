"""`mode: observe`: what metrics would have done to a run is written down and told, and not done.

Guards, gates and blindness neither send back, nor pause, nor hold. All else is as ever: pods come
before traffic, deadlines for pods and phases count, and people can abort. A policy has a mode of
its own for its guards (`Scene.tells_only`).
"""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.limits import MAX_OVERLOOKED
from tidegate.core import freezing, reasons
from tidegate.core.blindness import too_long
from tidegate.core.breaches import alarms, breach_text, breaches
from tidegate.core.decision import Note
from tidegate.core.journal import noted
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.whereabouts import title

OVERLOOKED = "mode observe overlooked"
WOULD = {
    "revert": (reasons.WOULD_REVERT, "would have been sent back"),
    "pause": (reasons.WOULD_PAUSE, "would have been paused"),
    "hold": (reasons.WOULD_HOLD, "would have been held"),
}
"""What a guard's or blind's `then` asks for: the reason and the words."""


def step(scene: Scene) -> Step | None:
    """Write down what would have been done, of each guard once a run."""
    if scene.run is None or scene.undo:
        return None
    for what, then, why, warning in _would(scene):
        reason, words = WOULD[then]
        message = f"run {scene.run.number} {words}: {why}"
        told = overlooked(scene, what, reason, message, warning=warning)
        if told is not None:
            return told
    return None


def overlooked(
    scene: Scene, what: str, reason: str, message: str, *, warning: bool = True
) -> Step | None:
    """That something was overlooked, in the journal and as an event; None if it was told before.

    More than MAX_OVERLOOKED things of one run are not told: its journal holds no more anyway.
    """
    run = scene.run
    if run is None or what in run.overlooked or len(run.overlooked) >= MAX_OVERLOOKED:
        return None
    run = run.model_copy(update={"overlooked": (*run.overlooked, what)})
    status = changed(scene.status, run=noted(run, scene.now, what, reason, message))
    return Step(status, notes=(Note(reason, message, warning=warning),))


def phase_waits(scene: Scene, name: str, obstacle: str) -> Step | None:
    """That a phase would have waited; no warning, for it may be only for a next look."""
    message = f"{title(name)} would have waited: {obstacle}"
    return overlooked(scene, f"phase/{name}", reasons.WOULD_HOLD, message, warning=False)


def summed_up(scene: Scene, message: str) -> str:
    """The last word on a run, with what was overlooked in it."""
    told = scene.run.overlooked if scene.run else ()
    return f"{message}; {OVERLOOKED} {', '.join(told)}" if told else message


def _would(scene: Scene) -> Iterator[tuple[str, str, str, bool]]:
    for check, guard, readings in breaches(scene, told=True):
        why = breach_text(scene, check, guard, readings[-1])
        yield check.id, guard.then, why, alarms(guard)
    yield from too_long(scene, told=True)
    for freeze in freezing.told(scene):
        yield f"freeze/{freeze.policy}", "hold", freeze.sentence, False
