"""The part of `tidegate simulate` that plays many times: how long, and how often by mistake."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tidegate.api.rollout import Rollout
from tidegate.cli.errors import UsageError
from tidegate.rehearsal.counters import Dice
from tidegate.rehearsal.detection import (
    HIGH,
    MIDDLE,
    Errors,
    Terms,
    at_most,
    good_scenario,
    play,
    quantile,
    suspects,
)
from tidegate.rehearsal.playing import End
from tidegate.rehearsal.scenario import Scenario
from tidegate.views.amounts import span_text

PERCENT: Final = 100.0
_SHARES: Final = re.compile(r"([0-9.]+)%:([0-9.]+)%")


@dataclass(frozen=True, slots=True)
class Row:
    """One question: how often it was played, how it ended, and the seconds until it went back.

    `median_s` and `high_s` (95 of 100 are no longer) are None where none was sent back.
    """

    name: str
    bounds: str
    good: float | None
    bad: float | None
    runs: int
    reverted: int
    promoted: int
    median_s: float | None
    high_s: float | None


@dataclass(frozen=True, slots=True)
class Chances:
    """What many plays came to; `asked` is how many were asked for of each."""

    rate_rps: float
    asked: int
    bad: tuple[Row, ...]
    good: Row


def parse_errors(text: str | None) -> Errors | None:
    """Read two shares such as 1%:30%; UsageError otherwise."""
    if text is None:
        return None
    found = _SHARES.fullmatch(text.replace(" ", ""))
    try:
        usual, bad = (float(part) / PERCENT for part in found.groups()) if found else (1.0, 0.0)
    except ValueError:
        usual, bad = 1.0, 0.0
    if not 0 <= usual < bad <= 1:
        raise UsageError(f"--errors {text!r} must be two rising shares such as 1%:30%")
    return Errors(usual, bad)


def chances(
    rollout: Rollout,
    *,
    scrape_s: float,
    rate_rps: float,
    errors: Errors | None,
    runs: int,
    dice: Callable[[int], Dice],
    late: Callable[[], bool],
) -> Chances:
    """Play each question `runs` times, in turns, until it is `late`; at least once each."""
    terms = Terms(rollout, scrape_s)
    doubted = suspects(rollout.spec, rate_rps, errors)
    good = good_scenario(rollout.spec, rate_rps, errors)
    scenarios: list[Scenario] = [good, *(one.scenario for one in doubted)]
    ended: list[list[tuple[End, float | None]]] = [[] for _ in scenarios]
    for run in range(runs):
        if run and late():
            break
        for place, scenario in enumerate(scenarios):
            played = play(terms, scenario, dice(run * len(scenarios) + place))
            ended[place].append((played.end, played.took_s))
    rows = tuple(
        _row(one.metric, one.bounds, (one.good, one.bad), of)
        for one, of in zip(doubted, ended[1:], strict=True)
    )
    return Chances(rate_rps, runs, rows, _row("good", "", (None, None), ended[0]))


def _row(
    name: str,
    bounds: str,
    values: tuple[float | None, float | None],
    ended: list[tuple[End, float | None]],
) -> Row:
    times = [took for end, took in ended if end is End.REVERTED and took is not None]
    return Row(
        name=name,
        bounds=bounds,
        good=values[0],
        bad=values[1],
        runs=len(ended),
        reverted=sum(end is End.REVERTED for end, _ in ended),
        promoted=sum(end is End.PROMOTED for end, _ in ended),
        median_s=quantile(times, MIDDLE) if times else None,
        high_s=quantile(times, HIGH) if times else None,
    )


def chances_text(found: Chances, seed: int) -> Iterator[str]:
    """The lines of the answer."""
    yield ""
    played = f"played {found.good.runs} times"
    early = f" (of {found.asked}: --budget is over)" if found.good.runs < found.asked else ""
    yield f"with chance, {played}{early} at {found.rate_rps:g} requests/s, --seed {seed}"
    if not found.bad:
        yield "  no guard could send anything back"
    for row in found.bad:
        yield f"  bad {row.name} ({row.bad:.4g} in place of {row.good:.4g}), guard {row.bounds}:"
        yield f"    {_found_text(row)}"
    yield f"  good: {_mistakes_text(found.good)}"


def _found_text(row: Row) -> str:
    said = f"sent back {row.reverted} of {row.runs}"
    if row.median_s is not None and row.high_s is not None:
        said += (
            f", from its first request after {span_text(row.median_s)} (median), "
            f"{span_text(row.high_s)} (95 of 100)"
        )
    return said if row.reverted == row.runs else f"{said}; promoted {row.promoted}"


def _mistakes_text(row: Row) -> str:
    said = f"sent back by mistake {row.reverted} of {row.runs}"
    if row.reverted:
        said += f" ({PERCENT * row.reverted / row.runs:.2g} %)"
    else:
        said += f" (so less than {PERCENT * at_most(row.runs):.2g} %, with 95 % confidence)"
    left = row.runs - row.reverted - row.promoted
    return f"{said}, promoted {row.promoted}" + (f", neither {left}" if left else "")
