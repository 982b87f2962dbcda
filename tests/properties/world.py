"""A small cluster in virtual time: pods, routes, proxies that lag, and the requests they send.

Nothing is drawn by lot and nothing sleeps. Between two events every proxy sends a constant rate to
each destination, so counts are exact and a stalled proxy is seen.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, Literal

from tests.properties.held import ReplicaSet, Routes, nothing_yet, written_share
from tests.properties.hook_jobs import HookJobs
from tidegate.api.actions import Action, RolloutActionSpec, RolloutActionStatus, Verb
from tidegate.api.variants import Shares
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
from tidegate.core.observation import (
    Observed,
    Problem,
    Reading,
    RevisionView,
    RoutesView,
    RouteWeight,
    ServiceView,
    TrafficReading,
)
from tidegate.core.picks import Picks
from tidegate.core.shares import canary_part, shares_for

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
WRITE_S = 0.02  # that one write to the API server takes
REMEMBERED_S = 130.0

Depth = Literal["revision", "subset", "none"]
Span = tuple[float, float]
Flow = dict[tuple[str, str | None], float]


def moment(at_s: float) -> datetime:
    """That second of the simulation as a time."""
    return EPOCH + timedelta(seconds=at_s)


@dataclass(frozen=True)
class Proxy:
    """How late one proxy takes up what the API says; while stalled it keeps what it had.

    Endpoints come before routes, as Envoy's aggregated stream delivers them.
    """

    selectors_lag_s: float = 0.2
    routes_lag_s: float = 0.5
    stalls: tuple[Span, ...] = ()

    def knows(self, now_s: float, lag_s: float) -> float:
        """The latest second whose API state this proxy has taken up."""
        for start, end in self.stalls:
            if start <= now_s < end:
                return start - lag_s
        return now_s - lag_s


@dataclass(frozen=True)
class Setting:
    """What stays the same during one simulation."""

    proxies: tuple[Proxy, ...] = (Proxy(), Proxy(0.1, 1.5))
    virtual_services: tuple[str, ...] = ("shop",)
    rate_rps: float = 100.0
    window_s: float = 5.0
    depth: Depth = "revision"
    startup_s: float = 3.0
    endpoints_s: float = 0.9  # how late the last proxy knows a pod that became ready
    bad: frozenset[str] = frozenset()
    errors: tuple[tuple[str | None, float], ...] = ()
    """Share of failed requests by revision, where it is neither a usual nor a bad one's."""
    off: tuple[tuple[str, Span], ...] = ()
    """When a metric of that name is far too high, of every revision but A."""
    silent: tuple[tuple[str, Span], ...] = ()
    """When a metric of that name has no data."""
    never_ready: frozenset[str] = frozenset()
    provider_down: tuple[Span, ...] = ()
    no_data: tuple[Span, ...] = ()
    ask_s: float = 0.2
    whole: int = 100
    """What others leave of each route: the two destinations share that out in whole numbers."""
    matched: float = 5.0
    """Percent of the requests that have the headers which a phase matches, if it matches any."""
    variants: tuple[str, ...] = ()
    """Variants of the spec, each with a subset of its own."""
    switch: Literal["", "active", "preview"] = ""
    """Without a mesh: one Service is the switch, alone or with a preview Service beside it."""


def within(at_s: float, spans: tuple[Span, ...]) -> bool:
    """Whether that second lies in one of the spans."""
    return any(start <= at_s < end for start, end in spans)


class World:
    """The cluster as it is, and as the operator sees it."""

    def __init__(self, setting: Setting, target: str = "A") -> None:
        self.setting = setting
        self.now_s = 0.0
        self.target = target
        self.sets: dict[str, ReplicaSet] = {}
        names = setting.virtual_services
        first = nothing_yet(len(names), setting.variants)
        self.past: list[tuple[float, Routes]] = [(-inf, first)]
        self.problems: tuple[Problem, ...] = ()
        self.routes_hidden = False
        self.actions: dict[str, Action] = {}
        self.hooks = HookJobs()
        self.answers: list[AnswerAction] = []
        self.failed = 0.0
        self.failures: list[tuple[float, str, str | None]] = []
        self.served: dict[str, float] = {}
        self._segments: deque[tuple[float, float, Flow]] = deque()
        self._ticks: list[float] = []
        self._made = 0
        for proxy in setting.proxies:
            for span in proxy.stalls:
                for edge in span:
                    heapq.heappush(self._ticks, edge)

    # ------------------------------------------------------------ what is

    @property
    def routes(self) -> Routes:
        """The routes as the API server holds them now."""
        return self.past[-1][1]

    def ready(self, revision: str | None) -> int:
        """Ready pods of a revision."""
        found = self.sets.get(revision) if revision is not None else None
        return sum(at <= self.now_s for at in found.ready_at) if found else 0

    def known(self, revision: str) -> bool:
        """Whether all proxies know a ready pod of it."""
        pods = self.sets[revision].ready_at if revision in self.sets else ()
        return any(at + self.setting.endpoints_s <= self.now_s for at in pods)

    def pods(self, revision: str) -> int:
        """Pods of a revision, ready or not."""
        return len(self.sets[revision].ready_at) if revision in self.sets else 0

    def flow(self) -> Flow:
        """Requests a second that the proxies send now, by (destination, revision)."""
        flow: Flow = {}
        ways = len(self.setting.proxies) * len(self.setting.virtual_services)
        each = self.setting.rate_rps / ways
        for proxy in self.setting.proxies:
            routes = self._at(proxy.knows(self.now_s, proxy.routes_lag_s))
            selectors = self._at(proxy.knows(self.now_s, proxy.selectors_lag_s))
            for place in range(len(routes.weights)):
                for subset, share in routes.ways(place, self.setting.whole, self.setting.matched):
                    key = (subset, selectors.selected(subset))
                    flow[key] = flow.get(key, 0.0) + each * share / 100
        return flow

    def _at(self, at_s: float) -> Routes:
        return next(routes for since, routes in reversed(self.past) if since <= at_s)

    # ------------------------------------------------------------ time

    def next_ready_s(self) -> float:
        """When the next pod becomes ready, or the next hook ends."""
        times = (at for found in self.sets.values() for at in found.ready_at)
        ready_s = min((at for at in times if at > self.now_s), default=inf)
        return min(ready_s, self.hooks.next_end_s(self.now_s))

    def advance(self, to_s: float) -> None:
        """Let requests flow until then."""
        while self.now_s < to_s:
            while self._ticks and self._ticks[0] <= self.now_s:
                heapq.heappop(self._ticks)
            edge = min(to_s, self._ticks[0] if self._ticks else inf, self.next_ready_s())
            self._let_flow(edge)
            self.now_s = edge
        while self._segments and self._segments[0][1] < self.now_s - REMEMBERED_S:
            self._segments.popleft()

    def _let_flow(self, until_s: float) -> None:
        flow, length = self.flow(), until_s - self.now_s
        self._segments.append((self.now_s, until_s, flow))
        for (subset, revision), rate in flow.items():
            if revision is None or not self.known(revision):
                self.failed += rate * length
                self.failures.append((self.now_s, subset, revision))
            elif revision is not None:
                self.served[revision] = self.served.get(revision, 0.0) + rate * length

    # ------------------------------------------------------------ what is seen

    def counted(self, window_s: float) -> Flow:
        """Requests of the last seconds by (destination, revision)."""
        since, counts = self.now_s - window_s, Flow()
        for start, end, flow in reversed(self._segments):
            if end <= since:
                break
            length = end - max(start, since)
            for key, rate in flow.items():
                counts[key] = counts.get(key, 0.0) + rate * length
        return counts

    def read_traffic(self) -> TrafficReading:
        """What telemetry says about the requests of the last window."""
        setting, at = self.setting, moment(self.now_s)
        if within(self.now_s, setting.provider_down):
            return TrafficReading(at, setting.window_s, error="provider is down")
        by_subset: dict[str, float] = {}
        by_revision: dict[str, float] = {}
        for (subset, revision), count in self.counted(setting.window_s).items():
            by_subset[subset] = by_subset.get(subset, 0.0) + count
            by_revision[revision or ""] = by_revision.get(revision or "", 0.0) + count
        return TrafficReading(
            at,
            setting.window_s,
            by_revision=by_revision if setting.depth == "revision" else None,
            by_subset=by_subset if setting.depth != "none" else None,
        )

    def observe(
        self, readings: Mapping[str, tuple[Reading, ...]], traffic: TrafficReading | None
    ) -> Observed:
        """Everything the operator can see now."""
        routes = self.routes
        names = self.setting.virtual_services
        weights = tuple(
            replace(self._read(name, weight, even=even), match=match, variants=arms)
            for name, weight, even, match, arms in zip(
                names, routes.weights, routes.even, routes.matches, routes.shares, strict=True
            )
        )
        return Observed(
            target=self.target,
            revisions=tuple(self._view(name) for name in self.sets),
            routes=None
            if self.routes_hidden or self.setting.switch
            else RoutesView(weights, routes.stable, routes.canary, routes.variants),
            service=self._service() if not self.routes_hidden else None,
            problems=self.problems,
            traffic=traffic,
            readings=readings,
            actions=tuple(self.actions.values()),
            hooks=self.hooks.views(self.now_s, moment),
            variants={name: self.arm(name) for name in self.setting.variants},
        )

    def arm(self, name: str) -> str:
        """The revision of a variant, by the template as it is now."""
        return f"{self.target}-{name}"

    def _read(self, name: str, weight: int, *, even: bool) -> RouteWeight:
        """A route as the adapter reads it: of a split nobody can say which share was asked for."""
        if self.setting.whole == 100:
            return RouteWeight(name, weight, even)
        low, high = shares_for(self.setting.whole, canary_part(self.setting.whole, weight))
        written = written_share(self.setting.whole, weight)
        return RouteWeight(name, low, even, (low, high) if even else None, (written, written))

    def _service(self) -> ServiceView | None:
        if not self.setting.switch:
            return None
        routes, preview = self.routes, self.setting.switch == "preview"
        name = self.setting.virtual_services[0]
        return ServiceView(name, routes.stable, routes.canary if preview else None, preview)

    def _view(self, revision: str) -> RevisionView:
        found = self.sets[revision]
        return RevisionView(
            name=revision,
            replica_set=f"shop-{revision}",
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
                assert revision not in self.sets, f"{revision} exists already"
                self._made += 1
                uid = f"uid-{self._made}"
                self.sets[revision] = ReplicaSet(uid, self.now_s, variant=variant)
                self.scale(revision, replicas)
            case ScaleReplicaSet(revision, _, uid, replicas):
                assert self.sets[revision].uid == uid
                assert len(self.sets[revision].ready_at) != replicas, "a scale to what it is"
                self.scale(revision, replicas)
            case DeleteReplicaSet(revision, _, uid):
                assert self.sets[revision].uid == uid
                assert not self.sets[revision].ready_at, f"{revision} still has pods"
                del self.sets[revision]
            case SetWeight(name, weight, match, shares):
                self.set_weight(name, weight, shares=shares)
                if match is not None:
                    self.put_match(name, match)
            case PointDestination(destination, revision):
                self.point(destination, revision)
            case SwitchService(_, revision, _):
                assert self.routes.stable != revision, "a switch to where it is"
                self.point("stable", revision)
            case AnswerAction():
                assert effect.uid in self.actions, "answered twice"
                del self.actions[effect.uid]
                self.answers.append(effect)
            case StartHook():
                self.hooks.start(effect, self.now_s)
            case StopHook(entry):
                self.hooks.stop(entry)
            case HoldRollout() | ReleaseRollout():
                pass  # the Rollout itself is the loop's
            case _:
                raise AssertionError(f"{effect}: there is no such thing in this world")
        self.advance(self.now_s + WRITE_S)

    def scale(self, revision: str, replicas: int) -> None:
        """Give a revision that many pods: the newest go first, new ones need time."""
        found = self.sets[revision]
        never = revision in self.setting.never_ready
        at_s = inf if never else self.now_s + self.setting.startup_s
        missing = replicas - len(found.ready_at)
        found.ready_at = sorted(found.ready_at)[:replicas] + [at_s] * max(0, missing)
        heapq.heappush(self._ticks, at_s + self.setting.endpoints_s)

    def kill_pods(self, revision: str, count: int, *, for_s: float = inf) -> None:
        """Make pods of a revision unready, for a while."""
        found = self.sets.get(revision)
        if found:
            back = self.now_s + for_s
            found.ready_at = [back] * min(count, len(found.ready_at)) + found.ready_at[count:]
            heapq.heappush(self._ticks, back + self.setting.endpoints_s)

    def set_weight(
        self, name: str, weight: int, *, even: bool = True, shares: Shares | None = None
    ) -> None:
        """Write the weights of one VirtualService; with None variants keep theirs."""
        place = self.setting.virtual_services.index(name)
        weights, evens = list(self.routes.weights), list(self.routes.even)
        weights[place], evens[place] = weight, even
        arms = list(self.routes.shares)
        arms[place] = arms[place] if shares is None else shares
        assert weight + sum(share for _, share in arms[place]) <= 100, "more than all requests"
        written = replace(self.routes, weights=tuple(weights), even=tuple(evens))
        self._write(replace(written, shares=tuple(arms)))

    def put_match(self, name: str, match: Picks | None) -> None:
        """Write the header routes of one VirtualService; None are those that no phase asks for."""
        places = zip(self.setting.virtual_services, self.routes.matches, strict=True)
        matches = tuple(match if place == name else there for place, there in places)
        self._write(replace(self.routes, matches=matches))

    def point(self, destination: str, revision: str | None) -> None:
        """Make a destination select the pods of a revision."""
        self._write(self.routes.pointed(destination, revision))

    def _write(self, routes: Routes) -> None:
        self.past.append((self.now_s, routes))
        for proxy in self.setting.proxies:
            heapq.heappush(self._ticks, self.now_s + proxy.selectors_lag_s)
            heapq.heappush(self._ticks, self.now_s + proxy.routes_lag_s)

    def ask(self, verb: Verb, *, by: str | None = "ann", **more: Any) -> str:
        """A person asks for something; the answer is found under the uid."""
        self._made += 1
        uid = f"action-{self._made}"
        self.actions[uid] = Action(
            name=uid,
            namespace="shop",
            uid=uid,
            created_at=moment(self.now_s),
            spec=RolloutActionSpec(rollout="shop", verb=verb, requested_by=by, **more),
            status=RolloutActionStatus(),
        )
        return uid
