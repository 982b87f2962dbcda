"""Whom the metrics questions of one Rollout are about, by its routes and its status."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tidegate.adapters.kubernetes.replica_sets import view_of
from tidegate.adapters.kubernetes.resources import Key
from tidegate.adapters.kubernetes.sight import Sight
from tidegate.adapters.weights import Pair
from tidegate.api.status import RolloutStatus, Stage
from tidegate.ports.metrics import Arms, Subject


def arms_of(key: Key, sight: Sight | None, status: RolloutStatus) -> Arms | None:
    """Stable, the revision of the run and the variants; None while the routes cannot be read."""
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
    variants = tuple(_variants(key, pair, status))
    return Arms(*key, names, subjects[0], subjects[1], measured, variants)


def _variants(key: Key, pair: Pair, status: RolloutStatus) -> Iterator[tuple[str, Subject]]:
    """Each variant with the revision that its subset selects; none while that is stable."""
    known = {one.name: one for one in status.variants}
    began = status.run.started_at if status.run else None
    for name, target in pair.variants:
        entry = known.get(name)
        own = entry is not None and entry.revision != status.stable_revision
        revision, since = (entry.revision, entry.since) if entry is not None and own else ("", None)
        yield name, Subject(*key, revision or "", target.host, target.subset, since, began)
