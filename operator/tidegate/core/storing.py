"""When a status is worth a write: at once for what was decided, rarely for numbers that wander."""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.experiments import without_numbers
from tidegate.api.status import RolloutStatus
from tidegate.core import reasons
from tidegate.core.decision import Effect, Note, SetWeight
from tidegate.core.hook_places import intents
from tidegate.core.policing import same
from tidegate.core.scoring import OF_MEMBER

REFRESH_S = 10.0
"""Measured values alone are written no more often than this; a verdict that flips is at once."""

INTENT = (
    "run",
    "phase",
    "stable_revision",
    "canary_revision",
    "reverted_revision",
    "pause",
    "resumed_at",
    "last_action",
    "last_run",
    "draining",
    "workload",
)


def intent_changed(stored: RolloutStatus, status: RolloutStatus) -> bool:
    """Whether something was decided that must be stored before anything acts on it."""
    if _route_missing(stored) != _route_missing(status) or _shown(status) - _shown(stored):
        return True
    if not same(stored.policies, status.policies) or intents(stored) != intents(status):
        return True
    return any(getattr(stored, name) != getattr(status, name) for name in INTENT)


def _route_missing(status: RolloutStatus) -> bool:
    return status.traffic is not None and status.traffic.missing


def _shown(status: RolloutStatus) -> set[str]:
    """Guards that fail by their evidence, which is nowhere but in the status."""
    said = (None, Verdict.FAIL)  # None: its check tells it
    tested = {one.id.partition(OF_MEMBER)[0] for one in status.evidence if one.verdict in said}
    failing = (one for one in status.checks if one.verdict is Verdict.FAIL)
    return {one.id for one in failing if one.kind == "guard" and one.id in tested}


def worth_writing(stored: RolloutStatus, status: RolloutStatus, now: datetime) -> bool:
    """Whether the stored status says something else, or its numbers are old enough to refresh."""
    if status == stored:
        return False
    if _without_numbers(stored) != _without_numbers(status):
        return True
    shown = [check.measured_at for check in stored.checks if check.measured_at is not None]
    return not shown or now - max(shown) >= timedelta(seconds=REFRESH_S)


def stored_first(stored: RolloutStatus, status: RolloutStatus, effect: Effect | None) -> bool:
    """Whether the policies and verdicts under which the canary gets more are to be stored first.

    Else the record would say for a moment that traffic was sent to what had just failed, and
    after a crash for longer. Nothing that takes traffic from a canary, nor a way back, waits.
    """
    if not isinstance(effect, SetWeight) or status.run is None or status.run.undo:
        return False
    more = status.traffic is None or effect.weight > status.traffic.weight
    more = more or bool(effect.match) or bool(effect.variants)
    if more and not same(stored.policies, status.policies):
        return True
    return more and _verdicts(stored) != _verdicts(status)


def told_already(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """Of such a decision's notes those that are true before its effect: what was seen."""
    return tuple(note for note in notes if note.reason != reasons.TRAFFIC_SHIFTED)


def _verdicts(status: RolloutStatus) -> dict[str, Verdict]:
    return {check.id: check.verdict for check in status.checks if check.kind == "guard"}


def _without_numbers(status: RolloutStatus) -> RolloutStatus:
    checks = tuple(_without_value(check) for check in status.checks)
    asked = without_numbers(status.experiment) if status.experiment else None
    left = {"checks": checks, "evidence": (), "experiment": asked}
    return status.model_copy(update=left)


def _without_value(check: CheckStatus) -> CheckStatus:
    wandering = dict.fromkeys(("value", "samples", "pods", "measured_at"))
    return check.model_copy(update=wandering | {"detail": ""})
