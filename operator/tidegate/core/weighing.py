"""The sequential test of failed requests: it counts every window, and may be looked at always."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Final

from tidegate.api.check_status import Verdict
from tidegate.api.checks import Bound
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
    finding,
    with_counts,
)
from tidegate.core.statistics.stored import from_record, to_record
from tidegate.core.statistics.window import Window
from tidegate.core.testing import Judged, Trial, ends, is_new

WINDOWS_LEAST: Final = 6
"""Windows before anything is shown: whether errors come in bursts is not known earlier."""
_SHOWN_MOST: Final = 1e9
"""Nobody needs to know how much more certain."""


@dataclass(frozen=True, slots=True)
class _Weighed:
    """The windows counted so far; `canary_errors` serves the interval that people are shown."""

    canary_errors: float = 0.0
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def counts(self) -> Window:
        """All windows as one."""
        return Window(
            canary_errors=self.canary_errors,
            canary_requests=self.evidence.canary_requests,
            stable_errors=max(0.0, self.evidence.errors - self.canary_errors),
            stable_requests=self.evidence.stable_requests,
        )


def plan_of(trial: Trial) -> Plan | Refused:
    """What is to be shown: of a gate's canary that it is not worse, of a guard's that it is."""
    alpha = trial.alpha
    if isinstance(alpha, Refused):
        return alpha
    claim = Claim.NOT_WORSE if trial.gate else Claim.WORSE
    return Plan(claim, trial.margin, alpha, windows_least=WINDOWS_LEAST)


def no_share(reading: Reading) -> str:
    """Why a reading says nothing of a share of requests though it has a value; "" if it does."""
    for arm, one in (("canary", reading), ("stable", reading.stable)):
        value = one.value if one is not None and one.answer is Answer.OK else None
        if value is not None and isfinite(value) and not 0.0 <= value <= 1.0:
            return f"{arm}: {value:.4g} is no share of requests from 0 to 1, which a test counts"
    return ""


def trouble_of(bound: Bound, reading: Reading) -> str:
    """The same, of a reading that a sequential test counts; "" of any other."""
    counts = bound.compare is not None and bound.compare.test == "sequential"
    return no_share(reading) if counts else ""


def added(
    trial: Trial, readings: Iterable[Reading], known: CheckEvidence | None, since: datetime
) -> CheckEvidence | None:
    """The evidence with each new window that began at `since` or later; None before the first."""
    plan, before = plan_of(trial), _read_back(known) if known is not None else _Weighed()
    if isinstance(plan, Refused) or before is None:
        return None
    for reading in readings:
        window = _window(reading)
        if window is None or not is_new(trial, reading, since, known):
            continue
        after = with_counts(plan, before.evidence, window)
        if not isinstance(after, Refused):
            before = _Weighed(before.canary_errors + window.canary_errors, after)
            known = _kept(trial, before, ends(reading))
            if known is None:
                return None
    return known


def _window(reading: Reading) -> Window | None:
    """Errors and requests of both arms, from shares and numbers of requests; None without."""
    sides = []
    for one in (reading, reading.stable):
        if one is None or one.answer is not Answer.OK or one.value is None or one.samples is None:
            return None
        if not (0.0 <= one.value <= 1.0 and isfinite(one.samples)):
            return None
        sides += [one.value * one.samples, one.samples]
    return Window(*sides)


def _kept(trial: Trial, known: _Weighed, until: datetime) -> CheckEvidence | None:
    """As the status keeps it; None where it outgrew that, and has to start over."""
    record = to_record(known.evidence)
    if isinstance(from_record(record), Refused):
        return None
    return CheckEvidence(
        id=trial.id,
        about=trial.about,
        until=until,
        canary_errors=known.canary_errors,
        totals=tuple(record["totals"]),
        log_ratios=tuple(record["logRatios"]),
        dispersion=tuple(record["dispersion"]),
        differences=tuple(record["differences"]),
    )


def _read_back(kept: CheckEvidence) -> _Weighed | None:
    """What was kept; None if it makes no sense."""
    evidence = from_record(
        {
            "totals": list(kept.totals),
            "logRatios": list(kept.log_ratios),
            "dispersion": list(kept.dispersion),
            "differences": list(kept.differences),
        }
    )
    return None if isinstance(evidence, Refused) else _Weighed(kept.canary_errors, evidence)


def found(trial: Trial, kept: CheckEvidence) -> tuple[Finding, Window] | None:
    """What the evidence says of its claim, and all windows as one; None if it makes no sense."""
    plan, known = plan_of(trial), _read_back(kept)
    if isinstance(plan, Refused) or known is None:
        return None
    said = finding(plan, known.evidence)
    return None if isinstance(said, Refused) else (said, known.counts)


def judged(trial: Trial, kept: CheckEvidence) -> Judged:
    """What the evidence says.

    PASS of a gate is "shown to be not worse"; of a guard, "not shown to be worse, by as many
    windows as it takes to show anything": one that waited for proof of the contrary would hold a
    release that never fails for ever.
    """
    plan, known = plan_of(trial), _read_back(kept)
    if isinstance(plan, Refused) or known is None:
        why = plan.why if isinstance(plan, Refused) else "the stored evidence cannot be read"
        return Judged(Verdict.ERROR, why)
    said = finding(plan, known.evidence)
    if isinstance(said, Refused):
        return Judged(Verdict.ERROR, said.why)
    text = _text(plan, known, said)
    if trial.gate:  # what was shown once may not be so any more: only a pass of now promotes
        passes = said.shown and said.p_now <= plan.alpha
        return Judged(Verdict.PASS if passes else Verdict.UNDECIDED, text)
    if said.shown:
        return Judged(Verdict.FAIL, text)
    enough = known.evidence.differences.windows >= plan.windows_least
    return Judged(Verdict.PASS if enough else Verdict.UNDECIDED, text)


def _text(plan: Plan, known: _Weighed, said: Finding) -> str:
    """The ratio with its interval, counts, and how far the evidence goes.

    The interval is that of one look; the verdict rests on the evidence, not on it.
    """
    parts = [_ratio_text(plan, known, said), _counts_text(known), _shown_text(plan, known, said)]
    if said.method is Method.DIFFERENCES:
        parts.append(f"errors come in bursts (dispersion {said.dispersion:.3g})")
    elif said.dispersion > 1.0:
        parts.append(f"dispersion {said.dispersion:.3g}")
    return "; ".join(filter(None, parts))


def _ratio_text(plan: Plan, known: _Weighed, said: Finding) -> str:
    if said.ratio is None:
        return ""
    text = f"{said.ratio:.3g} times stable's share"
    interval = rate_ratio(known.counts, alpha=2.0 * plan.alpha)
    if isinstance(interval, Refused):
        return text
    return f"{text} ({interval.low:.3g} to {interval.high:.3g})"


def _counts_text(known: _Weighed) -> str:
    counts = known.counts
    return (
        f"{counts.canary_errors:.0f} of {counts.canary_requests:.0f} requests against "
        f"{counts.stable_errors:.0f} of {counts.stable_requests:.0f}"
    )


def _shown_text(plan: Plan, known: _Weighed, said: Finding) -> str:
    worse = "worse" if plan.claim is Claim.WORSE else "not worse"
    claim = f"{worse} than {plan.ratio:g} times"
    windows = known.evidence.differences.windows
    if windows < plan.windows_least:
        return f"{claim} is shown after {plan.windows_least} windows at the earliest, not {windows}"
    p = said.p if plan.claim is Claim.WORSE else said.p_now
    strength = f"evidence {min(1.0 / p, _SHOWN_MOST):.3g} of {1.0 / plan.alpha:.3g}"
    if said.shown and plan.claim is Claim.NOT_WORSE and said.p_now > plan.alpha:
        return f"{claim} was shown, and is not shown any more ({strength})"
    if said.shown:
        return f"{claim} is shown ({strength})"
    needed = said.canary_requests_needed
    if needed:
        about = int(float(f"{needed:.1e}"))  # two digits: it is a forecast
        return f"{claim} is not shown ({strength}); about {about} more canary requests needed"
    return f"{claim} is not shown ({strength})"
