"""The part of the status that people read first, derived from the rest of it."""

from __future__ import annotations

from tidegate.api.check_status import Verdict
from tidegate.api.limits import MAX_MESSAGE_CHARS
from tidegate.api.status import RolloutStatus, State
from tidegate.core.adopting import taking_over
from tidegate.core.approvals import awaited
from tidegate.core.experimenting import waits_for_people
from tidegate.core.lost import stable_lost
from tidegate.core.observation import Problem
from tidegate.core.resting import at_rest
from tidegate.core.scene import Scene, Step, changed

SIZE_WAITS = "; the smaller size of"


def state_of(scene: Scene, problems: tuple[Problem, ...]) -> State:
    """One word for what the Rollout is doing."""
    status = scene.status
    if problems:
        return State.INVALID
    if status.stable_revision is None or (taking_over(scene) and status.run is None):
        return State.INITIALIZING
    if scene.rollout.deleting and status.workload is not None:
        return State.PROGRESSING
    if scene.undo:
        return State.REVERTING
    if status.run is not None and scene.paused:
        return State.PAUSED
    if awaited(scene.spec, status, scene.now) is not None or waits_for_people(scene):
        return State.AWAITING_APPROVAL
    if status.run is not None:
        return State.BAKING if scene.baking else State.PROGRESSING
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
    lost = stable_lost(after)
    if problems:
        message = " ".join(p.message for p in problems)
    elif lost:  # at rest nothing else is true
        message = lost if after.run is None else f"{lost} {step.message}".rstrip()
    else:
        message = _with_size(after, step.message or scene.status.message)
    return changed(
        step.status,
        observed_generation=scene.rollout.generation,
        state=state_of(after, problems),
        message=message[:MAX_MESSAGE_CHARS],
        weight=after.routes.weight if after.routes else step.status.weight,
        ready=f"{stable.ready if stable else 0}/{_wanted(after)}",
        gates_summary=_gates(step.status),
        replicas=stable.replicas if stable else 0,
        ready_replicas=stable.ready if stable else 0,
        selector=_selector(after),
    )


def _with_size(scene: Scene, message: str) -> str:
    """The message, and in a run that a smaller size waits for its end."""
    if scene.run is None:
        return message
    message = message.partition(SIZE_WAITS)[0]
    if scene.spec.replicas >= scene.run.min_replicas or not message:
        return message
    return f"{message}{SIZE_WAITS} {scene.spec.replicas} waits for the end of the run"


def _wanted(scene: Scene) -> int:
    """Pods of stable that are wanted now: with shift, those it has or must have."""
    if not scene.shifts:
        return scene.spec.replicas
    return max(scene.stable_pods, scene.stable.replicas if scene.stable else 0)


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
