"""Past releases, as the requests per revision tell them: who came beside whom, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

RELEASES_MAX: Final = 100
"""Releases that are judged; the newest are the ones to learn from."""

Ending = Literal["promoted", "withdrawn", "replaced", "not over"]
Active = Mapping[str, float]
"""Requests by revision, of those that had any."""


@dataclass(frozen=True, slots=True)
class Release:
    """One revision beside another. Times are Unix seconds: of its first requests, and its last.

    `promoted`: the stable one went silent; `withdrawn`: the new one did; `replaced`: a third came.
    """

    stable: str
    canary: str
    began_s: int
    ended_s: int
    ending: Ending = "not over"


def releases(moments: Sequence[tuple[int, Active]], silent_s: float) -> tuple[Release, ...]:
    """The releases in `moments`, oldest first; who is silent for longer than `silent_s` is gone.

    The revision with most of the first requests is the stable one; what ran beside it already has
    a release that begins with the recording. Moments without any request tell of nobody.
    """
    story = _Story(silent_s)
    for at_s, active in moments:
        if active:
            story.goes_on(at_s, active)
    on = () if story.on is None else (story.on,)
    return (*story.told, *on)[-RELEASES_MAX:]


@dataclass(slots=True)
class _Story:
    """Who is stable, which release is on, who was replaced in it, and when each was last seen."""

    silent_s: float
    told: list[Release] = field(default_factory=list)
    stable: str = ""
    on: Release | None = None
    replaced: set[str] = field(default_factory=set)
    seen: dict[str, int] = field(default_factory=dict)

    def goes_on(self, at_s: int, active: Active) -> None:
        """Take in one moment with requests."""
        self.seen |= dict.fromkeys(active, at_s)
        alive = {name for name, last_s in self.seen.items() if at_s - last_s <= self.silent_s}
        self.replaced &= alive
        if self.on is not None:
            self._watch(self.on, at_s, active, alive)
        if self.stable not in alive:  # at first, or where one went and another came at once
            self.stable = _most(active)
        trying = self.on.canary if self.on is not None else ""
        others = active.keys() - {self.stable, trying} - self.replaced
        if others:
            newcomer = _most({name: active[name] for name in others})
            self._end("replaced")
            self.replaced |= {trying} & alive
            self.on = Release(self.stable, newcomer, at_s, at_s)

    def _watch(self, on: Release, at_s: int, active: Active, alive: set[str]) -> None:
        if on.canary in active and on.stable in active:
            self.on = replace(on, ended_s=at_s)
        if on.canary not in alive:
            self._end("withdrawn")
        elif on.stable not in alive:
            self._end("promoted")
            self.stable = on.canary

    def _end(self, ending: Ending) -> None:
        if self.on is not None:
            self.told.append(replace(self.on, ending=ending))
            self.on = None


def _most(active: Active) -> str:
    return max(sorted(active), key=active.__getitem__)
