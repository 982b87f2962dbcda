"""Header routes: copies of managed HTTP routes for whom a phase picks by what a request says.

They stand directly above the route they were copied from, with that route's own conditions and
those of the phase: so they take nothing that the managed route would not have got. Whether the
router is Istio or the Gateway API, they are told by their names alone; what is found is compared
with what each phase asks for, and put or removed in the same patch as the weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from tidegate.adapters.weights import Body, Patch, Route
from tidegate.core import reasons
from tidegate.core.observation import Problem
from tidegate.core.picks import Picks, remains, within
from tidegate.core.shares import ALL
from tidegate.ports.cluster import Conflict

Copy: TypeAlias = Callable[[Route, Picks, Sequence[Body]], Sequence[Body]]
"""The header routes of a managed one, still under its name, beside routes that are not managed.

In the order in which they are to stand. Raises NotPossible."""

Made: TypeAlias = Mapping[int, Sequence[Body]]
"""Header routes by the place of the managed route that they stand directly above."""
Ours = TypeVar("Ours")

CONDITIONS_MAX = 64
"""Items in the `match` of one header route: the managed route's times the phase's."""

_NAME = re.compile(r"tidegate\.(?P<rollout>.+)\.[0-9]+", re.DOTALL)


class NotPossible(Exception):
    """A managed route of which no header route can be made; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a router says it: the kind of object, the JSON Pointer of its routes, and the copies.

    `most` is how many routes one object may have, None for any number.
    """

    kind: str
    listed: str
    copy: Copy
    most: int | None = None


def name_of(rollout: str, number: int) -> str:
    """The name of a Rollout's header route of that number in its object, counted from 0."""
    return f"tidegate.{rollout}.{number}"


def is_header_route(raw: Body, rollout: str | None = None) -> bool:
    """Whether a route or rule is a header route of that Rollout, or of any when it is None."""
    found = _NAME.fullmatch(str(raw.get("name") or ""))
    return found is not None and rollout in (None, found["rollout"])


def crossed(managed: Sequence[Body], match: Sequence[Ours]) -> list[tuple[Body, Ours]]:
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
    """Those of one object: what is `present`, and what each phase's picks ask for.

    `present` is by place in the list at `listed`; `asked` has those that stand directly above the
    managed route at a place, the last of them right above it.
    """

    listed: str = ""
    http: bool = False
    present: Mapping[int, Body] | None = None
    asked: tuple[tuple[Picks, Made], ...] = ()

    @property
    def match(self) -> Picks | None:
        """Whose header routes these are; () without any, None if they are no phase's."""
        found = dict(self.present or {})
        if not found:
            return ()
        for match, made in self.asked:
            if {
                at: raw for place, block in made.items() for at, raw in _above(place, block)
            } == found:
                return match
        return None

    def adds(self, match: Picks | None) -> bool:
        """Whether writing that match sends requests to the canary that do not go there now."""
        return bool(match) and not within(match, self.match)

    def patch(self, match: Picks | None) -> Patch:
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
                operations += self._put(place, made[place], present)
            elif place in present:
                operations += self._remove(place, present.pop(place))
        return operations

    def _made(self, match: Picks) -> Made:
        if not match:
            return {}
        for asked, made in self.asked:
            if asked == match:
                return made
        raise Conflict("the phases changed since the header routes were decided on")

    def _put(self, place: int, wanted: Sequence[Body], present: dict[int, Body]) -> Patch:
        """The block above a managed route: over those that are there from below, and new ones."""
        operations: Patch = []
        for index, raw in reversed(list(_above(place, wanted))):
            above = present.pop(index, None)
            if above is None:
                break
            if above != raw:
                path = f"{self.listed}/{index}"
                operations += [
                    self._same(index, above),
                    {"op": "replace", "path": path, "value": raw},
                ]
            wanted, place = wanted[:-1], index
        path = f"{self.listed}/{place}"
        return operations + [{"op": "add", "path": path, "value": raw} for raw in reversed(wanted)]

    def _remove(self, place: int, raw: Body) -> Patch:
        return [self._same(place, raw), {"op": "remove", "path": f"{self.listed}/{place}"}]

    def _same(self, place: int, raw: Body) -> dict[str, Any]:
        return {"op": "test", "path": f"{self.listed}/{place}/name", "value": raw["name"]}


def _above(place: int, block: Sequence[Body]) -> Iterator[tuple[int, Body]]:
    """Each route of a block with its place, where it stands directly above that one."""
    return enumerate(block, place - len(block))


def read(
    body: Body, routes: Sequence[Route], rollout: str, asked: Sequence[Picks], dialect: Dialect
) -> tuple[HeaderRoutes, list[Problem]]:
    """The header routes of one object, and why some cannot be made.

    `routes` are its managed routes, `asked` what the Rollout's phases pick.
    """
    listed = dialect.listed
    every = body.get("spec", {}).get(listed.rpartition("/")[2]) or ()
    present = {i: raw for i, raw in enumerate(every) if is_header_route(raw, rollout)}
    managed = [route for route in routes if route.listed == listed]
    places = {route.index for route in managed}.union(present)
    others = [raw for i, raw in enumerate(every) if i not in places]
    found: list[tuple[Picks, Made]] = []
    problems: list[Problem] = []
    for picks in (*asked, *(remains(asked, _weight(managed)) if present else ())):
        try:
            found.append((picks, _made(managed, others, rollout, picks, dialect)))
        except NotPossible as error:
            meta = body["metadata"]
            title = f"{dialect.kind} {meta.get('namespace', '')}/{meta['name']}"
            problem = Problem(reasons.HEADER_ROUTE_NOT_POSSIBLE, f"{title}: {error}")
            problems += [problem] if problem not in problems and picks in asked else []
    return HeaderRoutes(listed, bool(managed or present), present, tuple(found)), problems


def _weight(managed: Sequence[Route]) -> int:
    """The share (percent) that was written together with the header routes."""
    whole = (route for route in managed if route.whole == ALL)
    return next((route.canary.weight for route in whole), 0)


def _made(
    managed: Sequence[Route], others: Sequence[Body], rollout: str, picks: Picks, dialect: Dialect
) -> Made:
    made: dict[int, tuple[Body, ...]] = {}
    number = 0
    for route in managed:
        try:
            copies = dialect.copy(route, picks, others)
        except NotPossible as error:
            raise NotPossible(f"no header route can be made of {route.name}: {error}") from None
        names = (name_of(rollout, n) for n in range(number, number + len(copies)))
        made[route.index] = tuple(
            {**raw, "name": name} for raw, name in zip(copies, names, strict=True)
        )
        number += len(copies)
    needed = len(others) + len(managed) + number
    if dialect.most is not None and needed > dialect.most:
        raise NotPossible(
            f"with a header route for each managed one it would have {needed} of at most "
            f"{dialect.most}; take out some, or name fewer in the Rollout"
        )
    return made
