"""The Rollout is being deleted: its traffic goes back to where it was before it is let go.

Only a Rollout in the middle of something is held (`resting`); one at rest has nothing to put
back. What cannot be done must not keep the object for ever: it is let go after `LEAVE_S_MAX`,
whatever is left. One that took a Deployment over gives it back (`giving_back`), which takes longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tidegate.api.problems import SpecError
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.api.status import RolloutStatus
from tidegate.core import baking, giving_back, promotion, reasons, resting, revert
from tidegate.core.decision import Note, ReleaseRollout
from tidegate.core.scene import Scene, Step

LEAVE_S_MAX = 60.0
"""Seconds after the deletion was asked for until the Rollout is let go in any case."""


GIVE_BACK_S_UNREADABLE = 1800.0
"""The same where a Deployment has to be given back and the spec, which has the times, is broken."""


def leave_s_max(spec: RolloutSpec | None, status: RolloutStatus) -> float:
    """Seconds after the deletion was asked for until this Rollout is let go in any case.

    `spec` is None where nobody can read it.
    """
    if status.workload is None:
        return LEAVE_S_MAX
    return GIVE_BACK_S_UNREADABLE if spec is None else giving_back.give_back_s_max(spec)


def step(scene: Scene) -> Step:
    """The next move towards letting go."""
    return (
        promotion.commit(scene)
        or _run_ended(scene)
        or giving_back.step(scene)
        or _too_late(scene)
        or _home(scene)
    )


def _run_ended(scene: Scene) -> Step | None:
    if scene.run is None:
        return None
    if scene.baking:
        return baking.ended(scene, reasons.DELETED, "the Rollout is being deleted")
    return revert.send_back(scene, reasons.DELETED, "the Rollout is being deleted")


def _too_late(scene: Scene) -> Step | None:
    asked = scene.rollout.deleted_at
    if asked is None or scene.now - asked < timedelta(seconds=LEAVE_S_MAX):
        return None
    if resting.at_rest(scene):
        return None
    message = f"let go {LEAVE_S_MAX:g}s after its deletion; routes or destinations are not home"
    note = Note(reasons.DELETED, message, warning=True)
    return Step(scene.status, ReleaseRollout(), (note,), reasons.DELETED, message)


def _home(scene: Scene) -> Step:
    if scene.observed.route_missing and scene.run is None:
        message = "its own route is gone already; the Rollout is let go"
        return Step(scene.status, ReleaseRollout(), reason=reasons.DELETED, message=message)
    if scene.routes is None or scene.status.stable_revision is None:
        return _unfinished(scene, "its routes cannot be read")
    homeward = (
        resting.stable_size_up(scene) or resting.stable_home(scene) or resting.routes_home(scene)
    )
    if homeward is not None:
        return homeward if homeward.effect else _unfinished(scene, homeward.message)
    message = "traffic is where it was; the Rollout is let go"
    return Step(scene.status, ReleaseRollout(), reason=reasons.DELETED, message=message)


def _unfinished(scene: Scene, why: str) -> Step:
    asked = scene.rollout.deleted_at or scene.now
    return Step(
        scene.status,
        reason=reasons.DELETED,
        message=f"being deleted: {why}",
        wake_at=scene.at(asked + timedelta(seconds=LEAVE_S_MAX)),
    )


def leave_s_max_of(body: Mapping[str, Any]) -> float:
    """Seconds that the deletion of this Rollout may take, also when its spec cannot be read."""
    try:
        spec = Rollout.parse(body).spec
    except SpecError:
        spec = None
    return leave_s_max(spec, RolloutStatus.parse(body))
