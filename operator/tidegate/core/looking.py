"""Tests that may look only once: Welch's and Mann-Whitney's, of what whole windows showed.

A value is a window, never a request. Values are gathered while the phase is held; the one look is
taken when its hold is over and there are enough of them. What is to be shown is that the canary is
not worse than `margin` times stable: its values against stable's, multiplied by that. Neither
shown is no pass, and stays so: a second look would be a second chance to be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import isfinite
from statistics import fmean, median
from typing import Final

from tidegate.api.check_status import Verdict
from tidegate.api.evidence import CheckEvidence, Look
from tidegate.api.limits import MAX_TEST_VALUES, MAX_VALUE
from tidegate.core.observation import Answer, Reading
from tidegate.core.statistics.mann_whitney import mann_whitney
from tidegate.core.statistics.refused import Refused
from tidegate.core.statistics.welch import welch
from tidegate.core.testing import Judged, Trial, ends, is_new

VALUES_LEAST: Final = 10
"""Windows a side before the look: with fewer, a small part of alpha could never be reached."""


def added(
    trial: Trial,
    readings: Iterable[Reading],
    known: CheckEvidence | None,
    since: datetime,
    *,
    look_at: datetime | None,
) -> CheckEvidence | None:
    """The evidence with each new window; looked at once if `look_at` is given and all is there."""
    if known is not None and known.look is not None:
        return known
    for reading in readings:
        pair = _pair(trial, reading)
        if pair is None or not is_new(trial, reading, since, known):
            continue
        before = (known.canary_values, known.stable_values) if known else ((), ())
        canary, stable = (
            (*values, value)[-MAX_TEST_VALUES:] for values, value in zip(before, pair, strict=True)
        )
        known = CheckEvidence(
            id=trial.id,
            about=trial.about,
            until=ends(reading),
            canary_values=canary,
            stable_values=stable,
        )
    if known is None or look_at is None or len(known.canary_values) < VALUES_LEAST:
        return known
    return known.model_copy(update={"look": _look(trial, known, look_at)})


def _pair(trial: Trial, reading: Reading) -> tuple[float, float] | None:
    """The values of both arms; None where one is missing or rests on fewer than minSamples."""
    values = []
    for one in (reading, reading.stable):
        if one is None or one.answer is not Answer.OK or one.value is None:
            return None
        few = (one.samples or 0.0) < (trial.bound.min_samples or 0)
        if few or not isfinite(one.value) or abs(one.value) > MAX_VALUE:
            return None
        values.append(one.value)
    return values[0], values[1]


def _look(trial: Trial, known: CheckEvidence, at: datetime) -> Look:
    allowed = [trial.margin * value for value in known.stable_values]
    if min(known.canary_values) < 0.0 or min(allowed) < 0.0:
        why = "values below 0 have no ratio; a margin needs a metric that is never negative"
        return Look(at=at, p_not_worse=1.0, p_worse=1.0, why=why)
    worse, not_worse = (
        _p_greater(trial, one, other)
        for one, other in ((known.canary_values, allowed), (allowed, known.canary_values))
    )
    if isinstance(worse, Refused) or isinstance(not_worse, Refused):
        refused = worse if isinstance(worse, Refused) else not_worse
        why = refused.why if isinstance(refused, Refused) else ""
        return Look(at=at, p_not_worse=1.0, p_worse=1.0, why=why)
    return Look(at=at, p_not_worse=min(1.0, not_worse), p_worse=min(1.0, worse))


def _p_greater(trial: Trial, one: Sequence[float], other: Sequence[float]) -> float | Refused:
    """How surprising it would be that one side tends to so much larger values by chance."""
    judge = welch if trial.compare.test == "welch" else mann_whitney
    found = judge(one, other)
    return found if isinstance(found, Refused) else found.p_greater


def judged(trial: Trial, known: CheckEvidence) -> Judged:
    """PASS once "not worse than margin" is shown, FAIL once "worse" is, UNDECIDED otherwise."""
    look, windows, alpha = known.look, len(known.canary_values), trial.alpha
    if isinstance(alpha, Refused):
        return Judged(Verdict.ERROR, alpha.why)
    said = _values_text(trial, known)
    if look is None:
        when = f"looks once, after the hold with {VALUES_LEAST} windows or more, {windows} so far"
        return Judged(Verdict.UNDECIDED, f"{said}; {when}")
    if look.why:
        return Judged(Verdict.UNDECIDED, f"{said}; {look.why}")
    times = f"than {trial.margin:g} times"
    if look.p_not_worse <= alpha:
        shown = f"not worse {times} is shown (p {look.p_not_worse:.2g} of {alpha:.2g})"
        return Judged(Verdict.PASS, f"{said}; {shown}")
    if look.p_worse <= alpha:
        shown = f"worse {times} is shown (p {look.p_worse:.2g} of {alpha:.2g})"
        return Judged(Verdict.FAIL, f"{said}; {shown}")
    shown = f"not worse {times} was not shown (p {look.p_not_worse:.2g} of {alpha:.2g})"
    return Judged(
        Verdict.UNDECIDED, f"{said}; {shown}; skip the phase, or retry with a longer hold"
    )


def _values_text(trial: Trial, known: CheckEvidence) -> str:
    kind = "mean" if trial.compare.test == "welch" else "median"
    middle = fmean if trial.compare.test == "welch" else median
    canary, stable = middle(known.canary_values), middle(known.stable_values)
    times = f", {canary / stable:.3g} times" if stable > 0.0 else ""
    windows = len(known.canary_values)
    return f"{kind} {canary:.4g} against {stable:.4g} of stable in {windows} windows{times}"
