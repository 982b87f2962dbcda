"""The small cluster with a Deployment in it that serves already, and what must hold about it.

Without a label of ours a destination selects every pod of the app: the Deployment's and ours. A
proxy that lags still sends to pods that were ready when it last heard of them, and what it sends to
pods that are gone by then has failed.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf

from tests.properties.loop import Operator
from tests.properties.watch import HARDLY_ANY_RPS, SILENT_S, Watch
from tests.properties.world import WRITE_S, Flow, Setting, World
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.api.status import RolloutStatus
from tidegate.api.takeover import WorkloadRef, WorkloadStage
from tidegate.core import reasons
from tidegate.core.decision import (
    Decision,
    Effect,
    GiveBackDestination,
    ReleaseRollout,
    ScaleReplicaSet,
    ScaleWorkload,
)
from tidegate.core.observation import Observed, Problem, Reading, TrafficReading, WorkloadView

PODS = "5d4f8c7b9"
"""The Deployment's pods, by their pod-template-hash."""


class Town(World):
    """A World where a Deployment serves when the Rollout comes."""

    def __init__(self, setting: Setting, pods: int, target: str = "A") -> None:
        super().__init__(setting, target)
        self.workload: list[float] | None = [-1.0] * pods
        self.never_ready = False
        self.alive: list[tuple[float, frozenset[str]]] = [(-inf, frozenset({PODS}))]

    def ready(self, revision: str | None) -> int:
        """Ready pods of a revision, or of the Deployment."""
        if revision == PODS:
            return sum(at <= self.now_s for at in self.workload or ())
        return super().ready(revision)

    def known(self, revision: str) -> bool:
        """Here each proxy is told of pods that come and go by itself, in `alive`."""
        return self.ready(revision) > 0

    def next_ready_s(self) -> float:
        """When the next pod becomes ready."""
        times = (at for at in self.workload or () if at > self.now_s)
        return min(super().next_ready_s(), min(times, default=inf))

    def flow(self) -> Flow:
        """Requests a second; where no label of ours is selected, shared by all that are known."""
        known = [proxy.knows(self.now_s, proxy.selectors_lag_s) for proxy in self.setting.proxies]
        told = [next(a for since, a in reversed(self.alive) if since <= at) for at in known]
        flow: Flow = {}
        every = self.setting.proxies
        for proxy, alive in zip(every, told, strict=True):
            self.setting = replace(self.setting, proxies=(proxy,))
            for (subset, name), rate in super().flow().items():
                pods = sorted(alive) if name is None and alive else [name]
                for one in pods:
                    share = rate / len(pods) / len(every)
                    flow[(subset, one)] = flow.get((subset, one), 0.0) + share
            self.setting = replace(self.setting, proxies=every)
        return flow

    def advance(self, to_s: float) -> None:
        """Let requests flow until then, and tell the proxies of pods that come and go."""
        while self.now_s < to_s:
            self._note_alive()
            super().advance(min(to_s, max(self.next_ready_s(), self.now_s + 1e-6)))
        self._note_alive()

    def _note_alive(self) -> None:
        alive = frozenset(name for name in (*self.sets, PODS) if self.ready(name))
        if alive != self.alive[-1][1]:
            self.alive.append((self.now_s, alive))
            for proxy in self.setting.proxies:
                heapq.heappush(self._ticks, self.now_s + proxy.selectors_lag_s)

    def read_traffic(self) -> TrafficReading:
        """The Deployment's pods carry no revision to count them by."""
        found = super().read_traffic()
        if found.by_revision is None:
            return found
        ours = {name: count for name, count in found.by_revision.items() if name != PODS}
        return replace(found, by_revision=ours)

    def observe(
        self, readings: Mapping[str, tuple[Reading, ...]], traffic: TrafficReading | None
    ) -> Observed:
        """Everything the operator can see now."""
        seen = super().observe(readings, traffic)
        if self.workload is None:
            gone = Problem(reasons.WORKLOAD_NOT_FOUND, "Deployment shop/shop not found")
            return replace(seen, workload_missing=True, target="", problems=(gone,))
        ready = self.ready(PODS)
        view = WorkloadView("shop", "uid-d", len(self.workload), PODS, ready)
        return replace(seen, workload=view)

    def apply(self, effect: Effect) -> None:
        """Do one write of the operator."""
        match effect:
            case ScaleWorkload(_, _, replicas):
                assert self.workload is not None
                assert len(self.workload) != replicas, "a scale to what it is"
                self.scale_workload(replicas)
                self.advance(self.now_s + WRITE_S)
            case GiveBackDestination(destination, label):
                self.point(destination, label or None)
                self.advance(self.now_s + WRITE_S)
            case _:
                super().apply(effect)

    def scale_workload(self, replicas: int) -> None:
        """Give the Deployment that many pods: new ones need time."""
        at_s = inf if self.never_ready else self.now_s + self.setting.startup_s
        kept = sorted(self.workload or [])[:replicas]
        self.workload = kept + [at_s] * (replicas - len(kept))


@dataclass
class Witness(Watch):
    """Checks the writes of a takeover and of a way back, beside all others."""

    tried: set[str] = field(default_factory=lambda: {PODS})
    late: bool = False
    """Whether the time to give it back may run out."""

    def effect(self, world: World, rollout: Rollout, decision: Decision) -> None:
        """Check one write just before it is done."""
        effect, status = decision.effect, decision.status
        assert isinstance(world, Town)
        match effect:
            case ScaleWorkload(replicas=0):
                self._taken_over(world, rollout, status)
            case ScaleWorkload():
                assert rollout.deleting, "the Deployment gets pods though nobody gives it back"
                assert status.workload is not None
                assert status.workload.stage is WorkloadStage.GIVING_BACK, "not written down"
            case GiveBackDestination(pods_label=label):
                self._given_back(world, status, label)
            case ReleaseRollout() if status.workload is not None:
                assert rollout.deleting, "nothing would give the Deployment back"
                if world.workload is not None and not self.late:
                    busy = [pods for pods in world.sets.values() if pods.ready_at]
                    assert not busy, "our pods serve"
                assert (world.routes.stable, world.routes.canary) in self._clean(world)
            case ScaleReplicaSet(revision=name, replicas=0) if name == status.stable_revision:
                assert world.routes.stable == PODS, "stable goes while it is selected"
                assert world.ready(PODS) > 0
                rate = sum(rate for (_, to), rate in world.flow().items() if to == name)
                counted = world.setting.depth == "revision"
                assert not counted or rate <= HARDLY_ANY_RPS, f"{name} goes at {rate} requests/s"
            case ScaleReplicaSet() if effect.revision == status.stable_revision:
                least = max(rollout.spec.replicas, self._replaced(world, status))
                assert effect.replicas >= least, "fewer pods than are replaced"
            case _:
                super().effect(world, rollout, decision)

    @staticmethod
    def _replaced(world: Town, status: RolloutStatus) -> int:
        taken = status.workload
        if taken is None or taken.stage is not WorkloadStage.TAKING_OVER:
            return 0
        return len(world.workload or ())

    @staticmethod
    def _clean(world: Town) -> set[tuple[str | None, str | None]]:
        if world.setting.switch == "active":  # there is no canary destination
            return {(None, world.routes.canary)}
        return {(None, None)}

    def _taken_over(self, world: Town, rollout: Rollout, status: RolloutStatus) -> None:
        assert rollout.held, "a deletion would not wait for the way back"
        taken, stable = status.workload, status.stable_revision
        assert taken is not None, "not written down"
        assert stable is not None
        assert world.routes.stable == stable, "its pods go while they are selected"
        assert world.ready(stable) >= rollout.spec.replicas, "fewer pods than were promised"
        if taken.stage is WorkloadStage.TAKEN_OVER:
            return  # somebody gave it pods again, which nobody uses
        since_s = max(since for since, routes in world.past if routes.stable == stable)
        rate = sum(rate for (_, name), rate in world.flow().items() if name == PODS)
        if world.setting.depth == "revision":
            assert rate <= HARDLY_ANY_RPS, f"the Deployment goes while it gets {rate} requests/s"
        else:
            assert world.now_s - since_s >= SILENT_S - 1, "the Deployment goes too soon"

    def _given_back(self, world: Town, status: RolloutStatus, label: str) -> None:
        assert status.workload is not None
        if world.workload is None or self.late:
            return
        assert status.workload.stage is WorkloadStage.GIVEN_BACK, "not written down"
        if label:
            assert world.ready(label) * 2 >= status.workload.replicas, "no pods to send to"


def adopting_spec(spec: RolloutSpec) -> RolloutSpec:
    """The same with a Deployment in place of the template."""
    ref = WorkloadRef(api_version="apps/v1", kind="Deployment", name="shop")
    return spec.model_copy(update={"template": None, "workload_ref": ref})


def town(setting: Setting, spec: RolloutSpec, *, pods: int = 4) -> Operator:
    """An operator that meets a Deployment which serves."""
    return Operator(Town(setting, pods), adopting_spec(spec), watch=Witness())


def taken_over(operator: Operator) -> bool:
    """Whether the Deployment is at rest with no pods."""
    taken = operator.status.workload
    return taken is not None and taken.stage is WorkloadStage.TAKEN_OVER
