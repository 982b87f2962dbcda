from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from tidegate.api import limits
from tidegate.api.scalars import (
    DurationS,
    IntOrPercent,
    Message,
    Timestamp,
    format_duration,
    format_timestamp,
    parse_duration,
    parse_timestamp,
)


class Sample(BaseModel):
    duration: DurationS = 0.0
    moment: Timestamp | None = None
    pods: IntOrPercent = 0
    message: Message = ""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("500ms", 0.5),
        ("10s", 10),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("48h", 172_800),
        ("1m500ms", 60.5),
        ("2160h", limits.MAX_DURATION_S),
    ],
)
def test_a_go_duration_is_read_as_seconds(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1d", "10 s", "1h 30m", "10s\n", "2161h"])
def test_what_go_would_not_read_or_is_too_long_is_refused(text):
    with pytest.raises(ValueError, match="must be"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0005, "0.5ms"),
        (0.5, "500ms"),
        (10, "10s"),
        (90.5, "1m30.5s"),
        (3600, "1h"),
        (172_800, "48h"),
    ],
)
def test_seconds_are_written_as_people_write_them(seconds, text):
    assert format_duration(seconds) == text


@given(st.integers(min_value=0, max_value=int(limits.MAX_DURATION_S * 1000)))
def test_a_duration_in_milliseconds_comes_back_the_same(milliseconds):
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.floats(min_value=0, max_value=limits.MAX_DURATION_S))
def test_any_duration_is_written_so_that_it_can_be_read(seconds):
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-8)


@given(st.text(max_size=12))
def test_reading_a_duration_raises_nothing_but_value_error(text):
    try:
        parse_duration(text)
    except ValueError:
        return


def test_a_bare_number_is_seconds_in_python_but_not_in_yaml():
    assert Sample(duration=600).duration == 600
    with pytest.raises(ValidationError, match="with a unit"):
        Sample.model_validate_json('{"duration": 600}')


@pytest.mark.parametrize("value", [True, float("nan"), float("inf"), -1.0, 1e12])
def test_python_code_cannot_pass_a_senseless_duration(value):
    with pytest.raises(ValidationError):
        Sample(duration=value)


moments = st.datetimes(timezones=st.just(UTC))


@given(moments)
def test_a_time_comes_back_to_the_microsecond(moment):
    assert parse_timestamp(format_timestamp(moment)) == moment


@given(moments, moments)
def test_written_times_sort_as_times_do(one, other):
    assert (one < other) == (format_timestamp(one) < format_timestamp(other))


def test_a_time_is_kept_in_utc_with_microseconds():
    local = datetime(2026, 1, 2, 4, 4, 5, 123456, tzinfo=timezone(timedelta(hours=1)))
    assert Sample(moment=local).model_dump(mode="json")["moment"] == "2026-01-02T03:04:05.123456Z"
    assert parse_timestamp("2026-01-02T03:04:05.123456789Z") == local
    assert parse_timestamp("2026-01-02T04:04:05.123456+01:00") == local


@pytest.mark.parametrize(
    "value",
    ["", "now", "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z", "2026-W01-1", 5],
)
def test_what_is_not_a_full_time_is_refused(value):
    with pytest.raises(ValidationError):
        Sample(moment=value)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValidationError, match="time zone"):
        Sample(moment=datetime(2026, 1, 2))  # noqa: DTZ001 — that is the point


@given(st.integers(0, limits.MAX_REPLICAS) | st.integers(0, 100).map("{}%".format))
def test_a_count_or_a_percentage_comes_back_the_same(pods):
    assert Sample(pods=pods).model_dump(mode="json")["pods"] == pods


@pytest.mark.parametrize(
    "pods", [-1, limits.MAX_REPLICAS + 1, "101%", "-1%", "4", "5.5%", True, 1.5]
)
def test_neither_a_count_nor_a_percentage_is_refused(pods):
    with pytest.raises(ValidationError, match="percentage"):
        Sample(pods=pods)


def test_a_message_that_is_too_long_is_cut_not_refused():
    message = Sample(message="x" * 5000).message
    assert len(message) == limits.MAX_MESSAGE_CHARS
    assert message.endswith("…")
