"""Weights that somebody else changes: put right by the rules of each stage, and counted here.

Ours go from what was wanted before to what is wanted now, never away from it. So a weight that was
as wanted and no longer is was changed by somebody else; once may be a hand, again and again is a
second controller or a sync from Git. One case is taken for it: a process that dies between the
route write of a revert and its record.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.api.limits import MAX_DRIFTS
from tidegate.api.status import BEFORE_TRAFFIC, RolloutStatus, Stage
from tidegate.api.traffic_status import TrafficStatus
from tidegate.core import reasons
from tidegate.core.decision import Note
from tidegate.core.scene import Scene

DRIFTS_MANY = 3
"""Changes by others within DRIFT_WINDOW_S from which on people are told that they keep coming."""
DRIFT_WINDOW_S = 300.0
ALL = 100


def counted(scene: Scene, traffic: TrafficStatus | None) -> TrafficStatus | None:
    """What is known of the routes, with one more drift if that is what the change of weight is."""
    known = scene.status.traffic
    if traffic is None or known is None:
        return traffic
    drifts = known.drifts
    if _changed_by_others(scene, known):
        drifts = (*drifts, scene.now)[-MAX_DRIFTS:]
    return traffic if drifts == traffic.drifts else traffic.model_copy(update={"drifts": drifts})


def _changed_by_others(scene: Scene, known: TrafficStatus) -> bool:
    routes, wanted = scene.routes, _wanted(scene)
    if routes is None or known.weight_since is None or known.weight != wanted:
        return False
    return any(route.weight != wanted or not route.even for route in routes.weights)


def _wanted(scene: Scene) -> int | None:
    """The weight that everything has been brought to by now; None where it is ours to change."""
    run, routes = scene.run, scene.routes
    if scene.status.stable_revision is None or routes is None:
        return None
    if run is None or run.stage in BEFORE_TRAFFIC:
        return 0
    dead = scene.canary is None or scene.canary.ready == 0
    if dead or routes.canary != run.to_revision or scene.switches:
        return None  # its traffic was sent to stable
    if run.stage is Stage.PROMOTING:
        return ALL
    return scene.phase.weight if scene.phase else None


def note(scene: Scene, before: RolloutStatus) -> tuple[Note, ...]:
    """The word about a drift that this pass has found; `before` is the status at its beginning."""
    known, traffic, routes = before.traffic, scene.status.traffic, scene.routes
    if known is None or traffic is None or routes is None or known.drifts == traffic.drifts:
        return ()
    wrong = next(r for r in routes.weights if r.weight != known.weight or not r.even)
    found = f"the canary has {wrong.weight} %" if wrong.even else "its routes do not agree"
    message = (
        f"somebody else changed the weights in {wrong.title}: {found}, "
        f"the canary should have {known.weight} %"
    )
    return (Note(reasons.TRAFFIC_DRIFT, message, warning=True),)


def keeps_coming_until(status: RolloutStatus) -> datetime | None:
    """Until when it is to be said that others keep changing the weights; None if they do not."""
    drifts = status.traffic.drifts if status.traffic else ()
    if len(drifts) < DRIFTS_MANY or drifts[-1] - drifts[-DRIFTS_MANY] > _WINDOW:
        return None
    return drifts[-1] + _WINDOW


_WINDOW = timedelta(seconds=DRIFT_WINDOW_S)
