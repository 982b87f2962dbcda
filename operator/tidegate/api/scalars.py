"""The small types of the API: durations, points in time, "4 or 40%", and names.

Each reads what YAML holds and what Python code passes, and writes one canonical form. Over the
wire (pydantic's JSON mode) a duration must be a string, so that `hold: 600` is refused here just
as the API server refuses it.
"""

import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)

from tidegate.api import limits
from tidegate.api.base import Rule

DURATION_PATTERN: Final = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
PERCENT_PATTERN: Final = r"^(100|[0-9]{1,2})%$"
DNS_LABEL_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
OBJECT_NAME_PATTERN: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
HOST_PATTERN: Final = r"^(\*|(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$"
GATEWAY_PATTERN: Final = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
METRIC_NAME_PATTERN: Final = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
METRIC_REF_PATTERN: Final = (
    r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
)

MOMENT_PATTERN: Final = (
    r"^(([01][0-9]|2[0-3]):[0-5][0-9]|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2}))$"
)

PATTERN_MEANINGS: Final = {
    DNS_LABEL_PATTERN: "lower-case letters, digits and '-', such as canary-10",
    OBJECT_NAME_PATTERN: "the name of an object: lower-case letters, digits, '-' and '.'",
    HOST_PATTERN: "a host such as shop.example or *.shop.example, in lower case",
    GATEWAY_PATTERN: "a gateway as name or namespace/name, or mesh",
    PERCENT_PATTERN: "a percentage from 0% to 100%",
    METRIC_NAME_PATTERN: "letters, digits, '-', '_' and '.', such as error-rate",
    METRIC_REF_PATTERN: "the name of a metric such as error-rate, or policy/metric",
    MOMENT_PATTERN: "a time of day such as 16:00, or a point in time such as 2026-12-20T00:00:00Z",
}
"""What a pattern means, for people."""

_UNIT_S: Final = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_DURATION: Final = re.compile(DURATION_PATTERN.strip("^$"))
_PERCENT: Final = re.compile(PERCENT_PATTERN.strip("^$"))
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_NS_PER_S: Final = 1_000_000_000
_NS_PER_MS: Final = 1_000_000


def parse_duration(text: str) -> float:
    """Read a Go-style duration such as "1h30m" as seconds; raise ValueError on anything else."""
    if len(text) > limits.MAX_DURATION_CHARS or not _DURATION.fullmatch(text):
        msg = "must be a duration such as 30s, 5m or 1h30m"
        raise ValueError(msg)
    seconds = sum(Decimal(number) * _UNIT_S[unit] for number, unit in _PART.findall(text))
    return _bounded_seconds(float(seconds))


def format_duration(seconds: float) -> str:
    """Write seconds in Go style, to the nanosecond: 5400 is "1h30m", 0.5 is "500ms"."""
    total_ns = round(seconds * _NS_PER_S)
    if 0 < total_ns < _NS_PER_S:
        return f"{_decimal(total_ns, _NS_PER_MS)}ms"
    minutes, rest_ns = divmod(total_ns, 60 * _NS_PER_S)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""]
    parts.append(f"{_decimal(rest_ns, _NS_PER_S)}s" if rest_ns else "")
    return "".join(parts) or "0s"


def _decimal(amount: int, unit: int) -> str:
    """`amount / unit` without exponent or trailing zeros."""
    text = format(Decimal(amount) / Decimal(unit), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _bounded_seconds(seconds: float) -> float:
    if not math.isfinite(seconds) or not 0 <= seconds <= limits.MAX_DURATION_S:
        msg = f"must be between 0s and {format_duration(limits.MAX_DURATION_S)}"
        raise ValueError(msg)
    return seconds


def _read_duration(value: object, info: ValidationInfo) -> float:
    if isinstance(value, str):
        return parse_duration(value)
    if info.mode == "python" and isinstance(value, int | float) and not isinstance(value, bool):
        return _bounded_seconds(float(value))
    msg = "must be a duration with a unit, such as 30s, 5m or 1h30m"
    raise ValueError(msg)


_LONGEST: Final = Rule(
    cel=f"duration(self) <= duration('{format_duration(limits.MAX_DURATION_S)}')",
    message=f"must be at most {format_duration(limits.MAX_DURATION_S)}",
)

DurationS = Annotated[
    float,
    PlainValidator(_read_duration, json_schema_input_type=str),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": DURATION_PATTERN,
            "maxLength": limits.MAX_DURATION_CHARS,
            "x-kubernetes-validations": [_LONGEST.as_schema()],
        }
    ),
]
"""Seconds; in YAML a Go-style duration such as 1h30m."""


def parse_timestamp(text: str) -> datetime:
    """Read an RFC 3339 time as UTC, cut to whole microseconds; raise ValueError otherwise."""
    found = _TIMESTAMP.fullmatch(text)
    if not found:
        msg = "must be a time such as 2026-01-02T03:04:05Z"
        raise ValueError(msg)
    second, fraction, zone = found.groups()
    # Python 3.11 reads up to six digits; Go may have written nine.
    return _as_utc(datetime.fromisoformat(f"{second}{(fraction or '')[:7]}{zone}"))


def format_timestamp(moment: datetime) -> str:
    """Write a time in RFC 3339 with six digits and Z, so that texts sort as times do."""
    return f"{_as_utc(moment):%Y-%m-%dT%H:%M:%S.%f}Z".rjust(27, "0")


def _as_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        msg = "must carry a time zone"
        raise ValueError(msg)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        msg = "must lie between the years 1 and 9999"
        raise ValueError(msg) from error


def _read_timestamp(value: object) -> datetime:
    if isinstance(value, str):
        return parse_timestamp(value)
    if isinstance(value, datetime):
        return _as_utc(value)
    msg = "must be a time such as 2026-01-02T03:04:05Z"
    raise ValueError(msg)


Timestamp = Annotated[
    datetime,
    PlainValidator(_read_timestamp, json_schema_input_type=str),
    PlainSerializer(format_timestamp, return_type=str),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "maxLength": limits.MAX_TIMESTAMP_CHARS}
    ),
]
"""A point in time in UTC; in YAML RFC 3339 with microseconds and Z."""


def _read_int_or_percent(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool):
        if 0 <= value <= limits.MAX_REPLICAS:
            return value
    elif isinstance(value, str) and _PERCENT.fullmatch(value):
        return value
    msg = f"must be a number from 0 to {limits.MAX_REPLICAS} or a percentage from 0% to 100%"
    raise ValueError(msg)


# The API server applies `pattern` and `maxLength` to the string form and `maximum` to the number.
IntOrPercent = Annotated[
    int | str,
    PlainValidator(_read_int_or_percent, json_schema_input_type=int | str),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "pattern": PERCENT_PATTERN,
            "maxLength": limits.MAX_PERCENT_CHARS,
            "minimum": 0,
            "maximum": limits.MAX_REPLICAS,
        }
    ),
]
"""A count of pods, or a percentage such as "40%"."""


PercentText = Annotated[
    str, Field(pattern=PERCENT_PATTERN, min_length=1, max_length=limits.MAX_PERCENT_CHARS)
]
"""A percentage from "0%" to "100%"."""


def _named(pattern: str, max_chars: int) -> Any:
    return Field(pattern=pattern, min_length=1, max_length=max_chars)


DnsLabel = Annotated[str, _named(DNS_LABEL_PATTERN, limits.MAX_LABEL_CHARS)]
ObjectName = Annotated[str, _named(OBJECT_NAME_PATTERN, limits.MAX_NAME_CHARS)]
HostName = Annotated[str, _named(HOST_PATTERN, limits.MAX_NAME_CHARS)]
GatewayName = Annotated[str, _named(GATEWAY_PATTERN, limits.MAX_GATEWAY_CHARS)]
MetricName = Annotated[str, _named(METRIC_NAME_PATTERN, limits.MAX_LABEL_CHARS)]
CookieName = Annotated[str, _named(METRIC_NAME_PATTERN, limits.MAX_COOKIE_CHARS)]
MetricRef = Annotated[str, _named(METRIC_REF_PATTERN, limits.MAX_METRIC_REF_CHARS)]
LabelKey = Annotated[str, Field(min_length=1, max_length=limits.MAX_LABEL_KEY_CHARS)]
LabelValue = Annotated[str, Field(max_length=limits.MAX_LABEL_CHARS)]
Revision = Annotated[str, Field(max_length=limits.MAX_LABEL_CHARS)]
Query = Annotated[str, Field(min_length=1, max_length=limits.MAX_QUERY_CHARS)]
MetricValue = Annotated[float, Field(ge=-limits.MAX_VALUE, le=limits.MAX_VALUE)]
Percent = Annotated[int, Field(ge=0, le=limits.MAX_WEIGHT_PERCENT)]
Generation = Annotated[int, Field(ge=-1, le=limits.MAX_GENERATION)]
Count = Annotated[int, Field(ge=0, le=limits.MAX_COUNT)]


def _clipped(max_chars: int) -> BeforeValidator:
    """Cut a text rather than refuse it: a long sentence must never stop a status write."""

    def clip(value: object) -> object:
        too_long = isinstance(value, str) and len(value) > max_chars
        return f"{value[: max_chars - 1]}…" if too_long and isinstance(value, str) else value

    return BeforeValidator(clip)


def _bounded(value: object) -> object:
    """Prometheus divides by zero and answers NaN or infinity: no value, and never an error."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return max(-limits.MAX_VALUE, min(limits.MAX_VALUE, value))


def _text(max_chars: int) -> tuple[BeforeValidator, Any]:
    return _clipped(max_chars), Field(max_length=max_chars)


Message = Annotated[str, *_text(limits.MAX_MESSAGE_CHARS)]
Detail = Annotated[str, *_text(limits.MAX_DETAIL_CHARS)]
Reason = Annotated[str, *_text(limits.MAX_REASON_CHARS)]
ShortText = Annotated[str, *_text(limits.MAX_SHORT_CHARS)]
MetricText = Annotated[str, *_text(limits.MAX_METRIC_REF_CHARS)]
UserName = Annotated[str, *_text(limits.MAX_USER_CHARS)]
CheckId = Annotated[str, *_text(limits.MAX_CHECK_ID_CHARS)]
Measured = Annotated[MetricValue | None, BeforeValidator(_bounded)]
"""A measured number; what cannot be stored (NaN, infinity) is None, the rest is cut to bounds."""
