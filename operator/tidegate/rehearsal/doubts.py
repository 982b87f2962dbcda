"""What is allowed in a spec and probably not meant: warnings, each with what to do.

Errors are `api.validation` and `api.support`; nothing here is refused by anybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tidegate.api.checks import Bound, Gate, Guard, Metric
from tidegate.api.constants import KUBERNETES_TEMPLATES, SHARE_TEMPLATES
from tidegate.api.phases import Phase
from tidegate.api.problems import FieldProblem
from tidegate.api.rollout import RolloutSpec
from tidegate.api.scalars import format_duration
from tidegate.core.picks import within
from tidegate.core.testing import tested
from tidegate.rehearsal.values import asked_bounds, bounds_of, compared, parts_of, window_of

JUMP_POINTS_MAX: Final = 50
SCRAPES_LEAST: Final = 2
"""Values of a counter that a difference needs."""
ALL_PERCENT: Final = 100


def doubts(spec: RolloutSpec, scrape_s: float) -> tuple[FieldProblem, ...]:
    """Every doubt about a spec without errors, for counters scraped every `scrape_s` seconds."""
    return (
        *_windows(spec, scrape_s),
        *_intervals(spec, scrape_s),
        *_contradictions(spec),
        *_unused(spec),
        *_untried(spec),
        *_without_guards(spec),
        *_samples(spec),
        *_ways_down(spec),
        *_lost_users(spec),
        *_jumps(spec),
        *(doubt for i, phase in enumerate(spec.phases) for doubt in _times(spec, i, phase)),
    )


def _metric(spec: RolloutSpec, name: str) -> Metric | None:
    return next((metric for metric in spec.metrics if metric.name == name), None)


def _windows(spec: RolloutSpec, scrape_s: float) -> Iterator[FieldProblem]:
    least_s = SCRAPES_LEAST * scrape_s
    found = [
        (f"spec.metrics[{index}].window", metric.window_s)
        for index, metric in enumerate(spec.metrics)
        if scraped(metric)
    ]
    for path, bound, whole in asked_bounds(spec):
        metric = _metric(spec, bound.metric or "")
        if whole.window_s is not None and metric is not None and scraped(metric):
            found.append((f"{path}.window", whole.window_s))
    for path, window_s in dict.fromkeys(found):
        if window_s < least_s:
            yield FieldProblem(
                path,
                f"{format_duration(window_s)} may hold fewer than two scrapes, which come "
                f"every {format_duration(scrape_s)}; use {format_duration(least_s)} or more",
            )


def _intervals(spec: RolloutSpec, scrape_s: float) -> Iterator[FieldProblem]:
    told = set()
    for path, bound, whole in asked_bounds(spec):
        metric = _metric(spec, bound.metric or "")
        least_s = SCRAPES_LEAST * scrape_s if tested(bound) else scrape_s
        if bound.interval_s >= least_s or not (tested(bound) or isinstance(whole, Guard)):
            continue
        if path in told or metric is None or not scraped(metric):
            continue
        told.add(path)
        said = f"{format_duration(bound.interval_s)} is shorter than "
        if tested(bound):
            said += f"two scrapes ({format_duration(least_s)}), and a test looks back as long"
        else:
            said += (
                f"a scrape ({format_duration(least_s)}): the same counts are judged more than "
                "once, and breaches of the same requests add up"
            )
        yield FieldProblem(f"{path}.interval", f"{said}; use {format_duration(least_s)} or more")


def _contradictions(spec: RolloutSpec) -> Iterator[FieldProblem]:
    for index, metric in enumerate(spec.metrics):
        bounds = bounds_of(spec, metric.name)
        least = max((b.min for b in bounds if b.min is not None), default=None)
        most = min((b.max for b in bounds if b.max is not None), default=None)
        if least is not None and most is not None and least > most:
            yield FieldProblem(
                f"spec.metrics[{index}]",
                f"no value pleases all guards and gates on it: one asks for >= {least:g}, another "
                f"for <= {most:g}",
            )


def _unused(spec: RolloutSpec) -> Iterator[FieldProblem]:
    for index, metric in enumerate(spec.metrics):
        if not bounds_of(spec, metric.name) and metric.name not in compared(spec):
            yield FieldProblem(
                f"spec.metrics[{index}]", f"no guard and no gate uses metric {metric.name!r}"
            )


def _untried(spec: RolloutSpec) -> Iterator[FieldProblem]:
    for index, metric in enumerate(spec.metrics):
        if metric.job is not None:
            yield FieldProblem(
                f"spec.metrics[{index}].job",
                f"lint and backtest cannot try metric {metric.name!r}, for a Job brings it, and a "
                "guard on it sees a bad release only at the end of its next run; put a guard on "
                "requests beside it",
            )


def _without_guards(spec: RolloutSpec) -> Iterator[FieldProblem]:
    if spec.guards:
        return
    bare = [phase.name for phase in spec.phases if not phase.guards]
    if bare or not spec.phases:
        where = f"in phase {', '.join(bare)}" if len(bare) < len(spec.phases) else "at all"
        yield FieldProblem(
            "spec.guards",
            f"there are no guards {where}: nothing sends a bad release back by itself",
        )


def _samples(spec: RolloutSpec) -> Iterator[FieldProblem]:
    for path, bound, whole in asked_bounds(spec):
        metric = _metric(spec, bound.metric or "")
        if metric is None or tested(bound):
            continue
        card = f" in scorecard {whole.scorecard}" if whole.scorecard is not None else ""
        known = metric.query is None or metric.samples is not None
        if bound.min_samples is not None and not known:
            yield FieldProblem(
                path if card else f"{path}.minSamples",
                f"metric {metric.name!r}{card} has no samples query, so nobody knows how many "
                "there are, and it stays undecided for ever",
            )
        ratio = metric.template in SHARE_TEMPLATES or metric.samples is not None
        if isinstance(whole, Gate) and ratio and bound.min_samples is None:
            yield FieldProblem(
                path,
                f"gate on the share {metric.name}{card} has no minSamples: one good request is "
                "enough to pass it",
            )


def _ways_down(spec: RolloutSpec) -> Iterator[FieldProblem]:
    for index, (before, phase) in enumerate(zip(spec.phases, spec.phases[1:], strict=False), 1):
        if phase.weight < before.weight:
            yield FieldProblem(
                f"spec.phases[{index}].weight",
                f"{phase.weight} % is less than the {before.weight} % of phase {before.name}: "
                "the release goes back and forth",
            )


def _lost_users(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """Phases that take the new version from a fixed share of users who have it already."""
    for index, phase in enumerate(spec.phases):
        if phase.weight >= ALL_PERCENT:
            continue
        for before in spec.phases[:index]:
            shares = [(one,) for one in before.match if one.buckets is not None]
            if all(within(share, phase.match) for share in shares):
                continue
            yield FieldProblem(
                f"spec.phases[{index}].match",
                f"does not have all users of phase {before.name}, who get the old version again; "
                "give it their buckets, or more percent of the same ids",
            )
            break


def _jumps(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """Steps of many points that no gate of the phase before stands in front of."""
    if spec.traffic is not None and spec.traffic.service is not None:
        return  # a plain Service knows no share in between
    if not spec.phases:
        yield FieldProblem("spec.phases", "there are none: all requests move in one step")
        return
    weight, gated = 0, False
    for index, phase in enumerate(spec.phases):
        if phase.weight - weight > JUMP_POINTS_MAX and not gated:
            yield FieldProblem(
                f"spec.phases[{index}].weight",
                f"goes from {weight} % to {phase.weight} % in one step and no gate stands before "
                "it; put a phase with a gate in between",
            )
        weight, gated = phase.weight, bool(phase.gates)
    if ALL_PERCENT - weight > JUMP_POINTS_MAX and not gated:
        yield FieldProblem(
            f"spec.phases[{len(spec.phases) - 1}]",
            f"is the last one, so requests go from {weight} % to 100 % in one step and no gate "
            "stands before it; add a gate or a phase",
        )


def scraped(metric: Metric) -> bool:
    """Whether its values come from scrapes; neither Jobs nor what the API server tells do."""
    return metric.job is None and metric.template not in KUBERNETES_TEMPLATES


def _window_s(spec: RolloutSpec, bound: Bound) -> float:
    metric = _metric(spec, bound.metric or "")
    return window_of(bound, metric) if metric is not None and not tested(bound) else 0.0


def _times(spec: RolloutSpec, index: int, phase: Phase) -> Iterator[FieldProblem]:
    path = f"spec.phases[{index}]"
    for place, gate in enumerate(phase.gates):
        window_s = max((_window_s(spec, one) for one in parts_of(spec.scorecards, gate)), default=0)
        if (gate.delay_s or 0.0) + max(phase.hold_s, gate.for_s or 0.0) < window_s:
            yield FieldProblem(
                f"{path}.hold",
                f"{format_duration(phase.hold_s)} is shorter than the window of gate {place}, "
                f"{format_duration(window_s)}: it is judged on requests of the step before",
            )
    waits = [(gate.delay_s or 0.0) + (gate.for_s or 0.0) for gate in phase.gates]
    longest_s = max(waits, default=0.0)
    least_s = phase.hold_s + longest_s
    if phase.deadline_s is not None and longest_s and phase.deadline_s < least_s:
        yield FieldProblem(
            f"{path}.deadline",
            f"{format_duration(phase.deadline_s)} is shorter than hold and for together, "
            f"{format_duration(least_s)}: a gate that breaks once may be too late",
        )
