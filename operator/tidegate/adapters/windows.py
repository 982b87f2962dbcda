"""Freeze windows as times in UTC: this is where time zones and their changes of the clock are read.

A window of the week is taken apart for some days ahead, and anew as time goes. A time of day that
the clock skips is the moment at which it jumps; of one that it shows twice a window begins at the
first and ends at the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tidegate.api.policy import Policy
from tidegate.api.problems import FieldProblem
from tidegate.api.waits import DAYS, FreezeWindow, Frozen

AHEAD = timedelta(days=9)
"""How far ahead windows are known: more than a week, so that each is there once."""
RENEWED = timedelta(days=1)
"""How often they are taken apart anew."""
LONGEST = timedelta(days=2)
"""No window of the week is longer: a day, and what a change of the clock adds."""
SECOND = timedelta(seconds=1)
UTC_NAME = "UTC"


def zoned(policy: Policy) -> Policy:
    """The policy with time zones that nobody knows as its problem, unless it has one already."""
    if policy.problem:
        return policy
    return replace(policy, problem="; ".join(map(str, zone_problems(policy.spec.freeze))))


def zone_problems(windows: Sequence[FreezeWindow]) -> Iterator[FieldProblem]:
    """A sentence for each time zone that nobody knows."""
    for index, window in enumerate(windows):
        if _zone(window) is None:
            yield FieldProblem(
                f"spec.freeze[{index}].timeZone",
                f"no time zone is named {window.time_zone!r}; use a name of the IANA database such "
                "as Europe/Berlin",
            )


def _zone(window: FreezeWindow) -> ZoneInfo | None:
    try:
        return ZoneInfo(window.time_zone or UTC_NAME)
    except (ValueError, OSError, KeyError):  # a name that is no path, a folder, or not there
        return None


class Calendar:
    """When the windows of policies are on; remembered for a day, or until a policy changes."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[FreezeWindow, ...], datetime, tuple[Frozen, ...]]] = {}

    def dated(self, policy: Policy, now: datetime) -> Policy:
        """The policy with the times, from now on, in which its windows are on."""
        if not policy.windows:
            self._known.pop(policy.name, None)
            return policy
        known = self._known.get(policy.name)
        if known is None or known[0] != policy.windows or not known[1] <= now < known[1] + RENEWED:
            known = policy.windows, now, frozen(policy.windows, now)
            self._known[policy.name] = known
        return replace(policy, frozen=known[2])


def frozen(windows: Sequence[FreezeWindow], now: datetime) -> tuple[Frozen, ...]:
    """When these windows are on, from now on and for AHEAD; a window of no known zone never is."""
    found = (span for window in windows for span in _spans(window, now))
    ahead = (span for span in found if span.until > now and span.since < now + AHEAD)
    return tuple(sorted(ahead, key=lambda span: (span.since, span.until, span.window)))


def _spans(window: FreezeWindow, now: datetime) -> Iterator[Frozen]:
    if not window.days:
        yield Frozen(window.name, window.reason, *window.once)
        return
    zone = _zone(window)
    if zone is None:
        return
    for day in _days(now):
        if DAYS[day.weekday()] not in window.days:
            continue
        begins, ends = _on(day, window)
        since, until = _first(begins, zone), _last(ends, zone)
        if since < until:  # else the clock skips all of it
            yield Frozen(window.name, window.reason, since, until)


def _days(now: datetime) -> Iterator[date]:
    """Every day, of whatever zone, on which a window may begin that is on from now to AHEAD."""
    first = (now - LONGEST).date() - timedelta(days=1)
    for number in range((AHEAD + LONGEST).days + 3):
        yield first + timedelta(days=number)


def _on(day: date, window: FreezeWindow) -> tuple[datetime, datetime]:
    """When it begins on that day and when it ends, by the clock on the wall."""
    begins, ends = time.fromisoformat(window.from_moment), time.fromisoformat(window.until)
    next_day = day if ends > begins else day + timedelta(days=1)
    return datetime.combine(day, begins), datetime.combine(next_day, ends)


def _first(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment in UTC at which the clock there first shows that time, or a later one."""
    return min(_moments(wall, zone))


def _last(wall: datetime, zone: ZoneInfo) -> datetime:
    """The last moment in UTC at which the clock there comes to that time, or jumps over it."""
    return max(_moments(wall, zone))


def _moments(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Both moments of that time by the clock; the same twice but where the clock is set back."""
    early, late = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early <= late:
        return early, late
    jump = _jump(late, early, zone)
    return jump, jump


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment between the two, to the second, at which the clock is put forward."""
    old = before.astimezone(zone).utcoffset()
    while after - before > SECOND:
        middle = before + timedelta(seconds=(after - before) // SECOND // 2)
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after
