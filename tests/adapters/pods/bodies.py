"""Pods as the API server tells them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate.api.constants import LABEL_REVISION, LABEL_ROLLOUT

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    """So many seconds after noon, as Kubernetes writes it."""
    return (NOON + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def pod(
    name: str = "web-abc-1",
    *,
    revision: str = "abc",
    rollout: str = "web",
    created_s: float = -600,
    phase: str = "Running",
    reason: str = "",
    ready: bool = True,
    since_s: float = -500,
    containers: tuple[dict[str, Any], ...] = (),
    leaving: bool = False,
) -> dict[str, Any]:
    """A pod, well and ready unless said otherwise; `since_s` is when that became so."""
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": at(since_s)}
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-of-{name}",
            "creationTimestamp": at(created_s),
            "labels": {LABEL_ROLLOUT: rollout, LABEL_REVISION: revision},
            **({"deletionTimestamp": at(0)} if leaving else {}),
        },
        "status": {
            "phase": phase,
            **({"reason": reason} if reason else {}),
            "conditions": [condition],
            "containerStatuses": list(containers),
        },
    }


def container(
    restarts: int = 0,
    *,
    name: str = "app",
    ended_s: float | None = None,
    why: str = "Error",
    waits: str = "",
) -> dict[str, Any]:
    """A container's status: how often it was started anew, and how and when it last ended."""
    state = {"waiting": {"reason": waits}} if waits else {"running": {"startedAt": at(-600)}}
    last = {"terminated": {"reason": why, "finishedAt": at(ended_s)}} if ended_s is not None else {}
    return {"name": name, "restartCount": restarts, "state": state, "lastState": last}
