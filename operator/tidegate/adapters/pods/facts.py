"""A pod as the signals read it, and what befell it between two looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tidegate.adapters.kubernetes.resources import Body, uid_of
from tidegate.api.constants import LABEL_REVISION

CRASH_LOOP = "CrashLoopBackOff"
OOM_KILLED = "OOMKilled"
EVICTED = "Evicted"
ENDED = ("Failed", "Succeeded")
"""Phases of a pod that will not run again."""


class Kind(StrEnum):
    """What can befall a pod."""

    RESTART = "restart"
    OOM_KILL = "oom-kill"
    EVICTION = "eviction"


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that befell a pod `count` times; `at` is the earliest it can have been."""

    kind: Kind
    revision: str
    pod: str
    at: datetime
    count: int = 1


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod at one look.

    `active`: neither over nor on its way out. `looping`: a container waits in CrashLoopBackOff.
    `unready_since` is None while it is ready. `restarts` counts by container, `ended` says when
    each last ended; `killed` names containers whose present or last end was for want of memory.
    """

    name: str
    uid: str
    revision: str
    created_at: datetime
    active: bool
    looping: bool = False
    unready_since: datetime | None = None
    restarts: tuple[tuple[str, int], ...] = ()
    ended: tuple[tuple[str, datetime], ...] = ()
    killed: frozenset[tuple[str, datetime]] = frozenset()
    evicted_at: datetime | None = None


def read(body: Body) -> Pod:
    """The pod in an object of the API server."""
    meta, status = body["metadata"], body.get("status") or {}
    created_at = datetime.fromisoformat(meta["creationTimestamp"])
    containers = [
        one
        for kind in ("initContainerStatuses", "containerStatuses")
        for one in status.get(kind) or ()
    ]
    phase = status.get("phase")
    ends = tuple(_ends(containers))
    conditions = status.get("conditions") or ()
    return Pod(
        name=str(meta["name"]),
        uid=uid_of(body),
        revision=str((meta.get("labels") or {}).get(LABEL_REVISION, "")),
        created_at=created_at,
        active=phase not in ENDED and not meta.get("deletionTimestamp"),
        looping=any(_reason(one, "waiting") == CRASH_LOOP for one in containers),
        unready_since=_unready_since(conditions, created_at),
        restarts=tuple((one["name"], int(one.get("restartCount") or 0)) for one in containers),
        ended=tuple((name, at) for name, _, at in ends),
        killed=frozenset((name, at) for name, reason, at in ends if reason == OOM_KILLED),
        evicted_at=_evicted_at(status, created_at) if status.get("reason") == EVICTED else None,
    )


def _reason(container: Mapping[str, Any], state: str) -> str:
    return str(((container.get("state") or {}).get(state) or {}).get("reason", ""))


def _ends(containers: list[Mapping[str, Any]]) -> Iterator[tuple[str, str, datetime]]:
    """Each container's present or last end: its name, the reason and the time."""
    for one in containers:
        for state in ("state", "lastState"):
            ended = (one.get(state) or {}).get("terminated") or {}
            if ended.get("finishedAt"):
                at = datetime.fromisoformat(ended["finishedAt"])
                yield one["name"], str(ended.get("reason", "")), at


def _unready_since(
    conditions: tuple[Mapping[str, Any], ...], created_at: datetime
) -> datetime | None:
    ready = next((one for one in conditions if one.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return None
    changed = ready.get("lastTransitionTime")
    return datetime.fromisoformat(changed) if changed else created_at


def _evicted_at(status: Mapping[str, Any], created_at: datetime) -> datetime | None:
    """When it was evicted at the earliest: its newest change of any condition."""
    if status.get("phase") != "Failed":
        return None
    changed = [one.get("lastTransitionTime") for one in status.get("conditions") or ()]
    times = [datetime.fromisoformat(time) for time in changed if time]
    return max((created_at, *times))


def befell(
    before: Pod | None, after: Pod, looked_at: datetime | None, now: datetime
) -> Iterator[Incident]:
    """What happened to a pod between two looks; `before` None: it was not seen yet.

    Nodes stamp the times, and their clocks may be off: what is new since the last look is no
    older than that look, and nothing is in the future.
    """
    earliest = looked_at if before is not None and looked_at is not None else after.created_at

    def one(kind: Kind, at: datetime, count: int = 1) -> Incident:
        when = min(max(at, earliest), now)
        return Incident(kind, after.revision, after.name, when, count)

    ended, known = dict(after.ended), dict(before.restarts) if before else {}
    for container, restarts in after.restarts:
        new = restarts - known.get(container, 0)
        if new > 0:
            yield one(Kind.RESTART, ended.get(container, earliest))
        if new > 1:  # only the last has a time: the others were no earlier than this
            yield one(Kind.RESTART, earliest, new - 1)
    for _, at in sorted(after.killed - (before.killed if before else frozenset())):
        yield one(Kind.OOM_KILL, at)
    if after.evicted_at is not None and (before is None or before.evicted_at is None):
        yield one(Kind.EVICTION, after.evicted_at)


def undated_until(pod: Pod, now: datetime) -> datetime | None:
    """Until when restarts of a pod that is new to us may have been of which no time is told.

    None if there are none: each container tells when it last ended, which was before its last
    restart and after all others.
    """
    ended = dict(pod.ended)
    times = [
        ended.get(container, now)
        for container, restarts in pod.restarts
        if restarts > (container in ended)
    ]
    return max(times, default=None)
