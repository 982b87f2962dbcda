"""What a metrics provider says of the simulated requests: exact counts, nothing drawn by lot."""

from __future__ import annotations

from dataclasses import replace

from tests.properties.world import World, moment, within
from tidegate.api.checks import Bound
from tidegate.core.observation import Answer, Reading
from tidegate.core.testing import tested

METRIC_WINDOW_S = 10.0
GOOD_ERRORS, BAD_ERRORS = 0.001, 0.3


def read_errors(
    world: World, revision: str, *, bound: Bound | None = None, stable: str | None = None
) -> Reading:
    """The error rate of one revision, and of stable beside it where the check compares."""
    window_s = bound.interval_s if bound is not None and tested(bound) else METRIC_WINDOW_S
    reading = _read(world, revision, window_s)
    if bound is None or bound.compare is None or stable in (None, revision):
        return reading
    return replace(reading, stable=_read(world, stable, window_s))


def _read(world: World, revision: str | None, window_s: float) -> Reading:
    at, setting = moment(world.now_s), world.setting
    if within(world.now_s, setting.provider_down):
        return Reading(at, Answer.ERROR, detail="provider is down")
    count = sum(n for (_, seen), n in world.counted(window_s).items() if seen == revision)
    if count < 1 or within(world.now_s, setting.no_data):
        return Reading(at, Answer.NODATA)
    usual = BAD_ERRORS if revision in setting.bad else GOOD_ERRORS
    return Reading(at, Answer.OK, value=dict(setting.errors).get(revision, usual), samples=count)
