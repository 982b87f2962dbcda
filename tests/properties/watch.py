"""What must hold at every write and every decision, checked against the world as it really is.

The watch knows what the operator cannot: what each proxy sends at this very second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from tests.properties import experiments
from tests.properties.passing import Passing
from tests.properties.world import World, moment
from tidegate.api.limits import MAX_HISTORY, MAX_MESSAGE_CHARS
from tidegate.api.rollout import Rollout
from tidegate.api.status import BEFORE_TRAFFIC, RolloutStatus, Stage
from tidegate.api.variants import DESTINATION
from tidegate.core import reasons
from tidegate.core.decision import (
    Decision,
    DeleteReplicaSet,
    Effect,
    PointDestination,
    ScaleReplicaSet,
    SetWeight,
    SwitchService,
)
from tidegate.core.observation import Reading
from tidegate.core.picks import Picks, picks_of, within
from tidegate.core.storing import INTENT

SILENT_S = 30.0
ENOUGH = 20.0
HARDLY_ANY_RPS = 1e-9


def _baking(status: RolloutStatus) -> bool:
    return status.run is not None and status.run.stage is Stage.BAKING


@dataclass
class Watch:
    """Checks what is written; `foreign` says that somebody else edits routes, too."""

    foreign: bool = False
    crashes: int = 0
    passing: Passing = field(default_factory=Passing)
    tried: set[str] = field(default_factory=set)
    promoted: list[str] = field(default_factory=list)

    def reading(self, check_id: str, reading: Reading) -> None:
        """Remember what the operator was told."""
        self.passing.last_answers[check_id] = reading

    # ------------------------------------------------------------ decisions

    def decision(
        self, world: World, rollout: Rollout, before: RolloutStatus, decision: Decision
    ) -> None:
        """Check one decision, written or not."""
        status = decision.status
        assert len(status.message) <= MAX_MESSAGE_CHARS
        assert status.run is None or len(status.run.history) <= MAX_HISTORY
        if decision.wake_at is not None:
            assert decision.wake_at > moment(world.now_s), "a wake-up in the past"
        self._nobody_else_is_blamed(status)
        self._intent_alone(before, decision)
        self._matched_in_its_phase(world, rollout, before, decision)
        self._no_request_counts_twice(world, status)
        self.passing.decision(rollout, before, status)
        if status.stable_revision is not None:
            self.tried.add(status.stable_revision)
        if status.run is not None and status.run.stage not in BEFORE_TRAFFIC:
            self.tried.add(status.run.to_revision)
        if status.run is not None and status.run.stage is Stage.PHASE:
            self.tried |= {world.arm(name) for name, _ in experiments.shares(rollout, status)}
        if before.stable_revision is not None and not self.foreign:
            sent = {name for (_, name), rate in world.flow().items() if name and rate > 0}
            assert sent <= self.tried, f"{sent - self.tried} get requests before their run"

    def _nobody_else_is_blamed(self, status: RolloutStatus) -> None:
        """A crash between the route write of a revert and its record looks like somebody else."""
        drifts = status.traffic.drifts if status.traffic else ()
        assert self.foreign or len(drifts) <= self.crashes, "a weight of our own counts as drift"

    def _no_request_counts_twice(self, world: World, status: RolloutStatus) -> None:
        """The evidence of a run rests on requests that its revisions really had, each once."""
        run = status.run
        if run is None:
            return
        for entry in status.evidence:
            tried = experiments.tried(world, run.to_revision, entry.id)
            served = [world.served.get(name, 0.0) for name in (tried, run.from_revision or "")]
            for counted, had in zip(entry.totals, served, strict=False):
                assert counted <= had * (1 + 1e-9), f"{entry.id} counts {counted} of {had} requests"

    def _intent_alone(self, before: RolloutStatus, decision: Decision) -> None:
        """A change of intent comes without a write, except that a revert's write leads."""
        if decision.effect is None:
            return
        moved = {name for name in INTENT if getattr(before, name) != getattr(decision.status, name)}
        moved -= {"draining"}
        ended = before.run is not None and decision.status.run is None
        back = _baking(before) and decision.status.run is not None and decision.status.run.undo
        if moved:
            assert ended or back, f"{moved} changed together with {decision.effect}"
            assert isinstance(decision.effect, SetWeight | SwitchService)

    def _matched_in_its_phase(
        self, world: World, rollout: Rollout, before: RolloutStatus, decision: Decision
    ) -> None:
        """Without a write on its way header routes pick nobody but whom the phase that is on picks.

        They may stay until all traffic is the canary's anyway, until stable can carry it, until
        proxies know the stable that was re-pointed, and while nothing can be read.
        """
        if not world.routes.matched or decision.effect is not None or before != decision.status:
            return
        run, size = before.run, rollout.spec.replicas
        unread = world.problems or world.routes_hidden or world.setting.switch
        waits = unread or decision.reason == reasons.SETTLING
        weak = 2 * world.ready(before.stable_revision) < max(size, run.min_replicas if run else 0)
        if waits or weak or (run is not None and run.stage is Stage.PROMOTING):
            return
        asked, weight = _phase_picks(rollout, before)
        assert all(within(match, asked, weight) for match in world.routes.matches), before.message

    # ------------------------------------------------------------ writes

    def effect(self, world: World, rollout: Rollout, decision: Decision) -> None:
        """Check one write just before it is done."""
        effect = decision.effect
        match effect:
            case SetWeight():
                self._weight(world, rollout, decision.status, effect)
            case SwitchService():
                self._switch(world, rollout, decision.status, effect)
            case PointDestination() if world.setting.switch:
                nobody = rollout.spec.replicas == 0 or decision.status.stable_revision is None
                assert nobody or world.ready(effect.revision) > 0, "pointed at no ready pod"
            case PointDestination("stable"):
                self._point_stable(world, rollout, decision.status, effect)
            case PointDestination(destination) if destination.startswith(DESTINATION):
                if experiments.pointed(world, effect) and not self.foreign:
                    since_s = experiments.sent_until(world, effect)
                    self._let_go(world, destination, since_s=since_s)
            case PointDestination():
                self._point_canary(world, decision.status, effect)
            case ScaleReplicaSet() if effect.replicas < world.pods(effect.revision):
                self._shrink(world, rollout, decision.status, effect)
            case DeleteReplicaSet():
                self._unused(world, decision.status, effect)
            case _:
                pass

    def _weight(
        self, world: World, rollout: Rollout, status: RolloutStatus, effect: SetWeight
    ) -> None:
        assert 0 <= effect.weight <= 100
        routes = world.routes
        place = world.setting.virtual_services.index(effect.virtual_service)
        present = routes.weights[place]
        there, match = routes.matches[place], effect.match
        remade = match is not None and match != there
        arms = effect.variants
        shared = arms != routes.shares[place]
        changes = present != effect.weight or not routes.even[place] or remade or shared
        assert changes, "a write that changes nothing"
        more = remade and not within(match, there)
        if more:
            assert match == _phase_picks(rollout, status)[0], "header routes of another phase"
        if effect.weight > present or more:
            assert world.ready(routes.canary) > 0, "weight raised onto no ready pod"
            assert status.run is not None, "weight raised with no run on"
            assert status.run.to_revision == routes.canary, "weight raised onto another revision"
            paused = status.pause is not None or rollout.spec.paused
            assert status.run.undo or not paused, "weight raised in a pause"
        experiments.more_to_variants(world, rollout, status, effect)
        if effect.weight <= present and not (match and remade) and not self.foreign:
            both_gone = world.ready(routes.canary) == 0
            assert world.ready(routes.stable) > 0 or both_gone, "traffic sent to no ready pod"

    def _switch(
        self, world: World, rollout: Rollout, status: RolloutStatus, effect: SwitchService
    ) -> None:
        if effect.back:
            assert effect.revision == status.stable_revision
            gone = world.ready(world.routes.stable) == 0
            assert world.ready(effect.revision) > 0 or gone, "all requests sent to no ready pod"
            return
        run = status.run
        assert run is not None, "switched with no run on"
        assert run.to_revision == effect.revision, "switched to another revision"
        assert world.ready(effect.revision) > 0, "switched to no ready pod"
        paused = status.pause is not None or rollout.spec.paused
        assert run.undo or not paused, "switched in a pause"

    def _point_stable(
        self, world: World, rollout: Rollout, status: RolloutStatus, effect: PointDestination
    ) -> None:
        routes, stable = world.routes, status.stable_revision
        if stable is None or (effect.revision == stable and routes.stable != stable):
            return  # the first deployment, or somebody else's edit is put right
        assert status.run is not None
        assert status.run.stage is Stage.PROMOTING
        assert status.run.to_revision == effect.revision
        if rollout.spec.replicas == 0 and status.run.min_replicas == 0:
            return
        assert world.ready(effect.revision) > 0
        assert all(w == 100 for w in routes.weights), "stable re-pointed while it has weight"
        assert all(routes.even)
        assert not routes.matched, "stable re-pointed under header routes"
        self._let_go(world, "stable", since_s=self._since(world, 100))
        self.promoted.append(effect.revision)

    def _point_canary(self, world: World, status: RolloutStatus, effect: PointDestination) -> None:
        routes = world.routes
        if status.stable_revision is None:
            return
        assert all(w == 0 for w in routes.weights), "canary re-pointed while it has weight"
        assert not routes.matched, "canary re-pointed while it has header routes"
        if world.ready(routes.canary) == 0 and routes.canary is not None:
            return
        assert world.ready(effect.revision) > 0, "canary pointed at no ready pod"
        if not self.foreign:
            self._let_go(world, "canary", since_s=self._since(world, 0))

    def _let_go(self, world: World, subset: str, *, since_s: float) -> None:
        counted = sum(world.counted(world.setting.window_s).values()) >= ENOUGH
        if counted and world.setting.depth != "none":
            rate = sum(rate for (sent, _), rate in world.flow().items() if sent == subset)
            assert rate <= HARDLY_ANY_RPS, f"{subset} re-pointed while it gets {rate} requests/s"
        else:
            assert world.now_s - since_s >= SILENT_S - 1, f"{subset} re-pointed too soon"

    def _since(self, world: World, weight: int) -> float:
        """When the routes last came to that weight."""
        since = world.past[0][0]
        for at_s, routes in world.past:
            if any(w != weight for w in routes.weights) or routes.matched:
                since = float("inf")
            elif since == float("inf"):
                since = at_s
        return since

    def _shrink(
        self, world: World, rollout: Rollout, status: RolloutStatus, effect: ScaleReplicaSet
    ) -> None:
        if effect.revision == status.stable_revision:
            self._shrink_stable(world, rollout, status, effect)
            return
        self._unused(world, status, effect)
        if world.ready(effect.revision) == 0:
            return
        entry = next(d for d in status.draining if d.revision == effect.revision)
        waited = moment(world.now_s) - entry.since
        if waited >= timedelta(seconds=rollout.spec.drain.max_s):
            return
        assert waited >= timedelta(seconds=rollout.spec.drain.min_s or 10.0)
        counted = sum(world.counted(world.setting.window_s).values()) >= ENOUGH
        if world.setting.depth == "revision" and counted:
            rate = sum(r for (_, name), r in world.flow().items() if name == effect.revision)
            assert rate <= HARDLY_ANY_RPS, f"pods scaled away that get {rate} requests/s"
        else:
            assert waited >= timedelta(seconds=rollout.spec.drain.min_s or SILENT_S)

    def _shrink_stable(
        self, world: World, rollout: Rollout, status: RolloutStatus, effect: ScaleReplicaSet
    ) -> None:
        run = status.run
        if run is None:
            assert effect.replicas >= rollout.spec.replicas
            return
        assert rollout.spec.capacity.mode == "shift", "stable shrinks in a run"
        assert run.stage is Stage.PHASE, "stable shrinks outside of a phase"
        assert status.pause is None, "stable shrinks in a pause"
        full = max(rollout.spec.replicas, run.min_replicas)
        written = max(100 - weight for weight in world.routes.weights)
        assert effect.replicas * 100 >= written * full, "stable shrinks below its weight"
        settled = min(self._since(world, weight) for weight in set(world.routes.weights))
        assert world.now_s - settled >= 5.0, "stable shrinks before the routes have settled"
        if any(proxy.stalls for proxy in world.setting.proxies):
            return  # a stall is seen only within what the number of requests can tell
        sent = world.flow()
        total = sum(sent.values())
        share = sum(r for (_, name), r in sent.items() if name == effect.revision)
        assert effect.replicas * total >= share * full * 0.999, "stable shrinks under its load"

    def _unused(self, world: World, status: RolloutStatus, effect: Effect) -> None:
        assert isinstance(effect, ScaleReplicaSet | DeleteReplicaSet)
        used = {world.routes.stable, world.routes.canary, status.stable_revision}
        used |= set(world.routes.variants.values())
        used |= {status.run.to_revision} if status.run else set()
        used |= {status.run.from_revision} if status.run and _baking(status) else set()
        assert effect.revision not in used, "a revision in use loses its pods"


def _phase_picks(rollout: Rollout, status: RolloutStatus) -> tuple[Picks, int]:
    """Whom the phase that is on picks, and its weight; nobody without one."""
    if status.run is None or status.run.stage is not Stage.PHASE or status.phase is None:
        return (), 0
    named = (phase for phase in rollout.spec.phases if phase.name == status.phase.name)
    return next(((picks_of(rollout.spec, phase), phase.weight) for phase in named), ((), 0))
