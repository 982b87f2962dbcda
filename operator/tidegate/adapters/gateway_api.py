"""Finding the managed rules of an HTTPRoute of the Gateway API.

Its weights are proportions, not percent: 1 and 1 are half and half, and a weight left out is 1.
Where nobody else has weight in a rule, ours are written to sum to 100. Where somebody has, the
sum of ours stays what it was found to be, so that theirs keep their share of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidegate.adapters.destinations import service_host
from tidegate.adapters.header_routes import is_header_route
from tidegate.adapters.weights import Body, Pair, Place, Route, Target
from tidegate.api.traffic import HttpRouteRef
from tidegate.core import reasons
from tidegate.core.observation import Problem
from tidegate.core.shares import ALL, LEAST

REFS = "spec.traffic.gatewayApi.httpRoutes[]"


def find_rules(body: Body, ref: HttpRouteRef, pair: Pair) -> tuple[list[Route], list[Problem]]:
    """The managed rules of one HTTPRoute, and what keeps others from being managed.

    A rule that cannot be shared out any more is in both: it can still be sent back.
    """
    chosen, problem = _choose(body, ref, pair)
    if problem is not None:
        return [], [problem]
    routes: list[Route] = []
    problems: list[Problem] = []
    for index, rule in chosen:
        found = _read_rule(body, index, rule, pair)
        if isinstance(found, Problem):
            problems.append(found)
            continue
        routes.append(found)
        if found.left < LEAST:
            problems.append(_too_little(body, found))
    return routes, problems


def _title(body: Body) -> str:
    meta = body["metadata"]
    return f"HTTPRoute {meta.get('namespace', '')}/{meta['name']}"


def _name(index: int, rule: Body) -> str:
    return str(rule.get("name") or f"rules[{index}]")


def _choose(
    body: Body, ref: HttpRouteRef, pair: Pair
) -> tuple[list[tuple[int, Body]], Problem | None]:
    """The rules that are named; without names the only one, or those that have both Services."""
    every = enumerate(body.get("spec", {}).get("rules") or ())
    rules = [(i, rule) for i, rule in every if not is_header_route(rule)]
    has = ", ".join(_name(i, rule) for i, rule in rules) or "none"
    if ref.rules:
        known = {rule.get("name") for _, rule in rules}
        missing = [name for name in ref.rules if name not in known]
        if missing:
            message = (
                f"{_title(body)}: rule {missing[0]!r} not found (has: {has}); name one of them "
                f"in {REFS}.rules, or add it"
            )
            return [], Problem(reasons.ROUTE_NOT_FOUND, message)
        return [(i, rule) for i, rule in rules if rule.get("name") in ref.rules], None
    if len(rules) == 1:
        return rules, None
    both = [(i, rule) for i, rule in rules if {pair.stable, pair.canary} <= _targets(body, rule)]
    if both:
        return both, None
    message = (
        f"{_title(body)}: no rule names both {pair.stable} and {pair.canary} (has: {has}); add "
        "them as backendRefs, canary with weight 0"
    )
    return [], Problem(reasons.DESTINATION_NOT_FOUND, message)


def _targets(body: Body, rule: Body) -> set[Target]:
    return {_target(entry, body) for entry in rule.get("backendRefs") or ()}


def _target(entry: Body, body: Body) -> Target:
    """The Service that a backendRef names; what is no Service of this namespace is never ours."""
    here = str(body["metadata"].get("namespace", ""))
    group, kind = entry.get("group") or "core", entry.get("kind") or "Service"
    host = service_host(str(entry.get("name", "")), str(entry.get("namespace") or here))
    return Target(host if (group, kind) == ("core", "Service") else f"{kind}.{group} {host}")


def _read_rule(body: Body, index: int, rule: Body, pair: Pair) -> Route | Problem:
    entries = rule.get("backendRefs") or []
    targets = [_target(entry, body) for entry in entries]
    for wanted, role in ((pair.stable, "stable"), (pair.canary, "canary")):
        if targets.count(wanted) != 1:
            message = (
                f"{_title(body)}: rule {_name(index, rule)} must name the {role} Service {wanted} "
                f"exactly once in backendRefs (found {targets.count(wanted)} times); add it, "
                "canary with weight 0"
            )
            return Problem(reasons.DESTINATION_NOT_FOUND, message)
    weights = [_weight(entry) for entry in entries]
    stable, canary = (targets.index(target) for target in (pair.stable, pair.canary))
    ours = weights[stable] + weights[canary]
    shared = sum(weights) > ours
    if not shared:
        weights = [_percent(weight, ours) for weight in weights]
    return Route(
        name=_name(index, rule),
        entries=f"/spec/rules/{index}/backendRefs",
        stable=_place(entries, weights, stable),
        canary=_place(entries, weights, canary),
        whole=ours if shared else ALL,
        left=ours if shared else ALL,
        listed="/spec/rules",
        index=index,
        raw=rule,
    )


def _weight(entry: Body) -> int:
    weight = entry.get("weight")
    return 1 if weight is None else int(weight)


def _percent(weight: int, total: int) -> int:
    """The proportion in percent, rounded up: if that is not exact, the two sum to more than 100."""
    return -(-ALL * weight // total) if total else 0


def _place(entries: Sequence[Any], weights: Sequence[int], index: int) -> Place:
    return Place(index, weights[index], ("", entries[index]))


def _too_little(body: Body, route: Route) -> Problem:
    message = (
        f"{_title(body)}: rule {route.name} gives the two Services of this Rollout a weight of "
        f"{route.left} in all, beside others; give them {LEAST} at least, or better {ALL}"
    )
    return Problem(reasons.FOREIGN_WEIGHT, message)
