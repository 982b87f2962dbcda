"""Whether a Rollout has come to an end that a pipeline can act on."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tidegate.api.meta import Meta
from tidegate.api.status import RolloutStatus, State


class Outcome(StrEnum):
    """How it stands: still moving, arrived, or in need of a person."""

    PENDING = "pending"
    HEALTHY = "healthy"
    FAILED = "failed"


def outcome(body: Mapping[str, Any]) -> Outcome:
    """What the status says of the spec as it is now; of an older spec it says nothing."""
    status = RolloutStatus.parse(body)
    if status.observed_generation < Meta.parse(body).generation:
        return Outcome.PENDING
    said = {condition.type: condition.status for condition in status.conditions}
    if said.get("Stalled") == "True" or status.state in (State.REVERTED, State.INVALID):
        return Outcome.FAILED
    # Healthy with pods missing is Ready=False: a pipeline waits for the pods as well.
    if status.state is State.HEALTHY and said.get("Ready", "True") == "True":
        return Outcome.HEALTHY
    return Outcome.PENDING
