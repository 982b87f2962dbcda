"""The last stretch: canary at 100, stable seen idle, stable re-pointed, and then it is promoted.

The re-point is the moment of no return, and the fact itself says so: a stable destination that
selects the new revision means promoted, whatever a lost status says.
"""

from __future__ import annotations

from datetime import timedelta

from tidegate.api.check_status import Verdict
from tidegate.api.limits import MAX_PROVEN
from tidegate.api.status import Stage
from tidegate.core import baking, freezing, policing, reasons
from tidegate.core.convergence import Arm
from tidegate.core.decision import Note, PointDestination
from tidegate.core.hook_places import after_promotion
from tidegate.core.journal import note_run
from tidegate.core.measuring import FIRST_LOOK_S
from tidegate.core.proving import forgiven
from tidegate.core.proving import verdict as verdict_of
from tidegate.core.revert import OUTCOME_PROMOTED, end_run
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.steering import (
    arms_away,
    canary_alive,
    canary_pointed,
    canary_ready,
    canary_size_up,
    weight_to,
)
from tidegate.core.waiting import let_go, telemetry_trouble

ALL = 100


def step(scene: Scene) -> Step:
    """The next move of a run whose phases have all passed."""
    return (
        arms_away(scene)
        or canary_size_up(scene)
        or canary_alive(scene)
        or canary_pointed(scene)
        or canary_ready(scene)
        or (weight_to(scene, ALL) if scene.full else None)  # nobody to send to, nobody to send
        or _guarded(scene)
        or stable_let_go(scene)
    )


def _guarded(scene: Scene) -> Step | None:
    """Nothing is promoted in a freeze, nor on guards that fail or never saw all the traffic."""
    if odd := policing.obstacle(scene):
        message = f"promotion waits: {odd}"
        return Step(scene.status, reason=reasons.POLICY_INVALID, message=message)
    if frozen := freezing.holds(scene, "promotion waits"):
        return frozen
    seen_since = scene.weight_since + timedelta(seconds=FIRST_LOOK_S)
    for check, _ in scene.enforced() if scene.full else ():
        readings = scene.readings(check)
        verdict = verdict_of(scene, check)
        if verdict is Verdict.PASS and readings[-1].at < seen_since:
            verdict = Verdict.NODATA  # measured before it had all the traffic
        asked = bool(readings) and readings[-1].at >= seen_since
        if verdict is not Verdict.PASS and not (asked and forgiven(scene, check)):
            return Step(
                scene.status,
                reason=reasons.WAITING_FOR_METRICS,
                message=f"promotion waits: guard {check.name} is {verdict.value}",
            )
    return None


def stable_let_go(scene: Scene) -> Step:
    """Stable is re-pointed once nothing is sent there: the moment of no return."""
    run = scene.run
    assert run is not None, "called only while a run is on"
    if scene.paused and not run.undo:
        message = "paused before the promotion; stable still has its pods"
        return Step(scene.status, reason=reasons.PAUSED, message=message)
    if scene.switches and scene.routes is not None and scene.routes.weight == ALL:
        return _promoted(scene)  # all requests go there already; the old pods drain as any do
    if not scene.full:
        return Step(scene.status, PointDestination("stable", run.to_revision))
    gone = let_go(scene, Arm("stable", scene.status.stable_revision), scene.weight_since)
    if gone.free:
        return Step(scene.status, PointDestination("stable", run.to_revision))
    return Step(
        scene.status,
        reason=reasons.WAITING_FOR_IDLE,
        message="canary has all traffic; waiting until no proxy sends to stable any more"
        + telemetry_trouble(scene),
        wake_at=gone.until,
    )


def commit(scene: Scene) -> Step | None:
    """Record the promotion once the stable destination selects the new revision."""
    run, routes = scene.run, scene.routes
    if run is None or routes is None or run.stage is not Stage.PROMOTING:
        return None
    if routes.stable != run.to_revision:
        return None
    return _promoted(scene)


def _promoted(scene: Scene) -> Step:
    run = scene.run
    assert run is not None, "called only while a run is on"
    if run.undo:
        return _back(scene)
    message = f"run {run.number}: revision {run.to_revision} promoted"
    status = note_run(scene.status, scene.now, "promotion", reasons.PROMOTED, message)
    status = changed(
        status,
        stable_revision=run.to_revision,
        reverted_revision=None,
        proven_revisions=_proven(scene),
    )
    status = after_promotion(scene, status)
    note = Note(reasons.PROMOTED, message)
    if baking.wanted(scene, run) and status.run is not None:
        return baking.begun(scene, Step(status, notes=(note,)), status.run)
    after = Scene(scene.rollout, status, scene.observed, scene.now)
    ended = end_run(after, OUTCOME_PROMOTED, reasons.PROMOTED, message)
    return Step(ended, notes=(note,), reason=reasons.PROMOTED)


def _back(scene: Scene) -> Step:
    """The end of a way back: what it left is not tried again by itself."""
    run = scene.run
    assert run is not None, "called only while a run is on"
    message = f"run {run.number}: revision {run.to_revision} serves again"
    status = note_run(scene.status, scene.now, "promotion", reasons.UNDONE, message)
    ended = end_run(
        Scene(scene.rollout, status, scene.observed, scene.now),
        OUTCOME_PROMOTED,
        reasons.UNDONE,
        run.undo,
    )
    done = changed(
        ended,
        stable_revision=run.to_revision,
        reverted_revision=run.from_revision,
        proven_revisions=_proven(scene),
    )
    return Step(done, notes=(Note(reasons.UNDONE, message),), reason=reasons.UNDONE)


def _proven(scene: Scene) -> tuple[str, ...]:
    """Who was stable before, newest first; what is left because it was bad is not proven."""
    status, run = scene.status, scene.run
    assert run is not None, "called only while a run is on"
    before = (run.from_revision,) if run.from_revision and not run.undo else ()
    ends = (run.from_revision, run.to_revision)
    known = tuple(name for name in status.proven_revisions if name not in ends)
    return (before + known)[:MAX_PROVEN]
