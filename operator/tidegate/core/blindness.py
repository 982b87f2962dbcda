"""Guards that must watch traffic now and have nothing to look at: since when, and what then.

`spec.blind` is for all guards together, and counts while any of them is blind; a guard with a
`blind` of its own has a time of its own and is left out there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from tidegate.api.status import CheckStatus, Stage, Verdict
from tidegate.core.scene import Scene

BLIND: Final = "blind"
"""What a run's record calls it; of one guard, its id comes after a slash."""
_NOTHING: Final = (Verdict.NODATA, Verdict.ERROR)


def times(scene: Scene, before: Mapping[str, CheckStatus]) -> dict[str, object]:
    """`blind_since` of the status and of its checks; the scene's status has the verdicts."""
    unseen, own = _unseen(scene), {c.id for c, guard in scene.guards() if guard.blind is not None}
    checks = tuple(
        _timed(scene, check, before.get(check.id), holds=check.id in unseen & own)
        for check in scene.status.checks
    )
    since = scene.status.blind_since
    return {"checks": checks, "blind_since": (since or scene.now) if unseen - own else None}


def _timed(
    scene: Scene, check: CheckStatus, before: CheckStatus | None, *, holds: bool
) -> CheckStatus:
    known = before.blind_since if before is not None else None
    since = (known or scene.now) if holds else None
    return check if check.blind_since == since else check.model_copy(update={"blind_since": since})


def _unseen(scene: Scene) -> set[str]:
    """Ids of the guards that are blind; within its delay a guard is not yet."""
    run, routes = scene.run, scene.routes
    if run is None or scene.undo or run.stage is Stage.PREPARING:
        return set()
    if routes is None or (routes.idle_canary and not scene.baking):
        return set()
    known = {check.id: check for check in scene.status.checks}
    return {
        check.id
        for check, _ in scene.guards()
        if check.id in known
        and known[check.id].verdict in _NOTHING
        and not known[check.id].ignored
        and scene.now >= scene.counts_from(check)
    }


def too_long(scene: Scene) -> Iterator[tuple[str, str, str]]:
    """Each blindness that has lasted its time: what it is, what it asks for, and a sentence."""
    blind, since = scene.spec.blind, scene.status.blind_since
    if _over(scene, since, blind.after_s):
        yield BLIND, blind.then, f"a guard could not be measured for {blind.after_s:g}s"
    known = {check.id: check.blind_since for check in scene.status.checks}
    for check, guard in scene.guards():
        if guard.blind is not None and _over(scene, known.get(check.id), guard.blind.after_s):
            why = f"guard {guard.metric} could not be measured for {guard.blind.after_s:g}s"
            yield f"{BLIND}/{check.id}", guard.blind.then, f"{why} ({guard.loudness})"


def _over(scene: Scene, since: datetime | None, after_s: float) -> bool:
    return since is not None and scene.now - since >= timedelta(seconds=after_s)
