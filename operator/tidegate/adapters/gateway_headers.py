"""Header routes in an HTTPRoute of the Gateway API: rules beside the managed ones.

Which rule gets a request is not told by their order alone: the longer path wins, then the one that
names a method, then the one with more headers, then the one with more query parameters. A copy has
more headers than the rule it was made of, and so could win over a rule that the managed one loses
to; where it could, none is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tidegate.adapters.header_routes import Dialect, Match, NotPossible, clash, crossed
from tidegate.adapters.weights import Body, Route
from tidegate.api.phases import HttpMatch, StringMatch
from tidegate.core.shares import ALL

RULES_MAX = 16
"""Rules that the Gateway API takes in one HTTPRoute."""
HEADERS_MAX = 16
"""Headers that it takes in one match."""
ANY_PATH: Body = {"type": "PathPrefix", "value": "/"}
"""What a match without a path means; the API server writes it out."""

_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")


def _header_rule(route: Route, match: Match, name: str, others: Sequence[Body]) -> Body:
    """The copy of a rule that takes what has the phase's headers to the canary."""
    if not route.raw.get("name"):
        raise NotPossible("it has no name; give it one, for header rules are told by theirs")
    conditions = []
    for theirs, ours in crossed(_conditions(route.raw), match):
        headers = _with(theirs.get("headers") or [], ours)
        conditions.append({**theirs, "headers": headers})
        _takes_from_nobody(theirs, len(headers), others)
    if len(conditions) > 1 and _replaces_prefix(route.raw):
        raise NotPossible(
            "it replaces the prefix of the path, so that the Gateway API takes one match in it; "
            "name one match in the phase, or one in the rule"
        )
    canary = {**route.raw["backendRefs"][route.canary.index], "weight": ALL}
    return {**route.raw, "name": name, "matches": conditions, "backendRefs": [canary]}


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


def _with(theirs: Sequence[Body], ours: HttpMatch) -> Sequence[Body]:
    """Its own headers and the phase's."""
    known = {str(one["name"]).lower(): one for one in theirs}
    headers = [dict(one) for one in theirs]
    for name, value in ours.headers.items():
        said = {"name": name, **_said(value)}
        if name not in known:
            headers.append(said)
        elif {"type": "Exact", **known[name], "name": name} != said:
            raise clash(name)
    if len(headers) > HEADERS_MAX:
        raise NotPossible(f"a match would have {len(headers)} headers and takes {HEADERS_MAX}")
    return headers


def _said(value: StringMatch) -> dict[str, str]:
    """Exact or an expression; whether that is held against all of a value is up to the gateway."""
    if value.exact is not None:
        return {"type": "Exact", "value": value.exact}
    if value.prefix is not None:
        literal = _SPECIAL.sub(r"\\\1", value.prefix)
        return {"type": "RegularExpression", "value": f"^{literal}.*$"}
    return {"type": "RegularExpression", "value": f"^(?:{value.regex})$"}


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


HEADER_RULES = Dialect("HTTPRoute", "/spec/rules", _header_rule, most=RULES_MAX)
