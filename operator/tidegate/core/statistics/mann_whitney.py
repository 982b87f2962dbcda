"""The Mann-Whitney test: does the canary tend to larger values than stable?

For skewed windows, where a mean says little. As with `welch`, a value is a window and the test is
for one look.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tidegate.core.statistics.refused import Refused, refused_values
from tidegate.core.statistics.tails import normal_tail

VALUES_LEAST = 5
"""Values a side. With four, even the clearest difference has a two-sided p of 0.029."""
EXACT_MOST = 40
"""Values of both sides together up to which p is exact; beyond, it is the normal approximation."""
_FIELD_BITS = 64
"""Room for one count of arrangements: 40 values have at most 1.4e11 of them."""


@dataclass(frozen=True, slots=True)
class MannWhitney:
    """How the canary's values rank among all, and how surprising that is."""

    u: float
    """Pairs in which the canary's value is the larger one; a tie is half a pair."""
    effect: float
    """Part of all pairs that this is, 0 to 1; 0.5 is no difference (Vargha & Delaney 2000)."""
    shift: float
    """Median of all differences canary less stable, in the values' own unit (Hodges-Lehmann)."""
    p_greater: float
    """Chance of at least this `u`, were both sides alike."""
    p_two_sided: float
    exact: bool
    """Whether p was counted out; if not, it is approximate."""


def mann_whitney(canary: Sequence[float], stable: Sequence[float]) -> MannWhitney | Refused:
    """Compare two sides by the ranks of their values (Mann & Whitney 1947), ties included."""
    for name, values in (("canary", canary), ("stable", stable)):
        if (refused := refused_values(name, values, least=VALUES_LEAST)) is not None:
            return refused
    if len({*canary, *stable}) == 1:
        return Refused("All values are equal, so their ranks say nothing.")
    ranks = _doubled_ranks([*canary, *stable])
    count, others = len(canary), len(stable)
    doubled = sum(ranks[:count])
    u = (doubled - count * (count + 1)) / 2.0
    exact = count + others <= EXACT_MOST
    tails = _exact_tails(ranks, count, doubled) if exact else _normal_tails(ranks, count, u)
    return MannWhitney(
        u=u,
        effect=u / (count * others),
        shift=median(a - b for a in canary for b in stable),
        p_greater=tails[0],
        p_two_sided=min(1.0, 2.0 * min(tails)),
        exact=exact,
    )


def _doubled_ranks(values: list[float]) -> list[int]:
    """Twice the rank of each value; equal ones share the mean of their ranks, so it may be half."""
    ranks = [0] * len(values)
    order = sorted(range(len(values)), key=values.__getitem__)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for at in order[start:end]:
            ranks[at] = start + 1 + end
        start = end
    return ranks


def _exact_tails(ranks: list[int], count: int, seen: int) -> tuple[float, float]:
    """P(sum of the canary's ranks >= seen) and P(<= seen) over all ways to deal the ranks out.

    One whole number holds, field by field, how many ways there are to each sum; putting a rank in
    is a shift and an addition.
    """
    ways = [1] + [0] * count
    for dealt, rank in enumerate(ranks, start=1):
        for taken in range(min(dealt, count), 0, -1):
            ways[taken] += ways[taken - 1] << (_FIELD_BITS * rank)
    size = (ways[count].bit_length() + 7) // _FIELD_BITS + 1
    field_bytes = _FIELD_BITS // 8
    raw = ways[count].to_bytes(size * field_bytes, "little")
    by_sum = [
        int.from_bytes(raw[at : at + field_bytes], "little")
        for at in range(0, len(raw), field_bytes)
    ]
    total = math.comb(len(ranks), count)
    return sum(by_sum[seen:]) / total, sum(by_sum[: seen + 1]) / total


def _normal_tails(ranks: list[int], count: int, u: float) -> tuple[float, float]:
    """The same by the normal approximation, with corrections for continuity and for ties."""
    size = len(ranks)
    others = size - count
    tied = sum(t * t * t - t for t in _ties(ranks))
    variance = count * others / 12.0 * (size + 1 - tied / (size * (size - 1)))
    above = u - count * others / 2.0
    spread = math.sqrt(variance)
    return normal_tail((above - 0.5) / spread), normal_tail((-above - 0.5) / spread)


def _ties(ranks: list[int]) -> list[int]:
    """How often each rank was given."""
    counts: dict[int, int] = {}
    for rank in ranks:
        counts[rank] = counts.get(rank, 0) + 1
    return list(counts.values())
