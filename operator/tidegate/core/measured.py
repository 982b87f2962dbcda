"""Whom a reading is about: what was measured before a destination selected a revision is not its.

The revision of the run has the canary's destination, each variant of an experiment its own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tidegate.api.phases import Phase
from tidegate.api.status import RolloutStatus, RunStatus, Stage
from tidegate.core.observation import Answer, Observed, Reading, RoutesView, RouteWeight


def of_revision(reading: Reading, since: datetime | None) -> Reading:
    """The reading as one of the revision that its destination has selected since then."""
    if reading.answer is not Answer.OK or (since is not None and reading.at >= since):
        return reading
    if reading.concerned is not None and reading.concerned.early:
        return reading  # pods carry their revision: no destination has to
    return replace(reading, answer=Answer.NODATA, value=None, detail="measured before traffic")


def known_revision(status: RolloutStatus, observed: Observed, name: str) -> str | None:
    """The revision of a variant; what the status knows while its template cannot be told.

    What it is made of may be unreadable for a while: that makes no other arm of it.
    """
    found = observed.variants.get(name)
    if found is not None:
        return found
    return next((one.revision for one in status.variants if one.name == name), None)


def variant_since(status: RolloutStatus, observed: Observed, name: str) -> datetime | None:
    """Since when a variant's subset selects its revision; None while it does not."""
    entry = next((one for one in status.variants if one.name == name), None)
    if entry is None or entry.revision != known_revision(status, observed, name):
        return None
    return entry.since


def arms_watched(
    run: RunStatus | None, phase: Phase | None, routes: RoutesView | None
) -> tuple[str, ...]:
    """The variants that a run's phase names, and whoever gets requests still."""
    if run is None:
        return ()
    named = phase.shares if phase is not None and run.stage is Stage.PHASE else ()
    sent = routes.shares if routes is not None else ()
    return tuple(dict.fromkeys(name for name, _ in (*named, *sent)))


def is_sent(routes: RoutesView, variant: str) -> bool:
    """Whether the routes send requests to a variant, or ("") to the canary."""
    return variant in dict(routes.shares) if variant else not routes.idle_canary


def least(route: RouteWeight) -> int:
    """The share in percent that the canary takes off stable there at the least."""
    if not route.even:
        return 0
    return min(route.weight, int(route.written[0])) if route.written else route.weight
