"""The scenarios that come with Tidegate, made to fit a Rollout's own metrics and phases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tidegate.api.rollout import RolloutSpec
from tidegate.rehearsal.scenario import Change, Outage, Pods, Scenario, Script
from tidegate.rehearsal.values import Levels, levels

HALF_PERCENT: Final = 50
FLAP_EVERY_INTERVALS: Final = 6.0
DOWN_AT_S: Final = 60.0
SLOW_PART: Final = 0.75
"""Of the progressDeadline: slow, and yet in time."""


def _good(_spec: RolloutSpec) -> Scenario:
    return Scenario(description="the new version is as good as the old one")


def _bad(spec: RolloutSpec) -> Scenario:
    return Scenario(
        description="the new version is bad from its first request on",
        metrics=_scripts(spec, lambda bad: (Change(value=bad),)),
    )


def _worse_at_50(spec: RolloutSpec) -> Scenario:
    return Scenario(
        description=f"the new version is bad once it gets {HALF_PERCENT} % of the requests",
        metrics=_scripts(spec, lambda bad: (Change(value=bad, weight=HALF_PERCENT),)),
    )


def _flapping(spec: RolloutSpec) -> Scenario:
    interval_s = max((guard.interval_s for guard in spec.guards), default=10.0)
    every_s = FLAP_EVERY_INTERVALS * interval_s
    return Scenario(
        description=f"the new version is bad for {interval_s:g}s of each {every_s:g}s",
        metrics=_scripts(
            spec, lambda bad: (Change(value=bad, at_s=every_s, for_s=interval_s, every_s=every_s),)
        ),
    )


def _no_data(_spec: RolloutSpec) -> Scenario:
    return Scenario(
        description="the provider answers, and has no data of the new version",
        provider=(Outage(answer="nodata"),),
    )


def _prometheus_down(_spec: RolloutSpec) -> Scenario:
    return Scenario(
        description=f"the provider cannot be reached from {DOWN_AT_S:g}s after the release on",
        provider=(Outage(at_s=DOWN_AT_S, answer="error"),),
    )


def _slow_pods(spec: RolloutSpec) -> Scenario:
    after_s = SLOW_PART * spec.progress_deadline_s
    return Scenario(
        description=f"each pod needs {after_s:g}s to be ready", pods=Pods(ready_after_s=after_s)
    )


def _dead_pods(_spec: RolloutSpec) -> Scenario:
    return Scenario(description="no pod ever becomes ready", pods=Pods(never_ready=True))


STORIES: Final[Mapping[str, Callable[[RolloutSpec], Scenario]]] = {
    "good": _good,
    "bad": _bad,
    "worse-at-50": _worse_at_50,
    "flapping": _flapping,
    "no-data": _no_data,
    "prometheus-down": _prometheus_down,
    "slow-pods": _slow_pods,
    "dead-pods": _dead_pods,
}
"""By the name that `tidegate simulate --scenario` takes."""


def _scripts(
    spec: RolloutSpec, changes: Callable[[float], tuple[Change, ...]]
) -> dict[str, Script]:
    """Each metric that can be bad: good where the changes do not say otherwise."""
    scripts = {}
    for metric in spec.metrics:
        usual = levels(spec, metric)
        if usual.bad is not None:
            worse = changes(usual.bad)
            always = worse[0] == Change(value=usual.bad)
            first = () if always else (Change(value=_at_first(usual)),)
            scripts[metric.name] = Script(canary=(*first, *worse))
    return scripts


def _at_first(usual: Levels) -> float:
    return usual.stable if usual.good is None else usual.good
