"""Freeze windows of RolloutPolicies: while one is on, no run begins, goes on or is promoted.

What is there stays: a phase keeps its weight and its guards. All that takes traffic back goes on,
a bake ends as ever, and no deadline of a phase counts. Which times a window means is known
already, in UTC (`Policy.frozen`): here they are only compared with now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tidegate.api.policy import Policy
from tidegate.api.waits import Frozen
from tidegate.core import reasons
from tidegate.core.scene import Scene, Step


@dataclass(frozen=True, slots=True)
class Freeze:
    """The window that is on, of which policy, and when nothing is frozen any more."""

    policy: str
    window: str
    reason: str
    until: datetime

    @property
    def sentence(self) -> str:
        """Why nothing goes on, and until when."""
        why = f" ({self.reason})" if self.reason else ""
        return (
            f"window {self.window} of RolloutPolicy {self.policy}{why} freezes releases until "
            f"{self.until:%Y-%m-%d %H:%M} UTC"
        )


def current(scene: Scene) -> Freeze | None:
    """What freezes the Rollout now; None on a way back and in a bake, which nothing freezes."""
    if scene.undo or scene.baking or scene.rollout.deleting:
        return None
    return _on(scene, (policy for policy in scene.rollout.policies if policy.enforced))


def told(scene: Scene) -> Iterator[Freeze]:
    """What would freeze the run, of each policy that only tells."""
    if scene.run is None or scene.undo or scene.baking:
        return
    for policy in scene.rollout.policies:
        found = None if policy.enforced else _on(scene, (policy,))
        if found is not None:
            yield found


def _on(scene: Scene, policies: Iterator[Policy] | tuple[Policy, ...]) -> Freeze | None:
    """The window that lasts longest of those that are on; its end is that of all that join it."""
    spans = [(policy.name, span) for policy in policies for span in policy.frozen]
    on = [(name, span) for name, span in spans if span.since <= scene.now < span.until]
    if not on:
        return None
    name, span = max(on, key=lambda one: (one[1].until, one[0], one[1].window))
    return Freeze(name, span.window, span.reason, _end([span for _, span in spans], span.until))


def _end(spans: list[Frozen], until: datetime) -> datetime:
    """When nothing is frozen any more: windows that begin before that one ends go on from it."""
    for span in sorted(spans, key=lambda span: span.since):
        if span.since <= until < span.until:
            until = span.until
    return until


def next_change(scene: Scene) -> datetime | None:
    """When a window begins or ends next for a run that is on; None where there is none."""
    if scene.run is None or scene.undo or scene.baking:
        return None
    spans = [span for policy in scene.rollout.policies for span in policy.frozen]
    times = [time for span in spans for time in (span.since, span.until) if time > scene.now]
    return min(times, default=None)


def holds(scene: Scene, what: str) -> Step | None:
    """Why `what` waits, such as "the promotion waits"; None while nothing is frozen."""
    freeze = current(scene)
    if freeze is None:
        return None
    message = f"{what}: {freeze.sentence}"
    return Step(scene.status, reason=reasons.FROZEN, message=message, wake_at=freeze.until)
