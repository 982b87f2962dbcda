"""Old pods stay until no request reaches them any more, and old ReplicaSets go by number."""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.api.limits import MAX_DRAINING
from tidegate.api.status import Draining, RolloutStatus
from tidegate.core import reasons, variants
from tidegate.core.adopting import ours_unused
from tidegate.core.convergence import Arm
from tidegate.core.decision import DeleteReplicaSet, Note, ScaleReplicaSet
from tidegate.core.observation import RevisionView
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.waiting import let_go
from tidegate.core.whereabouts import in_preflight

MIN_DRAIN_S = 10.0
"""Seconds that old pods stay even when they are seen idle, where `drain.min` says nothing."""


def kept(scene: Scene) -> frozenset[str | None]:
    """Revisions that are in use or about to be; a pre-flight may be long and needs no pods."""
    routes, run = scene.routes, scene.run
    unused, early = ours_unused(scene), in_preflight(scene.status)
    return frozenset(
        {
            None if unused else scene.status.stable_revision,
            run.to_revision if run and not early else None,
            None if early else scene.canary_revision,
            routes.stable if routes else None,
            routes.canary if routes else None,
            scene.target if scene.status.stable_revision is None and not unused else None,
        }
    ) | variants.in_use(scene)


def step(scene: Scene) -> Step | None:
    """Drain or clean up one revision that nothing uses; None when there is none to."""
    routes = scene.routes
    if routes is None:
        return None  # who uses what cannot be known
    if scene.run is None and any(not r.home for r in routes.weights):
        return None  # the routes are on their way home: only there is an old revision seen idle
    in_use = kept(scene)
    leftovers = [view for view in scene.observed.revisions if view.name not in in_use]
    status = _marked(scene, [view for view in leftovers if view.replicas > 0])
    marked = Scene(scene.rollout, status, scene.observed, scene.now)
    for view in leftovers:
        done = _drained(marked, view)
        if done is not None:
            return done
    return _trimmed(marked, leftovers) or (
        Step(status) if status.draining != scene.status.draining else _waiting(marked, leftovers)
    )


def _marked(scene: Scene, busy: list[RevisionView]) -> RolloutStatus:
    known = {entry.revision: entry for entry in scene.status.draining}
    entries = [known.get(v.name) or Draining(revision=v.name, since=scene.now) for v in busy]
    return changed(scene.status, draining=tuple(entries[:MAX_DRAINING]))


def _since(scene: Scene, view: RevisionView) -> Draining | None:
    return next((d for d in scene.status.draining if d.revision == view.name), None)


def _drained(scene: Scene, view: RevisionView) -> Step | None:
    entry = _since(scene, view)
    if view.replicas == 0 or entry is None:
        return None
    scale = ScaleReplicaSet(view.name, view.replica_set, view.uid, 0)
    drain = scene.spec.drain
    least = timedelta(seconds=MIN_DRAIN_S if drain.min_s is None else drain.min_s)
    if view.ready == 0:
        return Step(scene.status, scale)
    if scene.now - entry.since >= timedelta(seconds=drain.max_s):
        note = Note(
            reasons.DRAIN_TIMED_OUT,
            f"revision {view.name} was not seen idle within drain.max {drain.max_s:g}s; "
            "its pods go now",
            warning=True,
        )
        return Step(scene.status, scale, (note,))
    if scene.now - entry.since < least:
        return None
    if not let_go(scene, Arm("", view.name), _routed_away(scene, entry)).free:
        return None
    note = Note(reasons.OLD_PODS_REMOVED, f"revision {view.name} is idle; its pods go now")
    return Step(scene.status, scale, (note,))


def _routed_away(scene: Scene, entry: Draining) -> datetime:
    """Since when idleness proves anything: the routes must have their last weights, too."""
    return max(entry.since, scene.weight_since)


def _waiting(scene: Scene, leftovers: list[RevisionView]) -> Step | None:
    """When the next of them could be let go by time alone."""
    drain = scene.spec.drain
    least = timedelta(seconds=MIN_DRAIN_S if drain.min_s is None else drain.min_s)
    times = []
    for view in leftovers:
        entry = _since(scene, view)
        if view.replicas > 0 and entry is not None:
            gone = let_go(scene, Arm("", view.name), _routed_away(scene, entry))
            times += [entry.since + least, entry.since + timedelta(seconds=drain.max_s)]
            times += [gone.until] if gone.until else []
    later = [time for time in times if time > scene.now]
    return Step(scene.status, wake_at=min(later)) if later else None


def _trimmed(scene: Scene, leftovers: list[RevisionView]) -> Step | None:
    old = (view for view in leftovers if view.replicas == 0 and view.name != scene.canary_revision)
    empty = sorted(old, key=lambda view: view.created_at)
    arm = next((view for view in empty if _only_tried(scene, view)), None)
    if arm is not None:
        return Step(scene.status, DeleteReplicaSet(arm.name, arm.replica_set, arm.uid))
    if len(empty) <= scene.spec.revision_history_limit:
        return None
    oldest = empty[0]
    return Step(scene.status, DeleteReplicaSet(oldest.name, oldest.replica_set, oldest.uid))


def _only_tried(scene: Scene, view: RevisionView) -> bool:
    """Whether it was an arm of an experiment and nothing else, so that nobody goes back to it."""
    return bool(view.variant) and view.name not in scene.status.proven_revisions
