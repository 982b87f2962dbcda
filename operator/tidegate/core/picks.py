"""What header routes do in a phase: its matches, the share whose users stay, and its copies.

All are routes above the managed ones, and all are traffic: they come, stay and go by the same
rules. A share whose users stay is the weight said in another way, so that it can be left out at
any time, and the weight alone then holds. Copies are answered by nobody, so that they can be left
out at any time, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from tidegate.api.matching import Buckets, HttpMatch
from tidegate.api.phases import Phase
from tidegate.api.rollout import RolloutSpec
from tidegate.api.variants import Shares

ALL = 100


@dataclass(frozen=True, slots=True)
class Kept:
    """A share (percent, between 0 and 100) that the same users have for as long as it lasts.

    The cookie of that name keeps a random id; those whose last digits are in the share are the
    canary's, and those after them belong to the arms of an experiment, in their order. It lives
    `max_age_s` seconds. Beside arms the canary's own share may be 0.
    """

    cookie: str
    max_age_s: float
    weight: int
    arms: Shares = ()


@dataclass(frozen=True, slots=True)
class Mirrored:
    """Copies of that share (percent) of the requests, which stable answers."""

    percent: int


Pick: TypeAlias = HttpMatch | Kept | Mirrored
Picks: TypeAlias = tuple[Pick, ...]
"""What the header routes of an object say, the matches first; () without any."""


def picks_of(spec: RolloutSpec, phase: Phase) -> Picks:
    """What the header routes of a phase have to say."""
    return phase.match + kept_share(spec, phase.weight, phase.shares) + copies_of(phase)


def copies_of(phase: Phase) -> tuple[Mirrored, ...]:
    """The copies that a phase asks for; () without any."""
    return (Mirrored(phase.mirror.percent),) if phase.mirror else ()


def kept_share(spec: RolloutSpec, weight: int, arms: Shares = ()) -> tuple[Kept, ...]:
    """The shares (percent) with their users, where the spec asks for that and there is one."""
    sticky = spec.traffic.sticky if spec.traffic else None
    if sticky is None or not (0 < weight < ALL or arms):
        return ()
    return (Kept(sticky.cookie, sticky.max_age_s, weight, arms),)


def picked_arms(picks: Picks | None) -> frozenset[str]:
    """The arms of an experiment that header routes send somebody to."""
    return frozenset(name for one in kept(picks or ()) for name, _ in one.arms)


def to_canary(picks: Picks | None) -> bool:
    """Whether they send anybody to the canary, as far as is known."""
    return picks is None or any(not isinstance(one, Kept) or one.weight > 0 for one in picks)


def matches(picks: Picks) -> tuple[HttpMatch, ...]:
    """Those that pick by what a request says of itself."""
    return tuple(pick for pick in picks if isinstance(pick, HttpMatch))


def kept(picks: Picks) -> tuple[Kept, ...]:
    """The share whose users stay: one or none."""
    return tuple(pick for pick in picks if isinstance(pick, Kept))


def copied(picks: Picks) -> int:
    """The share (percent) of requests that are copied; 0 without any."""
    return next((pick.percent for pick in picks if isinstance(pick, Mirrored)), 0)


def without_copies(picks: Picks) -> Picks:
    """Those that pick who is answered by the canary."""
    return tuple(pick for pick in picks if not isinstance(pick, Mirrored))


def within(inner: Picks | None, outer: Picks | None, weight: int = 0) -> bool:
    """Whether all that `inner` sends to the canary goes there by `outer` beside that weight too.

    None are header routes that no phase has: nobody knows whom they pick.
    """
    if inner is None:
        return outer is None
    if not inner or (weight >= ALL and not picked_arms(inner)):
        return True
    return outer is not None and all(any(_takes(o, i) for o in outer) for i in inner)


def _takes(outer: Pick, inner: Pick) -> bool:
    if isinstance(outer, Mirrored) and isinstance(inner, Mirrored):
        return outer.percent >= inner.percent
    if isinstance(outer, Kept) and isinstance(inner, Kept):
        same = outer.cookie == inner.cookie and inner.arms in ((), outer.arms)
        return same and outer.weight >= inner.weight
    if not (isinstance(outer, HttpMatch) and isinstance(inner, HttpMatch)):
        return False
    asked = {**outer.headers, **{f"cookie {k}": v for k, v in outer.cookies.items()}}
    said = {**inner.headers, **{f"cookie {k}": v for k, v in inner.cookies.items()}}
    return (
        asked.items() <= said.items()
        and outer.source_labels.items() <= inner.source_labels.items()
        and _covers(outer.buckets, inner.buckets)
    )


def _covers(outer: Buckets | None, inner: Buckets | None) -> bool:
    """Whether whoever is in the inner buckets is in the outer ones; without any is everybody."""
    if outer is None or inner is None:
        return outer is None
    ids = [(b.header, b.cookie, b.encoding) for b in (outer, inner)]
    last = [b.after + b.percent for b in (outer, inner)]
    return ids[0] == ids[1] and outer.after <= inner.after and last[0] >= last[1]


def common(found: Picks | None, asked: Picks) -> Picks:
    """What can stay of the header routes that were found, where only some of it is asked for.

    Never more than either, and always something that some phase has: all of one of them, or the
    smaller share of the two.
    """
    if found is None:
        return ()
    if within(found, asked):
        return found
    if within(asked, found):
        return asked
    pairs = zip(kept(found), kept(asked), strict=False)
    alike = ((a, b) for a, b in pairs if (a.cookie, a.arms) == (b.cookie, b.arms))
    return tuple(a if a.weight < b.weight else b for a, b in alike)


def _leaves_some(one: Kept, weight: int) -> bool:
    """Whether that weight is a share, and leaves some to stable beside the arms."""
    return 0 < weight < ALL - sum(share for _, share in one.arms)


def remains(asked: Sequence[Picks], weight: int) -> list[Picks]:
    """What may stand there besides what phases ask for: each without the one part or the other.

    And with the weight (percent) that was written together with it, if the phase has changed since.
    """
    found: list[Picks] = []
    for picks in asked:
        shares = kept(picks)
        alone = tuple(replace(one, arms=()) for one in shares if one.arms and one.weight)
        written = tuple(replace(one, weight=weight) for one in shares if _leaves_some(one, weight))
        by_match = matches(picks)
        for rest in (by_match, shares, by_match + written, written, by_match + alone):
            if rest and rest not in asked and rest not in found:
                found.append(rest)
    return found
