"""When a destination or a revision may be let go of: one rule for every re-point and drain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tidegate.core.convergence import SILENT_DRAIN_S, Arm, Seen, idle
from tidegate.core.scene import Scene


@dataclass(frozen=True, slots=True)
class LetGo:
    """Whether it is free now; if not, what is known and when time alone would free it."""

    free: bool
    seen: Seen
    until: datetime | None = None


def telemetry_trouble(scene: Scene) -> str:
    """Why traffic cannot be counted, as the end of a sentence; "" when it can."""
    traffic = scene.observed.traffic
    if traffic is None or not traffic.error:
        return ""
    return f"; traffic cannot be counted: {traffic.error}"


def silent_drain(scene: Scene) -> timedelta:
    """Time that stands in for a proof of idleness: `drain.min` if said, else 30 s."""
    said = scene.spec.drain.min_s
    return timedelta(seconds=SILENT_DRAIN_S if said is None else said)


def let_go(scene: Scene, arm: Arm, since: datetime) -> LetGo:
    """Whether the arm, without weight since `since`, was seen idle after the settle time.

    Seen busy or not seen at all (the provider is down) is never free: a proxy that did not take
    up the routes will not take up the next write either. Only where nothing counts requests does
    time stand in.
    """
    settled = since + scene.settle
    if scene.now < settled:
        return LetGo(free=False, seen=Seen.UNKNOWN, until=settled)
    seen = idle(scene.observed.traffic, arm, settled)
    if seen is Seen.YES:
        return LetGo(free=True, seen=seen)
    if seen is Seen.SILENT:
        until = max(settled, since + silent_drain(scene))
        return LetGo(free=scene.now >= until, seen=seen, until=until)
    return LetGo(free=False, seen=seen)
