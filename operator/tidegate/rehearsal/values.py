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
from tidegate.api.constants import LATENCY_TEMPLATES, SHARE_TEMPLATES
from tidegate.api.limits import MAX_SAMPLES, MAX_VALUE
from tidegate.api.rollout import RolloutSpec
from tidegate.api.walk import walk
from tidegate.core.comparing import limits
from tidegate.core.observation import Answer, Reading
from tidegate.core.testing import tested
from tidegate.core.verdicts import judge

SHARE_USUAL: Final = 0.001
"""Failed requests of a healthy service, where no bound says less."""
LATENCY_USUAL_S: Final = 0.05
PLAIN_USUAL: Final = 1.0
SHARE_BAD: Final = 0.3
BAD_TIMES: Final = 3.0
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
    """Every guard and gate on a metric, in written order."""
    places = (place.value for place in walk(spec, "spec"))
    return tuple(one for one in places if isinstance(one, Bound) and one.metric == metric)


def sequential(bound: Bound) -> bool:
    """Whether the test of failed requests judges it, so that the metric is a share of them."""
    return bound.compare is not None and bound.compare.test == "sequential"


def levels(spec: RolloutSpec, metric: Metric) -> Levels:
    """The levels of one metric under the bounds of this spec."""
    bounds = bounds_of(spec, metric.name)
    guards: list[Bound] = [bound for bound in bounds if isinstance(bound, Guard)]
    guards = guards or list(bounds)
    first: Levels | None = None
    for stable in _usual(metric, bounds):
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
    return judge(bound, Reading(_NOW, Answer.OK, value, many, stable=other))


def _usual(metric: Metric, bounds: Sequence[Bound]) -> Iterator[float]:
    """What stable may have: something usual, and what the fixed bounds allow."""
    if metric.template in SHARE_TEMPLATES or any(map(sequential, bounds)):
        yield SHARE_USUAL
    elif metric.template in LATENCY_TEMPLATES:
        yield LATENCY_USUAL_S
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


def _edges(bounds: Sequence[Bound], stable: float) -> Iterator[float]:
    for bound in bounds:
        for limit in limits(bound.compare) if bound.compare is not None else ():
            edge = limit.edge(stable)
            if edge is not None:
                yield edge
