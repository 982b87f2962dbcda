"""Fields of guards and gates that nothing would read, or that could never be kept."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tidegate.api.base import ApiModel
from tidegate.api.checks import Bound, Guard, Metric
from tidegate.api.phases import Phase
from tidegate.api.problems import FieldProblem
from tidegate.api.rollout import RolloutSpec
from tidegate.api.scalars import format_duration
from tidegate.api.walk import walk

_WINDOW: Final = re.compile(r"\{\{\s*window\s*\}\}")
_NOT_FOR_A_TEST: Final = {
    "window_s": ("window", "is not for a test, which looks back as long as its interval is"),
    "delay_s": ("delay", "is not for a test, which counts whole windows at one weight only"),
    "warn_min": ("warnMin", "is not for a test, which judges evidence, not the last value"),
    "warn_max": ("warnMax", "is not for a test, which judges evidence, not the last value"),
    "failures": ("failures", "is not for a test, which is shown once or not"),
}


def bound_problems(spec: ApiModel, metrics: Mapping[str, Metric]) -> Iterator[FieldProblem]:
    """What is wrong with the windows and tests of all guards and gates; metrics by their names."""
    for place in walk(spec, "spec"):
        if not isinstance(place.value, Bound):
            continue
        yield from _unread_by_a_test(place.path, place.value)
        yield from _unread_window(place.path, place.value, metrics.get(place.value.metric or ""))


def _unread_by_a_test(path: str, bound: Bound) -> Iterator[FieldProblem]:
    if bound.compare is None or bound.compare.test is None:
        return
    for attribute, (name, why) in _NOT_FOR_A_TEST.items():
        if getattr(bound, attribute, None) is not None:
            hint = "leave it out, or give it to a guard or gate of its own"
            yield FieldProblem(f"{path}.{name}", f"{why}; {hint}")
    for attribute, name in (("on_no_data", "onNoData"), ("on_error", "onError")):
        if isinstance(bound, Guard) and getattr(bound, attribute) != "blind":
            yield FieldProblem(
                f"{path}.{name}",
                "is not for a test: a window without a value is no evidence; use blind",
            )


def _unread_window(path: str, bound: Bound, metric: Metric | None) -> Iterator[FieldProblem]:
    if bound.window_s is None or metric is None or metric.query is None:
        return
    if not _WINDOW.search(metric.query):
        yield FieldProblem(
            f"{path}.window",
            f"is not read by the query of metric {metric.name!r}; use {{{{window}}}} as its "
            "range, or leave window out",
        )


def too_long_delays(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """Delays that leave a phase no time: it could never pass before its deadline."""
    for i, phase in enumerate(spec.phases):
        own = (("gates", phase.gates), ("guards", phase.guards))
        bounds = [
            (f"spec.phases[{i}].{kind}[{j}]", b) for kind, bs in own for j, b in enumerate(bs)
        ]
        replaced = {_asked(guard) for guard in phase.guards}
        usual = ((f"spec.guards[{j}]", g) for j, g in enumerate(spec.guards))
        bounds += [(path, guard) for path, guard in usual if _asked(guard) not in replaced]
        for path, bound in bounds:
            yield from _too_long_delay(path, bound, phase)


def imposed_delays(spec: RolloutSpec, guards: Sequence[Guard]) -> Iterator[FieldProblem]:
    """The same of a policy's guards, which hold in every phase of the Rollout."""
    for j, guard in enumerate(guards):
        for phase in spec.phases:
            yield from _too_long_delay(f"spec.guards[{j}]", guard, phase)


def _asked(bound: Bound) -> str | None:
    return bound.metric or bound.scorecard


def _too_long_delay(path: str, bound: Bound, phase: Phase) -> Iterator[FieldProblem]:
    if phase.deadline_s is not None and (bound.delay_s or 0.0) >= phase.deadline_s:
        yield FieldProblem(
            f"{path}.delay",
            f"must be shorter than the deadline of phase {phase.name}, "
            f"{format_duration(phase.deadline_s)}, or it could never pass in time",
        )
