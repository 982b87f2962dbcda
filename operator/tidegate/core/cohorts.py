"""Requests that a phase picks by what they say of themselves, as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tidegate.api.limits import MAX_DETAIL_CHARS
from tidegate.api.matching import Buckets, HttpMatch, StringMatch
from tidegate.core.picks import Picks, copied, kept, matches

UNKNOWN = "?"
"""Header routes that are as no phase says it, or not the same everywhere."""
CUT = " …"


def match_text(picks: Picks | None) -> str:
    """Such as `x-group=beta and x-region=eu* or cookie~(regex)`; "" for no matches."""
    if picks is None:
        return UNKNOWN
    text = " or ".join(" and ".join(_parts(one)) for one in matches(picks))
    return text if len(text) <= MAX_DETAIL_CHARS else text[: MAX_DETAIL_CHARS - len(CUT)] + CUT


def cookie_of(picks: Picks | None) -> str:
    """The cookie that keeps users where they are; "" without one."""
    return next((one.cookie for one in kept(picks or ())), "")


def copied_of(picks: Picks | None) -> int:
    """The share (percent) of requests that are copied to the canary; 0 for none, or unknown."""
    return copied(picks or ())


def _parts(match: HttpMatch) -> Iterator[str]:
    yield from _named("", match.headers)
    yield from _named("cookie ", match.cookies)
    if match.buckets is not None:
        yield _share(match.buckets)
    yield from (f"caller {name}={value}" for name, value in sorted(match.source_labels.items()))


def _named(kind: str, values: Mapping[str, StringMatch]) -> Iterator[str]:
    return (f"{kind}{name}{_said(value)}" for name, value in sorted(values.items()))


def _share(buckets: Buckets) -> str:
    """Such as `10 % of the ids in x-user-id`, or `10 % after 20 % of …`."""
    where = buckets.header or f"cookie {buckets.cookie}"
    after = f" after {buckets.after} %" if buckets.after else ""
    return f"{buckets.percent} %{after} of the {buckets.encoding} ids in {where}"


def _said(value: StringMatch) -> str:
    if value.exact is not None:
        return f"={value.exact}"
    return f"={value.prefix}*" if value.prefix is not None else f"~({value.regex})"


def and_matched(picks: Picks) -> str:
    """The end of a sentence about a weight: who goes to the canary besides; "" for nobody."""
    return and_told(match_text(picks), cookie_of(picks), copied_of(picks))


def and_told(match: str, cookie: str, mirror: int | None) -> str:
    """The same, from what the status says of both."""
    matched = f" and all requests with {match}" if match else ""
    kept_by = f", each user kept by cookie {cookie}" if cookie else ""
    copies = f" and copies of {mirror} % of the requests" if mirror else ""
    return matched + kept_by + copies
