"""Which guards are breached now, and how that is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tidegate.api.checks import Guard
from tidegate.core.comparing import against
from tidegate.core.observation import Reading
from tidegate.core.scene import Check, Scene
from tidegate.core.verdicts import bound_text, guard_breached, stale_after_s


def breaches(
    scene: Scene, since: datetime | None = None
) -> Iterator[tuple[Check, Guard, tuple[Reading, ...]]]:
    """Each guard with enough failed readings, the newest of them fresh, and its readings.

    Only those after `since` count: what was measured since a person last said that it may go on.
    """
    for check, guard in scene.guards():
        readings = tuple(r for r in scene.readings(check) if since is None or r.at > since)
        if not readings or not guard_breached(guard, readings):
            continue
        if scene.now - readings[-1].at <= timedelta(seconds=stale_after_s(guard)):
            yield check, guard, readings


def breach_text(guard: Guard, reading: Reading) -> str:
    """What the newest reading of a breached guard shows beside what it must be."""
    value = "not measured" if reading.value is None else f"{reading.value:.4g}"
    return (
        f"guard {guard.metric} is {value}{against(guard, reading)}, must be {bound_text(guard)} "
        f"(failed {guard.breaches} of {guard.of})"
    )
