"""Header routes in an HTTPRoute of the Gateway API: rules beside the managed ones.

Which rule gets a request is not told by their order alone: the longer path wins, then the one that
names a method, then the one with more headers, then the one with more query parameters. A copy has
more headers than the rule it was made of, and so could win over a rule that the managed one loses
to; where it could, none is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidegate.adapters.header_routes import Dialect, NotPossible, clash, crossed
from tidegate.adapters.weights import Body, Route
from tidegate.api.expressions import Condition, conditions, quoted
from tidegate.core.picks import Picks, matches
from tidegate.core.shares import ALL

RULES_MAX = 16
"""Rules that the Gateway API takes in one HTTPRoute."""
HEADERS_MAX = 16
"""Headers that it takes in one match."""
VALUE_MAX = 4096
"""Characters that it takes in the value of a header."""
ANY_PATH: Body = {"type": "PathPrefix", "value": "/"}
"""What a match without a path means; the API server writes it out."""


def _header_rules(route: Route, picks: Picks, others: Sequence[Body]) -> list[Body]:
    """The copy of a rule that takes whom the phase matches to the canary."""
    if not route.raw.get("name"):
        raise NotPossible("it has no name; give it one, for header rules are told by theirs")
    found = []
    asked = [conditions(match) for match in matches(picks)]
    for theirs, ours in crossed(_conditions(route.raw), asked):
        headers = _with(theirs.get("headers") or [], ours)
        found.append({**theirs, "headers": headers})
        _takes_from_nobody(theirs, len(headers), others)
    if len(found) > 1 and _replaces_prefix(route.raw):
        raise NotPossible(
            "it replaces the prefix of the path, so that the Gateway API takes one match in it; "
            "name one match in the phase, or one in the rule"
        )
    canary = {**route.raw["backendRefs"][route.canary.index], "weight": ALL}
    return [{**route.raw, "matches": found, "backendRefs": [canary]}]


def _replaces_prefix(rule: Body) -> bool:
    """Whether a rewrite or a redirect asks for exactly one match by prefix."""
    found = (
        (one.get("urlRewrite") or one.get("requestRedirect") or {}).get("path") or {}
        for one in rule.get("filters") or ()
    )
    return any(path.get("type") == "ReplacePrefixMatch" for path in found)


def _conditions(rule: Body) -> Sequence[Body]:
    matches: Sequence[Body] = rule.get("matches") or ({},)
    return [{"path": ANY_PATH, **one} for one in matches]


def _with(theirs: Sequence[Body], ours: Mapping[str, Condition]) -> Sequence[Body]:
    """Its own headers and the phase's."""
    known = {str(one["name"]).lower(): one for one in theirs}
    headers = [dict(one) for one in theirs]
    for name, value in ours.items():
        said = {"name": name, **_said(name, value)}
        if name not in known:
            headers.append(said)
        elif {"type": "Exact", **known[name], "name": name} != said:
            raise clash(name)
    if len(headers) > HEADERS_MAX:
        raise NotPossible(f"a match would have {len(headers)} headers and takes {HEADERS_MAX}")
    return headers


def _said(header: str, value: Condition) -> dict[str, str]:
    """Exact or an expression; whether that is held against all of a value is up to the gateway."""
    if value.way == "exact":
        return {"type": "Exact", "value": value.text}
    regex = f"^{quoted(value.text)}.*$" if value.way == "prefix" else f"^(?:{value.text})$"
    if len(regex) > VALUE_MAX:
        raise NotPossible(
            f"the expression for header {header} would have {len(regex)} characters and the "
            f"Gateway API takes {VALUE_MAX}; name fewer cookies in the phase"
        )
    return {"type": "RegularExpression", "value": regex}


def _takes_from_nobody(theirs: Body, headers: int, others: Sequence[Body]) -> None:
    """Raise NotPossible where another rule wins over the managed one and not over its copy."""
    own = (len(theirs.get("headers") or ()), len(theirs.get("queryParams") or ()))
    for rule in others:
        for other in _conditions(rule):
            rank = (len(other.get("headers") or ()), len(other.get("queryParams") or ()))
            if _alike(other, theirs) and own < rank and rank[0] <= headers:
                name = rule.get("name") or "without a name"
                raise NotPossible(
                    f"rule {name} has more headers or query parameters for the same path, and a "
                    "header rule could win over it; give that rule another path, or name it too"
                )


def _alike(one: Body, other: Body) -> bool:
    """Whether neither wins by its path or its method. Expressions of paths have no known rank."""
    paths = [one["path"], other["path"]]
    unknown = any(path.get("type") == "RegularExpression" for path in paths)
    return (unknown or paths[0] == paths[1]) and one.get("method") == other.get("method")


HEADER_RULES = Dialect("HTTPRoute", "/spec/rules", _header_rules, most=RULES_MAX)
