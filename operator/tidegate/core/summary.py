"""The part of the status that people read first, derived from the rest of it."""

from __future__ import annotations

from tidegate.api.limits import MAX_MESSAGE_CHARS
from tidegate.api.status import RolloutStatus, State, Verdict
from tidegate.core.observation import Problem
from tidegate.core.resting import at_rest
from tidegate.core.scene import Scene, Step, changed


def state_of(scene: Scene, problems: tuple[Problem, ...]) -> State:
    """One word for what the Rollout is doing."""
    status = scene.status
    if problems:
        return State.INVALID
    if status.stable_revision is None:
        return State.INITIALIZING
    if status.run is not None:
        return State.PAUSED if scene.paused else State.PROGRESSING
    sent_back = status.reverted_revision is not None and status.reverted_revision == scene.target
    if sent_back:
        return State.REVERTED if at_rest(scene) else State.REVERTING
    if not at_rest(scene):
        return State.PROGRESSING
    if scene.target != status.stable_revision:
        return State.PAUSED if scene.paused else State.PROGRESSING
    return State.HEALTHY


def summarised(scene: Scene, step: Step, problems: tuple[Problem, ...]) -> RolloutStatus:
    """The step's status with state, message and the numbers of the print columns."""
    after = Scene(scene.rollout, step.status, scene.observed, scene.now)
    stable = after.stable or after.observed.revision(after.target)
    message = " ".join(p.message for p in problems) or step.message or scene.status.message
    return changed(
        step.status,
        observed_generation=scene.rollout.generation,
        state=state_of(after, problems),
        message=message[:MAX_MESSAGE_CHARS],
        weight=after.routes.weight if after.routes else step.status.weight,
        ready=f"{stable.ready if stable else 0}/{scene.spec.replicas}",
        gates_summary=_gates(step.status),
        replicas=stable.replicas if stable else 0,
        ready_replicas=stable.ready if stable else 0,
        selector=_selector(scene),
    )


def _gates(status: RolloutStatus) -> str | None:
    if status.run is None or not status.checks:
        return None
    passing = sum(check.verdict is Verdict.PASS for check in status.checks)
    return f"{passing}/{len(status.checks)}"


def _selector(scene: Scene) -> str:
    """The stable pods as a label selector in text, for `/scale`."""
    labels = dict(scene.spec.selector.match_labels)
    revision = scene.status.stable_revision or scene.target
    labels["tidegate.io/revision"] = revision
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
