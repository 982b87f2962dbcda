"""How much of alpha may be spent by which part of a run whose length is planned.

For a fixed number of looks, group-sequential tests find a difference sooner than those that may be
looked at for ever; what each look may spend is told here (Lan & DeMets 1983).
"""

import math
from enum import StrEnum
from statistics import NormalDist

from tidegate.core.statistics.refused import Refused, refused_number
from tidegate.core.statistics.tails import normal_tail

ALPHA_LEAST, ALPHA_MOST = 1e-9, 0.5


class Spending(StrEnum):
    """How it is spread."""

    LATE = "o-brien-fleming"
    """Next to nothing early on, nearly all at the end."""
    EVEN = "pocock"


def spent(alpha: float, part: float, spending: Spending) -> float | Refused:
    """What may be spent in all by this part of the run, 0 to 1.

    2 (1 - Phi(z / sqrt(part))) with z the upper alpha / 2 point, or alpha ln(1 + (e - 1) part).
    """
    refused = refused_number("alpha", alpha, least=ALPHA_LEAST, most=ALPHA_MOST)
    refused = refused or refused_number("the part of the run", part, least=0.0, most=1.0)
    if refused is not None:
        return refused
    if spending is Spending.EVEN:
        return alpha * math.log1p((math.e - 1.0) * part)
    if part == 0.0:
        return 0.0
    return 2.0 * normal_tail(-NormalDist().inv_cdf(alpha / 2.0) / math.sqrt(part))
