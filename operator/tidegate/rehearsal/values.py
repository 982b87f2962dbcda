"""Values that a Rollout's own guards and gates would call good or bad, found by asking them.

Candidates are tried with the judge that the operator uses, so that what is good here is good
there. A metric that no value can please has bounds that contradict one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tidegate.api.check_status import Verdict
from tidegate.api.checks import Bound, Guard, Metric
from tidegate.api.constants import KUBERNETES_TEMPLATES, LATENCY_TEMPLATES, SHARE_TEMPLATES
from tidegate.api.limits import MAX_SAMPLES, MAX_VALUE
from tidegate.api.rollout import RolloutSpec
from tidegate.api.scorecards import Scorecard
from tidegate.api.walk import walk
from tidegate.core.comparing import limits
from tidegate.core.observation import Answer, Concerned, Reading
from tidegate.core.scoring import scored
from tidegate.core.testing import tested
from tidegate.core.verdicts import judge

SHARE_USUAL: Final = 0.001
"""Failed requests of a healthy service, where no bound says less."""
LATENCY_USUAL_S: Final = 0.05
PLAIN_USUAL: Final = 1.0
SHARE_BAD: Final = 0.3
BAD_TIMES: Final = 3.0
COUNT_TEMPLATES: Final = (KUBERNETES_TEMPLATES | {"pod-restarts"}) - {"kube-unready-share"}
"""Values are whole numbers of pods or of what befell them: 0 of a healthy service."""
_NEAR: Final = (0.5, 0.2, 0.9, 1.0, 0.0, 1.1, 2.0, 5.0)
_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Levels:
    """Of one metric: what stable has, what a good revision has, and what a bad one has.

    `bad` is None where no value would trip a guard; `good` is None where none passes everything.
    """

    stable: float
    good: float | None
    bad: float | None


def bounds_of(spec: RolloutSpec, metric: str) -> tuple[Bound, ...]:
    """Every guard and gate on a metric, in written order, and members of those on scorecards."""
    return tuple(one for _, one, _ in asked_bounds(spec) if one.metric == metric)


def asked_bounds(spec: RolloutSpec) -> Iterator[tuple[str, Bound, Bound]]:
    """What is asked, with the path of its guard or gate, and that guard or gate itself.

    A scorecard is asked by its members, as the operator does it.
    """
    for place in walk(spec, "spec"):
        if isinstance(place.value, Bound):
            for one in parts_of(spec.scorecards, place.value):
                yield place.path, one, place.value


def parts_of(cards: Sequence[Scorecard], bound: Bound) -> tuple[Bound, ...]:
    """A guard or gate on a metric itself; of one on a scorecard the members."""
    _, card = scored(cards, "", bound)
    if card is not None:
        return tuple(part.bound for part in card.parts)
    return () if bound.scorecard is not None else (bound,)


def window_of(bound: Bound, metric: Metric) -> float:
    """How far a guard or gate looks back, as the operator asks for it: a test by its interval."""
    return bound.interval_s if tested(bound) else bound.window_s or metric.window_s


def sequential(bound: Bound) -> bool:
    """Whether the test of failed requests judges it, so that the metric is a share of them."""
    return bound.compare is not None and bound.compare.test == "sequential"


def counted(spec: RolloutSpec, metric: str) -> bool:
    """Whether a test or an experiment counts the requests behind it."""
    return any(map(sequential, bounds_of(spec, metric))) or metric in compared(spec)


def compared(spec: RolloutSpec) -> frozenset[str]:
    """The metrics that experiments compare arms by."""
    asked = (phase.experiment.metrics for phase in spec.phases if phase.experiment)
    return frozenset(one.metric for measures in asked for one in measures)


def levels(spec: RolloutSpec, metric: Metric) -> Levels:
    """The levels of one metric under the bounds of this spec."""
    bounds = bounds_of(spec, metric.name)
    guards = [
        one
        for _, one, whole in asked_bounds(spec)
        if one.metric == metric.name and isinstance(whole, Guard)
    ]
    guards = guards or list(bounds)
    first: Levels | None = None
    for stable in _usual(metric, bounds, share=counted(spec, metric.name)):
        good = next((v for v in _candidates(bounds, stable) if passes(bounds, v, stable)), None)
        bad = next((v for v in _worse(metric, guards, stable) if _fails(guards, v, stable)), None)
        found = Levels(stable, good, bad)
        if good is not None:
            return found
        first = first or found
    assert first is not None, "there is always a usual value"
    return first


def passes(bounds: Iterable[Bound], value: float, stable: float) -> bool:
    """Whether the value pleases all of them, beside that value of stable.

    A test is pleased by a revision that is just like stable, or better.
    """
    return all(
        value <= stable if tested(bound) else _judged(bound, value, stable) is Verdict.PASS
        for bound in bounds
    )


def _fails(bounds: Iterable[Bound], value: float, stable: float) -> bool:
    return any(
        value > stable * (bound.compare.margin or 1.0)
        if bound.compare is not None and tested(bound)
        else _judged(bound, value, stable) is Verdict.FAIL
        for bound in bounds
    )


def _judged(bound: Bound, value: float, stable: float) -> Verdict:
    many = float(MAX_SAMPLES)
    other = Reading(_NOW, Answer.OK, stable, many) if bound.compare is not None else None
    pods = Concerned(pods_concerned(value))
    return judge(bound, Reading(_NOW, Answer.OK, value, many, stable=other, concerned=pods))


def pods_concerned(value: float) -> int:
    """From how many pods a count comes, where each has a part in it once."""
    return int(min(max(0.0, value), MAX_SAMPLES))


def _usual(metric: Metric, bounds: Sequence[Bound], *, share: bool) -> Iterator[float]:
    """What stable may have: something usual, and what the fixed bounds allow."""
    if metric.template in SHARE_TEMPLATES or share:
        yield SHARE_USUAL
    elif metric.template in LATENCY_TEMPLATES:
        yield LATENCY_USUAL_S
    elif metric.template in COUNT_TEMPLATES:
        yield 0.0
    else:
        yield from _inside(bounds)
        yield PLAIN_USUAL
    yield from _inside(bounds)


def _inside(bounds: Sequence[Bound]) -> Iterator[float]:
    """Values between the fixed bounds, those well inside first."""
    least = max((b.min for b in bounds if b.min is not None), default=None)
    most = min((b.max for b in bounds if b.max is not None), default=None)
    if least is not None and most is not None:
        yield (least + most) / 2
    elif most is not None:
        yield from (most * part for part in _NEAR) if most > 0 else (most - 1.0,)
    elif least is not None:
        share = 0 <= least < 1
        yield least + (1 - least) / 2 if share else least + abs(least) / 2 + 1.0
        yield least


def _candidates(bounds: Sequence[Bound], stable: float) -> Iterator[float]:
    yield stable
    yield from _inside(bounds)
    for edge in _edges(bounds, stable):
        yield from (edge, (edge + stable) / 2, stable + (edge - stable) * 1.5)
        yield from (edge * part for part in _NEAR)
    yield from (stable * part for part in _NEAR)


def _worse(metric: Metric, bounds: Sequence[Bound], stable: float) -> Iterator[float]:
    if metric.template in COUNT_TEMPLATES:
        yield from _more(bounds, stable)
        return
    edges = [*_edges(bounds, stable)]
    edges += [one for bound in bounds for one in (bound.max, bound.min) if one is not None]
    if metric.template in SHARE_TEMPLATES or any(map(sequential, bounds)):
        yield SHARE_BAD
        yield from (1.0, 0.0)
    for edge in edges:
        share = 0 <= edge < 1 and metric.template not in LATENCY_TEMPLATES
        yield from (edge * BAD_TIMES, edge / BAD_TIMES)
        yield from () if share else (edge + 1.0, edge - 1.0)
    yield from (stable * BAD_TIMES, stable / BAD_TIMES, 0.0, 1.0, MAX_VALUE, -MAX_VALUE)


def _more(bounds: Sequence[Bound], stable: float) -> Iterator[float]:
    """Whole numbers that are too many, and enough for `minPods`."""
    least = max((b.min_pods or 1 for b in bounds if isinstance(b, Guard)), default=1)
    edges = [*_edges(bounds, stable), *(b.max for b in bounds if b.max is not None)]
    for edge in sorted(edges):
        yield float(max(least, int(edge) + 1))


def _edges(bounds: Sequence[Bound], stable: float) -> Iterator[float]:
    for bound in bounds:
        for limit in limits(bound.compare) if bound.compare is not None else ():
            edge = limit.edge(stable)
            if edge is not None:
                yield edge
