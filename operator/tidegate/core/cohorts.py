"""Requests that a phase picks by their headers, as people read them."""

from __future__ import annotations

from tidegate.api.limits import MAX_DETAIL_CHARS
from tidegate.api.phases import HttpMatch, StringMatch

UNKNOWN = "?"
"""Header routes that are as no phase says it, or not the same everywhere."""
CUT = " …"


def match_text(match: tuple[HttpMatch, ...] | None) -> str:
    """Such as `x-group=beta and x-region=eu* or cookie~(regex)`; "" for no header routes."""
    if match is None:
        return UNKNOWN
    text = " or ".join(
        " and ".join(f"{name}{_said(value)}" for name, value in sorted(one.headers.items()))
        for one in match
    )
    return text if len(text) <= MAX_DETAIL_CHARS else text[: MAX_DETAIL_CHARS - len(CUT)] + CUT


def _said(value: StringMatch) -> str:
    if value.exact is not None:
        return f"={value.exact}"
    return f"={value.prefix}*" if value.prefix is not None else f"~({value.regex})"


def and_matched(match: tuple[HttpMatch, ...]) -> str:
    """The end of a sentence about a weight: who goes to the canary besides; "" for nobody."""
    return f" and all requests with {match_text(match)}" if match else ""
