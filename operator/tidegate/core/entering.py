"""What stands between a run and its next phase once all it measures says yes."""

from __future__ import annotations

from tidegate.core import hooks
from tidegate.core.scene import Scene, Step


def obstacle(scene: Scene, index: int) -> Step | None:
    """Why the phase at that place (or the promotion, after the last) is not entered yet."""
    return hooks.door(scene, index)
