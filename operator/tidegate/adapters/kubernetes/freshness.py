"""The last look before a write that cannot be taken back.

A watch may lag, and a precondition covers only the object that is written. Whatever else the
decision stands on is read from the API server itself first: pods before traffic is raised, routes
before pods go. If any of it moved on, nothing is written and all is decided anew. Taking traffic
away from a canary asks nobody: it has to be the shortest path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from tidegate.adapters.header_routes import HeaderRoutes
from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.replica_set_writes import RolloutBook
from tidegate.adapters.kubernetes.replica_sets import view_of
from tidegate.adapters.kubernetes.resources import (
    REPLICA_SETS,
    ROLLOUTS,
    Body,
    Key,
    Resource,
    key_of,
    uid_of,
    version_of,
)
from tidegate.adapters.kubernetes.sight import Sight
from tidegate.adapters.kubernetes.store import Store
from tidegate.adapters.kubernetes.watched import Watched
from tidegate.adapters.weights import raises
from tidegate.api.rollout import Rollout
from tidegate.core.decision import (
    DeleteReplicaSet,
    Effect,
    GiveBackDestination,
    MakeDestinations,
    MakeRoute,
    PointDestination,
    ScaleReplicaSet,
    ScaleWorkload,
    SetWeight,
    SwitchService,
)
from tidegate.core.observation import RevisionView
from tidegate.ports.cluster import Conflict, Gone


@dataclass(frozen=True, slots=True)
class Fact:
    """One object that a decision stands on, and whether a newer version of it still does."""

    resource: Resource
    key: Key
    uid: str
    holds: Callable[[Body], bool]


class Grounds:
    """Reads anew what an effect stands on."""

    def __init__(
        self, api: Api, sets: Store, watched: Mapping[Resource, Watched], book: RolloutBook
    ) -> None:
        self._api = api
        self._sets = sets
        self._watched = watched
        self._book = book

    async def confirm(self, rollout: Rollout, effect: Effect, sight: Sight) -> None:
        """Return if all is as it was when this was decided. Raises Conflict when it is not."""
        facts = tuple(facts_behind(rollout, effect, sight))
        fresh = await asyncio.gather(*(self._read(fact) for fact in facts))
        for fact, body in zip(facts, fresh, strict=True):
            if body is None or not fact.holds(body):
                name = "/".join(fact.key)
                raise Conflict(f"{fact.resource.kind} {name} changed since it was read")

    async def _read(self, fact: Fact) -> Body | None:
        """The object as it is now, kept also for the next pass; None when it is gone."""
        try:
            body = await self._api.request("GET", fact.resource.path(*fact.key))
        except Gone:
            self._lost(fact)
            return None
        if fact.resource is ROLLOUTS:
            self._book.put_rollout(body)
        elif fact.resource is REPLICA_SETS:
            self._sets.learn(body)
        else:
            self._watched[fact.resource].learn(body)
        return body

    def _lost(self, fact: Fact) -> None:
        if fact.resource is ROLLOUTS:
            self._book.drop_rollout(fact.key, fact.uid)
        elif fact.resource is REPLICA_SETS:
            self._sets.drop(fact.key, fact.uid)
        else:
            self._watched[fact.resource].lost(fact.key, fact.uid)


def facts_behind(rollout: Rollout, effect: Effect, sight: Sight) -> Iterator[Fact]:
    """What must not have changed since the effect was decided on; nothing for most effects."""
    view = sight.routing.view
    match effect:
        case SetWeight(name, weight, match, variants):
            routes = sight.routing.routes.get(name, ())
            headers = sight.routing.headers.get(name, HeaderRoutes())
            if raises(routes, weight, variants) or headers.adds(match):
                yield _same_spec(rollout)
                yield from _destinations(sight)
                yield from _pods(sight, view.canary if view else None)
                for arm, _ in variants:
                    yield from _pods(sight, view.variants.get(arm) if view else None)
        case MakeDestinations() | MakeRoute():
            yield _same_spec(rollout)
            yield from _canary_pods(sight, effect)
        case SwitchService(revision=revision, back=False):
            yield _same_spec(rollout)
            yield from _pods(sight, revision)
        case PointDestination(revision=revision):
            yield _same_spec(rollout)
            yield from _routes(sight)
            yield from _pods(sight, revision)
        case ScaleReplicaSet(replica_set=name, replicas=replicas):
            known = sight.set_named(name)
            if known is not None and int(known["spec"].get("replicas", 1)) > replicas:
                yield _same_spec(rollout)
                yield from _routes(sight)
                yield from _destinations(sight)
        case ScaleWorkload(replicas=0):
            yield _same_spec(rollout)
            yield from _routes(sight)
            yield from _destinations(sight)
            yield from _pods(sight, _stable(sight))
        case GiveBackDestination():
            yield from _routes(sight)
        case DeleteReplicaSet():
            yield _same_spec(rollout)
            yield from _routes(sight)
            yield from _destinations(sight)
        case _:
            return


def _stable(sight: Sight) -> str | None:
    """The revision that gets the requests now: by routes, or by the Service that is the switch."""
    routing = sight.routing
    if routing.service is not None:
        return routing.service.active
    return routing.view.stable if routing.view else None


def _same_spec(rollout: Rollout) -> Fact:
    """Its version counts our own status, too: what matters is what people want."""

    def holds(body: Body) -> bool:
        meta = body["metadata"]
        asked = (uid_of(body), meta.get("generation"), bool(meta.get("deletionTimestamp")))
        return asked == (rollout.uid, rollout.generation, rollout.deleting)

    return Fact(ROLLOUTS, (rollout.namespace, rollout.name), rollout.uid, holds)


def _unchanged(resource: Resource, known: Body) -> Fact:
    mark = (uid_of(known), version_of(known))
    return Fact(
        resource, key_of(known), mark[0], lambda body: (uid_of(body), version_of(body)) == mark
    )


def _routes(sight: Sight) -> Iterator[Fact]:
    for body in sight.routing.bodies.values():
        yield _unchanged(sight.routing.route_kind, body)


def _destinations(sight: Sight) -> Iterator[Fact]:
    for body in sight.routing.destination_objects():
        yield _unchanged(sight.routing.destination_kind, body)


def _pods(sight: Sight, revision: str | None) -> Iterator[Fact]:
    """Its version counts every change of its pods: what matters is how many are ready."""
    for known in sight.sets_of(revision):
        yield Fact(REPLICA_SETS, key_of(known), uid_of(known), partial(_same_view, view_of(known)))


def _canary_pods(sight: Sight, effect: MakeDestinations | MakeRoute) -> Iterator[Fact]:
    """The pods that a new route sends to besides stable's."""
    if isinstance(effect, MakeRoute) and effect.weight > 0:
        yield from _pods(sight, effect.revision)


def _same_view(known: RevisionView | None, body: Body) -> bool:
    return view_of(body) == known
