"""Small worlds to decide on: a run at a given place, with everything well unless a test says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from tidegate.api.actions import Action, RolloutActionSpec, RolloutActionStatus, Verb
from tidegate.api.checks import Gate, Guard, Metric
from tidegate.api.phases import Phase
from tidegate.api.policy import Policy
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.api.selector import LabelSelector
from tidegate.api.status import (
    PhaseStatus,
    RolloutStatus,
    RunStatus,
    Stage,
)
from tidegate.api.traffic import DestinationRuleRef, IstioTraffic, Traffic, VirtualServiceRef
from tidegate.api.traffic_status import TrafficStatus
from tidegate.core.decide import decide
from tidegate.core.decision import Decision
from tidegate.core.neighbours import NOBODY, Neighbourhood
from tidegate.core.observation import (
    Answer,
    Observed,
    Problem,
    Reading,
    RevisionView,
    RoutesView,
    RouteWeight,
    TrafficReading,
    WorkloadView,
)

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    """That many seconds before now."""
    return NOW - timedelta(seconds=seconds)


def read(seconds_ago: float, value: float | None, *, samples: float | None = None) -> Reading:
    """A reading with that value, or without data when it is None."""
    answer = Answer.NODATA if value is None else Answer.OK
    return Reading(ago(seconds_ago), answer, value=value, samples=samples)


def counted(**by_revision: float) -> TrafficReading:
    """A fresh count of requests by revision."""
    return TrafficReading(NOW, 5.0, by_revision=by_revision)


def error_guard(
    *, breaches: int = 1, of: int = 1, then: Literal["revert", "pause", "hold"] = "revert"
) -> Guard:
    """At most one error in a hundred, asked every ten seconds."""
    return Guard(metric="errors", max=0.01, breaches=breaches, of=of, then=then)


def pods(
    name: str, replicas: int, ready: int | None = None, *, created_s: float = 900
) -> RevisionView:
    """A ReplicaSet; all of its pods are ready unless said otherwise."""
    return RevisionView(
        name=name,
        replica_set=f"shop-{name}",
        uid=f"uid-{name}",
        replicas=replicas,
        ready=replicas if ready is None else ready,
        created_at=ago(created_s),
    )


def spec(**fields: object) -> RolloutSpec:
    """Four pods, one guard, phases of 10 and 50 %."""
    usual = RolloutSpec(
        replicas=4,
        selector=LabelSelector(match_labels={"app": "shop"}),
        template={},
        traffic=Traffic(
            istio=IstioTraffic(
                virtual_services=(VirtualServiceRef(name="shop"),),
                destination_rule=DestinationRuleRef(name="shop"),
            )
        ),
        metrics=(Metric(name="errors", template="istio-error-rate"),),
        guards=(error_guard(),),
        phases=(
            Phase(name="ten", weight=10, hold_s=60.0),
            Phase(name="half", weight=50, gates=(Gate(metric="errors", max=0.005),)),
        ),
    )
    return usual.model_copy(update=fields)


@dataclass(frozen=True)
class Case:
    """A Rollout in phase ten of a run from A to B at 10 %, all well, five minutes in."""

    spec: RolloutSpec = field(default_factory=spec)
    status: RolloutStatus = field(default_factory=RolloutStatus)
    target: str = "B"
    revisions: tuple[RevisionView, ...] = ()
    weights: tuple[int, ...] = (10,)
    stable: str | None = "A"
    canary: str | None = "B"
    traffic: TrafficReading | None = None
    readings: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    problems: tuple[Problem, ...] = ()
    routes_hidden: bool = False
    uneven: bool = False
    revivable: str | None = None
    route_weights: tuple[RouteWeight, ...] = ()
    """The routes as they are read, where `weights` cannot say it."""
    workload: WorkloadView | None = None
    workload_missing: bool = False
    held: bool | None = None
    deleted_at: datetime | None = None
    policies: tuple[Policy, ...] = ()
    around: Neighbourhood = NOBODY

    @property
    def is_held(self) -> bool:
        """Whether our finalizer is on it: left out, wherever it belongs."""
        if self.held is not None:
            return self.held
        settled = (self.status.stable_revision, self.status.reverted_revision)
        busy = self.status.run is not None or self.status.workload is not None
        return busy or self.target not in settled

    def with_(self, **fields: object) -> Case:
        """The same case with some of it changed."""
        return replace(self, **fields)  # type: ignore[arg-type]  # a misspelt name still raises

    def status_with(self, **fields: object) -> Case:
        """The same case with some of its status changed."""
        return replace(self, status=self.status.model_copy(update=fields))

    @property
    def observed(self) -> Observed:
        """The world of the case."""
        names = ("shop", "shop-internal")
        routes = self.route_weights or tuple(
            RouteWeight(name, weight, even=not self.uneven)
            for name, weight in zip(names, self.weights, strict=False)
        )
        return Observed(
            target=self.target,
            revisions=self.revisions,
            routes=None if self.routes_hidden else RoutesView(routes, self.stable, self.canary),
            problems=self.problems,
            traffic=self.traffic,
            readings=self.readings,
            actions=self.actions,
            revivable=self.revivable,
            workload=self.workload,
            workload_missing=self.workload_missing,
            around=self.around,
        )

    def decided_next(self) -> Decision:
        """What is decided once what was decided first is stored."""
        return replace(self, status=self.decided().status).decided()

    @property
    def rollout(self) -> Rollout:
        """The Rollout of the case."""
        return Rollout(
            name="shop",
            namespace="shop",
            uid="u",
            resource_version="1",
            generation=7,
            deleting=self.deleted_at is not None,
            spec=self.spec,
            deleted_at=self.deleted_at,
            held=self.is_held,
            policies=self.policies,
        )

    def decided(self, now: datetime = NOW) -> Decision:
        """What is decided."""
        return decide(self.rollout, self.status, self.observed, now)


def in_phase(*, stage: Stage = Stage.PHASE, **fields: object) -> Case:
    """A run from A to B in phase ten, with everything well."""
    usual = Case(
        status=RolloutStatus(
            stable_revision="A",
            canary_revision="B",
            last_run_number=3,
            run=RunStatus(
                number=3,
                from_revision="A",
                to_revision="B",
                started_at=ago(300),
                stage=stage,
                min_replicas=4,
            ),
            phase=PhaseStatus(index=0, name="ten", entered_at=ago(290), started_at=ago(280)),
            traffic=TrafficStatus(
                weight=10,
                weight_since=ago(280),
                stable="A",
                stable_since=ago(3600),
                canary="B",
                canary_since=ago(290),
            ),
            canary_ready_since=ago(295),
        ),
        revisions=(pods("A", 4), pods("B", 1)),
        traffic=counted(A=90, B=10),
        readings={"guard/0": (read(1, 0.001),)},
    )
    return usual.with_(**fields)


def at_rest(**fields: object) -> Case:
    """A alone, with all traffic."""
    usual = Case(
        status=RolloutStatus(
            stable_revision="A",
            traffic=TrafficStatus(
                weight=0,
                weight_since=ago(3600),
                stable="A",
                stable_since=ago(3600),
                canary="A",
                canary_since=ago(3600),
            ),
        ),
        target="A",
        revisions=(pods("A", 4),),
        weights=(0,),
        canary="A",
    )
    return usual.with_(**fields)


def asked(
    verb: Verb,
    *,
    uid: str = "u1",
    revision: str | None = None,
    phase: str | None = None,
    seconds_ago: float = 1,
    why: str = "",
) -> Action:
    """Ann asks for something."""
    return Action(
        name=f"{verb}-{uid}",
        namespace="shop",
        uid=uid,
        created_at=ago(seconds_ago),
        spec=RolloutActionSpec(
            rollout="shop",
            verb=verb,
            requested_by="ann",
            reason=why,
            revision=revision,
            phase=phase,
        ),
        status=RolloutActionStatus(),
    )
