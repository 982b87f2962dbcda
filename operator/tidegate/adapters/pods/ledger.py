"""What befell the pods of one Rollout, kept longer than the pods are.

A pod that is deleted takes its counters with it. What was seen of them is remembered here, so a
count falls only because its window has passed. A process that has just begun knows what the pods
that are there tell: of each, all its restarts, the last of each container with its time. When the
others were nobody knows, so for a window nobody can say how many there were in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tidegate.adapters.pods.facts import Incident, Pod, befell, undated_until
from tidegate.api.limits import MAX_POD_WINDOW_S

INCIDENTS_MAX = 10_000
"""Incidents remembered of one Rollout; of more, the oldest are forgotten and no longer counted."""


@dataclass(frozen=True, slots=True)
class Undated:
    """Restarts of a pod of a revision at unknown times, seen first at `seen_at`."""

    revision: str
    begins: datetime
    ends: datetime
    seen_at: datetime


class Ledger:
    """The pods of one Rollout at the last look, and the incidents of the longest window."""

    def __init__(self) -> None:
        self.looked_at: datetime | None = None
        self.pods: tuple[Pod, ...] = ()
        self._incidents: deque[Incident] = deque(maxlen=INCIDENTS_MAX)
        self._undated: tuple[Undated, ...] = ()

    def look(self, pods: Iterable[Pod], now: datetime) -> None:
        """Take over what the API server has now."""
        before = {pod.uid: pod for pod in self.pods}
        self.pods = tuple(pods)
        horizon = now - timedelta(seconds=MAX_POD_WINDOW_S)
        fresh = [
            incident
            for pod in self.pods
            for incident in befell(before.get(pod.uid), pod, self.looked_at, now)
        ]
        kept = [one for one in (*self._incidents, *fresh) if one.at >= horizon]
        self._incidents = deque(sorted(kept, key=lambda one: one.at), maxlen=INCIDENTS_MAX)
        known = [one for one in self._undated if one.seen_at >= horizon]
        new = [
            Undated(pod.revision, pod.created_at, until, now)
            for pod in self.pods
            if pod.uid not in before and (until := undated_until(pod, now)) is not None
        ]
        self._undated = (*known, *new)[-INCIDENTS_MAX:]
        self.looked_at = now

    def incidents(self, revision: str, since: datetime) -> tuple[Incident, ...]:
        """What befell the pods of a revision since then, oldest first."""
        return tuple(one for one in self._incidents if one.revision == revision and one.at >= since)

    def unsure(self, revision: str, since: datetime) -> bool:
        """Whether restarts of a revision's pods may have been since then that are not counted."""
        return any(
            one.revision == revision and one.begins < since <= min(one.ends, one.seen_at)
            for one in self._undated
        )
