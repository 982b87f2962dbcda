"""Whether the proxies did what the routes say: realised share, idle revisions, settled writes.

A written weight is a wish. The share of requests that each revision really gets, counted at the
mesh or at the pods, is the fact; old pods go and phases begin only on facts. Where nothing is
counted, time has to stand in, and then it is generous.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tidegate.core.observation import TrafficReading
from tidegate.core.statistics.binomial import at_least as tail_at_least

PROOF_REQUESTS = 20.0
"""Requests in the window below which a count proves nothing about who takes them."""
SILENT_DRAIN_S = 30.0
"""Seconds that stand in for a proof of idleness when nothing, or too little, is counted."""
SHARE_ALPHA = 0.001
"""Chance at which a count on either side of the asked share is no longer taken for chance."""
SHARE_SLACK = 0.03
"""Share by which the asked one may be missed, for retries in the proxies' own rounding and scrape
offsets."""
SLACK_PART = 0.3
"""Part of the asked share (of what is left of 1 above one half) that the slack is at most."""


class Seen(StrEnum):
    """What telemetry says of one question."""

    YES = "yes"
    NO = "no"
    SILENT = "silent"  # nothing counts it, or too few requests came to tell
    UNKNOWN = "unknown"  # it should be counted, but the provider did not answer


@dataclass(frozen=True, slots=True)
class Arm:
    """One place requests can go: a route destination, a revision's pods, or both.

    `subset` is `stable`, `canary`, `variant/NAME` or "" (no destination selects it any more);
    `revision` is set only when no other destination selects the same pods, for only then does its
    count tell.
    """

    subset: str
    revision: str | None


def idle(traffic: TrafficReading | None, arm: Arm, since: datetime) -> Seen:
    """Whether no request reached the arm during a whole window that ended after `since`.

    Of a destination, the count of the destination itself decides where there is one: requests
    that reach its pods some other way (a client outside the mesh) do not care where it points.
    Of pods that no destination selects, only the count of their revision can tell.
    """
    if traffic is None or traffic.at < since:
        return Seen.UNKNOWN
    said = Seen.SILENT
    if arm.subset and traffic.by_subset is not None:
        said = _zero(traffic.by_subset, arm.subset)
    elif arm.revision is not None and traffic.by_revision is not None:
        said = _zero(traffic.by_revision, arm.revision)
    return Seen.UNKNOWN if said is Seen.SILENT and traffic.error else said


def _zero(counts: Mapping[str, float], key: str) -> Seen:
    if counts.get(key, 0.0) > 0:
        return Seen.NO
    return Seen.YES if sum(counts.values()) >= PROOF_REQUESTS else Seen.SILENT


def share(
    traffic: TrafficReading | None,
    canary: str,
    weight: int,
    since: datetime,
    *,
    written: tuple[float, float] | None = None,
    at_least: bool = False,
) -> Seen:
    """Whether the canary's share of the counted requests is `weight` percent, or `at_least` that.

    It is not if so few, or so many, would be a surprise by chance alone: an exact binomial tail
    below SHARE_ALPHA, of a share that misses the asked one by a little slack. `written` is the
    lowest and the highest share (percent) that the routes' whole numbers come to, where it is not
    `weight`.
    """
    low, high = written or (weight, weight)
    return _between(traffic, Arm("canary", canary), low, 100 if at_least else high, since)


def share_of(traffic: TrafficReading | None, arm: Arm, weight: int, since: datetime) -> Seen:
    """The same of another arm that gets so many percent of all requests."""
    return _between(traffic, arm, weight, weight, since)


def _between(
    traffic: TrafficReading | None, arm: Arm, low: float, high: float, since: datetime
) -> Seen:
    if traffic is None or traffic.at < since:
        return Seen.UNKNOWN
    said = Seen.SILENT
    if traffic.by_subset is not None:
        said = _in_band(traffic.by_subset, arm.subset, low, high)
    elif traffic.by_revision is not None:
        said = _in_band(traffic.by_revision, arm.revision or "", low, high)
    return Seen.UNKNOWN if said is Seen.SILENT and traffic.error else said


def some(traffic: TrafficReading | None, canary: str, since: datetime) -> Seen:
    """Whether the canary got any request, where whole users are shared out.

    The requests of one user go one way together, and how many users there are nobody counts: so no
    share of requests is a surprise. But with enough requests, none at all tests nothing.
    """
    return some_of(traffic, Arm("canary", canary), since)


def some_of(traffic: TrafficReading | None, arm: Arm, since: datetime) -> Seen:
    """The same of any arm."""
    if traffic is None or traffic.at < since:
        return Seen.UNKNOWN
    said, counts, key = Seen.SILENT, traffic.by_subset, arm.subset
    if counts is None:
        counts, key = traffic.by_revision or {}, arm.revision or ""
    if sum(counts.values()) >= PROOF_REQUESTS:
        said = Seen.YES if counts.get(key, 0.0) > 0 else Seen.NO
    return Seen.UNKNOWN if said is Seen.SILENT and traffic.error else said


def at_most(traffic: TrafficReading | None, arm: Arm, part: float, since: datetime) -> Seen:
    """Whether the arm got no more than that part (0 to 1) of what was counted in a whole window.

    The window must have begun after `since`, where anything counts. The destination's own count
    decides where there is one, as for `idle`.
    """
    if traffic is None or traffic.at < since:
        return Seen.UNKNOWN
    if traffic.by_subset is None and traffic.by_revision is None:
        return Seen.UNKNOWN if traffic.error else Seen.SILENT
    if traffic.at - timedelta(seconds=traffic.window_s) < since:
        return Seen.UNKNOWN
    if traffic.by_subset is not None:
        counts, key = traffic.by_subset, arm.subset
    else:
        counts, key = traffic.by_revision or {}, arm.revision or ""
    total = sum(counts.values())
    if total < PROOF_REQUESTS:
        return Seen.UNKNOWN if traffic.error else Seen.SILENT
    return Seen.YES if counts.get(key, 0.0) <= part * total else Seen.NO


def _in_band(counts: Mapping[str, float], key: str, low: float, high: float) -> Seen:
    total = sum(counts.values())
    if total < PROOF_REQUESTS:
        return Seen.SILENT
    seen = counts.get(key, 0.0)
    missed = _too_many(total - seen, total, 1 - low / 100) or _too_many(seen, total, high / 100)
    return Seen.NO if missed else Seen.YES


def _too_many(count: float, total: float, asked: float) -> bool:
    """Whether that is more than chance and slack explain; where none is asked for, slack alone."""
    if asked <= 0.0:
        return count > SHARE_SLACK * total
    slack = min(SHARE_SLACK, SLACK_PART * min(asked, 1.0 - asked))
    return tail_at_least(count, total, min(1.0, asked + slack)) < SHARE_ALPHA


def realised_at(traffic: TrafficReading, weight_since: datetime) -> datetime:
    """When the share that this reading proves began at the latest: the start of its window."""
    return max(weight_since, traffic.at - timedelta(seconds=traffic.window_s))
