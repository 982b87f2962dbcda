"""When the stable revision is gone for good: somebody must know, whatever else is going on."""

from __future__ import annotations

from tidegate.core import reasons
from tidegate.core.decision import Note
from tidegate.core.scene import Scene


def stable_lost(scene: Scene) -> str:
    """What to do about a stable ReplicaSet that was deleted and cannot be made again, or "".

    While it is the template's own revision, or still remembered, it is made again at once.
    """
    revision = scene.status.stable_revision
    if revision is None or scene.stable is not None:
        return ""
    if revision in (scene.target, scene.observed.revivable):
        return ""
    gone = f"Stable revision {revision} is gone: its ReplicaSet was deleted."
    serving = scene.observed.revision(scene.routes.stable) if scene.routes else None
    if serving is not None and serving.ready:
        return f"{gone} Revision {serving.name} serves: make it the template, or promote another."
    if scene.run is not None:
        return f"{gone} Its share of the traffic has no pods until this run is promoted."
    if scene.status.reverted_revision == scene.target:
        return f"{gone} Nothing serves: change the template to a version you trust, or ask retry."
    return f"{gone} Nothing serves until the present template is promoted."


def note(scene: Scene) -> tuple[Note, ...]:
    """One event when it is first seen; afterwards the status says it."""
    sentence = stable_lost(scene)
    if not sentence or sentence in scene.status.message:
        return ()
    return (Note(reasons.STABLE_LOST, sentence, warning=True),)
