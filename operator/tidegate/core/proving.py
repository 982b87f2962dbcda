"""The verdict of a check as a run sees it: of its last reading, or of the evidence it gathered.

Evidence belongs to one run, its two revisions, the metric and the test: it goes on through phases
and restarts, and starts over when any of these changes. What a guard has shown starts over, too,
once a person resumes: who resumes has understood it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Literal

from tidegate.api.checks import Bound, Gate, Guard
from tidegate.api.evidence import CheckEvidence
from tidegate.api.rollout import RolloutSpec
from tidegate.api.status import CheckStatus, Verdict
from tidegate.core.comparing import stable_failed
from tidegate.core.observation import Answer, Reading
from tidegate.core.scene import Check, Scene
from tidegate.core.statistics.refused import Refused
from tidegate.core.statistics.sequential import Plan
from tidegate.core.verdicts import (
    bound_text,
    check_status,
    fresh,
    guard_breached,
    latest_verdict,
    stale_after_s,
    without_readings,
)
from tidegate.core.weighing import (
    Weighed,
    evidence_text,
    found,
    kept,
    no_share,
    plan_of,
    read_back,
    tested,
    weighed,
)

ABOUT_CHARS: Final = 16
"""Hexadecimal digits of the digest: enough to tell one Rollout's tests apart."""


def tests_of(spec: RolloutSpec) -> Iterator[Check]:
    """Every check that a test judges, in written order, with its id."""
    for check in _all_checks(spec):
        if tested(check.bound):
            yield check


def _all_checks(spec: RolloutSpec) -> Iterator[Check]:
    for i, guard in enumerate(spec.guards):
        yield Check(f"guard/{i}", guard)
    for place, phase in enumerate(spec.phases):
        for i, guard in enumerate(phase.guards):
            yield Check(f"guard/{place}/{i}", guard)
        for i, gate in enumerate(phase.gates):
            yield Check(f"gate/{place}/{i}", gate)


def gathered(scene: Scene) -> tuple[CheckEvidence, ...]:
    """The evidence of this run's tests, with what was read since; of the last run when none is on.

    What is not watched now keeps what it has: a guard that a phase replaces goes on after it.
    """
    if scene.run is None:
        return scene.status.evidence
    known = {entry.id: entry for entry in scene.status.evidence}
    watched = {check.id for check in scene.checks()}
    entries = []
    for check in tests_of(scene.spec):
        plan, about = _plan(scene, check.bound), _about(scene, check.bound)
        before = _understood(scene, check.bound, plan, read_back(known.get(check.id), about))
        if isinstance(plan, Plan) and check.id in watched:
            before = weighed(check.bound, plan, scene.readings(check), before, _since(scene))
        entry = kept(check.id, about, before) if before is not None else None
        if entry is not None:
            entries.append(entry)
    return tuple(entries)


def _plan(scene: Scene, bound: Bound) -> Plan | Refused:
    return plan_of(bound, sum(1 for _ in tests_of(scene.spec)))


def _about(scene: Scene, bound: Bound) -> str:
    """What evidence is about, as a digest: any change of it makes another test."""
    run = scene.run
    metric = next((one for one in scene.spec.metrics if one.name == bound.metric), None)
    parts = (
        (run.number, run.to_revision, scene.status.stable_revision) if run else (),
        metric.model_dump_json() if metric else "",
        type(bound).__name__,
        bound.interval_s,
        bound.compare.model_dump_json() if bound.compare else "",
        sum(1 for _ in tests_of(scene.spec)),
    )
    return sha256(repr(parts).encode()).hexdigest()[:ABOUT_CHARS]


def _since(scene: Scene) -> datetime:
    """From when windows count: none may mix two weights or two stables, nor span a resume."""
    traffic, resumed = scene.status.traffic, scene.status.resumed_at
    stable_since = traffic.stable_since if traffic else None
    times = (scene.weight_since, scene.measured_since, stable_since, resumed)
    return max(time for time in times if time is not None)


def _understood(
    scene: Scene, bound: Bound, plan: Plan | Refused, known: Weighed | None
) -> Weighed | None:
    resumed = scene.status.resumed_at
    if known is None or resumed is None or isinstance(bound, Gate) or known.until > resumed:
        return known
    return None if _shown(plan, known) else known


def _shown(plan: Plan | Refused, known: Weighed) -> bool:
    said = found(plan, known) if isinstance(plan, Plan) else plan
    return not isinstance(said, Refused) and said.shown


def evidence_for(scene: Scene, check: Check) -> Weighed | None:
    """What the status keeps for that check of this run, or None."""
    entry = next((one for one in scene.status.evidence if one.id == check.id), None)
    return read_back(entry, _about(scene, check.bound))


def verdict(scene: Scene, check: Check) -> Verdict:
    """What a check says now: NODATA before it was read by this process, or when that is stale."""
    readings = scene.readings(check)
    if not tested(check.bound):
        return latest_verdict(check.bound, readings, scene.now)
    if not readings or not fresh(check.bound, readings[-1].at, scene.now):
        return Verdict.NODATA
    return _of_evidence(scene, check, readings[-1])


def _of_evidence(scene: Scene, check: Check, last: Reading) -> Verdict:
    """PASS of a gate is "shown not worse"; of a guard, "measured, and not shown worse".

    A guard that waited for proof of the contrary would hold a release that never fails for ever.
    """
    bound = check.bound
    if last.answer in (Answer.ERROR, Answer.REFUSED) or stable_failed(last) or no_share(last):
        return Verdict.ERROR
    plan, known = _plan(scene, bound), evidence_for(scene, check)
    if isinstance(plan, Refused):
        return Verdict.ERROR
    if known is None or not fresh(bound, known.until, scene.now):
        measured = last.answer is Answer.OK and last.stable is not None
        both = measured and last.stable is not None and last.stable.answer is Answer.OK
        return Verdict.UNDECIDED if both else Verdict.NODATA
    shown = _shown(plan, known)
    if isinstance(bound, Gate):
        return Verdict.PASS if shown else Verdict.UNDECIDED
    return Verdict.FAIL if shown else Verdict.PASS


def breached(scene: Scene, check: Check, guard: Guard, readings: tuple[Reading, ...]) -> bool:
    """Whether a guard trips now, by readings that are still fresh or by its evidence."""
    if not readings or scene.now - readings[-1].at > timedelta(seconds=stale_after_s(guard)):
        return False
    if not tested(guard):
        return guard_breached(guard, readings)
    known, plan = evidence_for(scene, check), _plan(scene, guard)
    return known is not None and fresh(guard, known.until, scene.now) and _shown(plan, known)


def breach_text(scene: Scene, check: Check) -> str:
    """The evidence on which a guard with a test trips, in words."""
    known, plan = evidence_for(scene, check), _plan(scene, check.bound)
    return evidence_text(plan, known) if known is not None and isinstance(plan, Plan) else ""


def status_of(scene: Scene, check: Check, previous: CheckStatus | None) -> CheckStatus:
    """What the status shows of a check; the scene's status has the evidence already."""
    readings = scene.readings(check)
    if not tested(check.bound):
        return check_status(check.id, check.bound, readings, previous, scene.now)
    kind: Literal["guard", "gate"] = "gate" if isinstance(check.bound, Gate) else "guard"
    if not readings:
        return without_readings(check.id, kind, check.bound, previous, scene.now)
    now = verdict(scene, check)
    measured = now not in (Verdict.NODATA, Verdict.ERROR)
    shown = _newest(readings) if measured else readings[-1]
    return CheckStatus(
        id=check.id,
        kind=kind,
        metric=check.bound.metric,
        verdict=now,
        value=shown.value,
        bound=bound_text(check.bound),
        samples=shown.samples,
        measured_at=shown.at,
        passing_since=_passing_since(check.bound, now, shown.at, previous),
        detail="; ".join(
            filter(None, (no_share(readings[-1]), breach_text(scene, check), readings[-1].detail))
        ),
    )


def _newest(readings: tuple[Reading, ...]) -> Reading:
    """The newest reading that has a value: a window without a request takes no evidence away."""
    return next((one for one in reversed(readings) if one.value is not None), readings[-1])


def _passing_since(
    bound: Bound, now: Verdict, at: datetime, previous: CheckStatus | None
) -> datetime | None:
    """Since when it passes; a gap longer than the staleness limit breaks it, as for any check."""
    if now is not Verdict.PASS:
        return None
    before = previous.measured_at if previous else None
    if previous is None or previous.passing_since is None or before is None:
        return at
    unbroken = at - before <= timedelta(seconds=stale_after_s(bound))
    return previous.passing_since if unbroken else at
