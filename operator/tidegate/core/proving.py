"""The verdict of a check as a run sees it: of its last reading, or of the evidence it gathered.

Evidence belongs to one run, its two revisions, the metric and the test: it goes on through phases
and restarts, and starts over when any of these changes. What a guard has shown starts over, too,
once a person resumes: who resumes has understood it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Literal

from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.checks import Bound, Gate, Guard
from tidegate.api.evidence import CheckEvidence
from tidegate.api.limits import MAX_DETAIL_CHARS
from tidegate.core import failing, looking, weighing
from tidegate.core.alpha import metric_of, shared_by, tests_of
from tidegate.core.check import Check
from tidegate.core.comparing import stable_failed
from tidegate.core.measured import known_revision
from tidegate.core.mismatch import SUSPECT, comparable, mismatched, right_since
from tidegate.core.observation import Answer, Reading
from tidegate.core.scene import Scene
from tidegate.core.scoring import OF_MEMBER
from tidegate.core.testing import Judged, Trial, tested
from tidegate.core.verdicts import (
    bound_text,
    check_status,
    fresh,
    guard_breached,
    ignores,
    latest_verdict,
    severity_of,
    stale_after_s,
    without_readings,
)

ONCE: Final = ("welch", "mann-whitney")
"""Tests that may look only once."""
ABOUT_CHARS: Final = 16
"""Hexadecimal digits of the digest: enough to tell one Rollout's tests apart."""


def gathered(scene: Scene) -> tuple[CheckEvidence, ...]:
    """The evidence of this run's tests, with what was read since; of the last run when none is on.

    What is not watched now keeps what it has: a guard that a phase replaces goes on after it.
    """
    if scene.run is None:
        return scene.status.evidence
    watched = {probe.id for check in scene.checks() for probe in check.probes}
    entries = []
    for check, among in tests_of(scene.rollout):
        trial = _trial(scene, check, among)
        entry = _understood(scene, trial, _known(scene, trial))
        if check.id in watched:
            readings = scene.readings(check)
            entry = _added(scene, trial, readings, entry)
            entry = _member_said(scene, trial, readings, entry)
        if entry is not None:
            entries.append(entry)
    return tuple(entries)


def _member_said(
    scene: Scene, trial: Trial, readings: tuple[Reading, ...], entry: CheckEvidence | None
) -> CheckEvidence | None:
    """The evidence of a member with what it says: the score takes it from there.

    `since` is when it began to say so: no reading of before passes by what is known now.
    """
    if entry is None or OF_MEMBER not in trial.id or not readings:
        return entry
    at, before = readings[-1].at, _known(scene, trial)
    said = _said(scene, trial, readings[-1], entry)
    began = before.since if before is not None and before.verdict is said.verdict else None
    since = min(began or at, at)  # a clock that was set back is no change
    odd = weighing.trouble_of(trial.bound, readings[-1])
    text = "; ".join(filter(None, (odd, said.text)))[:MAX_DETAIL_CHARS]
    return entry.model_copy(update={"verdict": said.verdict, "said": text, "since": since})


def by_evidence(scene: Scene, check: Check) -> bool:
    """Whether what fails it is evidence, its own or that of a member of its scorecard."""
    ids = {probe.id for probe in check.probes}
    return tested(check.bound) or any(
        entry.id in ids and entry.verdict is Verdict.FAIL for entry in scene.status.evidence
    )


def _trial(scene: Scene, check: Check, among: int = 0) -> Trial:
    """`among` is by how many its alpha is divided; 0 where that is still to be found."""
    compare, tests = check.bound.compare, among or shared_by(scene.rollout, check.id)
    assert compare is not None, "asked only of what a test judges"
    about = _about(scene, check, tests)
    return Trial(check.id, about, check.bound, compare, tests, check.variant)


def _about(scene: Scene, check: Check, tests: int) -> str:
    """What evidence is about, as a digest: any change of it makes another test."""
    bound = check.bound
    run, phase = scene.run, scene.status.phase
    once = bound.compare is not None and bound.compare.test in ONCE
    metric = metric_of(scene.rollout, check)
    parts = (
        (run.number, _tried(scene, check), scene.status.stable_revision) if run else (),
        phase.started_at if phase is not None and once else None,
        metric.model_dump_json() if metric else "",
        type(bound).__name__,
        bound.interval_s,
        bound.min_samples,
        bound.compare.model_dump_json() if bound.compare else "",
        tests,
    )
    return sha256(repr(parts).encode()).hexdigest()[:ABOUT_CHARS]


def _tried(scene: Scene, check: Check) -> str | None:
    """The revision that is compared with stable."""
    if check.variant:
        return known_revision(scene.status, scene.observed, check.variant)
    return scene.run.to_revision if scene.run is not None else None


def _known(scene: Scene, trial: Trial) -> CheckEvidence | None:
    """What the status keeps of the same run and the same test."""
    entry = next((one for one in scene.status.evidence if one.id == trial.id), None)
    return entry if entry is not None and entry.about == trial.about else None


def _understood(scene: Scene, trial: Trial, known: CheckEvidence | None) -> CheckEvidence | None:
    resumed = scene.status.resumed_at
    if known is None or resumed is None or trial.gate or known.until > resumed:
        return known
    return None if _judged(trial, known).verdict is Verdict.FAIL else known


def _added(
    scene: Scene, trial: Trial, readings: tuple[Reading, ...], known: CheckEvidence | None
) -> CheckEvidence | None:
    since = _since(scene, trial)
    readings = comparable(scene, readings) if trial.gate else readings
    if trial.compare.test not in ONCE:
        return weighing.added(trial, readings, known, since)
    phase, started = scene.phase, scene.status.phase.started_at if scene.status.phase else None
    if phase is None or started is None:
        return None  # its hold has not begun
    over = scene.now >= started + timedelta(seconds=phase.hold_s)
    look_at = scene.now if over and not (trial.gate and mismatched(scene)) else None
    return looking.added(trial, readings, known, max(since, started), look_at=look_at)


def _since(scene: Scene, trial: Trial) -> datetime:
    """From when windows count: none may mix two weights or two stables, nor span a resume.

    Of a gate none may be from while the shares were not as asked either.
    """
    traffic, resumed = scene.status.traffic, scene.status.resumed_at
    stable_since = traffic.stable_since if traffic else None
    right = right_since(scene) if trial.gate else None
    measured = scene.measured_from(trial.variant)
    times = (scene.weight_since, measured, stable_since, resumed, right)
    return max(time for time in times if time is not None)


def _judged(trial: Trial, known: CheckEvidence) -> Judged:
    if trial.compare.test in ONCE:
        return looking.judged(trial, known)
    return weighing.judged(trial, known)


def verdict(scene: Scene, check: Check) -> Verdict:
    """What a check says now: NODATA before it was read by this process, or when that is stale."""
    readings = scene.readings(check)
    if not tested(check.bound):
        return latest_verdict(check.bound, readings, scene.now)
    if not readings:
        return Verdict.NODATA
    trial = _trial(scene, check)
    return _said(scene, trial, readings[-1], _known(scene, trial)).verdict


def _said(scene: Scene, trial: Trial, last: Reading, known: CheckEvidence | None) -> Judged:
    """The verdict after that reading, and the evidence in words; NODATA when it is stale."""
    judged = _judged(trial, known) if known is not None else Judged(Verdict.UNDECIDED, "")
    if not fresh(trial.bound, last.at, scene.now):
        return Judged(Verdict.NODATA, judged.text)
    if (
        last.answer in (Answer.ERROR, Answer.REFUSED)
        or stable_failed(last)
        or weighing.trouble_of(trial.bound, last)
    ):
        return Judged(Verdict.ERROR, judged.text)
    if known is None or (known.look is None and not fresh(trial.bound, known.until, scene.now)):
        waits = Verdict.UNDECIDED if _both_measured(trial, last) else Verdict.NODATA
        return Judged(waits, judged.text)
    if judged.verdict is Verdict.PASS and known.look is None and not _seen_so(scene, trial, known):
        return Judged(Verdict.UNDECIDED, judged.text)
    if trial.gate and mismatched(scene):
        return Judged(Verdict.UNDECIDED, f"{judged.text}; {SUSPECT}")
    return judged


def _seen_so(scene: Scene, trial: Trial, known: CheckEvidence) -> bool:
    """Whether a whole window was counted at the present weight: no pass is for more than that."""
    return known.until - timedelta(seconds=trial.bound.interval_s) >= _since(scene, trial)


def trouble(check: Check, last: Reading) -> str:
    """Why a reading cannot be judged, in the provider's words or in those of its test."""
    return "; ".join(filter(None, (weighing.trouble_of(check.bound, last), last.detail)))


def _both_measured(trial: Trial, last: Reading) -> bool:
    """Whether both arms have what the test counts: the sequential one needs the samples, too."""
    arms = [one for one in (last, last.stable) if one is not None and one.answer is Answer.OK]
    counted = trial.compare.test in ONCE or all(one.samples is not None for one in arms)
    return len(arms) == len(("canary", "stable")) and counted


def breached(scene: Scene, check: Check, guard: Guard, readings: tuple[Reading, ...]) -> bool:
    """Whether a guard trips now, by readings that are still fresh or by its evidence."""
    if not readings or scene.now - readings[-1].at > timedelta(seconds=stale_after_s(guard)):
        return False
    if not tested(guard):
        recorded = next((one for one in scene.status.checks if one.id == check.id), None)
        return guard_breached(guard, readings) or failing.trips(guard, readings, recorded)
    trial = _trial(scene, check)
    known = _known(scene, trial)
    if known is None or not fresh(guard, known.until, scene.now):
        return False
    return _judged(trial, known).verdict is Verdict.FAIL


def forgiven(scene: Scene, check: Check) -> bool:
    """Whether a phase need not wait for a guard: asked since it has traffic, and ignored then."""
    readings = scene.readings(check)
    if not readings or not fresh(check.bound, readings[-1].at, scene.now):
        return False
    return readings[-1].due and ignores(check.bound, readings[-1])


def evidence_text(scene: Scene, check: Check) -> str:
    """The evidence of a test in words; "" before there is any."""
    trial = _trial(scene, check)
    known = _known(scene, trial)
    return _judged(trial, known).text if known is not None else ""


def status_of(scene: Scene, check: Check, previous: CheckStatus | None) -> CheckStatus:
    """What the status shows of a check; the scene's status has the evidence already."""
    readings = scene.readings(check)
    if not tested(check.bound):
        status = check_status(check.id, check.bound, readings, previous, scene.now)
        if not isinstance(check.bound, Guard) or check.bound.failures is None:
            return status
        row = failing.in_a_row(check.bound, readings, previous, scene.status.resumed_at)
        return status.model_copy(update={"failures": row})
    kind: Literal["guard", "gate"] = "gate" if isinstance(check.bound, Gate) else "guard"
    if not readings:
        return without_readings(check.id, kind, check.bound, previous, scene.now)
    last, trial = readings[-1], _trial(scene, check)
    odd = weighing.trouble_of(check.bound, last)
    said = _said(scene, trial, last, _known(scene, trial))
    measured = said.verdict not in (Verdict.NODATA, Verdict.ERROR)
    shown = _newest(readings) if measured else last
    if measured and shown.value is None and previous is not None:
        shown = replace(shown, value=previous.value, samples=previous.samples)
    return CheckStatus(
        id=check.id,
        kind=kind,
        metric=check.bound.metric or "",
        verdict=said.verdict,
        value=shown.value,
        bound=bound_text(check.bound),
        samples=shown.samples,
        measured_at=shown.at,
        passing_since=_passing_since(check.bound, said.verdict, shown.at, previous),
        detail="; ".join(filter(None, (odd, said.text, last.detail))),
        severity=severity_of(check.bound),
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
