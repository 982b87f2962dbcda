"""A test of error counts that may be looked at after every window.

Given that an error happened, it was the canary's with chance theta(r) = w r / (w r + 1 - w), where
w is the canary's share of the requests and r its error rate over stable's. The evidence against
"r is at most r0" is the likelihood of the counts under worse ratios over that under r0, averaged
over a half-normal choice of worse ratios (after Lindon & Malek, arXiv 2011.03567). Its mean under
any true r up to r0 is at most 1 in every window, whatever came before and whatever the weights, so
it ever reaches 1 / alpha with a chance of at most alpha (Ville 1939): looking costs nothing. The
mirror image shows that the canary is *not* worse than some r1.

This holds for requests that fail independently of each other, at any error rate. Where errors come
in bursts the evidence is first divided down (its logarithm, by the dispersion), and from
`DISPERSION_MOST` on the windows themselves are the units (`differences`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from statistics import NormalDist

from tidegate.core.statistics.differences import (
    WINDOWS_PLANNED,
    Differences,
    p_above_zero,
    windows_needed,
    with_difference,
)
from tidegate.core.statistics.dispersion import Dispersion, with_window
from tidegate.core.statistics.refused import Refused, refused_number
from tidegate.core.statistics.window import Window, canary_chance, refused_window

DISPERSION_MOST = 2.0
"""Up to here the counts are judged; beyond, the windows."""
RATIO_LEAST, RATIO_MOST = 0.01, 100.0
ALPHA_LEAST, ALPHA_MOST = 1e-9, 0.25
METRICS_MOST = 1_000
_REQUESTS_FORESEEN = 1e12
"""Nobody waits for more."""
_LOG_E_MOST = 700.0
"""The exponential of more than this is no finite number."""
_GRID = 8
DEVIATIONS = tuple(NormalDist().inv_cdf(0.5 + (at + 0.5) / (2 * _GRID)) for at in range(_GRID))
"""The other ratios, as distances of ln r: the middles of equal parts of a half-normal choice."""


class Claim(StrEnum):
    """What is to be shown."""

    WORSE = "worse"
    """The canary's error rate is more than `ratio` times stable's."""
    NOT_WORSE = "not-worse"
    """It is less than `ratio` times stable's."""


class Method(StrEnum):
    """What the evidence rests on."""

    COUNTS = "counts"
    DIFFERENCES = "differences"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be shown, and how rarely by mistake; fixed before the first window."""

    claim: Claim
    ratio: float
    alpha: float
    """Chance, over the whole run, to show what is not so."""
    windows_least: int = 1
    """Before this many nothing is shown. The promise does not need it where errors come one by one;
    bursts are known as such only after some windows."""
    deviations: tuple[float, ...] = DEVIATIONS


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is kept of the windows so far. Begins empty; belongs to one plan."""

    canary_requests: float = 0.0
    stable_requests: float = 0.0
    errors: float = 0.0
    log_ratios: tuple[float, ...] = ()
    """For each of the plan's ratios, the log-likelihood above that of the bound."""
    dispersion: Dispersion = field(default_factory=Dispersion)
    differences: Differences = field(default_factory=Differences)
    p_least: float = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What the evidence says now."""

    shown: bool
    """Once true it stays true: p never grows."""
    e: float
    """Times that the counts are likelier under the claim; capped at 1e304."""
    p: float
    """Valid at every look: the least alpha at which this would have been shown by now."""
    p_now: float
    """The same of all that was counted, but of this look alone: it grows when things get worse."""
    ratio: float | None
    """The canary's error rate over stable's, with half an error a side added; None at first."""
    dispersion: float
    method: Method
    canary_requests_needed: int | None
    """About so many more until it is shown, if all goes on like this; None when it never will."""


def alpha_each(alpha: float, metrics: int) -> float | Refused:
    """One metric's part of the chance of a mistake, so that all together keep to alpha."""
    refused = refused_number("alpha", alpha, least=ALPHA_LEAST, most=ALPHA_MOST)
    refused = refused or refused_number(
        "the number of metrics", metrics, least=1, most=METRICS_MOST
    )
    return refused or alpha / metrics


def with_counts(plan: Plan, before: Evidence, window: Window) -> Evidence | Refused:
    """Add the counts of one window. What is refused changes nothing: go on from `before`."""
    refused = _refused_plan(plan, before) or refused_window(window)
    if refused is not None:
        return refused
    steps = _log_steps(plan, window)
    logs = before.log_ratios or (0.0,) * len(steps)
    after = Evidence(
        canary_requests=before.canary_requests + window.canary_requests,
        stable_requests=before.stable_requests + window.stable_requests,
        errors=before.errors + window.errors,
        log_ratios=tuple(log + step for log, step in zip(logs, steps, strict=True)),
        dispersion=with_window(before.dispersion, window),
        differences=with_difference(before.differences, _difference(plan, window)),
        p_least=before.p_least,
    )
    return replace(after, p_least=min(before.p_least, _p_now(plan, after)))


def finding(plan: Plan, evidence: Evidence) -> Finding | Refused:
    """What the evidence says about the claim."""
    if (refused := _refused_plan(plan, evidence)) is not None:
        return refused
    shown = evidence.p_least <= plan.alpha
    return Finding(
        shown=shown,
        e=math.exp(min(_LOG_E_MOST, log_e(evidence))),
        p=evidence.p_least,
        p_now=_p_now(plan, evidence),
        ratio=evidence.dispersion.ratio,
        dispersion=evidence.dispersion.factor,
        method=_method(evidence),
        canary_requests_needed=0 if shown else _requests_needed(plan, evidence),
    )


def log_e(evidence: Evidence) -> float:
    """The natural logarithm of the evidence of the counts, divided down by the dispersion."""
    factor = evidence.dispersion.factor
    return _log_mean([log / factor for log in evidence.log_ratios] or [0.0])


def _refused_plan(plan: Plan, evidence: Evidence) -> Refused | None:
    refused = refused_number("ratio", plan.ratio, least=RATIO_LEAST, most=RATIO_MOST)
    refused = refused or refused_number("alpha", plan.alpha, least=ALPHA_LEAST, most=ALPHA_MOST)
    if refused is None and len(evidence.log_ratios) not in {0, len(plan.deviations)}:
        return Refused("The evidence was gathered under another plan; it has to start over.")
    return refused


def _log_steps(plan: Plan, window: Window) -> list[float]:
    """What one window adds to each log-likelihood ratio.

    With r = r0 exp(d), theta(r) / theta(r0) is exp(d) / g and (1 - theta(r)) / (1 - theta(r0)) is
    1 / g, where g = 1 + theta(r0) (exp(d) - 1).
    """
    chance, _ = canary_chance(window, plan.ratio)
    sign = 1.0 if plan.claim is Claim.WORSE else -1.0
    return [
        window.canary_errors * d - window.errors * math.log1p(chance * math.expm1(d))
        for d in (sign * deviation for deviation in plan.deviations)
    ]


def _difference(plan: Plan, window: Window) -> float:
    """How far the error rates of one window are on the side of the claim."""
    canary = window.canary_errors / window.canary_requests
    above = canary - plan.ratio * window.stable_errors / window.stable_requests
    return above if plan.claim is Claim.WORSE else -above


def _log_mean(logs: Sequence[float]) -> float:
    """The logarithm of the mean of what these are the logarithms of."""
    largest = max(logs)
    return largest + math.log(math.fsum(math.exp(log - largest) for log in logs) / len(logs))


def _method(evidence: Evidence) -> Method:
    bursts = evidence.dispersion.factor > DISPERSION_MOST
    return Method.DIFFERENCES if bursts else Method.COUNTS


def _p_now(plan: Plan, evidence: Evidence) -> float:
    if evidence.differences.windows < plan.windows_least:
        return 1.0
    if _method(evidence) is Method.COUNTS:
        return math.exp(-min(_LOG_E_MOST, max(0.0, log_e(evidence))))
    p = p_above_zero(evidence.differences, alpha=plan.alpha, windows_planned=WINDOWS_PLANNED)
    return max(math.exp(-_LOG_E_MOST), p)


def _requests_needed(plan: Plan, evidence: Evidence) -> int | None:
    """More canary requests until the claim is shown, at the rates and the share so far."""
    if evidence.differences.windows == 0:
        return None
    if _method(evidence) is Method.COUNTS:
        return _requests_by_counts(plan, evidence)
    windows = windows_needed(
        evidence.differences, alpha=plan.alpha, windows_planned=WINDOWS_PLANNED
    )
    if windows is None:
        return None
    return math.ceil(
        (windows - evidence.differences.windows)
        * evidence.canary_requests
        / evidence.differences.windows
    )


def _requests_by_counts(plan: Plan, evidence: Evidence) -> int | None:
    """What is missing, over what a request of the canary adds under the fittest ratio."""
    ratio = evidence.dispersion.ratio
    counts = (evidence.errors, evidence.canary_requests, evidence.stable_requests)
    if ratio is None or min(counts) <= 0.0:
        return None
    so_far = Window(0.0, evidence.canary_requests, 0.0, evidence.stable_requests)
    canary, stable = canary_chance(so_far, ratio)
    typical = replace(so_far, canary_errors=canary, stable_errors=stable)
    gain = max(_log_steps(plan, typical)) / evidence.dispersion.factor
    if gain <= 0.0:
        return None
    missing = max(0.0, -math.log(plan.alpha) - log_e(evidence))
    requests = missing / gain * evidence.canary_requests / evidence.errors
    return math.ceil(requests) if requests <= _REQUESTS_FORESEEN else None
