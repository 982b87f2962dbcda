"""How long a release is watched before it counts as stuck."""

from __future__ import annotations

from typing import Final

from tidegate.api.checks import Gate
from tidegate.api.rollout import RolloutSpec
from tidegate.core.whereabouts import preflight_of

EXTRA_S: Final = 600.0
"""For proxies and windows, beside what the spec and the pods themselves ask for."""


def horizon_s(spec: RolloutSpec, ready_after_s: float) -> float:
    """Seconds by which a release whose gates pass is over, with ten minutes to spare."""
    phases_s = sum(
        max([phase.hold_s, phase.deadline_s or 0.0, *_gates_s(phase.gates)])
        for phase in preflight_of(spec) + spec.phases
    )
    bake_s = spec.bake.duration_s if spec.bake else 0.0
    pods_s = (len(spec.phases) + 1) * ready_after_s
    return phases_s + bake_s + pods_s + spec.progress_deadline_s + spec.blind.after_s + EXTRA_S


def _gates_s(gates: tuple[Gate, ...]) -> list[float]:
    return [(gate.delay_s or 0.0) + (gate.for_s or 0.0) for gate in gates]
