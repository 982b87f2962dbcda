"""Exact tails of a binomial count: how surprising a share of requests is by chance alone."""

import math

from tidegate.core.statistics.tails import incomplete_beta, normal_tail

EXACT_MOST = 1e6
"""Trials up to which the tail is exact; of more the normal one with a continuity correction is
within a tenth of it up to four standard deviations out, and the exact one would take thousands of
terms."""


def at_least(successes: float, trials: float, share: float) -> float:
    """P(X >= successes) of so many trials, each a success with that chance (0 to 1).

    The regularised incomplete beta function I_share(successes, trials - successes + 1) (NIST
    Digital Library of Mathematical Functions, 8.17.5), which takes counts that are not whole, too.
    """
    if successes <= 0.0 or share >= 1.0:
        return 1.0
    if successes > trials or share <= 0.0:
        return 0.0
    if trials > EXACT_MOST:
        deviation = math.sqrt(trials * share * (1.0 - share))
        return normal_tail((successes - 0.5 - trials * share) / deviation)
    return incomplete_beta(share, 1.0 - share, successes, trials - successes + 1.0)


def at_most(successes: float, trials: float, share: float) -> float:
    """P(X <= successes), as `at_least` of the failures."""
    return at_least(trials - successes, trials, 1.0 - share)
