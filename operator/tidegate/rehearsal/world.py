"""A small cluster in virtual time, as an operator sees one: pods, routes, requests, counters.

Between two events a constant rate of requests goes where the proxies, which lag, send it. What a
provider says is read off counters that are scraped, as Prometheus does: the value at the last
scrape less the one at the start of the window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Final

from tidegate.api.variants import DESTINATION, Shares, destination_of
from tidegate.core.decision import (
    AnswerAction,
    CreateReplicaSet,
    DeleteReplicaSet,
    Effect,
    HoldRollout,
    PointDestination,
    ReleaseRollout,
    ScaleReplicaSet,
    SetWeight,
    StartHook,
    StopHook,
    SwitchService,
)
from tidegate.core.hook_places import view_key
from tidegate.core.observation import (
    Answer,
    HookSight,
    HookView,
    Observed,
    Reading,
    RevisionView,
    RoutesView,
    RouteWeight,
    ServiceView,
    TrafficReading,
)
from tidegate.core.picks import Picks, copied, matches
from tidegate.rehearsal.counters import Counters
from tidegate.rehearsal.setting import Setting

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
WRITE_S: Final = 0.02
"""That one write to the API server takes."""
PROXY_LAG_S: Final = 1.0
"""How late proxies take up what the API server holds."""
STABLE_READY_S: Final = 1.0
"""The first revision stands before the play begins; nobody waits for it."""
STABLE: Final = "stable"
CANARY: Final = "canary"
COPIES: Final = "copies"
"""What the canary gets and nobody waits for."""
WHOLE_PERCENT: Final = 100


def moment(at_s: float) -> datetime:
    """That second of the play as a time."""
    return EPOCH + timedelta(seconds=at_s)


@dataclass(frozen=True, slots=True)
class Routes:
    """What the API server holds: share of the canary and header matches by route; selections."""

    weights: Mapping[str, int]
    matches: Mapping[str, Picks]
    stable: str | None = None
    canary: str | None = None
    shares: Mapping[str, Shares] = field(default_factory=dict)
    variants: Mapping[str, str | None] = field(default_factory=dict)

    def selected(self, destination: str) -> str | None:
        """The revision that a destination selects."""
        if destination.startswith(DESTINATION):
            return self.variants.get(destination.removeprefix(DESTINATION))
        return self.canary if destination == CANARY else self.stable

    def pointed(self, destination: str, revision: str) -> Routes:
        """The same once a destination selects that revision."""
        if destination.startswith(DESTINATION):
            name = destination.removeprefix(DESTINATION)
            return replace(self, variants={**self.variants, name: revision})
        if destination == CANARY:
            return replace(self, canary=revision)
        return replace(self, stable=revision)


@dataclass(slots=True)
class ReplicaSet:
    """Pods of one revision by the second they are ready."""

    uid: str
    created_s: float
    ready_at: list[float] = field(default_factory=list)
    variant: str = ""


class World:
    """The cluster as it is, and as the operator sees it."""

    def __init__(self, setting: Setting, target: str) -> None:
        self.setting = setting
        self.now_s = 0.0
        self.target = target
        self.released_s = inf
        self.sets: dict[str, ReplicaSet] = {}
        names = [route.virtual_service for route in setting.routes]
        first = Routes(
            dict.fromkeys(names, 0),
            dict.fromkeys(names, ()),
            shares=dict.fromkeys(names, ()),
            variants=dict.fromkeys(setting.variants),
        )
        self.past: list[tuple[float, Routes]] = [(-inf, first)]
        self.failed = 0.0
        self.first_canary_s: float | None = None
        self.counters = Counters(setting)
        self.hooks: dict[str, HookView] = {}
        self._made = 0

    def release(self, revision: str) -> None:
        """Apply a new template: the times of the scenario count from here."""
        self.target, self.released_s = revision, self.now_s

    # ------------------------------------------------------------ what is

    @property
    def routes(self) -> Routes:
        """The routes as the API server holds them now."""
        return self.past[-1][1]

    @property
    def elapsed_s(self) -> float:
        """Seconds since the release; below 0 before it."""
        return self.now_s - self.released_s

    def ready(self, revision: str | None) -> int:
        """Ready pods of a revision."""
        found = self.sets.get(revision) if revision is not None else None
        return sum(at <= self.now_s for at in found.ready_at) if found else 0

    def flow(self) -> dict[tuple[str, str | None], float]:
        """Requests a second that the proxies send now, by (destination, revision)."""
        known = self._known()
        each = self.setting.scenario.rate / max(1, len(known.weights))
        flow: dict[tuple[str, str | None], float] = {}
        for name, weight in known.weights.items():
            canary = float(weight)
            if matches(known.matches[name]):
                canary += (WHOLE_PERCENT - canary) * self.setting.scenario.matched / WHOLE_PERCENT
            arms = [(destination_of(arm), float(share)) for arm, share in known.shares[name]]
            stable = WHOLE_PERCENT - canary - sum(share for _, share in arms)
            copies = stable * copied(known.matches[name]) / WHOLE_PERCENT
            sent = ((CANARY, canary), (STABLE, stable), (COPIES, copies), *arms)
            for destination, share in sent:
                if share > 0:
                    arm = CANARY if destination == COPIES else destination
                    key = (destination, known.selected(arm))
                    flow[key] = flow.get(key, 0.0) + each * share / WHOLE_PERCENT
        return flow

    def _known(self) -> Routes:
        at_s = self.now_s - PROXY_LAG_S
        return next(routes for since, routes in reversed(self.past) if since <= at_s)

    # ------------------------------------------------------------ time

    def next_ready_s(self) -> float:
        """When the next pod becomes ready."""
        times = (at for found in self.sets.values() for at in found.ready_at)
        return min((at for at in times if at > self.now_s), default=inf)

    def advance(self, to_s: float) -> None:
        """Let requests flow until then."""
        while self.now_s < to_s:
            edge_s = min(to_s, self._next_edge_s())
            self._let_flow(edge_s - self.now_s)
            self.now_s = edge_s
            self.counters.scraped(self.now_s)

    def _next_edge_s(self) -> float:
        lagged = self.past[-1][0] + PROXY_LAG_S
        edges = [self.next_ready_s(), self.counters.next_scrape_s(self.now_s)]
        edges += [at + PROXY_LAG_S for at, _ in self.past[-4:] if at + PROXY_LAG_S > self.now_s]
        edges += [lagged] if lagged > self.now_s else []
        if self.released_s < inf:
            edges.append(self.released_s + self.setting.next_edge_s(self.elapsed_s))
        return min(edge for edge in edges if edge > self.now_s)

    def _let_flow(self, length_s: float) -> None:
        flow = self.flow()
        canary = sum(rate for (_, to), rate in flow.items() if to == self.target)
        weight = WHOLE_PERCENT * canary / self.setting.scenario.rate
        for (destination, revision), rate in flow.items():
            if revision is None or not self.ready(revision):
                self.failed += 0.0 if destination == COPIES else rate * length_s
                continue
            arm = self.sets[revision].variant
            new = (revision == self.target or bool(arm)) and self.released_s < inf
            if new and self.first_canary_s is None:
                self.first_canary_s = self.now_s
            values = self.setting.values(self.elapsed_s, weight, new=new, variant=arm)
            counted = CANARY if destination == COPIES else destination
            self.counters.count(counted, revision, rate * length_s, values)

    # ------------------------------------------------------------ what is seen

    def read(self, metric: str, revision: str | None, window_s: float) -> Reading:
        """What the provider says of one metric of one revision."""
        at, answer = moment(self.now_s), self.setting.outage(self.elapsed_s)
        if answer is not None:
            return Reading(at, answer, detail=self.setting.outage_words(answer))
        if revision is None:
            return self.counters.no_data(at, window_s)
        about = self.setting.metrics[metric]
        if about.of_pods:
            arm = self.sets[revision].variant if revision in self.sets else ""
            new = (revision == self.target or bool(arm)) and self.released_s < inf
            value = self.setting.values(self.elapsed_s, 0.0, new=new, variant=arm).get(metric)
            return self.counters.of_pods(about, at, value, self.ready(revision), window_s)
        return self.counters.read(about, revision, at, self.now_s, window_s)

    def read_traffic(self) -> TrafficReading:
        """What telemetry says of the requests of the last window."""
        setting, at = self.setting, moment(self.now_s)
        if setting.outage(self.elapsed_s) is Answer.ERROR:
            return TrafficReading(at, setting.window_s, error="the provider cannot be reached")
        if not setting.counted:
            return TrafficReading(at, setting.window_s)
        requests = self.counters.requests(self.now_s, setting.window_s)
        by_subset: dict[str, float] = {}
        by_revision: dict[str, float] = {}
        for (destination, revision), count in requests.items():
            by_subset[destination] = by_subset.get(destination, 0.0) + count
            by_revision[revision] = by_revision.get(revision, 0.0) + count
        return TrafficReading(at, setting.window_s, by_revision, by_subset)

    def observe(
        self, readings: Mapping[str, tuple[Reading, ...]], traffic: TrafficReading | None
    ) -> Observed:
        """Everything the operator can see now."""
        routes, switch = self.routes, self.setting.switch
        weights = tuple(
            replace(
                route,
                weight=routes.weights[name],
                match=routes.matches[name],
                variants=routes.shares[name],
            )
            for route in self.setting.routes
            for name in (route.virtual_service,)
        )
        return Observed(
            target=self.target,
            revisions=tuple(self._view(name) for name in self.sets),
            routes=None
            if switch
            else RoutesView(weights, routes.stable, routes.canary, routes.variants),
            service=self._service(weights),
            traffic=traffic,
            readings=readings,
            hooks=self.hooks,
            variants={name: self.arm(name) for name in self.setting.variants},
        )

    def arm(self, name: str) -> str:
        """The revision of a variant, by the template as it is now."""
        return f"{self.target}-{name}"

    def _service(self, weights: tuple[RouteWeight, ...]) -> ServiceView | None:
        if not self.setting.switch:
            return None
        preview = self.setting.switch == "preview"
        canary = self.routes.canary if preview else None
        return ServiceView(weights[0].virtual_service, self.routes.stable, canary, preview)

    def _view(self, revision: str) -> RevisionView:
        found = self.sets[revision]
        return RevisionView(
            name=revision,
            replica_set=f"{self.setting.name}-{revision}",
            uid=found.uid,
            replicas=len(found.ready_at),
            ready=self.ready(revision),
            created_at=moment(found.created_s),
            variant=found.variant,
        )

    # ------------------------------------------------------------ what is done

    def apply(self, effect: Effect) -> None:
        """Do one write of the operator."""
        match effect:
            case CreateReplicaSet(revision, replicas, variant):
                self._made += 1
                uid = f"uid-{self._made}"
                self.sets[revision] = ReplicaSet(uid, self.now_s, variant=variant)
                self._scale(revision, replicas)
            case ScaleReplicaSet(revision=revision, replicas=replicas):
                self._scale(revision, replicas)
            case DeleteReplicaSet(revision=revision):
                del self.sets[revision]
            case SetWeight():
                self._set_weight(effect)
            case PointDestination(destination, revision):
                self._write(self.routes.pointed(destination, revision))
            case SwitchService(revision=revision):
                self._write(replace(self.routes, stable=revision))
            case StartHook(entry):
                self.hooks[view_key(entry)] = HookView(HookSight.SUCCEEDED)
            case StopHook() | HoldRollout() | ReleaseRollout():
                pass  # the Rollout itself is the player's
            case AnswerAction() | _:
                raise AssertionError(f"{effect}: there is no such thing in this world")
        self.advance(self.now_s + WRITE_S)

    def _set_weight(self, effect: SetWeight) -> None:
        routes, name, match = self.routes, effect.virtual_service, effect.match
        matches = routes.matches if match is None else {**routes.matches, name: match}
        weights = {**routes.weights, name: effect.weight}
        shares = {**routes.shares, name: effect.variants}
        self._write(replace(routes, weights=weights, matches=matches, shares=shares))

    def _scale(self, revision: str, replicas: int) -> None:
        """Give a revision that many pods: the newest go first, new ones need time."""
        found, pods = self.sets[revision], self.setting.scenario.pods
        ready_s = self.now_s + pods.ready_after_s
        if self.released_s == inf:
            ready_s = self.now_s + STABLE_READY_S
        elif pods.never_ready and revision == self.target:
            ready_s = inf
        missing = replicas - len(found.ready_at)
        found.ready_at = sorted(found.ready_at)[:replicas] + [ready_s] * max(0, missing)

    def _write(self, routes: Routes) -> None:
        self.past.append((self.now_s, routes))
