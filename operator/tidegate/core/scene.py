"""One pass as the rules see it, and what a rule answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tidegate.api.checks import Bound, Gate, Guard
from tidegate.api.phases import Phase
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.api.status import RolloutStatus, RunStatus, Stage
from tidegate.core import capacity
from tidegate.core.decision import Effect, Note
from tidegate.core.observation import Answer, Observed, Reading, RevisionView, RoutesView


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
class Check:
    """A guard or gate with the id its readings and its status are kept under."""

    id: str
    bound: Bound


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
    def canary(self) -> RevisionView | None:
        """The ReplicaSet of the revision being tried."""
        return self.observed.revision(self.run.to_revision) if self.run else None

    @property
    def routes(self) -> RoutesView | None:
        """The routes, or None while they cannot be read."""
        return self.observed.routes

    @property
    def full(self) -> int:
        """Pods that carry all traffic: never fewer than when the run began."""
        return max(self.spec.replicas, self.run.min_replicas if self.run else 0)

    @property
    def settle(self) -> timedelta:
        """Time the proxies get to take up a write before anything relies on it."""
        return timedelta(seconds=self.spec.traffic.settle_s if self.spec.traffic else 0.0)

    @property
    def phase(self) -> Phase | None:
        """The phase of the run as the spec has it now, found by its name."""
        if self.status.phase is None:
            return None
        return next((p for p in self.spec.phases if p.name == self.status.phase.name), None)

    @property
    def canary_pods(self) -> int:
        """Pods the canary must have now."""
        if self.run is None:
            return 0
        if self.run.stage is Stage.PROMOTING or self.run.skip_to_end:
            return self.full
        if self.phase is None and self.run.stage is Stage.PHASE:
            return self.canary.replicas if self.canary else 0  # its phase is gone: as many as now
        if self.phase is None:
            return self.full
        return capacity.phase_pods(self.phase, self.full)

    @property
    def paused(self) -> bool:
        """Whether a person or a guard stopped the run from going on."""
        return self.spec.paused or self.status.pause is not None

    def guards(self) -> tuple[tuple[Check, Guard], ...]:
        """The guards with their check ids."""
        return tuple(
            (Check(f"guard/{i}", guard), guard) for i, guard in enumerate(self.spec.guards)
        )

    def gates(self, phase: Phase) -> tuple[tuple[Check, Gate], ...]:
        """The gates of a phase with their check ids."""
        place = self.spec.phases.index(phase)
        return tuple((Check(f"gate/{place}/{i}", gate), gate) for i, gate in enumerate(phase.gates))

    def checks(self) -> tuple[Check, ...]:
        """What is watched now: the guards, and in a phase its gates."""
        if self.run is None:
            return ()
        watched = tuple(check for check, _ in self.guards())
        if self.run.stage is Stage.PHASE and self.phase is not None:
            watched += tuple(check for check, _ in self.gates(self.phase))
        return watched

    def probes(self) -> tuple[Check, ...]:
        """What is asked now: before the first traffic every check once, then what is watched.

        So a query that the provider refuses is found before any request is at stake.
        """
        if self.run is None or self.run.stage is not Stage.PREPARING:
            return self.checks()
        gates = tuple(check for phase in self.spec.phases for check, _ in self.gates(phase))
        return self.checks() + gates

    def readings(self, check: Check) -> tuple[Reading, ...]:
        """The readings of a check that are about this revision.

        What was measured before the canary destination selected the revision is about somebody
        else; it only tells that the provider answers.
        """
        raw = self.observed.readings.get(check.id, ())
        since = self.canary_since
        return tuple(_of_revision(reading, since) for reading in raw)

    @property
    def canary_since(self) -> datetime | None:
        """When the canary destination began to select the revision being tried."""
        traffic = self.status.traffic
        if self.run is None or traffic is None or traffic.canary != self.run.to_revision:
            return None
        return traffic.canary_since

    @property
    def weight_since(self) -> datetime:
        """When the routes were first seen with the weight they have now."""
        return self.status.traffic.weight_since if self.status.traffic else self.now

    def at(self, moment: datetime) -> datetime | None:
        """That moment if it is still to come: a time to wake at."""
        return moment if moment > self.now else None


def _of_revision(reading: Reading, since: datetime | None) -> Reading:
    if reading.answer is not Answer.OK or (since is not None and reading.at >= since):
        return reading
    return replace(reading, answer=Answer.NODATA, value=None, detail="measured before traffic")


def changed(status: RolloutStatus, **fields: object) -> RolloutStatus:
    """The status with some fields replaced; a misspelt field is an error, not a new field."""
    unknown = fields.keys() - RolloutStatus.model_fields.keys()
    if unknown:
        raise TypeError(f"RolloutStatus has no {sorted(unknown)}")
    return status.model_copy(update=fields)
