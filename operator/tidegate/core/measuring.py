"""What has to be asked now, and what the answers allow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tidegate.api.check_status import Verdict
from tidegate.api.policy import policy_of_id
from tidegate.core import adopting, policing
from tidegate.core.check import Check
from tidegate.core.decision import Ask
from tidegate.core.observation import Answer, Problem
from tidegate.core.proving import forgiven, trouble
from tidegate.core.proving import verdict as verdict_of
from tidegate.core.reasons import QUERY_REFUSED
from tidegate.core.scene import Scene
from tidegate.core.verdicts import STALE_GRACE_S, fresh, gate_passes, ignores
from tidegate.core.whereabouts import in_preflight

FIRST_LOOK_S = 1.0
"""How long after a change of the routes every check is looked at, whatever its interval."""
TRAFFIC_INTERVAL_S = 1.0
"""How often requests per revision are counted while something waits for them."""


def traffic_matters(scene: Scene) -> bool:
    """Whether anything may wait for the proxies: a run's pods, routes not at rest, a drain."""
    routes = scene.routes
    if scene.baking and routes is not None and routes.idle:
        away = bool(scene.status.draining or scene.status.variants)
        return away or routes.canary != scene.canary_revision
    on = scene.run is not None and not in_preflight(scene.status)
    if on or scene.status.draining or adopting.taking_over(scene):
        return True
    if routes is None:
        return False
    return not routes.idle or routes.canary != routes.stable or bool(scene.status.variants)


def questions(scene: Scene) -> tuple[tuple[Ask, ...], datetime | None]:
    """The questions due now, and when the next one will be."""
    due: list[Ask] = []
    times: list[datetime] = []
    if traffic_matters(scene):
        traffic = scene.observed.traffic
        at = traffic.at + timedelta(seconds=TRAFFIC_INTERVAL_S) if traffic else scene.now
        _sort(Ask(None), at, scene.now, due, times)
    for check in scene.probes():
        _sort(Ask(check.id), _ask_at(scene, check), scene.now, due, times)
    return tuple(due), min(times, default=None)


def _ask_at(scene: Scene, check: Check) -> datetime:
    """When the check is due: each interval, and soon after the routes have changed.

    What was measured at another weight says little about this one, and a phase must not end an
    interval late only because its gates were read just before it began.
    """
    readings = scene.observed.readings.get(check.id, ())
    if not readings:
        return scene.now
    last = max(scene.observed.readings[one][-1].at for one in _answered(scene, check))
    if last > scene.now + timedelta(seconds=STALE_GRACE_S):
        return scene.now  # the clock was set back: what is "known" lies in the future
    regular = last + timedelta(seconds=check.bound.interval_s)
    first_look = scene.weight_since + timedelta(seconds=FIRST_LOOK_S)
    return regular if last >= first_look else min(regular, first_look)


def _answered(scene: Scene, check: Check) -> Iterator[str]:
    """Of what is asked with it, and itself, the ids that were answered already.

    The newest answer of a scorecard counts for all its parts, so that they stay together.
    """
    ids = check.asked_with or (check.id,)
    return (one for one in ids if scene.observed.readings.get(one))


def _sort(ask: Ask, at: datetime, now: datetime, due: list[Ask], times: list[datetime]) -> None:
    if at <= now:
        due.append(ask)
    else:
        times.append(at)


def refused(scene: Scene) -> Problem | None:
    """The first check whose query the provider refuses, in the provider's own words."""
    for check in scene.probes():
        readings = scene.observed.readings.get(check.id, ())
        if readings and readings[-1].answer is Answer.REFUSED and not scene.tells_only(check):
            owner = policy_of_id(check.id)
            where = f"metric {check.bound.metric!r} in spec.metrics"
            where += f" of RolloutPolicy {owner}" if owner else ""
            return Problem(QUERY_REFUSED, f"{where}: {readings[-1].detail}")
    return None


def unanswered(scene: Scene) -> str:
    """Why the first traffic has to wait ("" if it need not): a check without any answer yet."""
    for check in scene.probes():
        if scene.tells_only(check):
            continue
        readings = scene.observed.readings.get(check.id, ())
        if not readings:
            return f"metric {check.name} was not asked yet"
        if readings[-1].answer is Answer.ERROR and not ignores(check.bound, readings[-1]):
            return f"metric {check.name} cannot be measured: {readings[-1].detail}"
    return ""


def obstacle_to_raise(scene: Scene) -> str:
    """Why no weight may rise now ("" if it may): a guard fails, or none of its answers is fresh.

    No data is no obstacle, for before the first traffic there is none to have.
    """
    if odd := policing.obstacle(scene):
        return odd
    for check, guard in scene.enforced():
        readings = scene.readings(check)
        answers = scene.answers(check)
        if not answers or not fresh(guard, answers[-1].at, scene.now):
            return f"guard {check.name} was not read yet"
        verdict = verdict_of(scene, check)
        if verdict is Verdict.ERROR and not ignores(guard, readings[-1]):
            return f"guard {check.name} cannot be measured: {trouble(check, readings[-1])}"
        if verdict is Verdict.FAIL:
            return f"guard {check.name} fails now"
    return ""


def obstacle_to_pass(scene: Scene, *, told: bool = False) -> str:
    """Why the phase may not end yet ("" if it may): each check must be measured and pass.

    With `told` those that only tell are asked, and no others. Guards are exempt from having data
    while the phase sends nothing to the canary.
    """
    assert scene.phase is not None, "asked only inside a phase"
    odd = "" if told else policing.obstacle(scene)
    if odd:
        return odd
    known = {check.id: check for check in scene.status.checks}
    unsent = scene.phase.weight == 0 and not (scene.phase.match or scene.phase.mirror)
    for check, _ in scene.guards():
        if scene.tells_only(check) is not told:
            continue
        verdict, dark = verdict_of(scene, check), unsent and not check.variant
        if verdict is Verdict.PASS or (dark and verdict is Verdict.NODATA):
            continue
        if not forgiven(scene, check):
            return f"guard {check.name} is {verdict.value}"
    for check, gate in scene.gates(scene.phase) if scene.observing is told else ():
        status = known.get(check.id)
        if status is None or not gate_passes(gate, status):
            verdict_text = status.verdict.value if status else Verdict.NODATA.value
            length = f" for {gate.for_s:g}s" if gate.for_s else ""
            return f"gate {check.name} is {verdict_text}, must pass{length}"
    return ""
