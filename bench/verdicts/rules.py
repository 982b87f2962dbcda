"""Rules that say at which look a release goes back: ours, an ordinary test, and the peers'.

Every rule sees the same windows, one a look. Peers judge the canary alone, by a bound on its share
of good answers; what ends their analysis early as a success ends their watch, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

from tidegate.core.statistics.refused import Refused
from tidegate.core.statistics.sequential import Claim, Evidence, Plan, with_counts
from tidegate.core.statistics.window import Window

ALPHA = 0.05
SUCCESS_LEAST = 0.99
"""The bound that Flagger's documentation uses, and here Argo's condition, too."""
FLAGGER_THRESHOLD = 5
FLAGGER_GOOD = 10
ARGO_FAILURE_LIMIT = 3
ARGO_SUCCESSES = 10

Rule = Callable[[Sequence[Window]], int | None]
"""From the windows of a run to the look, counted from 1, at which it reverts; None for never."""


def sequential(ratio: float, *, windows_least: int = 1) -> Rule:
    """Ours: revert once it is shown that the canary is more than `ratio` times worse."""
    plan = Plan(Claim.WORSE, ratio, ALPHA, windows_least=windows_least)

    def rule(windows: Sequence[Window]) -> int | None:
        evidence = Evidence()
        for look, window in enumerate(windows, start=1):
            after = with_counts(plan, evidence, window)
            if isinstance(after, Refused):
                raise TypeError(f"look {look} was refused: {after.why}")
            evidence = after
            if evidence.p_least <= plan.alpha:
                return look
        return None

    return rule


def z_statistic(counts: Window) -> float:
    """The pooled test of two proportions, canary less stable; 0 where neither side varies."""
    requests = counts.canary_requests + counts.stable_requests
    pooled = counts.errors / requests
    variance = pooled * (1.0 - pooled) * (1 / counts.canary_requests + 1 / counts.stable_requests)
    if variance <= 0.0:
        return 0.0
    canary, stable = (
        counts.canary_errors / counts.canary_requests,
        counts.stable_errors / counts.stable_requests,
    )
    return (canary - stable) / math.sqrt(variance)


def ordinary_test(windows: Sequence[Window]) -> int | None:
    """A one-sided test of all counts so far, made anew at every look."""
    critical = NormalDist().inv_cdf(1.0 - ALPHA)
    so_far = Window(0.0, 0.0, 0.0, 0.0)
    for look, window in enumerate(windows, start=1):
        so_far = Window(
            so_far.canary_errors + window.canary_errors,
            so_far.canary_requests + window.canary_requests,
            so_far.stable_errors + window.stable_errors,
            so_far.stable_requests + window.stable_requests,
        )
        if z_statistic(so_far) >= critical:
            return look
    return None


def _good(window: Window) -> bool:
    return 1.0 - window.canary_errors / window.canary_requests >= SUCCESS_LEAST


def flagger(windows: Sequence[Window]) -> int | None:
    """Revert at the fifth failed check, promote at the tenth good one.

    Failed checks are never forgotten, and a failed one is no step forward. The look is that of the
    last failed check; Flagger acts on it one interval later.
    """
    failed = good = 0
    for look, window in enumerate(windows, start=1):
        if _good(window):
            good += 1
        else:
            failed += 1
        if failed >= FLAGGER_THRESHOLD:
            return look
        if good >= FLAGGER_GOOD:
            return None
    return None


def argo(windows: Sequence[Window], *, successes: int | None = None) -> int | None:
    """Revert at the failure after `failureLimit` of them, however far apart.

    With `consecutiveSuccessLimit` so many good measurements in a row end the analysis well.
    """
    failed = in_a_row = 0
    for look, window in enumerate(windows, start=1):
        in_a_row = in_a_row + 1 if _good(window) else 0
        failed += in_a_row == 0
        if failed > ARGO_FAILURE_LIMIT:
            return look
        if in_a_row == successes:
            return None
    return None


def argo_in_a_row(windows: Sequence[Window]) -> int | None:
    """Argo's rule with both limits."""
    return argo(windows, successes=ARGO_SUCCESSES)


RULES: dict[str, Rule] = {
    "z-test at each look": ordinary_test,
    "`sequential` 1.0": sequential(1.0),
    "`sequential` 1.2": sequential(1.2),
    "`sequential` 1.2 from window 10": sequential(1.2, windows_least=10),
    "Flagger": flagger,
    "Argo, failures": argo,
    "Argo, in a row": argo_in_a_row,
}
"""What is compared, by the head of its column."""
