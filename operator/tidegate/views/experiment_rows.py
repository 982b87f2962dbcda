"""An experiment as people see it: its result, and what is known of each arm so far."""

from __future__ import annotations

from tidegate.api.experiments import ExperimentStatus, MeasureStatus
from tidegate.api.status import RolloutStatus
from tidegate.views.amounts import count_text


def experiment_rows(status: RolloutStatus) -> tuple[str, ...]:
    """One line of the result, and one for each arm and metric; nothing without an experiment."""
    one = status.experiment
    if one is None:
        return ()
    measured = (f"{arm.name}  {_measure(measure)}" for arm in one.arms for measure in arm.metrics)
    return (_result(one), *measured)


def _result(one: ExperimentStatus) -> str:
    return one.message or f"phase {one.phase} still counts, and will {_purpose(one)}"


def _purpose(one: ExperimentStatus) -> str:
    return "name a winner" if one.decide == "winner" else "report"


def _measure(one: MeasureStatus) -> str:
    if one.value is None or one.stable is None:
        return f"{one.metric}  not measured yet"
    times = ""
    if one.ratio is not None and one.low is not None and one.high is not None:
        times = f"  {one.ratio:.3g} times stable's ({one.low:.3g} to {one.high:.3g})"
    strength = ""
    if one.evidence is not None and one.needed is not None:
        strength = f"  evidence {one.evidence:.3g} of {one.needed:.3g}"
    samples = count_text(one.samples)
    return (
        f"{one.metric}  {one.value:.4g} against {one.stable:.4g}{times}  {one.verdict}"
        f"{strength}  {samples}"
    ).rstrip()
