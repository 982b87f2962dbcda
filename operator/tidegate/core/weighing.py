"""What a sequential test of error counts makes of readings: which windows count, what they show.

A window counts once and alone. The question of a test is asked over its own `interval`, so that
one query serves many Rollouts; a reading counts only if its window begins where the last counted
one ended, or later. What falls between two windows is lost power, never counted twice: increases
are differences of a counter's values at the two ends (`adapters/prometheus/counting.py`).

Only the evidence is kept, in the status: a process that starts anew goes on with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from typing import Final

from tidegate.api.checks import Bound, Gate
from tidegate.api.evidence import CheckEvidence
from tidegate.core.observation import Answer, Reading
from tidegate.core.statistics.rates import rate_ratio
from tidegate.core.statistics.refused import Refused
from tidegate.core.statistics.sequential import (
    Claim,
    Evidence,
    Finding,
    Method,
    Plan,
    alpha_each,
    finding,
    with_counts,
)
from tidegate.core.statistics.stored import from_record, to_record
from tidegate.core.statistics.window import Window

CONFIDENCE_DEFAULT: Final = 0.95
WINDOWS_LEAST: Final = 6
"""Windows before anything is shown: whether errors come in bursts is not known earlier."""
_SHOWN_MOST: Final = 1e9
"""Nobody needs to know how much more certain."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """The windows counted so far: when the last ended, and all that is kept of them.

    `canary_errors` is in requests; it serves the interval that people are shown.
    """

    until: datetime
    canary_errors: float = 0.0
    evidence: Evidence = field(default_factory=Evidence)


def tested(bound: Bound) -> bool:
    """Whether a test judges it, not the last value by itself."""
    return bound.compare is not None and bound.compare.test is not None


def plan_of(bound: Bound, tests: int) -> Plan | Refused:
    """What is to be shown. `tests` share the run's chance of a mistake, 1 - confidence."""
    compare = bound.compare
    if compare is None or compare.test != "sequential" or compare.margin is None:
        return Refused("only test sequential with a margin is built")
    alpha = alpha_each(1.0 - (compare.confidence or CONFIDENCE_DEFAULT), tests)
    if isinstance(alpha, Refused):
        return alpha
    claim = Claim.NOT_WORSE if isinstance(bound, Gate) else Claim.WORSE
    return Plan(claim, compare.margin, alpha, windows_least=WINDOWS_LEAST)


def no_share(reading: Reading) -> str:
    """Why a reading says nothing of a share of requests though it has a value; "" if it does."""
    for arm, one in (("canary", reading), ("stable", reading.stable)):
        value = one.value if one is not None and one.answer is Answer.OK else None
        if value is not None and isfinite(value) and not 0.0 <= value <= 1.0:
            return f"{arm}: {value:.4g} is no share of requests from 0 to 1, which a test counts"
    return ""


def weighed(
    bound: Bound,
    plan: Plan,
    readings: Iterable[Reading],
    known: Weighed | None,
    since: datetime,
) -> Weighed | None:
    """The evidence with each new window that began at `since` or later; None before the first."""
    for reading in readings:
        if known is not None and reading.at <= known.until:
            continue
        window = window_of(reading)
        first, last = _ends(reading)
        begins = first - timedelta(seconds=bound.interval_s)
        if window is None or begins < (since if known is None else max(since, known.until)):
            continue
        before = known or Weighed(last)
        after = with_counts(plan, before.evidence, window)
        if not isinstance(after, Refused):
            known = Weighed(last, before.canary_errors + window.canary_errors, after)
    return known


def _ends(reading: Reading) -> tuple[datetime, datetime]:
    """When the windows of the two arms ended: a user's queries are asked one by one."""
    other = reading.stable.at if reading.stable is not None else reading.at
    return min(reading.at, other), max(reading.at, other)


def window_of(reading: Reading) -> Window | None:
    """Errors and requests of both arms, from shares and numbers of requests; None without."""
    sides = []
    for one in (reading, reading.stable):
        if one is None or one.answer is not Answer.OK or one.value is None or one.samples is None:
            return None
        if not (0.0 <= one.value <= 1.0 and isfinite(one.samples)):
            return None
        sides += [one.value * one.samples, one.samples]
    return Window(*sides)


def kept(check_id: str, about: str, known: Weighed) -> CheckEvidence | None:
    """As the status keeps it; None where it outgrew that, and has to start over."""
    record = to_record(known.evidence)
    if isinstance(from_record(record), Refused):
        return None
    return CheckEvidence(
        id=check_id,
        about=about,
        until=known.until,
        canary_errors=known.canary_errors,
        totals=tuple(record["totals"]),
        log_ratios=tuple(record["logRatios"]),
        dispersion=tuple(record["dispersion"]),
        differences=tuple(record["differences"]),
    )


def read_back(kept_one: CheckEvidence | None, about: str) -> Weighed | None:
    """What was kept of the same run and the same test; None if it is of others, or unreadable."""
    if kept_one is None or kept_one.about != about:
        return None
    evidence = from_record(
        {
            "totals": list(kept_one.totals),
            "logRatios": list(kept_one.log_ratios),
            "dispersion": list(kept_one.dispersion),
            "differences": list(kept_one.differences),
        }
    )
    if isinstance(evidence, Refused):
        return None
    return Weighed(kept_one.until, kept_one.canary_errors, evidence)


def found(plan: Plan, known: Weighed) -> Finding | Refused:
    """What the evidence says of the plan's claim."""
    return finding(plan, known.evidence)


def evidence_text(plan: Plan, known: Weighed) -> str:
    """The evidence as people read it: the ratio with its interval, counts, and how far it goes.

    The interval is that of one look; the verdict rests on the evidence, not on it.
    """
    said = found(plan, known)
    if isinstance(said, Refused):
        return said.why
    parts = [_ratio_text(plan, known, said), _counts_text(known), _shown_text(plan, known, said)]
    if said.method is Method.DIFFERENCES:
        parts.append(f"errors come in bursts (dispersion {said.dispersion:.3g})")
    elif known.evidence.dispersion.factor > 1.0:
        parts.append(f"dispersion {said.dispersion:.3g}")
    return "; ".join(filter(None, parts))


def _ratio_text(plan: Plan, known: Weighed, said: Finding) -> str:
    if said.ratio is None:
        return ""
    text = f"{said.ratio:.3g} times stable's error rate"
    interval = rate_ratio(_counts(known), alpha=2.0 * plan.alpha)
    if isinstance(interval, Refused):
        return text
    return f"{text} ({interval.low:.3g} to {interval.high:.3g})"


def _counts(known: Weighed) -> Window:
    evidence = known.evidence
    return Window(
        canary_errors=known.canary_errors,
        canary_requests=evidence.canary_requests,
        stable_errors=max(0.0, evidence.errors - known.canary_errors),
        stable_requests=evidence.stable_requests,
    )


def _counts_text(known: Weighed) -> str:
    counts = _counts(known)
    return (
        f"{counts.canary_errors:.0f} of {counts.canary_requests:.0f} requests failed against "
        f"{counts.stable_errors:.0f} of {counts.stable_requests:.0f}"
    )


def _shown_text(plan: Plan, known: Weighed, said: Finding) -> str:
    worse = "worse" if plan.claim is Claim.WORSE else "not worse"
    claim = f"{worse} than {plan.ratio:g} times"
    windows = known.evidence.differences.windows
    if windows < plan.windows_least:
        return f"{claim} is shown after {plan.windows_least} windows at the earliest, not {windows}"
    strength = f"evidence {min(1.0 / said.p, _SHOWN_MOST):.3g} of {1.0 / plan.alpha:.3g}"
    if said.shown:
        return f"{claim} is shown ({strength})"
    needed = said.canary_requests_needed
    if needed:
        about = int(float(f"{needed:.1e}"))  # two digits: it is a forecast
        return f"{claim} is not shown ({strength}); about {about} more canary requests needed"
    return f"{claim} is not shown ({strength})"
