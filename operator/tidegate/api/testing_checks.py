"""Statistical tests that could not use what they are asked about, or could never say anything."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tidegate.api.checks import Bound, Gate, Guard, Metric
from tidegate.api.compare import Compare
from tidegate.api.constants import SHARE_TEMPLATES
from tidegate.api.limits import (
    MAX_CONFIDENCE,
    MAX_TEST_MARGIN,
    MAX_TESTS,
    MIN_CONFIDENCE,
    MIN_TEST_MARGIN,
)
from tidegate.api.problems import FieldProblem
from tidegate.api.rollout import RolloutSpec

_WINDOW: Final = re.compile(r"\{\{\s*window\s*\}\}")
_CHANGES: Final = (
    "min_increase",
    "max_increase",
    "min_decrease",
    "max_decrease",
    "min_increase_percent",
    "max_increase_percent",
    "min_decrease_percent",
    "max_decrease_percent",
)


def test_problems(path: str, bound: Bound, metric: Metric | None) -> Iterator[FieldProblem]:
    """What is wrong with a test of one guard or gate, and with fields that only a test reads."""
    compare = bound.compare
    if compare is None:
        return
    if compare.test is None:
        for name in ("margin", "confidence"):
            if getattr(compare, name) is not None:
                yield FieldProblem(
                    f"{path}.compare.{name}", "is read only by a test; set test, or leave it out"
                )
        return
    yield from _numbers(f"{path}.compare", bound, compare)
    yield from _company(path, bound, compare)
    if compare.test != "sequential" and isinstance(bound, Guard):
        yield FieldProblem(
            f"{path}.compare.test",
            f"{compare.test} may look only once, at the end of a phase, so it is for gates; a "
            "guard looks all the time, which test sequential may",
        )
    if metric is not None and compare.test == "sequential":
        yield from _uncounted(path, metric)
    if metric is not None:
        yield from overlapping(path, metric)


def too_many_tests(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """More tests than can share one chance of a mistake."""
    tried = {one.name for phase in spec.phases for one in phase.variants}
    tests = _tests(spec.guards) * (1 + len(tried))
    for phase in spec.phases:
        tests += _tests((*phase.guards, *phase.gates)) * (1 + len(phase.variants))
    if tests > MAX_TESTS:
        each = ", each variant's counted" if tried else ""
        yield FieldProblem(
            "spec",
            f"{tests} guards and gates have a test{each}, {MAX_TESTS} may: all share one chance of "
            "a mistake; leave some out, or give them min or max",
        )


def _tests(bounds: Sequence[Bound]) -> int:
    return sum(1 for bound in bounds if bound.compare is not None and bound.compare.test)


def _numbers(path: str, bound: Bound, compare: Compare) -> Iterator[FieldProblem]:
    least, most = MIN_TEST_MARGIN, MAX_TEST_MARGIN
    if compare.margin is None:
        yield FieldProblem(
            f"{path}.margin",
            "is required by a test: the ratio to stable that still counts as equal, such as 1.2",
        )
    elif not least <= compare.margin <= most:
        yield FieldProblem(f"{path}.margin", f"of a test must be from {least:g} to {most:g}")
    elif isinstance(bound, Gate) and compare.margin <= 1.0:
        yield FieldProblem(
            f"{path}.margin",
            "of a gate must be more than 1: that a release is no worse at all than stable cannot "
            "be shown of one that is just as good",
        )
    confidence = compare.confidence
    if confidence is not None and not MIN_CONFIDENCE <= confidence <= MAX_CONFIDENCE:
        yield FieldProblem(
            f"{path}.confidence", f"must be from {MIN_CONFIDENCE:g} to {MAX_CONFIDENCE:g}"
        )


def _company(path: str, bound: Bound, compare: Compare) -> Iterator[FieldProblem]:
    """A test judges alone: what else is asked stands in a guard or gate of its own."""
    if any(getattr(compare, name) is not None for name in _CHANGES):
        yield FieldProblem(
            f"{path}.compare.test",
            "cannot go with increases and decreases; give them a guard or gate of their own",
        )
    if (bound.min, bound.max) != (None, None):
        yield FieldProblem(
            f"{path}.compare.test",
            "cannot go with min and max; give them a guard or gate of their own",
        )
    if compare.test == "sequential" and bound.min_samples is not None:
        yield FieldProblem(
            f"{path}.minSamples",
            "is not for test sequential, which knows when it has enough; leave it out",
        )
    if isinstance(bound, Guard) and bound.then == "hold":
        yield FieldProblem(
            f"{path}.then",
            "hold is not for a test: what it has shown stays shown, so nothing would end the hold; "
            "use pause, which a person resumes, or revert",
        )
    if isinstance(bound, Guard) and (bound.breaches, bound.of) != (1, 1):
        yield FieldProblem(
            f"{path}.breaches", "is not for a test, which is shown once or not; leave it and of out"
        )


def _uncounted(path: str, metric: Metric) -> Iterator[FieldProblem]:
    """The sequential test counts events: a share of requests times their number."""
    if metric.template is not None:
        if metric.template not in SHARE_TEMPLATES:
            shares = " or ".join(sorted(SHARE_TEMPLATES))
            yield FieldProblem(
                f"{path}.compare.test",
                f"counts failed requests, and metric {metric.name!r} is no share of requests; use "
                f"{shares}, a query with samples, or in a gate test welch or mann-whitney",
            )
    elif metric.samples is None:
        yield FieldProblem(
            f"{path}.compare.test",
            f"counts failed requests, so metric {metric.name!r} needs samples, the number of "
            "requests behind its share",
        )


def overlapping(path: str, metric: Metric) -> Iterator[FieldProblem]:
    """Windows of a fixed range overlap, and count the same requests over and over."""
    queries = (metric.query, metric.samples) if metric.query is not None else ()
    if not all(_WINDOW.search(query) for query in queries if query is not None):
        yield FieldProblem(
            f"{path}.compare.test",
            f"counts each request once, so query and samples of metric {metric.name!r} need "
            "{{window}} as their range",
        )
