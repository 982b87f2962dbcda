"""The cluster as the observer knows it, and what it remembers of how it came to be so.

Invariants are asked about an event with the world *before* it; then the world takes it in.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.observer.happenings import Body, Change, Key, Write, key_of, meta, part, uid_of
from tests.observer.memory import Due, Memory
from tests.observer.routes import (
    ALL,
    DESTINATIONS,
    REVISION,
    Claim,
    RouteShares,
    claim_of,
    header_routes,
    selected,
    shares,
)

ROLLOUT = "tidegate.io/rollout"
LOOK_BACK_S = 2.0
"""How long ago a fact may have been true for a write that stood on it: it travels meanwhile."""
SOME = 1
"""Percent that header routes bring at least, as far as anybody knows."""
MATCHED = "/matched"
"""After a Rollout's uid: whether there were header routes, kept as a share is."""
CROSSING_S = 1.0
"""A write to the routes may cross with somebody else's to another object for so long: no
compare-and-set spans two objects, and the operator puts such an edit right within a second.
"""


@dataclass
class World:
    """The newest objects, and what is remembered."""

    _objects: dict[str, dict[str, dict[Key, Body]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict))
    )
    """By kind and namespace: nearly everything that is asked is about one namespace."""
    memory: Memory = field(default_factory=Memory)
    revert_budget_s: float = 5.0
    """From an abort to the routes, with one leader all the while."""
    now_s: float = 0.0
    """Unix time of what is being judged."""
    departed: dict[str, tuple[float, Body]] = field(default_factory=dict)
    """Rollouts that are gone, with the time, by uid: a write that stood on one may still come."""
    crossed: dict[tuple[str, Key], tuple[float, Body]] = field(default_factory=dict)
    """Destinations that somebody else changed last: Unix time, and how the operator had it."""
    grown: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Rollouts of which somebody wanted more pods last, by uid: Unix time, and how many before."""
    _ready: dict[tuple[str, str, str], deque[tuple[float, int]]] = field(
        default_factory=lambda: defaultdict(deque)
    )

    def get(self, kind: str, key: Key) -> Body | None:
        """The object as it is."""
        return self._objects[kind][key[0]].get(key)

    def all(self, kind: str) -> list[Body]:
        """All objects of a kind."""
        return [body for there in self._objects[kind].values() for body in there.values()]

    def within(self, namespace: str, kind: str) -> list[Body]:
        """All objects of a kind in one namespace."""
        return list(self._objects[kind][namespace].values())

    # ------------------------------------------------------------ of one Rollout

    def claims_on(self, kind: str, key: Key) -> Iterator[tuple[Body, Claim]]:
        """The Rollouts that name this object, or did a moment ago, with what they claim."""
        since_s = self.now_s - LOOK_BACK_S
        departed = [body for at_s, body in self.departed.values() if at_s >= since_s]
        for rollout in [*self.within(key[0], "Rollout"), *departed]:
            claim = claim_of(rollout)
            if claim is not None and claim.names(kind, key):
                yield rollout, claim

    def shares_in(self, claim: Claim, routes: Body) -> list[RouteShares]:
        """The managed routes of one object, given the destinations as they are now."""
        return shares(claim, routes, self._rule(claim))

    def shares_known_in(self, claim: Claim, routes: Body) -> list[RouteShares]:
        """The same as a writer of now may know them: somebody else may have taken the rule away."""
        rule = self._rule(claim)
        if rule is None and claim.rule:
            at_s, body = self.crossed.get(
                ("DestinationRule", (claim.namespace, claim.rule[0])), (0.0, None)
            )
            rule = body if at_s >= self.now_s - CROSSING_S else None
        return shares(claim, routes, rule)

    def size_known(self, rollout: Body) -> int:
        """The least size that a writer of now may know: somebody else may just have raised it."""
        now = full_size(rollout)
        at_s, before = self.grown.get(uid_of(rollout), (0.0, now))
        return min(now, before) if at_s >= self.now_s - CROSSING_S else now

    def _rule(self, claim: Claim) -> Body | None:
        return self.get("DestinationRule", (claim.namespace, claim.rule[0])) if claim.rule else None

    def destination(self, claim: Claim, role: str) -> Body | None:
        """The DestinationRule or the Service behind a role."""
        place = _destination_place(claim, role)
        return self.get(*place) if place else None

    def revision_at(self, claim: Claim, role: str) -> str | None:
        """The revision that a destination selects now."""
        return selected(claim, role, self.destination(claim, role))

    def revisions_known_at(self, claim: Claim, role: str) -> set[str]:
        """What a writer of now may hold a destination to select: what it does, and what it did
        until somebody else changed it less than CROSSING_S ago.
        """
        bodies = [self.destination(claim, role)]
        place = _destination_place(claim, role)
        at_s, body = self.crossed.get(place, (0.0, {})) if place else (0.0, {})
        if at_s >= self.now_s - CROSSING_S:
            bodies.append(body)
        return {found for found in (selected(claim, role, b) for b in bodies) if found}

    def sets_of(self, namespace: str, rollout_uid: str) -> list[Body]:
        """The ReplicaSets there that the Rollout controls."""
        there = self.within(namespace, "ReplicaSet")
        return [body for body in there if owner_of(body) == rollout_uid]

    def carried(self, claim: Claim) -> dict[str, int]:
        """Percent of traffic by revision, the largest of all managed routes."""
        found: dict[str, int] = {}
        for name in claim.routes:
            routes = self.get(claim.kind, (claim.namespace, name))
            for route in self.shares_in(claim, routes) if routes else ():
                for revision, share in self._by_revision(claim, route).items():
                    found[revision] = max(found.get(revision, 0), share)
        canary = self.revision_at(claim, "canary")
        if canary and self.matched(claim):
            found[canary] = max(found.get(canary, 0), SOME)
        return found

    def matched(self, claim: Claim) -> bool:
        """Whether header routes send anything to the canary destination."""
        bodies = (self.get(claim.kind, (claim.namespace, name)) for name in claim.routes)
        return any(header_routes(claim, body) for body in bodies if body)

    def canary_share(self, claim: Claim) -> int:
        """Percent of traffic on the canary destination, the largest of all managed routes."""
        found = [0]
        for name in claim.routes:
            routes = self.get(claim.kind, (claim.namespace, name))
            found += [r.share("canary") for r in self.shares_in(claim, routes)] if routes else []
        return max(found)

    def _by_revision(self, claim: Claim, route: RouteShares) -> dict[str, int]:
        found: dict[str, int] = {}
        for role in ("stable", "canary"):
            revision, share = self.revision_at(claim, role), route.share(role)
            if revision and share > 0:
                found[revision] = min(ALL, found.get(revision, 0) + share)
        return found

    def ready(self, rollout: Body, revision: str | None) -> int:
        """Ready pods of a revision now."""
        history = self._ready.get(_pods_key(rollout, revision))
        return history[-1][1] if history else 0

    def ready_lately(self, rollout: Body, revision: str | None, now_s: float) -> int:
        """The most ready pods that a revision had within the last LOOK_BACK_S seconds."""
        history = self._ready.get(_pods_key(rollout, revision), deque())
        best = 0
        for at_s, number in reversed(history):
            best = max(best, number)
            if at_s < now_s - LOOK_BACK_S:
                break
        return best

    # ------------------------------------------------------------ taking in

    def take(self, change: Change) -> None:
        """Let the change have happened."""
        for uid in [u for u, (at, _) in self.departed.items() if at < change.at_s - LOOK_BACK_S]:
            del self.departed[uid]
        concerned = list(self.claims_on(change.kind, change.key))
        before = {uid_of(rollout): set(self.carried(claim)) for rollout, claim in concerned}
        if change.after is None:
            self._objects[change.kind][change.key[0]].pop(change.key, None)
            if change.kind == "Rollout":
                self.departed[uid_of(change.body)] = (change.at_s, change.body)
        else:
            self._objects[change.kind][change.key[0]][change.key] = change.after
        self._crossing(change)
        self._growing(change)
        for rollout, claim in concerned:
            gone = before[uid_of(rollout)] - set(self.carried(claim))
            for revision in gone:
                self.memory.let_go[(uid_of(rollout), revision)] = change.at_s
            self._share_moved(change, rollout, self.canary_share(claim))
            place = uid_of(rollout) + MATCHED
            self.memory.take_share(change.at_s, place, int(self.matched(claim)))
        if change.kind == "Pod":
            self._count(change)
        self.memory.take(change)

    def _crossing(self, change: Change) -> None:
        """Remember how the operator had a destination that somebody else changes."""
        place = (change.kind, change.key)
        if change.kind not in DESTINATIONS:
            return
        if change.by_operator or change.before is None:
            self.crossed.pop(place, None)
        elif self.crossed.get(place, (0.0, {}))[0] < change.at_s - CROSSING_S:
            self.crossed[place] = (change.at_s, change.before)

    def _growing(self, change: Change) -> None:
        """Remember the size that a Rollout had before somebody wanted more of it."""
        if change.kind != "Rollout" or change.by_operator or not (change.before and change.after):
            return
        before = self.size_known(change.before)
        if before < full_size(change.after):
            self.grown[uid_of(change.after)] = (change.at_s, before)

    def _share_moved(self, change: Change, rollout: Body, share: int) -> None:
        """Remember the canary's share; one that the operator raised is told by an Event."""
        uid = uid_of(rollout)
        known = self.memory.share_of(uid)
        self.memory.take_share(change.at_s, uid, share)
        if change.write is not None and change.by_operator and change.step and share > known:
            what, epoch = f"{known} -> {share} %", change.write.epoch
            due = Due(change.at_s, uid, key_of(rollout), "TrafficShifted", what, epoch)
            self.memory.due.append(due)

    def take_write(self, write: Write) -> None:
        """Let the request have been answered."""
        self.memory.take_write(write)

    def _count(self, change: Change) -> None:
        """Keep the number of ready pods of the pod's revision, with its times."""
        labels = meta(change.body).get("labels") or {}
        key = (change.key[0], str(labels.get(ROLLOUT, "")), str(labels.get(REVISION, "")))
        was, is_now = ready_pod(change.before), ready_pod(change.after)
        history = self._ready[key]
        number = (history[-1][1] if history else 0) + is_now - was
        history.append((change.at_s, number))
        while len(history) > 2 and history[1][0] < change.at_s - 2 * LOOK_BACK_S:
            history.popleft()  # the one before the window counts until the next


def _destination_place(claim: Claim, role: str) -> tuple[str, Key] | None:
    """(kind, key) of the DestinationRule or the Service behind a role."""
    if claim.services is not None:
        return "Service", (claim.namespace, claim.services[0 if role == "stable" else 1])
    return ("DestinationRule", (claim.namespace, claim.rule[0])) if claim.rule else None


def _pods_key(rollout: Body, revision: str | None) -> tuple[str, str, str]:
    namespace, name = key_of(rollout)
    return namespace, name, str(revision or "")


def ready_pod(body: Body | None) -> int:
    """1 for a pod that is ready and stays, else 0."""
    if body is None or meta(body).get("deletionTimestamp"):
        return 0
    conditions = part(body, "status", "conditions") or ()
    return int(any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions))


def owner_of(body: Body) -> str:
    """The uid of the Rollout that controls the object, or ""."""
    for reference in meta(body).get("ownerReferences") or ():
        if reference.get("kind") == "Rollout" and reference.get("controller"):
            return str(reference.get("uid", ""))
    return ""


def full_size(rollout: Body) -> int:
    """Pods that carry all of the traffic: never fewer than when the run began."""
    wanted = part(rollout, "spec", "replicas")
    least = part(rollout, "status", "run", "minReplicas") or 0
    return max(1 if wanted is None else int(wanted), int(least))
