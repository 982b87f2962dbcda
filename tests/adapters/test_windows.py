"""Freeze windows taken apart into times in UTC, over changes of the clock and a horizon."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.adapters.windows import AHEAD, Calendar, frozen, zone_problems, zoned
from tidegate.api.policy import Policy, RolloutPolicySpec
from tidegate.api.waits import DAYS, FreezeWindow

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", None)


def weekly(begins="16:00", until="08:00", days=("Fri",), zone="Europe/Berlin", name="w"):
    """A window of the week."""
    return FreezeWindow(name=name, days=days, from_moment=begins, until=until, time_zone=zone)


def at(text):
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def spans(window, now):
    """When it is on, from then on, as texts in UTC."""
    found = frozen((window,), at(now))
    return [(f"{one.since:%m-%d %H:%M}", f"{one.until:%m-%d %H:%M}") for one in found]


def test_a_window_over_midnight_ends_on_the_next_day():
    assert spans(weekly(), "2026-05-04T00:00") == [("05-08 14:00", "05-09 06:00")]


def test_one_that_is_on_already_is_known_whole():
    assert spans(weekly(), "2026-05-09T05:59")[0] == ("05-08 14:00", "05-09 06:00")
    assert spans(weekly(), "2026-05-09T06:00")[0] == ("05-15 14:00", "05-16 06:00")


def test_from_midnight_to_midnight_is_the_whole_day():
    whole = weekly("00:00", "00:00", ("Sat", "Sun"), "UTC")
    assert spans(whole, "2026-05-05T00:00")[:2] == [
        ("05-09 00:00", "05-10 00:00"),
        ("05-10 00:00", "05-11 00:00"),
    ]


def test_a_window_without_days_is_on_once_from_and_until_what_it_says():
    once = FreezeWindow(
        name="w", from_moment="2026-12-20T00:00:00+01:00", until="2027-01-06T00:00:00Z"
    )
    assert spans(once, "2026-12-15T00:00") == [("12-19 23:00", "01-06 00:00")]
    assert spans(once, "2027-01-06T00:00") == []
    assert spans(once, "2026-05-01T00:00") == [], "it is too far ahead to matter yet"


@pytest.mark.parametrize(
    ("begins", "until", "expected"),
    [
        ("02:30", "04:00", ("03-29 01:00", "03-29 02:00")),  # 02:00 is 03:00 in the same moment
        ("01:00", "02:30", ("03-29 00:00", "03-29 01:00")),
        ("00:00", "00:00", ("03-28 23:00", "03-29 22:00")),  # a day of 23 hours
    ],
)
def test_a_time_that_the_clock_skips_is_the_moment_at_which_it_jumps(begins, until, expected):
    assert spans(weekly(begins, until, ("Sun",)), "2026-03-27T00:00")[0] == expected


def test_a_window_that_the_clock_skips_whole_is_never_on():
    assert spans(weekly("02:10", "02:50", ("Sun",)), "2026-03-25T00:00") == []


@pytest.mark.parametrize(
    ("begins", "until", "expected"),
    [
        ("02:30", "04:00", ("10-25 00:30", "10-25 03:00")),  # at the first 02:30
        ("01:00", "02:30", ("10-24 23:00", "10-25 01:30")),  # until the second
        ("02:30", "02:45", ("10-25 00:30", "10-25 01:45")),  # both, and what lies between
        ("00:00", "00:00", ("10-24 22:00", "10-25 23:00")),  # a day of 25 hours
    ],
)
def test_of_a_time_that_comes_twice_it_begins_at_the_first_and_ends_at_the_second(
    begins, until, expected
):
    assert spans(weekly(begins, until, ("Sun",)), "2026-10-23T00:00")[0] == expected


def test_where_midnight_itself_is_skipped_the_day_begins_an_hour_late():
    beirut = weekly("00:00", "12:00", ("Sun",), "Asia/Beirut")
    assert spans(beirut, "2026-03-27T00:00")[0] == ("03-28 22:00", "03-29 09:00")


moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 — hypothesis wants bounds without a zone, and adds it
clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
windows = st.builds(
    weekly,
    clocks,
    clocks,
    st.sets(st.sampled_from(DAYS), min_size=1).map(tuple),
    st.sampled_from(ZONES),
)


def wall_says(window, moment):
    """Whether the clock on the wall shows a time of the window, begun today or yesterday."""
    there = moment.astimezone(ZoneInfo(window.time_zone or "UTC"))
    clock, today = f"{there:%H:%M}", DAYS[there.weekday()]
    yesterday = DAYS[there.weekday() - 1]
    if window.from_moment < window.until:
        return today in window.days and window.from_moment <= clock < window.until
    return (today in window.days and clock >= window.from_moment) or (
        yesterday in window.days and clock < window.until
    )


@given(window=windows, now=moments, ahead_s=st.integers(0, int(AHEAD.total_seconds()) - 86_400))
def test_a_window_is_on_whenever_the_clock_on_the_wall_says_so(window, now, ahead_s):
    moment = now + timedelta(seconds=ahead_s)
    on = any(span.since <= moment < span.until for span in frozen((window,), now))
    changes = {
        (moment + timedelta(hours=hours))
        .astimezone(ZoneInfo(window.time_zone or "UTC"))
        .utcoffset()
        for hours in range(-3, 4)
    }
    if len(changes) == 1:
        assert on is wall_says(window, moment)
    elif wall_says(window, moment):
        assert on, "a change of the clock makes a window longer, and never shorter"


@given(window=windows, now=moments)
def test_its_times_stand_in_order_and_none_is_over(window, now):
    found = frozen((window,), now)
    assert list(found) == sorted(found, key=lambda span: span.since)
    assert all(span.since < span.until > now for span in found)
    assert len(found) <= 7 * 3


def policy(*found, problem=""):
    return Policy(name="house", spec=RolloutPolicySpec(freeze=found), problem=problem)


@pytest.mark.parametrize(
    "zone", ["Europe/Berln", "../etc/passwd", "Europe", "/etc/localtime", "x" * 64]
)
def test_a_zone_that_nobody_knows_is_a_problem_of_the_policy_and_freezes_nothing(zone):
    odd = weekly(zone=zone)
    assert [problem.path for problem in zone_problems([weekly(), odd])] == [
        "spec.freeze[1].timeZone"
    ]
    found = zoned(policy(odd))
    assert found.problem == (
        f"spec.freeze[0].timeZone: no time zone is named {zone!r}; use a name of the IANA "
        "database such as Europe/Berlin"
    )
    assert frozen((odd,), at("2026-05-08T15:00")) == ()
    assert zoned(policy(odd, problem="is odd")).problem == "is odd"
    assert zoned(policy(weekly())).problem == ""


def test_a_calendar_knows_what_comes_as_time_goes():
    calendar, now = Calendar(), at("2026-05-04T00:00")
    for _ in range(60):
        found = calendar.dated(policy(weekly()), now).frozen
        week = [span for span in found if span.until > now]
        assert week[0].since - now < timedelta(days=7)
        now += timedelta(hours=17)


def test_a_calendar_forgets_with_an_edit_and_when_the_clock_is_set_back():
    calendar, now = Calendar(), at("2026-05-04T00:00")
    first = calendar.dated(policy(weekly()), now).frozen
    assert calendar.dated(policy(weekly()), now + timedelta(hours=1)).frozen is first
    edited = calendar.dated(policy(weekly(begins="17:00")), now).frozen
    assert edited[0].since - first[0].since == timedelta(hours=1)
    before = calendar.dated(policy(weekly()), now - timedelta(days=30)).frozen
    assert before[0].since < now - timedelta(days=20)
    assert calendar.dated(policy(), now).frozen == ()


def test_a_policy_that_is_not_understood_has_no_times():
    assert Calendar().dated(policy(weekly(), problem="is odd"), at("2026-05-08T15:00")).frozen == ()
