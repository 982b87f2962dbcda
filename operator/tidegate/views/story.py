"""What a Rollout is doing, why and what is next, as rows that a terminal or a page can lay out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from tidegate.api.meta import Meta
from tidegate.api.phases import Phase
from tidegate.api.problems import SpecError
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.api.status import (
    BEFORE_TRAFFIC,
    LastRun,
    PhaseStatus,
    RolloutStatus,
    RunStatus,
    Stage,
    State,
)
from tidegate.api.takeover import WorkloadDrift, WorkloadStage
from tidegate.core.cohorts import and_told
from tidegate.core.observing import OVERLOOKED
from tidegate.core.whereabouts import in_preflight, preflight_of
from tidegate.views.amounts import age, span_text
from tidegate.views.approvals import given, needed
from tidegate.views.check_rows import CheckRow, check_row
from tidegate.views.experiment_rows import experiment_rows
from tidegate.views.foreign_text import clean
from tidegate.views.hook_rows import HookRow, hook_row

HISTORY_SHOWN: Final = 5
UNSEEN: Final = -1


class Mark(StrEnum):
    """Where a phase stands."""

    DONE = "done"
    CURRENT = "current"
    NEXT = "next"
    IDLE = "idle"  # no run is on


@dataclass(frozen=True, slots=True)
class TrafficRow:
    """Who gets the requests."""

    canary_percent: int
    stable: str
    canary: str
    note: str


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """One phase of the timeline."""

    name: str
    weight: int
    mark: Mark
    note: str


@dataclass(frozen=True, slots=True)
class ConditionRow:
    """One condition, short."""

    type: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One thing that happened."""

    at: datetime
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A Rollout, ready to be shown; empty texts and tuples stand for "nothing to say"."""

    name: str
    state: State
    message: str
    unseen: str
    pods: str
    workload: str
    policies: str
    pause: str
    wait: str
    traffic: TrafficRow | None
    run: str
    approvals: tuple[str, ...]
    phases: tuple[PhaseRow, ...]
    to_go: str
    checks: tuple[CheckRow, ...]
    experiment: tuple[str, ...]
    hooks: tuple[HookRow, ...]
    last_run: str
    conditions: tuple[ConditionRow, ...]
    history: tuple[HistoryRow, ...]


def story(body: Mapping[str, Any], now: datetime) -> Story:
    """The story of a Rollout as the API server holds it; raise SpecError when it has no name."""
    meta = Meta.parse(body)
    status = RolloutStatus.parse(body)
    spec = _spec(body)
    return Story(
        name=f"{meta.namespace}/{meta.name}",
        state=status.state,
        message=status.message,
        unseen=_unseen(meta.generation, status.observed_generation),
        pods=f"{status.ready} ready" if status.ready else "",
        workload=_workload(status),
        policies=_policies(status),
        pause=_pause(status, spec, now),
        wait=_wait(status, now),
        traffic=_traffic(status),
        run=_run(status.run, now),
        approvals=given(spec, status, now),
        phases=_phases(status, spec, now),
        to_go=_to_go(status, spec, now),
        checks=tuple(check_row(check, spec, now) for check in status.checks),
        experiment=tuple(clean(line) for line in experiment_rows(status)),
        hooks=tuple(hook_row(hook, now) for hook in status.hooks),
        last_run=_last_run(status.last_run, now),
        conditions=tuple(ConditionRow(c.type, c.status, c.reason) for c in status.conditions),
        history=_history(status),
    )


def one_line(status: RolloutStatus) -> str:
    """What is going on, in one line without any time that passes: equal lines mean no change."""
    parts = [status.state.value]
    if status.phase is not None:
        parts.append(f"phase {status.phase.name}")
    if status.run is not None or status.weight:
        parts.append(f"canary {status.weight} %")
    if status.gates_summary:
        parts.append(f"checks {status.gates_summary}")
    if status.ready:
        parts.append(f"ready {status.ready}")
    return clean(" · ".join(parts) + (f": {status.message}" if status.message else ""))


def _spec(body: Mapping[str, Any]) -> RolloutSpec | None:
    """The spec, or None when it cannot be read: the status then still tells what is known."""
    try:
        return Rollout.parse(body).spec
    except SpecError:
        return None


def _unseen(generation: int, observed: int) -> str:
    if observed == UNSEEN:
        return "the operator has not looked at it yet"
    if observed < generation:
        return f"the operator has not seen the last change yet (generation {generation})"
    return ""


def _workload(status: RolloutStatus) -> str:
    taken = status.workload
    if taken is None:
        return ""
    pods = f"{taken.replicas} {'pod' if taken.replicas == 1 else 'pods'}"
    match taken.stage:
        case WorkloadStage.TAKING_OVER:
            return f"Deployment {taken.name} is being taken over; it had {pods}"
        case WorkloadStage.TAKEN_OVER:
            drifted = taken.drift is WorkloadDrift.LEFT_ALONE
            more = "; somebody gave it pods again" if drifted else ""
            return f"Deployment {taken.name}, taken over with {pods}{more}"
        case WorkloadStage.GIVING_BACK | WorkloadStage.GIVEN_BACK:
            return f"Deployment {taken.name} is given back with {pods}"


def _policies(status: RolloutStatus) -> str:
    return ", ".join(
        policy.name + ("" if policy.mode == "enforce" else f" ({policy.mode})")
        for policy in status.policies
    )


def _pause(status: RolloutStatus, spec: RolloutSpec | None, now: datetime) -> str:
    if status.pause is not None:
        why = f": {status.pause.reason}" if status.pause.reason else ""
        return f"by {status.pause.by}, {age(status.pause.at, now)}{why}"
    return "by spec.paused" if spec is not None and spec.paused else ""


def _wait(status: RolloutStatus, now: datetime) -> str:
    wait = status.wait
    if wait is None:
        return ""
    return f"{wait.message}, for {span_text((now - wait.since).total_seconds())}"


def _traffic(status: RolloutStatus) -> TrafficRow | None:
    traffic = status.traffic
    if traffic is None:
        return None
    waiting = any(c.type == "TrafficConverged" and c.status == "False" for c in status.conditions)
    return TrafficRow(
        canary_percent=traffic.weight,
        stable=status.stable_revision or "",
        canary=status.canary_revision or "",
        note="; ".join(
            filter(
                None,
                (
                    clean(and_told(traffic.match, traffic.sticky, traffic.mirror).lstrip(", ")),
                    clean(f"variants {traffic.variants}") if traffic.variants else "",
                    "proxies are not there yet" if waiting else "",
                ),
            )
        ),
    )


def _run(run: RunStatus | None, now: datetime) -> str:
    if run is None:
        return ""
    skipped = ", remaining phases left out" if run.skip_to_end else ""
    since = span_text((now - run.started_at).total_seconds())
    if run.undo:
        return f"{_numbered(run)}, going back for {since}: {run.undo}"
    told = f", mode observe overlooked {', '.join(run.overlooked)}" if run.overlooked else ""
    return f"{_numbered(run)}, {run.stage.value.lower()} for {since}{skipped}{told}"


def _numbered(run: RunStatus | LastRun) -> str:
    return f"{run.number}: {run.from_revision or 'nothing'} → {run.to_revision}"


def _last_run(last: LastRun | None, now: datetime) -> str:
    if last is None:
        return ""
    took = span_text((last.finished_at - last.started_at).total_seconds())
    # A promoted run's message only repeats its number and revisions, but for what was overlooked.
    told = last.outcome != "Promoted" or OVERLOOKED in last.message
    why = f": {last.message}" if last.message and told else ""
    when = f"{age(last.finished_at, now)} after {took}"
    return f"{_numbered(last)}, {last.outcome.lower()} {when}{why}"


def _phases(status: RolloutStatus, spec: RolloutSpec | None, now: datetime) -> tuple[PhaseRow, ...]:
    if spec is None:
        return ()
    place = _place(status, spec.phases)
    rows = [_preflight(one, spec, status, now) for one in preflight_of(spec)]
    for i, phase in enumerate(spec.phases):
        notes = (_phase_note(i, place, phase, status, now), needed(phase, spec, status, now))
        note = ", ".join(filter(None, notes))
        rows.append(PhaseRow(phase.name, phase.weight, _mark(i, place), note))
    return tuple(rows)


def _preflight(phase: Phase, spec: RolloutSpec, status: RolloutStatus, now: datetime) -> PhaseRow:
    """What comes before the first pod, as one more phase without traffic."""
    on, place = in_preflight(status), None if status.run is None else 1
    late = _phase_note(0, 0, phase, status, now) if on and _late(status) else ""
    note = ", ".join(filter(None, (late, needed(phase, spec, status, now))))
    return PhaseRow(phase.name, phase.weight, Mark.CURRENT if on else _mark(0, place), note)


def _late(status: RolloutStatus) -> bool:
    return status.phase is not None and status.phase.timed_out_at is not None


def _place(status: RolloutStatus, phases: tuple[Phase, ...]) -> int | None:
    """Index of the phase that is on: -1 before the first, past the end while promoting."""
    run = status.run
    if run is None:
        return None
    if run.stage in BEFORE_TRAFFIC:
        return -1
    names = [phase.name for phase in phases]
    past = run.stage in (Stage.PROMOTING, Stage.BAKING)
    if past or status.phase is None or status.phase.name not in names:
        return len(phases)
    return names.index(status.phase.name)


def _mark(index: int, place: int | None) -> Mark:
    if place is None:
        return Mark.IDLE
    if index == place:
        return Mark.CURRENT
    return Mark.DONE if index < place else Mark.NEXT


def _phase_note(
    index: int, place: int | None, phase: Phase, status: RolloutStatus, now: datetime
) -> str:
    hold = f"hold {span_text(phase.hold_s)}" if phase.hold_s else ""
    if index == place and _late(status):
        return f"over its deadline of {span_text(phase.deadline_s or 0.0)}"
    if place is None or index != place or status.phase is None:
        return "" if place is not None and index < place else hold
    if status.phase.started_at is None:
        return ", ".join(filter(None, [hold, "its clock has not started"]))
    left_s = _left_s(phase, status.phase, now)
    if left_s > 0:
        return f"{hold}, {span_text(left_s)} left"
    return ", ".join(filter(None, [hold, "over, waiting for its gates"]))


def _left_s(phase: Phase, current: PhaseStatus, now: datetime) -> float:
    """Seconds of the hold that are left; all of it while the clock has not started."""
    if current.started_at is None:
        return phase.hold_s
    return max(0.0, phase.hold_s - max(0.0, (now - current.started_at).total_seconds()))


def _to_go(status: RolloutStatus, spec: RolloutSpec | None, now: datetime) -> str:
    """The least time the holds still take."""
    if spec is None or status.run is None or status.run.skip_to_end:
        return ""
    place = _place(status, spec.phases)
    if status.run.baking_since is not None and spec.bake is not None:
        baked_s = (now - status.run.baking_since).total_seconds()
        left_s = spec.bake.duration_s - baked_s
        return f"at least {span_text(left_s)} to bake" if left_s > 0 else ""
    if place is None or place >= len(spec.phases):
        return ""
    left_s = sum(phase.hold_s for phase in spec.phases[place + 1 :])
    if place >= 0 and status.phase is not None:
        left_s += _left_s(spec.phases[place], status.phase, now)
    return f"at least {span_text(left_s)} to go" if left_s else ""


def _history(status: RolloutStatus) -> tuple[HistoryRow, ...]:
    """The last entries of the run that is on, or of the last one."""
    source = status.run or status.last_run
    entries = source.history if source else ()
    return tuple(HistoryRow(e.at, e.reason or e.what, e.message) for e in entries[-HISTORY_SHOWN:])
