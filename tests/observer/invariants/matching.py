"""I21: header routes are the operator's own, and only while their phase is on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.observer.happenings import Body, Change, part
from tests.observer.routes import ALL, ROUTES, Claim, RouteShares, claim_of, header_routes
from tests.observer.world import LOOK_BACK_S, World

KEPT = ("name", "match", "matches", "route", "backendRefs")
"""What of a header route is not as in the managed route below it."""


def header_routes_are_copies(change: Change, world: World) -> Iterator[str]:
    """I21: a header route that the operator makes stands above a managed route and is as that one,
    but for the phase's headers beside its conditions and the canary alone behind it; and the phase
    that is on asks for it.
    """
    if change.kind not in ROUTES or not change.by_operator or change.after is None:
        return
    for rollout, claim in world.claims_on(change.kind, change.key):
        known = [raw for _, raw in header_routes(claim, change.before)] if change.before else []
        managed = {route.entries[2]: route for route in world.shares_in(claim, change.after)}
        for place, raw in header_routes(claim, change.after):
            if raw not in known:
                yield from _of_route(rollout, claim, raw, managed.get(place + 1), change.after)


def _of_route(
    rollout: Body, claim: Claim, raw: Body, below: RouteShares | None, body: Body
) -> Iterator[str]:
    name = raw.get("name")
    asked = _asked(rollout)
    if not asked:
        yield f"{name} came and no phase that is on asks for it"
    if below is None or below.canary_place is None:
        yield f"{name} does not stand above a managed route"
        return
    original: Any = body
    for step in below.entries[:3]:
        original = original[step]
    behind = str(below.entries[3])
    entries = original[behind]
    if raw.get(behind) != [{**entries[below.canary_place], "weight": ALL}]:
        yield f"{name} does not send to the canary alone"
    if any(raw.get(k) != original.get(k) for k in {*raw, *original} if k not in KEPT):
        yield f"{name} is not as {below.name}, above which it stands"
    field = "matches" if claim.kind == "HTTPRoute" else "match"
    ways = len(original.get(field) or ({},)) * len(asked)
    if asked and len(raw.get(field) or ()) != ways:
        yield f"{name} has {len(raw.get(field) or ())} conditions, {ways} are asked for"
    matches: list[Body] = raw.get(field) or [{}]
    for match in matches:
        if asked and not any(wanted <= _headers(match) for wanted in asked):
            yield f"{name} takes requests without the headers of the phase"


def _asked(rollout: Body) -> list[set[str]]:
    """The names of the headers of each alternative that the phase which is on matches."""
    if part(rollout, "status", "run", "stage") != "Phase":
        return []
    name = part(rollout, "status", "phase", "name")
    for phase in part(rollout, "spec", "phases") or ():
        if phase.get("name") == name:
            return [set(match.get("headers") or ()) for match in phase.get("match") or ()]
    return []


def _headers(match: Body) -> set[str]:
    headers = match.get("headers") or {}
    if isinstance(headers, dict):
        return set(headers)
    return {str(header.get("name")) for header in headers}


def a_hold_has_its_header_routes(change: Change, world: World) -> Iterator[str]:
    """I21: a phase's clock begins with the header routes that the phase asks for, and no others.

    Not asked just after somebody else edited a route.
    """
    if change.kind != "Rollout" or not change.by_operator or not change.step:
        return
    before, after = (part(b, "status", "phase") or {} for b in (change.before, change.after))
    if not after.get("startedAt") or before.get("startedAt") == after.get("startedAt"):
        return
    assert change.after is not None, "a step has both sides"
    claim = claim_of(change.after)
    touched_s = world.memory.touched_s.get(change.key[0], 0.0)
    if claim is None or touched_s > change.at_s - LOOK_BACK_S:
        return
    if world.matched(claim) != bool(_asked(change.after)):
        there = "are" if world.matched(claim) else "are no"
        yield f"phase {after.get('name')} begins and there {there} header routes"
