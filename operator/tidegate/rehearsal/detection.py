"""How long a bad release stays, and how often a good one is sent back: the same play many times.

Only what chance does to counts is drawn: how many of the requests fail, and where in the scrapes'
rhythm the release begins. A metric that is no share of requests has the same value in every play.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from tidegate.api.checks import Guard
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.api.walk import walk
from tidegate.core.testing import tested
from tidegate.core.verdicts import bound_text
from tidegate.rehearsal.counters import Dice
from tidegate.rehearsal.horizon import horizon_s
from tidegate.rehearsal.playing import End, Player
from tidegate.rehearsal.scenario import Change, Scenario, Script
from tidegate.rehearsal.setting import Setting, setting_of

HIGH: Final = 0.95
MIDDLE: Final = 0.5
UNSURE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Errors:
    """Shares of failed requests: of stable and a good revision, and of a bad one."""

    usual: float
    bad: float


@dataclass(frozen=True, slots=True)
class Suspect:
    """A metric by which guards send a release back, and how it is when it is bad."""

    metric: str
    bounds: str
    scenario: Scenario
    good: float
    bad: float


@dataclass(frozen=True, slots=True)
class Terms:
    """What all plays of one question share."""

    rollout: Rollout
    scrape_s: float

    def setting(self, scenario: Scenario, dice: Dice) -> Setting:
        """One play's setting."""
        rollout = self.rollout
        return setting_of(rollout.name, rollout.spec, scenario, scrape_s=self.scrape_s, dice=dice)


@dataclass(frozen=True, slots=True)
class Played:
    """How one play ended, and the seconds from the first request to the decision to go back."""

    end: End
    took_s: float | None


def suspects(spec: RolloutSpec, rate_rps: float, errors: Errors | None) -> tuple[Suspect, ...]:
    """Every metric with a guard that reverts and a value that would trip it."""
    terms = setting_of("", spec, Scenario(rate=rate_rps))
    guards = [place.value for place in walk(spec, "spec") if isinstance(place.value, Guard)]
    found = []
    for name, scripted in terms.metrics.items():
        ours = [guard for guard in guards if guard.metric == name and guard.then == "revert"]
        usual = terms.levels[name]
        good = usual.stable if usual.good is None else usual.good
        bad = usual.bad
        if errors is not None and scripted.share:
            good, bad = errors.usual, errors.bad
        if not ours or bad is None or scripted.rate:
            continue
        scripts = _usual_errors(terms, errors) | {name: _script(good, bad, shared=errors)}
        scenario = Scenario(rate=rate_rps, metrics=scripts)
        bounds = ", ".join(dict.fromkeys(_bound_words(guard) for guard in ours))
        found.append(Suspect(name, bounds, scenario, good, bad))
    return tuple(found)


def good_scenario(spec: RolloutSpec, rate_rps: float, errors: Errors | None) -> Scenario:
    """A new version that is like stable in everything."""
    terms = setting_of("", spec, Scenario(rate=rate_rps))
    return Scenario(rate=rate_rps, metrics=_usual_errors(terms, errors))


def play(terms: Terms, scenario: Scenario, dice: Dice) -> Played:
    """Play one release; the dice say when it begins, and which requests fail."""
    player = Player(terms.rollout, terms.setting(scenario, dice), traffic_s=terms.scrape_s)
    player.wait(dice.random() * max(terms.scrape_s, *_intervals_s(terms.rollout.spec)))
    end = player.release(horizon_s(terms.rollout.spec, scenario.pods.ready_after_s))
    first_s = player.world.first_canary_s
    if player.reverted_s is None or first_s is None:
        return Played(end, None)
    return Played(end, player.reverted_s - first_s)


def quantile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least that part of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(part * len(ordered)) - 1)]


def at_most(runs: int) -> float:
    """The share that is excluded with 95 % confidence when none of so many runs showed it."""
    return 1.0 - float(UNSURE ** (1.0 / runs))


def _usual_errors(terms: Setting, errors: Errors | None) -> dict[str, Script]:
    if errors is None:
        return {}
    both = (Change(value=errors.usual),)
    shares = [name for name, metric in terms.metrics.items() if metric.share]
    return {name: Script(stable=both, canary=both) for name in shares}


def _script(good: float, bad: float, *, shared: Errors | None) -> Script:
    stable = (Change(value=good),) if shared is not None else None
    return Script(stable=stable, canary=(Change(value=bad),))


def _intervals_s(spec: RolloutSpec) -> list[float]:
    guards = (place.value for place in walk(spec, "spec"))
    return [guard.interval_s for guard in guards if isinstance(guard, Guard)] or [0.0]


def _bound_words(guard: Guard) -> str:
    often = "" if tested(guard) else f" ({guard.breaches} of {guard.of})"
    return f"{bound_text(guard)}{often}"
