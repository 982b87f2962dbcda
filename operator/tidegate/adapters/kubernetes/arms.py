"""Whom metrics questions are about, from what was last seen of a Rollout's routes and pods."""

from __future__ import annotations

from dataclasses import replace

from tidegate.adapters.kubernetes.replica_sets import view_of
from tidegate.adapters.kubernetes.resources import Key
from tidegate.adapters.kubernetes.sight import Sight
from tidegate.api.status import RolloutStatus, Stage
from tidegate.ports.metrics import Arms, Subject


def arms_of(key: Key, sight: Sight | None, status: RolloutStatus) -> Arms | None:
    """Who the metrics questions are about, or None while the routes cannot be read."""
    if sight is None or sight.routing.pair is None:
        return None
    pair = sight.routing.pair
    traffic, run = status.traffic, status.run
    canary = run.to_revision if run else (traffic.canary if traffic else None)
    since = traffic.canary_since if traffic and run and traffic.canary == canary else None
    began = run.started_at if run else None
    subjects = [
        Subject(*key, revision or "", target.host, target.subset, moment, began)
        for target, revision, moment in (
            (pair.stable, status.stable_revision, None),
            (pair.canary, canary, since),
        )
    ]
    owned = [view_of(body) for body in sight.sets]
    names = tuple(sorted({view.name for view in owned if view is not None}))
    measured = None
    if run is not None and run.stage is Stage.BAKING and traffic is not None:
        served_by_canary = traffic.weight > 0 and traffic.canary == run.to_revision
        if not served_by_canary:
            measured = replace(subjects[0], since=traffic.stable_since)
    return Arms(*key, names, subjects[0], subjects[1], measured)
