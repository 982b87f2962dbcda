"""Sharing out whole numbers: what two destinations get of what others leave them, and reading it.

A route may have destinations of somebody else. Ours then have the rest, which is seldom 100, and
the canary's share of it seldom a whole number: 10 % of 33 is 3. So what is written stands for
several shares at once (10 % to 12 % of 33), and is read as the one that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tidegate.core.observation import RoutesView, RouteWeight

ALL = 100
LEAST = 2
"""The smallest whole that can be shared at all: one for each."""


def canary_part(whole: int, share: int) -> int:
    """What the canary gets of `whole` at a share in percent; stable gets all else.

    0 % is nothing and 100 % is all. Between them both have at least 1, and what cannot be
    halved goes to stable. A whole below LEAST stays with stable until the share is 100 %.
    """
    if share <= 0 or whole <= 0:
        return 0
    if share >= ALL:
        return whole
    if whole < LEAST:
        return 0
    return min(max(whole * share // ALL, 1), whole - 1)


def shares_for(whole: int, part: int) -> tuple[int, int]:
    """The lowest and the highest share in percent for which the canary gets that part.

    A part that no share gives (a hand has written it) is read as the next share above it.
    """
    if part <= 0 or whole <= 0:
        return 0, 0
    if part >= whole:
        return ALL, ALL
    low = 1 if part == 1 else min(ALL - 1, -(-ALL * part // whole))
    high = ALL - 1 if part == whole - 1 else (ALL * (part + 1) - 1) // whole
    return low, max(low, min(ALL - 1, high))


def read_as(routes: RoutesView, preferred: Iterable[int]) -> RoutesView:
    """The same routes, each read as the first of the preferred shares that it can stand for."""
    shares = tuple(preferred)
    return replace(routes, weights=tuple(_read(route, shares) for route in routes.weights))


def _read(route: RouteWeight, shares: tuple[int, ...]) -> RouteWeight:
    if route.stands_for is None:
        return route
    low, high = route.stands_for
    found = next((share for share in shares if low <= share <= high), None)
    return route if found is None else replace(route, weight=found)
