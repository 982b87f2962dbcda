"""The world as one pass sees it: frozen values that the adapters fill and `decide` reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from tidegate.api.actions import Action
from tidegate.api.check_status import Verdict
from tidegate.api.variants import Shares
from tidegate.core.neighbours import NOBODY, Neighbourhood
from tidegate.core.picks import Picks, to_canary


class Answer(StrEnum):
    """What a metrics provider said to one question."""

    OK = "ok"
    NODATA = "nodata"
    ERROR = "error"
    REFUSED = "refused"  # the provider understood us and says that the query itself is wrong


@dataclass(frozen=True, slots=True)
class Concerned:
    """From how many pods a value comes, and the names of the worst few of them.

    `early` says that the value tells of the revision before its first request, too: it was read
    from the revision's own pods, not from what a destination served.
    """

    pods: int
    names: tuple[str, ...] = ()
    early: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer to one check of one revision; `value` is set only when `answer` is OK.

    `concerned` is known where pods were measured one by one.

    `stable` is the answer about the stable arm at the same time and for the same window, where the
    check compares with it; None where it was not asked, or where there is nobody to compare with.
    `early` and `due` are how a scene sees it: taken within the check's delay, or while the revision
    had traffic, so that no value at all says something.
    `verdict` is set where `value` is the score of a scorecard: what the card says of it.
    """

    at: datetime
    answer: Answer
    value: float | None = None
    samples: float | None = None
    detail: str = ""
    stable: Reading | None = None
    early: bool = False
    due: bool = False
    verdict: Verdict | None = None
    concerned: Concerned | None = None

    def seen(self, *, early: bool, due: bool) -> Reading:
        """The same with what its time says; most are so already."""
        same = (self.early, self.due) == (early, due)
        return self if same else replace(self, early=early, due=due)


@dataclass(frozen=True, slots=True)
class TrafficReading:
    """Requests counted in the last `window_s` seconds.

    `by_revision` is None when no telemetry tells revisions apart, `by_subset` when none tells
    the route destinations (`stable`, `canary`, `variant/NAME`) apart. `error` says why neither is
    known.
    """

    at: datetime
    window_s: float
    by_revision: Mapping[str, float] | None = None
    by_subset: Mapping[str, float] | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class RevisionView:
    """One ReplicaSet of the Rollout; `ready` counts pods that can take traffic now.

    `variant` is the arm of an experiment that it was made for, "" for a revision of its own.
    """

    name: str
    replica_set: str
    uid: str
    replicas: int
    ready: int
    created_at: datetime
    variant: str = ""


@dataclass(frozen=True, slots=True)
class RouteWeight:
    """The share in percent of its own traffic that one object's routes give to the canary.

    `weight` is the highest of its managed routes; `even` tells that they all agree and that the
    pair of each sums to what it should, so that one write is needed when they do not. Where a
    route has less than 100 to share out, the whole numbers written stand for several shares:
    `stands_for` is the lowest and the highest of those, `written` the lowest and the highest share
    (percent) that the numbers really come to. Both are None where all is exactly as it says.

    `match` is what its header routes of ours match, as some phase says it: () without any, None
    where they are as no phase says it. Only where some managed route is `http` can there be any.
    `variants` are the shares in percent of those that get any, by name.
    """

    virtual_service: str
    weight: int
    even: bool = True
    stands_for: tuple[int, int] | None = None
    written: tuple[float, float] | None = None
    kind: str = "VirtualService"
    match: Picks | None = ()
    http: bool = True
    variants: Shares = ()

    @property
    def home(self) -> bool:
        """Whether it is as Git holds it: all for stable, and no header route of ours."""
        return self.weight == 0 and self.even and not self.matched and not self.variants

    @property
    def matched(self) -> bool:
        """Whether it has header routes of ours, whatever they say."""
        return self.match != ()

    def carries(self, match: Picks) -> bool:
        """Whether its header routes are exactly those for `match`."""
        return self.match == (match if self.http else ())

    @property
    def title(self) -> str:
        """The object as people know it."""
        return f"{self.kind} {self.virtual_service}"


@dataclass(frozen=True, slots=True)
class RoutesView:
    """The routes and what the destinations select (a revision, or None for foreign labels).

    `variants` is what the subset of each variant of the spec selects, by its name.
    """

    weights: tuple[RouteWeight, ...]
    stable: str | None
    canary: str | None
    variants: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        """The highest share in percent that any managed route gives to the canary."""
        return max((route.weight for route in self.weights), default=0)

    @property
    def matched(self) -> bool:
        """Whether a header route of ours sends requests to the canary, whatever the weights say."""
        return any(route.matched for route in self.weights)

    @property
    def match(self) -> Picks | None:
        """What the header routes match; None while some object has others than the rest."""
        http = [route for route in self.weights if route.http]
        first = http[0].match if http else ()
        return first if all(route.match == first for route in http) else None

    @property
    def shares(self) -> Shares:
        """The highest share in percent that any managed route gives to each variant."""
        most: dict[str, int] = {}
        for name, share in (pair for route in self.weights for pair in route.variants):
            most[name] = max(share, most.get(name, 0))
        return tuple(sorted(most.items()))

    @property
    def idle(self) -> bool:
        """Whether all requests go to stable."""
        return self.idle_canary and not self.shares

    @property
    def idle_canary(self) -> bool:
        """Whether neither a weight nor a header route sends anything to the canary."""
        return self.weight == 0 and not any(to_canary(route.match) for route in self.weights)

    def written(self, weight: int) -> tuple[float, float]:
        """The lowest and the highest share (percent) that proxies see when it is `weight`."""
        spans = [route.written or (float(weight), float(weight)) for route in self.weights]
        low = min((low for low, _ in spans), default=float(weight))
        return low, max((high for _, high in spans), default=float(weight))


@dataclass(frozen=True, slots=True)
class ServiceView:
    """Without a mesh: what the active Service selects, and the preview Service if there is one.

    Revisions, or None for foreign labels.
    """

    name: str
    active: str | None
    preview: str | None = None
    has_preview: bool = False


@dataclass(frozen=True, slots=True)
class WorkloadView:
    """The Deployment that the Rollout takes over, and how many pods it shall have.

    `pods_label` tells its present pods from all others (their pod-template-hash) and
    `labelled_ready` counts those that are ready; both are read only while it is given back.
    """

    name: str
    uid: str
    replicas: int
    pods_label: str = ""
    labelled_ready: int = 0


@dataclass(frozen=True, slots=True)
class OwnRoute:
    """An object that Tidegate makes for the Rollout: missing, or not as the spec has it now."""

    kind: str
    name: str
    missing: bool = True

    @property
    def title(self) -> str:
        """The object as people know it."""
        return f"{self.kind} {self.name}"


class HookSight(StrEnum):
    """What is seen of one try of a hook that was made."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class HookView:
    """One try of a hook as it is seen: how it goes, what it said, and since when its Job is there.

    `exit_code` is that of its container, or the HTTP status of a call.
    """

    sight: HookSight
    message: str = ""
    exit_code: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person must mend before the Rollout may move: a reason and one sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything one decision may depend on besides spec, status and the time.

    `target` is the revision of the template as it stands now. `routes` (or `service`, where a
    plain Service is the switch) is None when it could not be read, and then `problems` says why.
    `readings` holds the latest answers of each check of the running revision, oldest first.
    `revivable` is a stable revision whose ReplicaSet was deleted and can be made again.
    `around` is what other Rollouts do that a policy has it wait for, as far as that is needed.
    `workload` is the Deployment of `workloadRef`, None when it could not be read; only
    `workload_missing` says that there is none. Without it `target` is "". `own_routes` are those
    objects of the Rollout's own that want a write, in its order; while one is missing, `routes` is
    None without a problem. `hooks` are the tries of hooks that were made and are under way in the
    status, by `hook_places.view_key`. `variants` are the revisions of the spec's variants by name,
    as their patches and the template stand now; without the template there are none.
    """

    target: str
    revisions: tuple[RevisionView, ...] = ()
    routes: RoutesView | None = None
    service: ServiceView | None = None
    problems: tuple[Problem, ...] = ()
    traffic: TrafficReading | None = None
    readings: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    revivable: str | None = None
    workload: WorkloadView | None = None
    workload_missing: bool = False
    own_routes: tuple[OwnRoute, ...] = ()
    around: Neighbourhood = NOBODY
    hooks: Mapping[str, HookView] = field(default_factory=dict)
    variants: Mapping[str, str] = field(default_factory=dict)

    @property
    def route_missing(self) -> bool:
        """Whether an object of the Rollout's own is not there."""
        return any(own.missing for own in self.own_routes)

    def revision(self, name: str | None) -> RevisionView | None:
        """The ReplicaSet of that revision, or None."""
        return next((view for view in self.revisions if view.name == name), None)
