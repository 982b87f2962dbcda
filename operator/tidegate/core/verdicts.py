"""From readings to verdicts: what a guard or a gate says now, and what it says over time.

A verdict is `pass` or `fail` only when a value was measured while the destination selected the
revision in question. No data, a failed query and a stale answer are verdicts of their own; none
of them ever passes, and none of them ever reverts unless a guard's `onNoData` or `onError` says
that it counts as failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from math import isfinite
from typing import Literal

from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.checks import Bound, Gate, Guard, Severity
from tidegate.api.scalars import format_duration
from tidegate.core.comparing import judge_against, limits, sentence, test_text
from tidegate.core.concerned import least_text, pods_text, spared
from tidegate.core.numbers import exact
from tidegate.core.observation import Answer, Reading

STALE_INTERVALS = 3
"""A reading older than this many of its intervals, plus STALE_GRACE_S, says nothing any more."""
STALE_GRACE_S = 5.0

UNKNOWN = {"warning": False, "ignored": False}
"""What is not said any more of a check whose value is too old."""

READINGS_MAX = 128
"""Readings kept per check; more than the largest `of` a guard may have."""


def bound_text(bound: Bound) -> str:
    """The bound as people read it, e.g. `<= 0.01`, `>= 95 of 100` or `<= stable + 10 %`."""
    compared = limits(bound.compare) if bound.compare else ()
    tested = test_text(bound.compare) if bound.compare else ""
    window = f"over {format_duration(bound.window_s)}" if bound.window_s is not None else ""
    texts = (limit.text for limit in compared)
    parts = (_numbers_text(bound), *texts, tested, window, least_text(bound))
    return ", ".join(filter(None, parts))


def _numbers_text(bound: Bound) -> str:
    if bound.min is not None and bound.max is not None:
        return f"{exact(bound.min)} .. {exact(bound.max)}"
    if bound.min is not None:
        return f">= {exact(bound.min)}" + (" of 100" if bound.scorecard is not None else "")
    return f"<= {exact(bound.max)}" if bound.max is not None else ""


def stale_after_s(bound: Bound) -> float:
    """Seconds after which a reading for this bound no longer counts."""
    return STALE_INTERVALS * bound.interval_s + STALE_GRACE_S


def fresh(bound: Bound, measured_at: datetime, now: datetime) -> bool:
    """Whether a reading of that time still says something; a clock set back makes it too new."""
    return -STALE_GRACE_S <= (now - measured_at).total_seconds() <= stale_after_s(bound)


def judge(bound: Bound, reading: Reading) -> Verdict:
    """The verdict of one reading by itself; a score brings its own.

    A failure of too few pods is none.
    """
    verdict = _judged(bound, reading)
    return Verdict.PASS if verdict is Verdict.FAIL and spared(bound, reading) else verdict


def _judged(bound: Bound, reading: Reading) -> Verdict:
    if reading.answer is Answer.REFUSED:
        return Verdict.ERROR  # a spec that is wrong, which never moves traffic
    if reading.answer is Answer.ERROR:
        return _unmeasured(bound, reading, Verdict.ERROR)
    if reading.early:
        return Verdict.UNDECIDED
    if reading.verdict is not None and reading.answer is Answer.OK:
        return reading.verdict
    if not _has_value(reading):
        return _unmeasured(bound, reading, Verdict.NODATA)
    assert reading.value is not None, "as was just seen"
    if bound.min_samples is not None and not (reading.samples or 0.0) >= bound.min_samples:
        return Verdict.UNDECIDED  # NaN samples are not enough either
    if bound.max is not None and reading.value > bound.max:
        return Verdict.FAIL
    if bound.min is not None and reading.value < bound.min:
        return Verdict.FAIL
    if bound.compare is not None:
        return judge_against(bound, reading.value, reading.stable)
    return Verdict.PASS


def _has_value(reading: Reading) -> bool:
    measured = reading.answer is Answer.OK and reading.value is not None
    return measured and reading.value is not None and isfinite(reading.value)


def _unmeasured(bound: Bound, reading: Reading, verdict: Verdict) -> Verdict:
    """What an answer without a value is to a guard that counts it as a failed measurement."""
    if not isinstance(bound, Guard) or not reading.due:
        return verdict
    means = bound.on_error if verdict is Verdict.ERROR else bound.on_no_data
    return Verdict.FAIL if means == "fail" else verdict


def ignores(bound: Bound, reading: Reading) -> bool:
    """Whether nothing has to wait for a guard whose newest answer, that one, has no value."""
    if not isinstance(bound, Guard) or reading.early or reading.verdict is Verdict.UNDECIDED:
        return False
    if reading.answer is Answer.ERROR:
        return bound.on_error == "ignore"
    return (
        reading.answer is not Answer.REFUSED
        and not _has_value(reading)
        and bound.on_no_data == "ignore"
    )


def warning_text(bound: Bound, value: float) -> str:
    """Which warn level a value is beyond, e.g. `above warnMax 0.005`; "" if it is beyond none."""
    if bound.warn_max is not None and value > bound.warn_max:
        return f"above warnMax {exact(bound.warn_max)}"
    if bound.warn_min is not None and value < bound.warn_min:
        if bound.scorecard is not None:
            return f"below the pass mark of {exact(bound.warn_min)}"
        return f"below warnMin {exact(bound.warn_min)}"
    return ""


def latest_verdict(bound: Bound, readings: Sequence[Reading], now: datetime) -> Verdict:
    """The verdict of the newest reading; NODATA when there is none or it is stale."""
    if not readings:
        return Verdict.NODATA
    if not fresh(bound, readings[-1].at, now):
        return Verdict.NODATA
    return judge(bound, readings[-1])


def guard_breached(guard: Guard, readings: Sequence[Reading]) -> bool:
    """Whether `breaches` of the last `of` *measured* readings failed, or `failures` in a row.

    Readings that measured nothing (no data, error, too few samples) neither help nor hurt, unless
    `onNoData` or `onError` counts them as failed. What stands in a row was watched without a gap.
    """
    needed, among = guard.row
    watched = readings if guard.failures is None else _without_gap(guard, readings)
    verdicts = (judge(guard, reading) for reading in reversed(watched))
    measured = (v for v in verdicts if v in (Verdict.PASS, Verdict.FAIL))
    return [*islice(measured, among)].count(Verdict.FAIL) >= needed


def _without_gap(guard: Guard, readings: Sequence[Reading]) -> Sequence[Reading]:
    """The newest readings that are no further apart than the staleness limit."""
    limit = timedelta(seconds=stale_after_s(guard))
    for place in range(len(readings) - 1, 0, -1):
        if readings[place].at - readings[place - 1].at > limit:
            return readings[place:]
    return readings


def _passing_since(
    bound: Bound, readings: Sequence[Reading], previous: CheckStatus | None
) -> datetime | None:
    """When the unbroken run of passing readings began, carried over a restart if it can be.

    A gap longer than the staleness limit breaks the run: what was not watched was not passed.
    """
    since = previous.passing_since if previous else None
    seen_at = previous.measured_at if previous else None
    limit = timedelta(seconds=stale_after_s(bound))
    for reading in readings:
        if seen_at is not None and reading.at <= seen_at:
            continue
        if since is not None and (seen_at is None or reading.at - seen_at > limit):
            since = None
        if judge(bound, reading) is not Verdict.PASS:
            since = None
        elif since is None:
            since = reading.at
        seen_at = reading.at
    return since


def check_status(
    check_id: str,
    bound: Bound,
    readings: Sequence[Reading],
    previous: CheckStatus | None,
    now: datetime,
) -> CheckStatus:
    """What the status shows of one check; keeps the previous value until a new one is read."""
    kind: Literal["guard", "gate"] = "gate" if isinstance(bound, Gate) else "guard"
    if not readings:
        return without_readings(check_id, kind, bound, previous, now)
    last, verdict = readings[-1], latest_verdict(bound, readings, now)
    warning = warning_text(bound, last.value or 0.0) if verdict is Verdict.PASS else ""
    pods = pods_text(bound, last)
    said = (warning, sentence(bound, last), pods, _early(bound, last), last.detail)
    return CheckStatus(
        id=check_id,
        kind=kind,
        metric=bound.metric or "",
        verdict=verdict,
        value=last.value,
        bound=bound_text(bound),
        samples=last.samples,
        pods=last.concerned.pods if last.concerned is not None else None,
        measured_at=last.at,
        passing_since=_passing_since(bound, readings, previous),
        detail="; ".join(filter(None, said)),
        warning=bool(warning),
        ignored=fresh(bound, last.at, now) and ignores(bound, last),
        severity=severity_of(bound),
    )


def _early(bound: Bound, last: Reading) -> str:
    return f"within its delay of {format_duration(bound.delay_s or 0.0)}" if last.early else ""


def severity_of(bound: Bound) -> Severity | None:
    """How loudly people are told of a guard; None of a gate, which only waits."""
    return bound.loudness if isinstance(bound, Guard) else None


def without_readings(
    check_id: str,
    kind: Literal["guard", "gate"],
    bound: Bound,
    previous: CheckStatus | None,
    now: datetime,
) -> CheckStatus:
    """What was known before, as after a restart, until it is too old to say anything."""
    if previous is None:
        return CheckStatus(
            id=check_id,
            kind=kind,
            metric=bound.metric or "",
            verdict=Verdict.NODATA,
            bound=bound_text(bound),
            detail="not measured yet",
            severity=severity_of(bound),
        )
    previous = previous.model_copy(update={"severity": severity_of(bound)})
    limit = timedelta(seconds=stale_after_s(bound))
    if previous.measured_at is not None and now - previous.measured_at > limit:
        return previous.model_copy(update={"verdict": Verdict.NODATA} | UNKNOWN)
    return previous


def gate_passes(gate: Gate, status: CheckStatus) -> bool:
    """Whether the gate lets the phase end: passing now, and measured so for as long as `for` asks.

    The length is counted between measurements: what was not watched was not passed.
    """
    if status.verdict is not Verdict.PASS:
        return False
    if status.passing_since is None or status.measured_at is None:
        return False
    return status.measured_at - status.passing_since >= timedelta(seconds=gate.for_s or 0.0)
