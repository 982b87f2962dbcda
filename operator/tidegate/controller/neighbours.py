"""Rollouts that wait for each other, as policies ask: who has a run on, whose turn is next.

All that is known comes from the stored statuses, which this process writes alone. One thing does
not: a run whose beginning is just being written. It is claimed before that write is sent, in the
same breath as it was decided, so that of two Rollouts decided on at the same time one sees the
other. A claim holds until the Rollout was seen at another version: then its status tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from tidegate.adapters.kubernetes.api import REQUEST_TIMEOUT_S
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.resources import Body, version_of
from tidegate.api.meta import Meta
from tidegate.api.policy import Policy
from tidegate.api.rollout import Rollout
from tidegate.api.scalars import parse_timestamp
from tidegate.api.status import RolloutStatus, Stage, State
from tidegate.controller.memory import Memory
from tidegate.core import reasons
from tidegate.core.neighbours import Neighbour, Neighbourhood, Prerequisite
from tidegate.core.observation import Observed
from tidegate.ports.clock import Clock

Key: TypeAlias = tuple[str, str]
Group: TypeAlias = tuple[str, str]
"""A policy's name and the value of its group label."""

LAST_LEADERS_WRITES = timedelta(seconds=REQUEST_TIMEOUT_S + 2.0)
"""For how long after a new leader began a write of the last one may still arrive."""


class Neighbours:
    """What the others do, for a Rollout that is about to begin a run; `wake` queues a pass."""

    def __init__(
        self, cluster: KubernetesCluster, clock: Clock, wake: Callable[[Key], None]
    ) -> None:
        self._cluster = cluster
        self._clock = clock
        self._wake = wake
        self._claims: dict[Key, str] = {}
        self._led_since: datetime | None = None
        self._matched: dict[Key, tuple[int, Mapping[str, str], tuple[Policy, ...]]] = {}

    def around(self, rollout: Rollout, status: RolloutStatus, seen: Observed) -> Observed:
        """What was seen, with the others where a policy has this Rollout wait for some.

        Nothing is awaited between this and the `claim` of what is decided on it.
        """
        settled = (None, status.stable_revision, status.reverted_revision)
        asked = [one for one in rollout.policies if one.one_at_a_time or one.depends_on]
        if not asked or status.run is not None or seen.target in settled:
            return seen
        key = (rollout.namespace, rollout.name)
        groups = {
            one.name: tuple(self._members(one, self._group(one, key), key))
            for one in asked
            if one.one_at_a_time is not None
        }
        prerequisites = {one.name: tuple(self._prerequisites(one, key)) for one in asked}
        return replace(seen, around=Neighbourhood(groups, prerequisites, self._settled_at()))

    def leads(self) -> None:
        """From now on this process leads."""
        self._led_since = self._clock.now()

    def _settled_at(self) -> datetime | None:
        """Until when an earlier leader's last write may arrive; None where there is no Lease."""
        if self._led_since is None or not self._cluster.epoch:
            return None
        return self._led_since + LAST_LEADERS_WRITES

    # ------------------------------------------------------------------ claims

    def claim(self, key: Key, memory: Memory, decided: RolloutStatus) -> None:
        """A run is about to be written down: from now on the others see it as begun."""
        if memory.stored.run is None and decided.run is not None:
            self._claims[key] = memory.version

    def refused(self, key: Key) -> None:
        """That write is known to have failed; one that got no answer may still have been done."""
        self._claims.pop(key, None)

    def _claimed(self, key: Key, body: Body) -> bool:
        claimed = self._claims.get(key)
        if claimed is not None and claimed != version_of(body):
            del self._claims[key]
            return False
        return claimed is not None

    # ------------------------------------------------------------------ groups

    def _policies(self, key: Key, body: Body) -> tuple[Policy, ...]:
        """The policies that match it, remembered while neither they nor its labels change."""
        labels, version = _labels(body), self._cluster.policies.version
        known = self._matched.get(key)
        if known is None or known[:2] != (version, labels):
            found = self._cluster.policies.matching(key[0], labels)
            known = self._matched[key] = version, labels, found
        return known[2]

    def _group(self, policy: Policy, key: Key) -> Group:
        body = self._cluster.rollouts.get(key, {"metadata": {}})
        return _group_of(policy, body)

    def _members(self, policy: Policy, group: Group, mine: Key) -> Iterator[Neighbour]:
        """The others of that group that have a run on or wait for their turn."""
        for key, body in self._cluster.rollouts.items():
            if key == mine:
                continue
            neighbour = self._neighbour(key, body)
            if neighbour is None or _group_of(policy, body) != group:
                continue
            if any(one.name == policy.name for one in self._policies(key, body)):
                yield neighbour

    def _neighbour(self, key: Key, body: Body) -> Neighbour | None:
        status, name = body.get("status") or {}, "/".join(key)
        run = status.get("run")
        if run or self._claimed(key, body):
            baking = (run or {}).get("stage") == Stage.BAKING
            return Neighbour(name, running=True, baking=baking)
        since = _waits_since(status, reasons.WAITING_FOR_TURN)
        if since is None or status.get("state") == State.INVALID or Meta.parse(body).deleting:
            return None
        return Neighbour(name, waits_since=since)

    def _prerequisites(self, policy: Policy, mine: Key) -> Iterator[Prerequisite]:
        """What its dependencies are like now; nobody waits for itself."""
        for one in policy.depends_on:
            key = (one.namespace or mine[0], one.name)
            if key == mine:
                continue
            body = self._cluster.rollouts.get(key)
            if body is None:
                yield Prerequisite("/".join(key))
                continue
            status = RolloutStatus.parse(body)
            seen = status.observed_generation >= Meta.parse(body).generation
            yield Prerequisite("/".join(key), status, seen)

    # ------------------------------------------------------------------ waking

    def stored(self, key: Key, before: RolloutStatus, now: RolloutStatus) -> None:
        """A status was stored: wake who may go on for it."""
        self._claims.pop(key, None)
        gave_way = _in_line(before) and not _in_line(now) and now.run is None
        if gave_way or (before.run is not None and _stage(before) != _stage(now)):
            self._wake_next(key)
        if now.state is State.HEALTHY and _rests(now) and not _rests(before):
            self._wake_dependents()

    def gone(self, key: Key) -> None:
        """A Rollout is deleted."""
        self._claims.pop(key, None)
        self._matched.pop(key, None)
        self._wake_next(key)

    def _wake_next(self, left: Key) -> None:
        """Wake, of those that wait for their turn, who is the first of each of its groups."""
        waiting = []
        for key, body in self._cluster.rollouts.items():
            since = _waits_since(body.get("status") or {}, reasons.WAITING_FOR_TURN)
            if since is not None and key != left:
                waiting.append((since, "/".join(key), key, body))
        passed: set[Group] = set()
        for _, _, key, body in sorted(waiting, key=lambda one: one[:2]):
            rules = [one for one in self._policies(key, body) if one.one_at_a_time]
            groups = {_group_of(one, body) for one in rules if one.enforced}
            if not groups & passed:
                self._wake(key)
            passed |= groups

    def _wake_dependents(self) -> None:
        for key, body in self._cluster.rollouts.items():
            if _waits_since(body.get("status") or {}, reasons.WAITING_FOR_DEPENDENCY) is not None:
                self._wake(key)


def _labels(body: Body) -> Mapping[str, str]:
    return body["metadata"].get("labels") or {}


def _group_of(policy: Policy, body: Body) -> Group:
    label = policy.one_at_a_time.group_label if policy.one_at_a_time else None
    return policy.name, str(_labels(body).get(label, "")) if label else ""


def _in_line(status: RolloutStatus) -> bool:
    return status.wait is not None and status.wait.reason == reasons.WAITING_FOR_TURN


def _stage(status: RolloutStatus) -> tuple[int, bool] | None:
    """What counts of a run: which one, and whether it is promoted."""
    run = status.run
    return (run.number, run.stage is Stage.BAKING) if run is not None else None


def _rests(status: RolloutStatus) -> bool:
    return status.state is State.HEALTHY and status.run is None and status.waiting_since is None


def _waits_since(status: Mapping[str, Any], reason: str) -> datetime | None:
    """Since when a stored status waits for that reason; None if it does not."""
    wait = status.get("wait") or {}
    if wait.get("reason") != reason:
        return None
    try:
        return parse_timestamp(str(wait.get("since")))
    except ValueError:
        return None
