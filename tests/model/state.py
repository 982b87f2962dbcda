"""One state of the search: the cluster, the operator's memory, and what is left to go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeAlias

from tests.model.kept import LONG, Age, Kept, kept_of, moment, status_of
from tidegate.api.actions import Action, RolloutActionSpec, RolloutActionStatus, Verb
from tidegate.api.checks import Bound
from tidegate.api.matching import HttpMatch
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.core.cohorts import match_text
from tidegate.core.decide import decide
from tidegate.core.decision import Effect
from tidegate.core.observation import (
    Answer,
    Observed,
    Reading,
    RevisionView,
    RoutesView,
    RouteWeight,
    TrafficReading,
)
from tidegate.core.storing import INTENT

NOBODY, UNKNOWN = "", "?"
MATCHED = 10
"""Percent of the requests that have the headers of a phase."""
REQUESTS = 1000
"""Requests that one proxy sends while it is counted: more than a proof needs."""

Word: TypeAlias = Literal["pass", "fail", "nodata", "error"]
VALUES: dict[Word, float | None] = {"pass": 0.001, "fail": 0.5, "nodata": None, "error": None}
ANSWERS: dict[Word, Answer] = {
    "pass": Answer.OK,
    "fail": Answer.OK,
    "nodata": Answer.NODATA,
    "error": Answer.ERROR,
}


class Pods(NamedTuple):
    """The ReplicaSet of one revision."""

    revision: str
    replicas: int
    ready: int


class Routes(NamedTuple):
    """Weights by VirtualService (percent to the canary) and what the destinations select.

    `headers` says of each VirtualService what its header routes match: NOBODY without any, UNKNOWN
    where they are as no phase says it, else the text of a phase's match. () is NOBODY everywhere.
    """

    weights: tuple[int, ...]
    stable: str | None
    canary: str | None
    headers: tuple[str, ...] = ()

    def matching(self, place: int) -> str:
        """What the header routes of that VirtualService match."""
        return self.headers[place] if self.headers else NOBODY

    @property
    def written(self) -> tuple[tuple[int, str], ...]:
        """The weight, and what the header routes match, of each VirtualService."""
        return tuple((weight, self.matching(at)) for at, weight in enumerate(self.weights))

    def with_written(self, place: int, weight: int, text: str) -> Routes:
        """The same with other routes in one VirtualService."""
        pairs = list(self.written)
        pairs[place] = (weight, text)
        headers = tuple(match for _, match in pairs)
        return self._replace(
            weights=tuple(one for one, _ in pairs), headers=headers if any(headers) else ()
        )

    @property
    def used(self) -> frozenset[str | None]:
        """Revisions that a destination selects."""
        return frozenset({self.stable, self.canary})

    def flows(self) -> Iterator[tuple[str, str | None, int]]:
        """(destination, revision, percent) of what a proxy with these routes sends."""
        for place, weight in enumerate(self.weights):
            matched = (100 - weight) * MATCHED // 100 if self.matching(place) != NOBODY else 0
            share = weight + matched
            if share:
                yield "canary", self.canary, share
            if share < 100:
                yield "stable", self.stable, 100 - share


class World(NamedTuple):
    """What the API server holds and what a slow proxy still does.

    `behind` are the routes of the proxy that has not taken up the newest ones, or None when all
    have. ReplicaSets stand in the order of their making. `deleted` is how long ago the Rollout was
    deleted; it stays for as long as it is `held`.
    """

    target: str
    sets: tuple[Pods, ...]
    routes: Routes
    behind: Routes | None = None
    action: Verb | None = None
    paused: bool = False
    deleted: Age | None = None
    held: bool = False

    @property
    def gone(self) -> bool:
        """Whether the Rollout is deleted and nobody holds it any more."""
        return self.deleted is not None and not self.held

    def pods(self, revision: str | None) -> Pods:
        """The ReplicaSet of a revision; one without pods when there is none."""
        found = (pods for pods in self.sets if pods.revision == revision)
        return next(found, Pods(revision or "", 0, 0))

    def proxies(self) -> tuple[Routes, ...]:
        """The routes in use: the newest, and those of the slow proxy."""
        return (self.routes,) if self.behind is None else (self.routes, self.behind)

    def gets(self, revision: str) -> int:
        """Percent points of all proxies' requests that reach the revision."""
        return sum(share for one in self.proxies() for _, r, share in one.flows() if r == revision)

    def sent(self, destination: str) -> int:
        """Percent points of all proxies' requests that go to the destination."""
        return sum(s for one in self.proxies() for d, _, s in one.flows() if d == destination)


class Count(NamedTuple):
    """Requests as telemetry counted them, by destination and by revision."""

    subsets: tuple[tuple[str, int], ...]
    revisions: tuple[tuple[str, int], ...]
    age: Age


class Memory(NamedTuple):
    """What the process knows and loses when it dies: the last answer of each check, the count."""

    readings: tuple[tuple[str, Word, Age], ...] = ()
    traffic: Count | None = None


class Ghost(NamedTuple):
    """What only the search knows.

    `off` is how long ago the operator last saw the routes without the phase's weight; `unused`
    since when no destination selects a revision that has pods; `unseen` tells that somebody
    edited the routes since the operator last looked.
    """

    off: Age = LONG
    unused: tuple[tuple[str, Age], ...] = ()
    unseen: bool = False


class State(NamedTuple):
    """All of it. `left` disturbances may still happen."""

    world: World
    stored: Kept
    working: Kept
    memory: Memory
    ghost: Ghost
    left: int


class Choice(NamedTuple):
    """A decision as the search keeps it.

    `moved` names what was decided and must be stored before anything acts on it; what is stored
    and what is remembered never differ in that. `asks` are check ids, None asks for a count.
    """

    kept: Kept
    moved: frozenset[str]
    effect: Effect | None
    asks: tuple[str | None, ...]


@dataclass
class Engine:
    """The shipped `decide` for one spec, asked once for each different question."""

    spec: RolloutSpec
    choices: dict[tuple[object, ...], Choice] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bounds: dict[str, Bound] = {
            f"guard/{i}": guard for i, guard in enumerate(self.spec.guards)
        }
        for place, phase in enumerate(self.spec.phases):
            for i, gate in enumerate(phase.gates):
                self.bounds[f"gate/{place}/{i}"] = gate
        self.matches: dict[str, tuple[HttpMatch, ...] | None] = {NOBODY: (), UNKNOWN: None} | {
            match_text(phase.match): phase.match for phase in self.spec.phases
        }
        self._running = Rollout(
            name="shop",
            namespace="shop",
            uid="u",
            resource_version="1",
            generation=1,
            deleting=False,
            spec=self.spec,
        )
        self._stopped = self.spec.model_copy(update={"paused": True})

    def _rollout(self, world: World) -> Rollout:
        return replace(
            self._running,
            spec=self._stopped if world.paused else self.spec,
            deleting=world.deleted is not None,
            deleted_at=None if world.deleted is None else moment(world.deleted),
            held=world.held,
        )

    @property
    def full(self) -> int:
        """Pods that carry all traffic."""
        return self.spec.replicas

    def wanted(self, name: str) -> tuple[int, str]:
        """The weight of a phase, and what its header routes match."""
        phase = next(one for one in self.spec.phases if one.name == name)
        return phase.weight, match_text(phase.match)

    @property
    def services(self) -> tuple[str, ...]:
        """Names of the VirtualServices."""
        assert self.spec.traffic is not None
        assert self.spec.traffic.istio is not None
        return tuple(one.name for one in self.spec.traffic.istio.virtual_services)

    def choice(self, state: State) -> Choice:
        """What the operator decides in that state."""
        world = state.world._replace(behind=None)
        question = (world, state.working, state.memory)
        known = self.choices.get(question)
        if known is None:
            known = self.choices[question] = self._decide(world, state.working, state.memory)
        return known

    def _decide(self, world: World, working: Kept, memory: Memory) -> Choice:
        status = status_of(working, self.bounds, self.full)
        observed = self._observed(world, memory)
        decision = decide(self._rollout(world), status, observed, moment(0))
        after = decision.status
        moved = frozenset(n for n in INTENT if getattr(after, n) != getattr(status, n))
        return Choice(
            kept_of(after), moved, decision.effect, tuple(ask.check_id for ask in decision.asks)
        )

    def _observed(self, world: World, memory: Memory) -> Observed:
        weights = tuple(
            RouteWeight(name, weight, match=self.matches[world.routes.matching(place)])
            for place, (name, weight) in enumerate(
                zip(self.services, world.routes.weights, strict=True)
            )
        )
        readings: dict[str, tuple[Reading, ...]] = {
            check: (Reading(moment(age), ANSWERS[word], value=VALUES[word]),)
            for check, word, age in memory.readings
        }
        count = memory.traffic
        return Observed(
            target=world.target,
            revisions=tuple(_view(place, pods) for place, pods in enumerate(world.sets)),
            routes=RoutesView(
                weights,
                world.routes.stable,
                world.routes.canary,
            ),
            traffic=_reading(count) if count else None,
            readings=readings,
            actions=(_action(world.action),) if world.action else (),
        )


def _reading(count: Count) -> TrafficReading:
    return TrafficReading(
        moment(count.age), 0.0, by_revision=dict(count.revisions), by_subset=dict(count.subsets)
    )


def _view(place: int, pods: Pods) -> RevisionView:
    name = pods.revision
    return RevisionView(
        name, f"shop-{name}", f"uid-{name}", pods.replicas, pods.ready, moment(100 - place)
    )


def _action(verb: Verb) -> Action:
    return Action(
        name=verb,
        namespace="shop",
        uid=verb,
        created_at=moment(0),
        spec=RolloutActionSpec(rollout="shop", verb=verb, requested_by="ann"),
        status=RolloutActionStatus(),
    )


def counted(world: World) -> Count:
    """What telemetry counts now, from every proxy."""
    subsets: dict[str, int] = {}
    revisions: dict[str, int] = {}
    for one in world.proxies():
        for subset, revision, share in one.flows():
            requests = REQUESTS * share // 100
            subsets[subset] = subsets.get(subset, 0) + requests
            revisions[revision or ""] = revisions.get(revision or "", 0) + requests
    return Count(tuple(sorted(subsets.items())), tuple(sorted(revisions.items())), 0)
