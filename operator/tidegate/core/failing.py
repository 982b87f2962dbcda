"""How often a guard has failed in a row: kept in the status, so that a restart counts on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.checks import Guard
from tidegate.core.observation import Reading
from tidegate.core.verdicts import judge, stale_after_s


def in_a_row(
    guard: Guard,
    readings: Sequence[Reading],
    previous: CheckStatus | None,
    resumed_at: datetime | None,
) -> int:
    """Failed measurements since the last that passed, at most `failures`; 0 without `failures`.

    What measured nothing neither counts nor ends the row. Who resumes has understood what a guard
    with `then: pause` saw before, so its row starts over. So does any row after a gap longer than
    the staleness limit: what was not watched did not fail in a row.
    """
    if guard.failures is None:
        return 0
    row, seen_at = (previous.failures, previous.measured_at) if previous else (0, None)
    since = resumed_at if guard.then == "pause" else None
    if seen_at is None or (since is not None and seen_at <= since) or _set_back(readings, seen_at):
        row, seen_at = 0, since
    limit = timedelta(seconds=stale_after_s(guard))
    for reading in readings:
        if seen_at is not None and reading.at <= seen_at:
            continue
        if seen_at is not None and reading.at - seen_at > limit:
            row = 0
        seen_at = reading.at
        verdict = judge(guard, reading)
        if verdict is Verdict.FAIL:
            row += 1
        elif verdict is Verdict.PASS:
            row = 0
    return min(row, guard.failures)


def _set_back(readings: Sequence[Reading], seen_at: datetime) -> bool:
    """Whether the clock was set back: what was counted lies in the future, and is asked anew."""
    return bool(readings) and readings[-1].at < seen_at


def trips(guard: Guard, readings: Sequence[Reading], known: CheckStatus | None) -> bool:
    """Whether the row is long enough and goes on: the last that was measured failed."""
    if guard.failures is None or known is None or known.failures < guard.failures:
        return False
    verdicts = (judge(guard, reading) for reading in reversed(readings))
    last = next((v for v in verdicts if v in (Verdict.PASS, Verdict.FAIL)), None)
    return last is Verdict.FAIL
