"""What befell the pods of one Rollout, kept longer than the pods are.

A pod that is deleted takes its counters with it. What was seen of them is remembered here, so a
count falls only because its window has passed. A process that has just begun knows what the pods
that are there tell: of each, all its restarts, the last of each container with its time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from tidegate.adapters.pods.facts import Incident, Pod, befell
from tidegate.api.limits import MAX_POD_WINDOW_S

INCIDENTS_MAX = 10_000
"""Incidents remembered of one Rollout; of more, the oldest are forgotten and no longer counted."""


class Ledger:
    """The pods of one Rollout at the last look, and the incidents of the longest window."""

    def __init__(self) -> None:
        self.looked_at: datetime | None = None
        self.pods: tuple[Pod, ...] = ()
        self._incidents: deque[Incident] = deque(maxlen=INCIDENTS_MAX)

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
        self.looked_at = now

    def incidents(self, revision: str, since: datetime) -> tuple[Incident, ...]:
        """What befell the pods of a revision since then, oldest first."""
        return tuple(one for one in self._incidents if one.revision == revision and one.at >= since)
