"""What a metrics provider says of the simulated requests: exact counts, nothing drawn by lot."""

from __future__ import annotations

from dataclasses import replace

from tests.properties.world import World, moment, within
from tidegate.api.checks import Bound
from tidegate.core.observation import Answer, Reading
from tidegate.core.testing import tested

METRIC_WINDOW_S = 10.0
GOOD_ERRORS, BAD_ERRORS = 0.001, 0.3
OF_CLUSTER = "cluster-errors"
"""A metric of no revision: it is seen by what serves now."""


def read_errors(
    world: World, revision: str, *, bound: Bound | None = None, stable: str | None = None
) -> Reading:
    """The error rate of one revision, and of stable beside it where the check compares."""
    window_s = bound.interval_s if bound is not None and tested(bound) else METRIC_WINDOW_S
    metric = (bound.metric if bound is not None else None) or ""
    if metric == OF_CLUSTER:
        return _read(world, stable, window_s, metric)
    reading = _read(world, revision, window_s, metric)
    if bound is None or bound.compare is None or stable in (None, revision):
        return reading
    return replace(reading, stable=_read(world, stable, window_s, metric))


def _read(world: World, revision: str | None, window_s: float, metric: str) -> Reading:
    at, setting = moment(world.now_s), world.setting
    if within(world.now_s, setting.provider_down):
        return Reading(at, Answer.ERROR, detail="provider is down")
    count = sum(n for (_, seen), n in world.counted(window_s).items() if seen == revision)
    silent = any(name == metric and within(world.now_s, (span,)) for name, span in setting.silent)
    if count < 1 or silent or within(world.now_s, setting.no_data):
        return Reading(at, Answer.NODATA)
    off = any(name == metric and within(world.now_s, (span,)) for name, span in setting.off)
    if off and revision != "A":
        return Reading(at, Answer.OK, value=BAD_ERRORS, samples=count)
    usual = BAD_ERRORS if revision in setting.bad else GOOD_ERRORS
    return Reading(at, Answer.OK, value=dict(setting.errors).get(revision, usual), samples=count)
