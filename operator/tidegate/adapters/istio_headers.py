"""Header routes in a VirtualService: for whom a phase matches, users who stay, and copies.

A share whose users stay takes four routes, and two more for each variant. The cookie keeps a random
id and never an arm, so one expression says where an id goes today, and another one tomorrow;
whoever has none yet gets the id of the request as it is (Envoy makes one at random for each), and
goes where that id goes at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tidegate.adapters.header_routes import NotPossible, clash, crossed
from tidegate.adapters.weights import Body, Place, Route
from tidegate.api.expressions import (
    COOKIE,
    Condition,
    conditions,
    ending_in,
    with_cookies,
)
from tidegate.api.matching import HttpMatch
from tidegate.core.picks import Kept, Picks, copied, kept, matches
from tidegate.core.shares import ALL

REQUEST_ID = "x-request-id"
"""Envoy gives each request one before it looks for a route: a UUID, its last digits random."""
ANY_ID = "[^;]+"
SET_COOKIE = "set-cookie"
MIRRORS = frozenset({"mirror", "mirrors", "mirrorPercentage", "mirrorPercent", "mirror_percent"})
"""Fields of a route that copies its requests already, the old ones included."""


def header_routes(route: Route, picks: Picks, _others: Sequence[Body]) -> Sequence[Body]:
    """The copies of an HTTP route that take whom a phase picks. Raises NotPossible."""
    match = matches(picks)
    copies = [_copy(route, [_asked(one) for one in match], route.canary)] if match else []
    share = copied(picks)
    return [
        *copies,
        *(copy for stays in kept(picks) for copy in _kept(route, stays)),
        *([_copying(route, share)] if share else []),
    ]


Asked = tuple[Mapping[str, Condition], Mapping[str, str]]
"""Conditions on headers by name, and the labels of callers."""


def _asked(match: HttpMatch) -> Asked:
    return conditions(match), match.source_labels


def _copy(route: Route, asked: Sequence[Asked], to: Place) -> dict[str, Any]:
    """The route with more conditions, and one destination alone behind it."""
    every = crossed(route.raw.get("match") or ({},), asked)
    entry = {**route.raw["route"][to.index], "weight": ALL}
    return {**route.raw, "match": [_both(*pair) for pair in every], "route": [entry]}


def _both(theirs: Body, asked: Asked) -> Body:
    """Its own conditions and those that are asked for."""
    ours, labels = asked
    headers, callers = dict(theirs.get("headers") or {}), dict(theirs.get("sourceLabels") or {})
    known = {header.lower(): header for header in headers}
    for header, value in ours.items():
        said = {value.way: value.text}
        if headers.get(known.get(header, header), said) != said:
            raise clash(header)
        headers[known.get(header, header)] = said
    for label, text in labels.items():
        if callers.setdefault(label, text) != text:
            raise NotPossible(
                f"it is for callers with another label {label}; leave that label out of the phase"
            )
    both = {**theirs, "headers": headers} if ours else {**theirs}
    return {**both, "sourceLabels": callers} if labels else both


def _copying(route: Route, percent: int) -> Body:
    """The route whose requests are copied to the canary and answered by those it had without.

    The managed route keeps what its owner wrote, and at rest nothing has to be put back.
    """
    if theirs := sorted(MIRRORS.intersection(route.raw)):
        raise NotPossible(
            f"it has a {theirs[0]} of its own, and a route is copied to one place; take that out, "
            "or leave mirror out of the phase"
        )
    entries = list(route.raw["route"])
    canary = entries[route.canary.index]
    entries[route.stable.index] = {**entries[route.stable.index], "weight": route.whole}
    entries[route.canary.index] = {**canary, "weight": 0}
    return {
        **route.raw,
        "route": entries,
        "mirror": canary["destination"],
        "mirrorPercentage": {"value": percent},
    }


def _kept(route: Route, share: Kept) -> list[Body]:
    """By the id in the cookie, else by that of the request, which becomes the cookie."""
    if route.left != ALL:
        raise NotPossible(
            "others have weight in it, and users who stay would leave them nothing; leave "
            "spec.traffic.sticky out, or give them a route of their own"
        )
    ways = [*_ways(route, share), (ANY_ID, route.stable)]
    known = [_copy(route, [_with_cookie(share, ids)], to) for ids, to in ways]
    new = [_marking(_copy(route, [_with_id(ids)], to), share) for ids, to in ways]
    return known + new


def _ways(route: Route, share: Kept) -> Iterator[tuple[str, Place]]:
    """Which ids go to the canary and to each arm of an experiment; all others go to stable."""
    arms = dict(route.variants)
    last = share.weight
    if share.weight:
        yield ending_in("hex", 0, last), route.canary
    for name, weight in share.arms:
        if name not in arms:
            raise NotPossible(
                f"it has no destination of variant {name}; add it with weight 0, or mend "
                "spec.variants"
            )
        yield ending_in("hex", last, last + weight), arms[name]
        last += weight


def _with_cookie(share: Kept, value: str) -> Asked:
    return {COOKIE: Condition("regex", with_cookies([(share.cookie, value)]))}, {}


def _with_id(value: str) -> Asked:
    return {REQUEST_ID: Condition("regex", value)}, {}


def _marking(route: dict[str, Any], share: Kept) -> Body:
    """The route whose answers set the cookie; what else it does with headers stays."""
    headers = dict(route.get("headers") or {})
    response = dict(headers.get("response") or {})
    added = dict(response.get("add") or {})
    if SET_COOKIE in map(str.lower, (*added, *(response.get("set") or ()))):
        raise NotPossible(
            "it sets a cookie of its own, and a route can set one; set that cookie in the app, or "
            "leave spec.traffic.sticky out"
        )
    age_s = math.ceil(share.max_age_s)
    value = f"{share.cookie}=%REQ(X-REQUEST-ID)%; Max-Age={age_s}; Path=/; HttpOnly; SameSite=Lax"
    response["add"] = {**added, SET_COOKIE: value}
    return {**route, "headers": {**headers, "response": response}}
