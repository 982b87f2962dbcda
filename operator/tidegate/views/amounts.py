"""Numbers and times as people read them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from tidegate.api.scalars import format_duration
from tidegate.core.numbers import beside

BAR_CELLS: Final = 20
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


def span_text(seconds: float) -> str:
    """A length of time in at most two units: 8s, 4m10s, 3h5m, 2d4h."""
    whole = max(0, int(seconds))
    if whole < _HOUR_S:
        return format_duration(whole)
    if whole < _DAY_S:
        return format_duration(whole - whole % _MINUTE_S)
    days, rest = divmod(whole, _DAY_S)
    hours = rest // _HOUR_S
    return f"{days}d{hours}h" if hours else f"{days}d"


def age(moment: datetime, now: datetime) -> str:
    """How long ago; a clock that is behind the operator's shows 0s, never the future."""
    return f"{span_text((now - moment).total_seconds())} ago"


def value_text(value: float | None, unit: str = "", bounds: Iterable[float | None] = ()) -> str:
    """A measured value with its unit, to four digits, or to more where a bound is near."""
    if value is None:
        return "-"
    return f"{beside(value, bounds)} {unit}".rstrip()


def count_text(count: float | None) -> str:
    """A number of samples, without a fraction."""
    if count is None:
        return ""
    return f"{count:,.0f} sample" + ("" if round(count) == 1 else "s")


def bar(canary_percent: int, cells: int = BAR_CELLS) -> str:
    """Stable's share as a solid bar, the canary's as its pale rest; small shares stay visible."""
    eighths = round((100 - canary_percent) * cells * 8 / 100)
    if canary_percent > 0:
        eighths = min(eighths, cells * 8 - 8)
    if canary_percent < 100:  # noqa: PLR2004 — all of it
        eighths = max(eighths, 1)
    full, rest = divmod(eighths, 8)
    solid = "█" * full + (_EIGHTHS[rest] if rest else "")
    return solid + "░" * (cells - len(solid))
