"""The Jobs and calls of hooks in virtual time: each runs for a while and then says how it went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

from tidegate.api.hook_status import HookStatus
from tidegate.core.decision import StartHook
from tidegate.core.hook_places import view_key
from tidegate.core.observation import HookSight, HookView

TAKES_S = 4.0
"""What one try takes."""


@dataclass
class HookJobs:
    """Every try that was made. A Job outlives the operator, what a call answered does not."""

    fails: Callable[[HookStatus], bool] = lambda _entry: False
    hangs: Callable[[HookStatus], bool] = lambda _entry: False
    made: list[HookStatus] = field(default_factory=list)
    stopped: list[HookStatus] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    _ends: dict[str, tuple[float, HookStatus]] = field(default_factory=dict)
    _jobs: set[str] = field(default_factory=set)

    def start(self, effect: StartHook, now_s: float) -> None:
        """Make a Job, unless it is there already; send a call, once more after a crash."""
        entry = effect.entry
        key = view_key(entry)
        if entry.job and entry.job in self._jobs:
            return
        assert key not in self._ends, f"{key} runs already"
        if entry.job:
            self._jobs.add(entry.job)
        self.made.append(entry)
        self.sent[key] += 1
        self._ends[key] = (inf if self.hangs(entry) else now_s + TAKES_S, entry)

    def stop(self, entry: HookStatus) -> None:
        """Delete a Job."""
        self.stopped.append(entry)
        self._ends.pop(view_key(entry), None)

    def operator_died(self) -> None:
        """What the process alone knew is gone."""
        self._ends = {key: end for key, end in self._ends.items() if end[1].job}

    def next_end_s(self, now_s: float) -> float:
        """When the next try ends."""
        return min((end for end, _ in self._ends.values() if end > now_s), default=inf)

    def views(self, now_s: float, since: Callable[[float], datetime]) -> dict[str, HookView]:
        """All tries as they are seen now."""
        return {
            key: self._view(end_s, entry, now_s, since)
            for key, (end_s, entry) in self._ends.items()
        }

    def _view(
        self, end_s: float, entry: HookStatus, now_s: float, since: Callable[[float], datetime]
    ) -> HookView:
        began = entry.started_at or since(now_s)
        if end_s > now_s:
            return HookView(HookSight.RUNNING, since=began)
        if self.fails(entry):
            return HookView(HookSight.FAILED, "it did not work", 3, began)
        return HookView(HookSight.SUCCEEDED, "done", 0, began)
