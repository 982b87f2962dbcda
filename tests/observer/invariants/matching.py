"""I21: header routes are the operator's own, and only while their phase is on."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from tests.observer.happenings import Body, Change, part
from tests.observer.routes import ALL, ROUTES, Claim, RouteShares, bare, claim_of, header_routes
from tests.observer.world import LOOK_BACK_S, World

KEPT = ("name", "match", "matches", "route", "backendRefs")
"""What of a header route is not as in the managed route below it."""
REQUEST_ID = "x-request-id"


def header_routes_are_copies(change: Change, world: World) -> Iterator[str]:
    """I21: a header route that the operator makes stands above a managed route and is as that one,
    but for what the phase asks of requests beside its conditions and one destination alone behind
    it: the canary, or stable or a variant for users who stay there; and the phase that is on asks
    for it. One that copies requests to the canary has the conditions and destinations of the
    managed route.
    """
    if change.kind not in ROUTES or not change.by_operator or change.after is None:
        return
    for rollout, claim in world.claims_on(change.kind, change.key):
        known = [bare(raw) for _, raw in header_routes(claim, change.before or {"metadata": {}})]
        managed = {route.entries[2]: route for route in world.shares_in(claim, change.after)}
        there = header_routes(claim, change.after)
        ours = {place for place, _ in there}
        for place, raw in there:
            if bare(raw) not in known:
                below = place + 1
                while below in ours:
                    below += 1
                judge = _of_copies if _copies(rollout, raw) else _of_route
                yield from judge(rollout, claim, raw, managed.get(below), change.after)


def _copies(rollout: Body, raw: Body) -> bool:
    """Whether it is one that copies requests, in a phase that asks for that."""
    return bool(_phase(rollout).get("mirror")) and "mirror" in raw


def _of_copies(
    rollout: Body, claim: Claim, raw: Body, below: RouteShares | None, body: Body
) -> Iterator[str]:
    name, asked = raw.get("name"), _phase(rollout)["mirror"]["percent"]
    if below is None or below.canary_place is None:
        yield f"{name} does not stand above a managed route"
        return
    original: Any = body
    for step in below.entries[:3]:
        original = original[step]
    canary = original[str(below.entries[3])][below.canary_place]
    if raw["mirror"] != canary["destination"] or raw.get("mirrorPercentage") != {"value": asked}:
        yield f"{name} does not copy {asked} % of the requests to the canary"
    fields = {*raw, *original}.difference(("name", "mirror", "mirrorPercentage"))
    if any(raw.get(field) != original.get(field) for field in fields):
        yield f"{name} is not as {below.name}, above which it stands"


def _of_route(
    rollout: Body, claim: Claim, raw: Body, below: RouteShares | None, body: Body
) -> Iterator[str]:
    name, cookie = raw.get("name"), _cookie(rollout)
    shared = cookie is not None and _shares(raw, cookie)
    asked = [{REQUEST_ID}, {"cookie"}] if shared else _asked(rollout)
    if not asked:
        yield f"{name} came and no phase that is on asks for it"
    if below is None or below.canary_place is None:
        yield f"{name} does not stand above a managed route"
        return
    original: Any = body
    for step in below.entries[:3]:
        original = original[step]
    behind = str(below.entries[3])
    places = below.places if shared else (below.canary_place,)
    alone = [[{**original[behind][place], "weight": ALL}] for place in places]
    if raw.get(behind) not in alone:
        yield f"{name} does not send to the canary alone"
    fields = {*raw, *original}.difference(KEPT)
    if any(_without_cookie(raw, cookie).get(k) != original.get(k) for k in fields):
        yield f"{name} is not as {below.name}, above which it stands"
    field = "matches" if claim.kind == "HTTPRoute" else "match"
    ways = len(original.get(field) or ({},)) * (1 if shared else len(asked))
    if asked and len(raw.get(field) or ()) != ways:
        yield f"{name} has {len(raw.get(field) or ())} conditions, {ways} are asked for"
    matches: list[Body] = raw.get(field) or [{}]
    for match in matches:
        if asked and not any(wanted <= _conditions(match) for wanted in asked):
            yield f"{name} takes requests without the headers of the phase"


def _shares(raw: Body, cookie: str) -> bool:
    """Whether it is one of those by which users stay: by the id of a request, or by the cookie."""
    headers = [match.get("headers") or {} for match in raw.get("match") or ()]
    return bool(headers) and all(
        REQUEST_ID in one or f"(?:{cookie}=" in str(one.get("cookie")) for one in headers
    )


def _without_cookie(raw: Body, cookie: str | None) -> Body:
    """The route without the cookie that its answers set."""
    headers = copy.deepcopy(raw.get("headers") or {})
    added = part(headers, "response", "add") or {}
    if cookie is None or not str(added.get("set-cookie")).startswith(f"{cookie}="):
        return raw
    del added["set-cookie"]
    for path in (("response", "add"), ("response",)):
        holder = part(headers, *path[:-1]) if len(path) > 1 else headers
        if not holder[path[-1]]:
            del holder[path[-1]]
    return {
        **{k: v for k, v in raw.items() if k != "headers"},
        **({"headers": headers} if headers else {}),
    }


def _phase(rollout: Body) -> Body:
    """The phase that is on, as the spec has it; empty without one."""
    if part(rollout, "status", "run", "stage") != "Phase":
        return {}
    name = part(rollout, "status", "phase", "name")
    phases = part(rollout, "spec", "phases") or ()
    return next((phase for phase in phases if phase.get("name") == name), {})


def _asked(rollout: Body) -> list[set[str]]:
    """What each alternative of the phase that is on looks at: names of headers, and callers."""
    return [_looks_at(match) for match in _phase(rollout).get("match") or ()]


def _looks_at(match: Body) -> set[str]:
    buckets = match.get("buckets") or {}
    found = set(match.get("headers") or ()) | {buckets.get("header")}
    if match.get("cookies") or buckets.get("cookie"):
        found.add("cookie")
    return {name for name in found if name} | set(match.get("sourceLabels") or ())


def _cookie(rollout: Body) -> str | None:
    """The cookie by which users stay while the phase that is on shares requests out."""
    weight = _phase(rollout).get("weight", 0)
    found = part(rollout, "spec", "traffic", "sticky", "cookie")
    return str(found) if found and 0 < weight < ALL else None


def _conditions(match: Body) -> set[str]:
    headers = match.get("headers") or {}
    names = set(headers) if isinstance(headers, dict) else {str(h.get("name")) for h in headers}
    return names | set(match.get("sourceLabels") or ())


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
    asked = _asked(change.after) or _cookie(change.after) or _phase(change.after).get("mirror")
    if world.matched(claim) != bool(asked):
        there = "are" if world.matched(claim) else "are no"
        yield f"phase {after.get('name')} begins and there {there} header routes"
