"""Values beyond a warn level: told once a run for each check, and nothing else.

The verdict stays `pass`: no weight, no phase and no pod depends on a warn level.
"""

from __future__ import annotations

from tidegate.api.limits import MAX_WARNED
from tidegate.core import reasons
from tidegate.core.check import Check
from tidegate.core.decision import Note
from tidegate.core.journal import noted
from tidegate.core.numbers import beside
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.verdicts import bound_text, severity_of, warning_text


def step(scene: Scene) -> Step | None:
    """Write down and tell the first warning that this run has not told yet."""
    run = scene.run
    if run is None or len(run.warned) >= MAX_WARNED:
        return None
    known = {check.id: check for check in scene.status.checks}
    for check in scene.checks():
        entry = known.get(check.id)
        if entry is None or not entry.warning or entry.value is None or check.id in run.warned:
            continue
        message = f"run {run.number}: {_sentence(check, entry.value)}"
        told = run.model_copy(update={"warned": (*run.warned, check.id)})
        told = noted(told, scene.now, check.id, reasons.METRIC_WARNING, message)
        note = Note(reasons.METRIC_WARNING, message, warning=severity_of(check.bound) != "info")
        return Step(changed(scene.status, run=told), notes=(note,))
    return None


def _sentence(check: Check, value: float) -> str:
    bound = check.bound
    kind = "gate" if check.id.startswith("gate") else "guard"
    shown = beside(value, (bound.min, bound.max, bound.warn_min, bound.warn_max))
    severity = "info" if severity_of(bound) == "info" else "warning"
    return (
        f"{kind} {check.name} is {shown}, {warning_text(bound, value)}; it must be "
        f"{bound_text(bound)}, and is ({severity})"
    )
