"""Where a run is: in its pre-flight, which is asked for as a phase is, or in which phase."""

from __future__ import annotations

from datetime import datetime

from tidegate.api.phases import Phase
from tidegate.api.preflight import PREFLIGHT
from tidegate.api.rollout import RolloutSpec
from tidegate.api.status import PhaseStatus, RolloutStatus, Stage


def in_preflight(status: RolloutStatus) -> bool:
    """Whether the run has not been let to its first pod yet."""
    return status.run is not None and status.run.stage is Stage.PREFLIGHT


def preflight_of(spec: RolloutSpec) -> tuple[Phase, ...]:
    """The pre-flight of the spec as a phase, alone; () where there is none."""
    return (spec.preflight.as_phase,) if spec.preflight is not None else ()


def phase_on(spec: RolloutSpec, status: RolloutStatus) -> Phase | None:
    """The phase that is on, as the spec has it now; the pre-flight while that is."""
    if in_preflight(status):
        return next(iter(preflight_of(spec)), None)
    if status.phase is None:
        return None
    return next((phase for phase in spec.phases if phase.name == status.phase.name), None)


def place_of(spec: RolloutSpec, phase: Phase) -> str:
    """Where the phase stands in the spec, for the ids of its checks."""
    return PREFLIGHT if phase.name == PREFLIGHT else str(spec.phases.index(phase))


def title(phase: str) -> str:
    """The phase of that name as people know it."""
    return "the pre-flight" if phase == PREFLIGHT else f"phase {phase}"


def beginning(spec: RolloutSpec, now: datetime, *, fast: bool) -> tuple[Stage, PhaseStatus | None]:
    """Where a run begins: in the pre-flight, unless it leaves out all that can be left out."""
    if spec.preflight is None or fast:
        return preparing(spec, now)
    return Stage.PREFLIGHT, PhaseStatus(index=0, name=PREFLIGHT, entered_at=now)


def preparing(spec: RolloutSpec, now: datetime) -> tuple[Stage, PhaseStatus | None]:
    """Where its first pods are made, for the first phase if there is one."""
    names = (phase.name for phase in spec.phases[:1])
    first = (PhaseStatus(index=0, name=name, entered_at=now) for name in names)
    return Stage.PREPARING, next(first, None)
