"""Two error rates side by side: how many times worse, and is there any difference at all?

`rate_ratio` is for reports, at one look. `mixture_difference` and `mixture_share` may be looked at
whenever: they take the counts of the whole run so far, at one weight, and find a difference in
either direction. For one direction and through changes of the weight there is `sequential`.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

from tidegate.core.statistics.refused import Refused, refused_number
from tidegate.core.statistics.window import REQUESTS_MOST, Window, refused_window

ALPHA_LEAST, ALPHA_MOST = 1e-9, 0.5
TAU_LEAST, TAU_MOST = 1e-6, 1.0
SHARE_LEAST = 1e-6
STRENGTH_LEAST, STRENGTH_MOST = 1e-3, 1e6
_HALF = 0.5
"""Errors that are added to both sides where one has fewer than this."""
_VARIANCE_LEAST = 1e-100


@dataclass(frozen=True, slots=True)
class RateRatio:
    """The canary's error rate over stable's, with an interval."""

    ratio: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class MixtureDifference:
    """The canary's error rate less stable's, with evidence that it is not 0."""

    difference: float
    radius: float
    """Half the width of the confidence sequence around the difference."""
    log_e: float
    p: float


def rate_ratio(counts: Window, *, alpha: float) -> RateRatio | Refused:
    """The interval of 1 - alpha for the ratio of two rates, at one look.

    ln R +- z sqrt(1/x_c - 1/n_c + 1/x_b - 1/n_b) (Katz 1978), with half an error and half a request
    added to both sides where one has none (Walter 1975).
    """
    refused = refused_window(counts) or _refused_alpha(alpha)
    if refused is not None:
        return refused
    more = _HALF if min(counts.canary_errors, counts.stable_errors) < _HALF else 0.0
    bad, few = counts.canary_errors + more, counts.canary_requests + more
    usual, many = counts.stable_errors + more, counts.stable_requests + more
    ratio = (bad / few) / (usual / many)
    variance = max(0.0, 1.0 / bad - 1.0 / few + 1.0 / usual - 1.0 / many)
    width = math.exp(NormalDist().inv_cdf(1.0 - alpha / 2.0) * math.sqrt(variance))
    return RateRatio(ratio, ratio / width, ratio * width)


def mixture_difference(counts: Window, *, tau: float, alpha: float) -> MixtureDifference | Refused:
    """The mixture sequential ratio test of two rates; `tau` is the difference that is expected.

    With V = p_c q_c / n_c + p_b q_b / n_b and d = p_c - p_b, the evidence is sqrt(V / (V + tau^2))
    exp(tau^2 d^2 / (2 V (V + tau^2))), and the radius is where it falls to 1 / alpha (Robbins 1970;
    Johari, Koomen, Pekelis & Walsh, arXiv 1512.04922). Asymptotic: for many errors a side.
    """
    refused = refused_window(counts) or _refused_alpha(alpha)
    refused = refused or refused_number("tau", tau, least=TAU_LEAST, most=TAU_MOST)
    if refused is not None:
        return refused
    bad = counts.canary_errors / counts.canary_requests
    usual = counts.stable_errors / counts.stable_requests
    variance = bad * (1.0 - bad) / counts.canary_requests
    variance += usual * (1.0 - usual) / counts.stable_requests
    if variance < _VARIANCE_LEAST:
        return Refused("Neither side has errors and successes, so nothing says what chance does.")
    wide = variance + tau * tau
    log_width = 0.5 * math.log(wide / variance)
    difference = bad - usual
    log_e = tau * tau * difference * difference / (2.0 * variance * wide) - log_width
    squared = 2.0 * variance * wide / (tau * tau) * (log_width - math.log(alpha))
    p = math.exp(-max(0.0, log_e))
    return MixtureDifference(difference, math.sqrt(squared), log_e, p)


def mixture_share(hits: float, misses: float, *, chance: float, strength: float) -> float | Refused:
    """The log-evidence that a share is not what it should be, in either direction.

    ln of B(a + hits, b + misses) / B(a, b) / (chance^hits (1 - chance)^misses), with a prior around
    the chance that weighs as much as `strength` events: a = strength * chance (Ville 1939; Lindon &
    Malek, arXiv 2011.03567). Of errors it asks whether the canary has more or fewer than its part;
    of requests, whether the weights are kept.
    """
    refused = (
        refused_number("the number of hits", hits, least=0.0, most=REQUESTS_MOST)
        or refused_number("the number of misses", misses, least=0.0, most=REQUESTS_MOST)
        or refused_number("the share", chance, least=SHARE_LEAST, most=1.0 - SHARE_LEAST)
        or refused_number("strength", strength, least=STRENGTH_LEAST, most=STRENGTH_MOST)
    )
    if refused is not None:
        return refused
    a, b = strength * chance, strength * (1.0 - chance)
    fair = hits * math.log(chance) + misses * math.log1p(-chance)
    return _log_beta(a + hits, b + misses) - _log_beta(a, b) - fair


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _refused_alpha(alpha: float) -> Refused | None:
    return refused_number("alpha", alpha, least=ALPHA_LEAST, most=ALPHA_MOST)
