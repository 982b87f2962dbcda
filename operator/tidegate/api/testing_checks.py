"""Statistical tests that could not use what they are asked about, or could never say anything."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

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
from tidegate.api.scorecards import Member
from tidegate.api.walk import walk

Judged: TypeAlias = Bound | Member
"""What a test may judge: a guard, a gate, or a member of a scorecard."""
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
HOLD_NEVER_ENDS: Final = (
    "hold is not for a test: what it has shown stays shown, so nothing would end the hold; "
    "use pause, which a person resumes, or revert"
)


def test_problems(path: str, bound: Judged, metric: Metric | None) -> Iterator[FieldProblem]:
    """What is wrong with one test, and with fields that only a test reads."""
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
    members = {card.name: len(tested_members(card.members)) for card in spec.scorecards}
    tried = {one.name for phase in spec.phases for one in phase.variants}
    tests = _tests(spec.guards, members) * (1 + len(tried))
    for phase in spec.phases:
        tests += _tests((*phase.guards, *phase.gates), members) * (1 + len(phase.variants))
    if tests > MAX_TESTS:
        each = ", each variant's counted" if tried else ""
        yield FieldProblem(
            "spec",
            f"{tests} guards and gates have a test{each}, {MAX_TESTS} may: all share one chance of "
            "a mistake; leave some out, or give them min or max (each test of a scorecard counts "
            "once for every guard and gate that names it)",
        )


def _tests(bounds: Sequence[Bound], members: Mapping[str, int]) -> int:
    """How many tests these guards and gates have, with those of the scorecards they name."""
    return sum(
        members.get(bound.scorecard or "", 0)
        + (bound.compare is not None and bound.compare.test is not None)
        for bound in bounds
    )


def tested_members(members: tuple[Member, ...]) -> tuple[Member, ...]:
    """Those that a test judges."""
    return tuple(one for one in members if one.compare is not None and one.compare.test is not None)


def scored_tests(spec: RolloutSpec, metrics: Mapping[str, Metric]) -> Iterator[FieldProblem]:
    """What is wrong with tests in scorecards, and with guards that go by such a score."""
    for i, card in enumerate(spec.scorecards):
        for j, member in enumerate(card.members):
            path = f"spec.scorecards[{i}].members[{j}]"
            yield from test_problems(path, member, metrics.get(member.metric))
    tests = {card.name: tested_members(card.members) for card in spec.scorecards}
    for place in walk(spec, "spec"):
        if isinstance(place.value, Guard) and (found := tests.get(place.value.scorecard or "")):
            yield from _guard_by_tests(place.path, place.value, found)


def _guard_by_tests(path: str, guard: Guard, members: tuple[Member, ...]) -> Iterator[FieldProblem]:
    """A guard on such a score is held to what holds for a guard with a test."""
    for member in members:
        if member.compare is not None and member.compare.test != "sequential":
            yield FieldProblem(
                f"{path}.scorecard",
                f"has member {member.metric!r} with test {member.compare.test}, which may look "
                "only once, at the end of a phase; name it in gates only, or use test sequential",
            )
    name = guard.scorecard
    if guard.then == "hold":
        yield FieldProblem(f"{path}.then", f"{HOLD_NEVER_ENDS} (scorecard {name!r} has a test)")
    if (guard.breaches, guard.of) != (1, 1) or guard.failures is not None:
        field = "breaches" if guard.failures is None else "failures"
        yield FieldProblem(
            f"{path}.{field}",
            f"is not for a score with a test, which is shown once or not; leave it out (scorecard "
            f"{name!r} has one)",
        )
    for attribute, field in (("on_no_data", "onNoData"), ("on_error", "onError")):
        if getattr(guard, attribute) != "blind":
            yield FieldProblem(
                f"{path}.{field}",
                "is not for a score with a test: a window without a value is no evidence; use "
                f"blind (scorecard {name!r} has one)",
            )


def _numbers(path: str, bound: Judged, compare: Compare) -> Iterator[FieldProblem]:
    least, most = MIN_TEST_MARGIN, MAX_TEST_MARGIN
    if compare.margin is None:
        yield FieldProblem(
            f"{path}.margin",
            "is required by a test: the ratio to stable that still counts as equal, such as 1.2",
        )
    elif not least <= compare.margin <= most:
        yield FieldProblem(f"{path}.margin", f"of a test must be from {least:g} to {most:g}")
    elif isinstance(bound, Gate | Member) and compare.margin <= 1.0:
        whose = "gate" if isinstance(bound, Gate) else "member of a scorecard"
        yield FieldProblem(
            f"{path}.margin",
            f"of a {whose} must be more than 1: that a release is no worse at all than stable "
            "cannot be shown of one that is just as good",
        )
    confidence = compare.confidence
    if confidence is not None and not MIN_CONFIDENCE <= confidence <= MAX_CONFIDENCE:
        yield FieldProblem(
            f"{path}.confidence", f"must be from {MIN_CONFIDENCE:g} to {MAX_CONFIDENCE:g}"
        )


def _company(path: str, bound: Judged, compare: Compare) -> Iterator[FieldProblem]:
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
        yield FieldProblem(f"{path}.then", HOLD_NEVER_ENDS)
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
