"""What stands between a run and its next phase once all it measures says yes."""

from __future__ import annotations

from tidegate.core import approving, freezing, hooks
from tidegate.core.scene import Scene, Step


def obstacle(scene: Scene, index: int) -> Step | None:
    """Why the phase at that place (or the promotion, after the last) is not entered yet."""
    waits = f"{_next(scene, index)} waits"
    return (
        freezing.holds(scene, waits)
        or hooks.leaving(scene)
        or approving.obstacle(scene, index)
        or hooks.door(scene, index)
    )


def _next(scene: Scene, index: int) -> str:
    phases = scene.spec.phases
    return f"phase {phases[index].name}" if index < len(phases) else "the promotion"
