"""Guards and gates as people are shown them: what was measured against what must be kept."""

from dataclasses import dataclass
from datetime import datetime

from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.checks import Bound, Gate
from tidegate.api.rollout import RolloutSpec
from tidegate.views.amounts import age, count_text, span_text, value_text
from tidegate.views.conditions import check_name


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One guard or gate: what was measured against what it must keep.

    `members` tells of a score's metrics, each on a line of its own.
    """

    kind: str
    metric: str
    value: str
    bound: str
    verdict: Verdict
    samples: str
    age: str
    note: str
    warning: bool = False
    members: tuple[str, ...] = ()


def check_row(check: CheckStatus, spec: RolloutSpec | None, now: datetime) -> CheckRow:
    """The row of a check; `spec` is None while it cannot be read."""
    bound = _bound(check.id, spec)
    units = {metric.name: metric.unit for metric in spec.metrics} if spec else {}
    return CheckRow(
        kind=check.kind,
        metric=check_name(check),
        value=value_text(check.value, units.get(check.metric, ""), _levels(bound)),
        bound=check.bound,
        verdict=check.verdict,
        samples=_samples(check, bound),
        age=age(check.measured_at, now) if check.measured_at else "",
        note="; ".join(
            filter(
                None,
                [
                    _loudness(check),
                    _passing(check, bound, now),
                    "" if check.about else check.detail,
                ],
            )
        ),
        warning=check.warning,
        members=tuple(check.detail.split("; ")) if check.about and check.detail else (),
    )


def _loudness(check: CheckStatus) -> str:
    """How bad it is that a guard fails, and what else one has to know of its verdict."""
    if check.verdict is Verdict.FAIL:
        return check.severity or ""
    if check.warning:
        return "info" if check.severity == "info" else "warning"
    return "ignored" if check.ignored else ""


def _levels(bound: Bound | None) -> tuple[float | None, ...]:
    """The numbers that a value is compared with."""
    return (bound.min, bound.max, bound.warn_min, bound.warn_max) if bound is not None else ()


def _bound(check_id: str, spec: RolloutSpec | None) -> Bound | None:
    """The guard or gate behind an id such as guard/0 or, of a phase, guard/1/0 or gate/1/0."""
    if spec is None:
        return None
    try:
        match check_id.partition("@")[0].split("/"):
            case ["guard", index]:
                return spec.guards[int(index)]
            case ["guard", phase, index]:
                return spec.phases[int(phase)].guards[int(index)]
            case ["gate", "preflight", index]:
                return spec.preflight.gates[int(index)] if spec.preflight else None
            case ["gate", phase, index]:
                return spec.phases[int(phase)].gates[int(index)]
            case _:
                return None
    except (ValueError, IndexError):  # the spec has changed since
        return None


def _samples(check: CheckStatus, bound: Bound | None) -> str:
    text = count_text(check.samples)
    if bound is None or bound.min_samples is None or check.verdict is not Verdict.UNDECIDED:
        return text
    return f"{check.samples or 0:,.0f} of {bound.min_samples:,} samples"


def _passing(check: CheckStatus, bound: Bound | None, now: datetime) -> str:
    """How far a gate is that must pass for some time."""
    if not isinstance(bound, Gate) or not bound.for_s or check.passing_since is None:
        return ""
    passed_s = min(bound.for_s, max(0.0, (now - check.passing_since).total_seconds()))
    return f"passing for {span_text(passed_s)} of {span_text(bound.for_s)}"
