"""How any run begins in the status: what an earlier one left there is gone."""

from __future__ import annotations

from tidegate.api.status import PhaseStatus, RolloutStatus, RunStatus
from tidegate.core import reasons
from tidegate.core.hook_places import unfinished
from tidegate.core.journal import noted
from tidegate.core.scene import Scene, changed


def begun(
    scene: Scene,
    status: RolloutStatus,
    run: RunStatus,
    message: str,
    phase: PhaseStatus | None = None,
) -> RolloutStatus:
    """The status with that run on and its beginning in the journal."""
    return changed(
        status,
        run=noted(run, scene.now, "run", reasons.RUN_STARTED, message),
        phase=phase,
        canary_revision=run.to_revision,
        reverted_revision=None,
        last_run_number=run.number,
        pause=None,
        resumed_at=None,
        checks=(),
        hooks=unfinished(status),
        waiting_since=None,  # what stable lacked at rest is not the new revision's delay
        waiting_ready=None,
        deadline_since=None,
        blind_since=None,
    )
