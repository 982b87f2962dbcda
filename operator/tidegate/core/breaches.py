"""Which guards are breached now, and how that is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tidegate.api.checks import Guard
from tidegate.core.check import Check
from tidegate.core.comparing import against, levels
from tidegate.core.concerned import pods_text
from tidegate.core.numbers import beside
from tidegate.core.observation import Reading
from tidegate.core.proving import breached, evidence_text
from tidegate.core.scene import Scene
from tidegate.core.testing import tested
from tidegate.core.verdicts import bound_text


def breaches(
    scene: Scene, since: datetime | None = None, *, told: bool = False
) -> Iterator[tuple[Check, Guard, tuple[Reading, ...]]]:
    """Each guard that trips now, with its readings: with `told` of those that only tell.

    Only those after `since` count: what was measured since a person last said that it may go on.
    """
    for check, guard in scene.guards():
        if scene.tells_only(check) is not told:
            continue
        readings = tuple(r for r in scene.readings(check) if since is None or r.at > since)
        if breached(scene, check, guard, readings):
            yield check, guard, readings


def alarms(guard: Guard) -> bool:
    """Whether what it did is told as a warning: an event has no other word for `critical`."""
    return guard.loudness != "info"


def breach_text(scene: Scene, check: Check, guard: Guard, reading: Reading) -> str:
    """What the newest reading of a breached guard, or its evidence, shows beside what must be."""
    if tested(guard):
        shown = evidence_text(scene, check)
        return f"guard {check.name} must be {bound_text(guard)}: {shown} ({guard.loudness})"
    told = reading.detail if check.card is not None else pods_text(guard, reading)
    value = "not measured"
    if reading.value is not None:
        value = beside(reading.value, levels(guard, reading))
    row = f"{guard.breaches} of {guard.of}" if not guard.failures else f"{guard.failures} in a row"
    return (
        f"guard {check.name} is {value}{against(guard, reading)}, must be {bound_text(guard)} "
        f"(failed {row}; {guard.loudness})" + (f": {told}" if told else "")
    )
