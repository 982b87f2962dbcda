"""The RolloutPolicies of the cluster, and which of them hold for a Rollout.

They are read once before the first decision, so that no traffic moves without their guards. Labels
of namespaces are watched only once some policy asks for them; no pass waits for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.resources import NAMESPACES, ROLLOUT_POLICIES, Body, uid_of
from tidegate.adapters.kubernetes.store import PAGE_OBJECTS, Store
from tidegate.adapters.windows import Calendar, zoned
from tidegate.api.policy import Policy, RolloutPolicySpec
from tidegate.api.policy_checks import applied_to, matching, read_policy
from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus
from tidegate.ports.cluster import ApiRefused, Gone

FIRST_LIST_S = 10.0


class PolicyBook:
    """All policies, read; `changed` is called when what they say of some Rollout may have changed.

    Its argument is the namespace that it is about, or "" for all of them.
    """

    def __init__(self, api: Api, changed: Callable[[str], None]) -> None:
        self._api = api
        self._told = changed
        self._bodies = Store(api, ROLLOUT_POLICIES, changed=self._policy_changed)
        self._namespaces = Store(api, NAMESPACES, changed=self._namespace_changed)
        self._bodies.when_installed = self._reread
        self._read: dict[str, tuple[str, Policy]] = {}
        self._good: dict[str, RolloutPolicySpec] = {}
        """The last spec that was understood, by uid."""
        self._calendar = Calendar()
        self._labels: dict[str, Mapping[str, str]] = {}
        self.version = 0
        """Another one whenever other Rollouts may match."""
        self._first_look: asyncio.Task[None] | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, timeout_s: float, *, refused_s: float = 0.0) -> str:
        """Begin to watch. Why the policies are not known, in the API server's words, or "".

        A refusal is taken for final after `refused_s`: a fresh API server knows no roles yet. A
        kind that is not installed has no objects; it is looked for until it is. Where a policy asks
        for them the labels of namespaces are waited for, too.
        """
        trouble = await self._start(timeout_s, refused_s)
        if self._first_look is not None:
            await asyncio.shield(self._first_look)
        return trouble

    async def _start(self, timeout_s: float, refused_s: float) -> str:
        self._follow(self._bodies, "policies")
        if not await self._bodies.tried(timeout_s):
            return self._bodies.trouble or "no answer"
        if self._bodies.not_served or not self._bodies.trouble:
            return ""
        if refused_s and await self._bodies.synced(refused_s):
            return ""
        return self._bodies.trouble or "no answer"

    async def look_again(self) -> None:
        """Read all anew: a watch that hangs unseen must not hide a guard from who begins to lead.

        Raises ApiUnavailable. What may not be read, or is not served, stays as `start` found it.
        """
        query = {"limit": str(PAGE_OBJECTS)}
        while True:
            try:
                page = await self._api.request("GET", ROLLOUT_POLICIES.path(), query=query)
            except (ApiRefused, Gone):
                return
            for item in page.get("items", ()):
                self._bodies.learn(item)
            if not page.get("metadata", {}).get("continue"):
                return
            query["continue"] = page["metadata"]["continue"]

    def close(self) -> None:
        """Stop watching."""
        for task in (*self._tasks.values(), *filter(None, [self._first_look])):
            task.cancel()

    def __iter__(self) -> Iterator[tuple[Body, Policy]]:
        """Each policy as it is stored and as it was read."""
        for body in self._bodies:
            known = self._read.get(str(body["metadata"]["name"]))
            if known is not None:
                yield body, known[1]

    def applied(
        self, rollout: Rollout, body: Body, status: RolloutStatus, now: datetime
    ) -> Rollout:
        """The Rollout with the policies that hold for it now; `status` is its own.

        While the labels of its namespace are not known, a run goes on with those that it has.
        """
        if not self._read and not rollout.policies:
            return rollout
        found = self.matching(rollout.namespace, _labels_of(body))
        if status.run is not None and rollout.namespace not in self._labels:
            found = tuple(self._as_before(found, status))
        fitted = _fitted(rollout, found)
        return replace(rollout, policies=tuple(self._calendar.dated(one, now) for one in fitted))

    def _as_before(self, found: Iterable[Policy], status: RolloutStatus) -> Iterator[Policy]:
        """Of the policies that ask for unknown labels those that were in force."""
        in_force = {one.name for one in status.policies if one.mode != "invalid" or one.guards}
        for policy in found:
            if policy.spec.rollouts.namespace_selector is None:
                yield policy
            elif policy.name in in_force:
                yield self._read[policy.name][1]

    def matching(self, namespace: str, labels: Mapping[str, str]) -> tuple[Policy, ...]:
        """The policies that match a Rollout with those labels in that namespace, by name."""
        policies = [policy for _, policy in self._read.values()]
        why = self._namespaces.trouble or "it was not listed yet"
        unknown = f"the labels of namespace {namespace!r} cannot be read: {why}"
        return matching(policies, labels, self._labels.get(namespace), unknown)

    def _follow(self, store: Store, name: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(store.run(), name=f"watch {name}")

    def _follow_namespaces(self) -> bool:
        """Watch them from now on; whether their first list is over, or was waited for enough."""
        if self._first_look is None:
            self._follow(self._namespaces, "namespaces")
            self._first_look = asyncio.create_task(self._look_first(), name="namespaces listed")
        return self._first_look.done()

    async def _look_first(self) -> None:
        await self._namespaces.tried(FIRST_LIST_S)
        self._told("")

    def _policy_changed(self, body: Body) -> None:
        name, known = str(body["metadata"]["name"]), self._read.get(str(body["metadata"]["name"]))
        stored = self._bodies.get(("", name))
        if stored is None:
            self.version += 1
            self._good.pop(self._read.pop(name, ("",))[0], None)
            self._told("")
            return
        policy = self._standing_in(uid_of(stored), zoned(read_policy(stored)))
        if known is None or known[0] != uid_of(stored) or known[1] != policy:
            self.version += 1
            self._read[name] = (uid_of(stored), policy)
            selects = policy.spec.rollouts.namespace_selector is not None
            if not selects or self._follow_namespaces():
                self._told("")

    def _standing_in(self, uid: str, policy: Policy) -> Policy:
        """With its last good spec where an enforcing policy is not understood any more.

        A slip of the hand must not take the guards from the releases that are on.
        """
        if not policy.problem:
            self._good[uid] = policy.spec
        good = self._good.get(uid)
        if not policy.problem or good is None or "observe" in (policy.spec.mode, good.mode):
            return policy
        problem = f"{policy.problem}; its guards are watched as they were last understood"
        return replace(policy, spec=good, problem=problem, stands_in=True)

    def _namespace_changed(self, body: Body) -> None:
        name = str(body["metadata"]["name"])
        stored = self._namespaces.get(("", name))
        labels = None if stored is None else _labels_of(stored)
        if labels == self._labels.get(name):
            return
        self.version += 1
        if labels is None:
            del self._labels[name]
        else:
            self._labels[name] = labels
        self._told(name)

    def _reread(self) -> None:
        self._told("")


def _fitted(rollout: Rollout, found: Iterable[Policy]) -> tuple[Policy, ...]:
    """As they hold for that Rollout; a spec that stands in has to fit it, too, to be watched."""
    asked = tuple(found)
    why = {one.name: one.problem for one in asked if one.stands_in}
    bare = [replace(one, problem="") if one.stands_in else one for one in asked]
    return tuple(
        replace(one, problem=why[one.name], stands_in=not one.problem) if one.name in why else one
        for one in applied_to(rollout.spec, bare)
    )


def _labels_of(body: Mapping[str, Any]) -> dict[str, str]:
    found = body["metadata"].get("labels") or {}
    return {str(key): str(value) for key, value in found.items()}
