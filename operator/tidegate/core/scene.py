"""One pass as the rules see it, and what a rule answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tidegate.api.checks import Gate, Guard
from tidegate.api.phases import Phase
from tidegate.api.policy import check_id, policy_of_id
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.api.status import BEFORE_TRAFFIC, RolloutStatus, RunStatus, Stage
from tidegate.api.takeover import WorkloadStage
from tidegate.core import capacity
from tidegate.core.check import Check, id_for, with_evidence, without_comparison
from tidegate.core.decision import Effect, Note
from tidegate.core.measured import arms_watched, is_sent, least, of_revision, variant_since
from tidegate.core.measures import asked_now
from tidegate.core.observation import Observed, Reading, RevisionView, RoutesView
from tidegate.core.scoring import AnyBound, scored, scores
from tidegate.core.switching import ALL, canary_of, routes_of
from tidegate.core.whereabouts import in_preflight, phase_on, place_of

ALWAYS = datetime.min.replace(tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
USUAL = ("blind", "blind")
"""`onNoData` and `onError` of a guard that says nothing of them."""
SIZE_KEPT_S = 60.0
"""Seconds after a run until a size that was lowered in it is carried out.

An autoscaler looks every 15 s: by then it has seen all the traffic on the pods that carry it.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A rule's answer: the next status, at most one write, and why it waits if it does."""

    status: RolloutStatus
    effect: Effect | None = None
    notes: tuple[Note, ...] = ()
    reason: str = ""
    message: str = ""
    wake_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """Spec, status, world and time of one pass, with the questions every rule asks of them."""

    rollout: Rollout
    status: RolloutStatus
    observed: Observed
    now: datetime

    @property
    def spec(self) -> RolloutSpec:
        """What the user asks for."""
        return self.rollout.spec

    @property
    def run(self) -> RunStatus | None:
        """The run that is on, or None."""
        return self.status.run

    @property
    def target(self) -> str:
        """The revision of the template as it stands now."""
        return self.observed.target

    @property
    def stable(self) -> RevisionView | None:
        """The ReplicaSet of the stable revision."""
        return self.observed.revision(self.status.stable_revision)

    @property
    def baking(self) -> bool:
        """Whether the run's revision is promoted already, and the old one kept warm."""
        return self.run is not None and self.run.stage is Stage.BAKING

    @property
    def undo(self) -> bool:
        """Whether the run is the way back to a proven revision."""
        return self.run is not None and bool(self.run.undo)

    @property
    def observing(self) -> bool:
        """Whether metrics only tell what they would do, those of policies left aside."""
        return self.spec.mode == "observe"

    @property
    def canary_revision(self) -> str | None:
        """Whom the run's canary destination is for: who is tried; in a bake, who may come back."""
        return canary_of(self.run) if self.run else None

    @property
    def canary(self) -> RevisionView | None:
        """The ReplicaSet of that revision."""
        return self.observed.revision(self.canary_revision)

    @property
    def routes(self) -> RoutesView | None:
        """The routes, or None while they cannot be read."""
        service = self.observed.service
        return routes_of(self.status, service) if service else self.observed.routes

    @property
    def switches(self) -> bool:
        """Whether all traffic goes to one side or the other: the router is a plain Service."""
        return self.observed.service is not None

    @property
    def full(self) -> int:
        """Pods that carry all traffic: no fewer than they replace, nor than a run has.

        A run's count for a minute after it, too: an autoscaler that looks at stable sees less load
        than will come back to it.
        """
        if self.run is not None:
            return max(self.spec.replicas, self.run.min_replicas, self._replaced)
        last = self.status.last_run if self.kept_until is not None else None
        kept = (last.kept_replicas or 0) if last else 0
        return max(self.spec.replicas, kept, self._replaced)

    @property
    def kept_until(self) -> datetime | None:
        """Until when a size that was lowered in the last run waits; None when none does."""
        last = self.status.last_run
        if self.run is not None or last is None:
            return None
        if (last.kept_replicas or 0) <= self.spec.replicas:
            return None
        return self.at(last.finished_at + timedelta(seconds=SIZE_KEPT_S))

    @property
    def _replaced(self) -> int:
        """Pods of a Deployment that is being taken over and still has them."""
        taken, workload = self.status.workload, self.observed.workload
        if taken is None or workload is None or taken.stage is not WorkloadStage.TAKING_OVER:
            return 0
        return workload.replicas

    @property
    def settle(self) -> timedelta:
        """Time the proxies get to take up a write before anything relies on it."""
        return timedelta(seconds=self.spec.traffic.settle_s if self.spec.traffic else 0.0)

    @property
    def canary_known_at(self) -> datetime:
        """When every proxy may be taken to know a ready pod of the canary.

        A pod that is ready here becomes an endpoint elsewhere, and later: a route that reaches
        the proxies before it sends requests to nobody.
        """
        return (self.status.canary_ready_since or self.now) + self.settle

    @property
    def phase(self) -> Phase | None:
        """The phase of the run as the spec has it now, found by its name; or its pre-flight."""
        return phase_on(self.spec, self.status)

    @property
    def canary_pods(self) -> int:
        """Pods the canary must have now."""
        if self.run is None or self.run.stage is Stage.PREFLIGHT:
            return 0
        if self.run.stage in (Stage.PROMOTING, Stage.BAKING) or self.run.skip_to_end:
            return self.full
        if self.phase is None and self.run.stage is Stage.PHASE:
            return self.canary.replicas if self.canary else 0  # its phase is gone: as many as now
        if self.phase is None:
            return self.full
        return capacity.phase_pods(self.phase, self.full)

    @property
    def shifts(self) -> bool:
        """Whether stable may have fewer pods now than carry all traffic."""
        on_the_way = self.run is not None and self.run.stage not in BEFORE_TRAFFIC
        return on_the_way and self.spec.capacity.mode == "shift" and not self.switches

    @property
    def stable_pods(self) -> int:
        """Pods stable must have now, for what the routes send it and for what is to come back."""
        if not self.shifts or self.routes is None:
            return self.full
        left = min((least(route) for route in self.routes.weights), default=0)
        ahead = left if self.phase is None else min(left, self.phase.weight)
        return capacity.stable_pods(ahead, self.full, self.spec.capacity.headroom_percent)

    @property
    def paused(self) -> bool:
        """Whether a person or a guard stopped the run from going on."""
        return self.spec.paused or self.status.pause is not None

    def guards(self) -> tuple[tuple[Check, Guard], ...]:
        """The guards that are on, with their check ids; none before there may be pods.

        In a phase its own stand in for those of the Rollout on the same metric. They have ids of
        their own, so that no reading of one bound is ever judged by another.
        """
        on = self.run is not None and self.run.stage is Stage.PHASE
        own = self.guards_of(self.phase) if on and self.phase is not None else ()
        replaced = {guard.metric for _, guard in own}
        every = (self._check(f"guard/{i}", guard) for i, guard in enumerate(self.spec.guards))
        usual = tuple((check, guard) for check, guard in every if guard.metric not in replaced)
        usual += own + self._imposed()
        found = () if in_preflight(self.status) else self._each(usual, self.variants)
        return without_comparison(found) if self.alone else found

    def _imposed(self) -> tuple[tuple[Check, Guard], ...]:
        """The guards of policies, which no phase stands in for."""
        return tuple(
            self._check(check_id(policy.name, i), guard)
            for policy in self.rollout.policies
            for i, guard in enumerate(policy.guards)
        )

    def tells_only(self, check: Check) -> bool:
        """Whether what a check says is only told, and neither holds nor reverts."""
        policy = self.rollout.policy(policy_of_id(check.id))
        return self.observing if policy is None else policy.tells_only(self.spec.mode)

    def enforced(self) -> tuple[tuple[Check, Guard], ...]:
        """The guards that are on and do more than tell."""
        return tuple((check, guard) for check, guard in self.guards() if not self.tells_only(check))

    @property
    def alone(self) -> bool:
        """Whether stable is sent nothing that the new revision could be compared with.

        What the routes do decides, not the phase: until they are moved, a comparison still counts.
        """
        if self.run is None or self.routes is None:
            return self.baking
        one = self.run.stage is Stage.PROMOTING and self.routes.stable == self.routes.canary
        weights = self.routes.weights
        return self.baking or one or (bool(weights) and all(r.weight == ALL for r in weights))

    def guards_of(self, phase: Phase) -> tuple[tuple[Check, Guard], ...]:
        """A phase's own guards with their check ids."""
        place = self.spec.phases.index(phase)
        return tuple(
            self._check(f"guard/{place}/{i}", guard) for i, guard in enumerate(phase.guards)
        )

    def gates(self, phase: Phase) -> tuple[tuple[Check, Gate], ...]:
        """The gates of a phase with their check ids: about each arm that it sends requests to."""
        place = place_of(self.spec, phase)
        own = tuple(self._check(f"gate/{place}/{i}", gate) for i, gate in enumerate(phase.gates))
        every = self._each(own, tuple(name for name, _ in phase.shares))
        return every if phase.weight or not phase.shares else every[len(own) :]

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that the phase that is on names, and whoever gets requests still."""
        return () if self.undo else arms_watched(self.run, self.phase, self.routes)

    def _each(
        self, found: tuple[tuple[Check, AnyBound], ...], variants: tuple[str, ...]
    ) -> tuple[tuple[Check, AnyBound], ...]:
        """The same checks about each variant, too."""
        more = (self._check(check.id, bound, name) for name in variants for check, bound in found)
        return (*found, *more)

    def _check(self, check_id: str, bound: AnyBound, variant: str = "") -> tuple[Check, AnyBound]:
        check_id = id_for(check_id, variant)
        bound, card = scored(self.spec.scorecards, check_id, bound)
        return Check(check_id, bound, card, variant=variant), bound

    def checks(self) -> tuple[Check, ...]:
        """What is watched now: the guards, and in a phase its gates; nothing on the way back."""
        if self.run is None or self.undo:
            return ()
        watched = tuple(check for check, _ in self.guards())
        if self.run.stage in (Stage.PREFLIGHT, Stage.PHASE) and self.phase is not None:
            watched += tuple(check for check, _ in self.gates(self.phase))
        return watched

    def probes(self) -> tuple[Check, ...]:
        """What is asked now: before the first traffic every check once, then what is watched.

        So a query that the provider refuses is found before any request is at stake.
        """
        first = self.run is not None and not self.undo and self.run.stage is Stage.PREPARING
        later = (
            check
            for phase in (self.spec.phases if first else ())
            for checks in (self.guards_of(phase), self.gates(phase))
            for check, _ in checks
        )
        asked = (*self.checks(), *later, *asked_now(self.spec, self.run, self.phase))
        return tuple(probe for check in asked for probe in check.probes)

    def answers(self, check: Check) -> tuple[Reading, ...]:
        """All that a check was answered in this run, whomever it was about."""
        parts = [self.observed.readings.get(probe.id, ()) for probe in check.probes]
        return parts[0] if check.card is None else scores(check.card, parts)

    def readings(self, check: Check) -> tuple[Reading, ...]:
        """The readings of a check that are about this revision.

        What was measured before its destination selected the revision is about somebody else;
        it only tells that the provider answers. What pods themselves tell holds from the first,
        and a pre-flight asks about no revision.
        """
        if check.card is not None:
            parts = [with_evidence(p, self.readings(p), self.status.evidence) for p in check.probes]
            return self._timed(check, scores(check.card, parts))
        raw = self._timed(check, self.observed.readings.get(check.id, ()))
        since = self.measured_from(check.variant)
        if in_preflight(self.status) or (raw and since is not None and raw[0].at >= since):
            return raw  # they are in the order of time
        return tuple(of_revision(reading, since) for reading in raw)

    def _timed(self, check: Check, raw: tuple[Reading, ...]) -> tuple[Reading, ...]:
        """The readings with what their times say to a check that asks for it."""
        bound, due = check.bound, self.data_due_from(check)
        unmeasured = isinstance(bound, Guard) and (bound.on_no_data, bound.on_error) != USUAL
        if not bound.delay_s and not unmeasured:
            return raw
        told = ((one, self.early(check, one.at)) for one in raw)
        return tuple(
            one.seen(early=early, due=unmeasured and not early and one.at >= due)
            for one, early in told
        )

    def early(self, check: Check, moment: datetime) -> bool:
        """Whether what is measured then is within the check's delay.

        A gate's begins with the hold of its phase. A guard's begins when the weight of a phase is
        there, and only holds for that time: it watches before and after, for it is all there is
        while pods for more traffic are waited for. What was early stays so in later phases and in
        the promotion.
        """
        if isinstance(check.bound, Gate):
            return moment < self.gate_counts_from(check)
        at, run, delay_s = self.status.phase, self.run, check.bound.delay_s
        if not delay_s or run is None:
            return False
        delay, now = timedelta(seconds=delay_s), at.reached_at if at else None
        begins = run.reached if now is None else (*run.reached, now)
        return any(begin <= moment < begin + delay for begin in begins)

    def gate_counts_from(self, check: Check) -> datetime:
        """From when readings of a gate count; NEVER before its delay has begun; any of a guard."""
        delay_s, at = check.bound.delay_s, self.status.phase
        if not delay_s or at is None or isinstance(check.bound, Guard):
            return ALWAYS
        return NEVER if at.started_at is None else at.started_at + timedelta(seconds=delay_s)

    def data_due_from(self, check: Check) -> datetime:
        """From when there has to be data about whom it measures; NEVER while it has no traffic.

        In a phase that is when its hold began: by then the proxies send what the routes say.
        """
        run, routes, at = self.run, self.routes, self.status.phase
        since = self.measured_from(check.variant)
        if run is None or routes is None or since is None:
            return NEVER
        if run.stage is Stage.PHASE:
            return (at and is_sent(routes, check.variant) and at.started_at) or NEVER
        if run.stage in BEFORE_TRAFFIC or (routes.idle_canary and not self.baking):
            return NEVER
        return max(self.weight_since, since) + self.settle

    @property
    def measured_since(self) -> datetime | None:
        """When its destination began to select the run's revision: the stable one, in a bake."""
        traffic, run = self.status.traffic, self.run
        if run is None or traffic is None:
            return None
        if self.baking:
            return traffic.stable_since if traffic.stable == run.to_revision else None
        return traffic.canary_since if traffic.canary == run.to_revision else None

    def measured_from(self, variant: str) -> datetime | None:
        """The same of a variant; of the run's own revision for ""."""
        found = variant_since(self.status, self.observed, variant)
        return found if variant else self.measured_since

    @property
    def weight_since(self) -> datetime:
        """When the routes were first seen with the weight they have now; now while they differ."""
        traffic = self.status.traffic
        return (traffic.weight_since if traffic else None) or self.now

    def at(self, moment: datetime) -> datetime | None:
        """That moment if it is still to come: a time to wake at."""
        return moment if moment > self.now else None


def changed(status: RolloutStatus, **fields: object) -> RolloutStatus:
    """The status with some fields replaced; a misspelt field is an error, not a new field."""
    unknown = fields.keys() - RolloutStatus.model_fields.keys()
    if unknown:
        raise TypeError(f"RolloutStatus has no {sorted(unknown)}")
    if all(getattr(status, name) == value for name, value in fields.items()):
        return status  # most passes change nothing: no need to check it all again
    return status.model_copy(update=fields)
