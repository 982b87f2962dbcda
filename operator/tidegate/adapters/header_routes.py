"""Header routes: copies of managed HTTP routes that send who has certain headers to the canary.

Each stands directly above the route it was copied from, with that route's own conditions and those
of the phase: so it takes nothing that the managed route would not have got. Whether the router
is Istio or the Gateway API, they are told by their names alone; what is found is compared with
what each phase asks for, and put or removed in the same patch as the weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tidegate.adapters.weights import Body, Patch, Route
from tidegate.api.phases import HttpMatch
from tidegate.core import reasons
from tidegate.core.observation import Problem
from tidegate.ports.cluster import Conflict

Match: TypeAlias = tuple[HttpMatch, ...]
Copy: TypeAlias = Callable[[Route, Match, str, Sequence[Body]], Body]
"""The header route of a managed one under that name, beside routes that are not managed.

Raises NotPossible."""

CONDITIONS_MAX = 64
"""Items in the `match` of one header route: the managed route's times the phase's."""

_NAME = re.compile(r"tidegate\.(?P<rollout>.+)\.[0-9]+", re.DOTALL)


class NotPossible(Exception):
    """A managed route of which no header route can be made; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a router says it: the kind of object, the JSON Pointer of its routes, and a copy.

    `most` is how many routes one object may have, None for any number.
    """

    kind: str
    listed: str
    copy: Copy
    most: int | None = None


def name_of(rollout: str, number: int) -> str:
    """The name of a Rollout's header route for its managed route of that number, from 0."""
    return f"tidegate.{rollout}.{number}"


def is_header_route(raw: Body, rollout: str | None = None) -> bool:
    """Whether a route or rule is a header route of that Rollout, or of any when it is None."""
    found = _NAME.fullmatch(str(raw.get("name") or ""))
    return found is not None and rollout in (None, found["rollout"])


def crossed(managed: Sequence[Body], match: Match) -> list[tuple[Body, HttpMatch]]:
    """Each condition of the managed route with each of the phase. Raises NotPossible."""
    pairs = [(theirs, ours) for theirs in managed for ours in match]
    if len(pairs) > CONDITIONS_MAX:
        raise NotPossible(
            f"{len(managed)} conditions of its own times {len(match)} of the phase are more than "
            f"{CONDITIONS_MAX}; use fewer"
        )
    return pairs


def clash(header: str) -> NotPossible:
    """Two conditions on one header cannot both be said."""
    return NotPossible(
        f"it has a condition of its own on header {header}; match another header in the phase"
    )


@dataclass(frozen=True, slots=True)
class HeaderRoutes:
    """Those of one object: what is `present`, and what each phase's match asks for.

    `present` is by place in the list at `listed`, `asked` by the place of the managed route.
    """

    listed: str = ""
    http: bool = False
    present: Mapping[int, Body] | None = None
    asked: tuple[tuple[Match, Mapping[int, Body]], ...] = ()

    @property
    def match(self) -> Match | None:
        """The match whose header routes these are; () without any, None if they are no phase's."""
        found = dict(self.present or {})
        if not found:
            return ()
        for match, made in self.asked:
            if {place - 1: raw for place, raw in made.items()} == found:
                return match
        return None

    def adds(self, match: Match | None) -> bool:
        """Whether writing that match sends requests to the canary that do not go there now."""
        return bool(match) and match != self.match

    def patch(self, match: Match | None) -> Patch:
        """The operations that leave exactly the header routes for `match`; None leaves all.

        From the last place to the first, so that none moves the place of another. They come after
        the weights' own operations, whose places are those that were read.
        """
        if match is None:
            return []
        made, present = self._made(match), dict(self.present or {})
        operations: Patch = []
        for place in sorted({*made, *present}, reverse=True):
            if place in made:
                operations += self._put(place, made[place], present.pop(place - 1, None))
            if place in present:
                operations += self._remove(place, present.pop(place))
        return operations

    def _made(self, match: Match) -> Mapping[int, Body]:
        if not match:
            return {}
        for asked, made in self.asked:
            if asked == match:
                return made
        raise Conflict("the phases changed since the header routes were decided on")

    def _put(self, place: int, wanted: Body, above: Body | None) -> Patch:
        if above is None:
            return [{"op": "add", "path": f"{self.listed}/{place}", "value": wanted}]
        if above == wanted:
            return []
        path = f"{self.listed}/{place - 1}"
        return [self._same(place - 1, above), {"op": "replace", "path": path, "value": wanted}]

    def _remove(self, place: int, raw: Body) -> Patch:
        return [self._same(place, raw), {"op": "remove", "path": f"{self.listed}/{place}"}]

    def _same(self, place: int, raw: Body) -> dict[str, Any]:
        return {"op": "test", "path": f"{self.listed}/{place}/name", "value": raw["name"]}


def read(
    body: Body, routes: Sequence[Route], rollout: str, matches: Iterable[Match], dialect: Dialect
) -> tuple[HeaderRoutes, list[Problem]]:
    """The header routes of one object, and why some cannot be made.

    `routes` are its managed routes, `matches` what the Rollout's phases ask for.
    """
    listed = dialect.listed
    every = body.get("spec", {}).get(listed.rpartition("/")[2]) or ()
    present = {i: raw for i, raw in enumerate(every) if is_header_route(raw, rollout)}
    managed = [route for route in routes if route.listed == listed]
    places = {route.index for route in managed}.union(present)
    others = [raw for i, raw in enumerate(every) if i not in places]
    asked: list[tuple[Match, Mapping[int, Body]]] = []
    problems: list[Problem] = []
    for match in matches:
        try:
            asked.append((match, _made(managed, others, rollout, match, dialect)))
        except NotPossible as error:
            meta = body["metadata"]
            title = f"{dialect.kind} {meta.get('namespace', '')}/{meta['name']}"
            problem = Problem(reasons.HEADER_ROUTE_NOT_POSSIBLE, f"{title}: {error}")
            problems += [problem] if problem not in problems else []
    return HeaderRoutes(listed, bool(managed or present), present, tuple(asked)), problems


def _made(
    managed: Sequence[Route], others: Sequence[Body], rollout: str, match: Match, dialect: Dialect
) -> dict[int, Body]:
    needed = len(others) + 2 * len(managed)
    if dialect.most is not None and needed > dialect.most:
        raise NotPossible(
            f"with a header route for each managed one it would have {needed} of at most "
            f"{dialect.most}; take out some, or name fewer in the Rollout"
        )
    made = {}
    for number, route in enumerate(managed):
        try:
            made[route.index] = dialect.copy(route, match, name_of(rollout, number), others)
        except NotPossible as error:
            raise NotPossible(f"no header route can be made of {route.name}: {error}") from None
    return made
