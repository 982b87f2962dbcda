"""What a policy says of recorded values: each guard and gate by itself, by the rules of core.

A recording knows no phases. Guards and gates of every phase are judged as if theirs were on all
the time; a delay counts from the first requests to the new revision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.checks import Bound, Gate, Guard
from tidegate.api.constants import KUBERNETES_TEMPLATES
from tidegate.api.evidence import CheckEvidence
from tidegate.api.rollout import RolloutSpec
from tidegate.core import weighing
from tidegate.core.alpha import own_tests
from tidegate.core.check import Check, with_evidence
from tidegate.core.observation import Reading
from tidegate.core.proving import ONCE
from tidegate.core.scene import USUAL
from tidegate.core.scoring import scored, scores
from tidegate.core.testing import Trial, tested
from tidegate.core.verdicts import (
    READINGS_MAX,
    bound_text,
    check_status,
    gate_passes,
    guard_breached,
    judge,
)

Readings = Mapping[str, Sequence[Reading]]
"""By the id of what was asked: of a scorecard, each of its members."""
NOT_ASKED: Final = "it is asked of the API server, which keeps no history"
NOT_RUN: Final = "a Job brings its value, which leaves no history"
NOT_LOOKED: Final = "its test looks once, at the end of a hold, and a recording has no phases"


@dataclass(frozen=True, slots=True)
class Watched:
    """A guard or gate of the spec with its check; `why_not` says why it cannot be judged, or ""."""

    check: Check
    where: str
    why_not: str = ""

    @property
    def bound(self) -> Bound:
        """The guard or gate as the rules see it."""
        return self.check.bound

    @property
    def gate(self) -> bool:
        """Whether a phase waits for it."""
        return isinstance(self.bound, Gate)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one guard or gate says of one release.

    `at` is when the guard trips or the gate passes for the first time, None for never; `value`
    and `detail` are the evidence then, or the last there was; `verdicts` counts measurements.
    """

    id: str
    where: str
    metric: str
    bound: str
    then: str
    at: datetime | None = None
    value: float | None = None
    samples: float | None = None
    detail: str = ""
    not_judged: str = ""
    verdicts: Mapping[str, int] | None = None


def watched(spec: RolloutSpec) -> tuple[Watched, ...]:
    """Every guard and gate of a spec, guards first."""
    found = [_watched(spec, f"guard/{i}", one, "") for i, one in enumerate(spec.guards)]
    gates = []
    for place, phase in enumerate(spec.phases):
        for i, guard in enumerate(phase.guards):
            found.append(_watched(spec, f"guard/{place}/{i}", guard, phase.name))
        for i, gate in enumerate(phase.gates):
            gates.append(_watched(spec, f"gate/{place}/{i}", gate, phase.name))
    return (*found, *gates)


def _watched(spec: RolloutSpec, check_id: str, bound: Guard | Gate, phase: str) -> Watched:
    whole, card = scored(spec.scorecards, check_id, bound)
    check = Check(check_id, whole, card)
    kube = {one.name for one in spec.metrics if one.template in KUBERNETES_TEMPLATES}
    if any(probe.bound.metric in kube for probe in check.probes):
        return Watched(check, phase, NOT_ASKED)
    jobs = {one.name for one in spec.metrics if one.job is not None}
    if any(probe.bound.metric in jobs for probe in check.probes):
        return Watched(check, phase, NOT_RUN)
    compared = (probe.bound.compare for probe in check.probes)
    once = any(compare is not None and compare.test in ONCE for compare in compared)
    return Watched(check, phase, NOT_LOOKED if once else "")


def outcome(spec: RolloutSpec, one: Watched, readings: Readings, began: datetime) -> Outcome:
    """Judge one guard or gate on all that was recorded of a release that began then."""
    bound = one.bound
    first = Outcome(
        id=one.check.id,
        where=one.where,
        metric=bound.metric or "",
        bound=bound_text(bound),
        then="wait" if isinstance(bound, Gate) else getattr(bound, "then", ""),
        not_judged=one.why_not,
    )
    if one.why_not:
        return first
    readings = _with_evidence(spec, one.check, readings, began)
    known = _known(one.check, readings, began)
    if not known:
        return replace(first, not_judged="there was no moment to measure it")
    counts = dict(Counter(judge(bound, reading).value for reading in known))
    first = replace(first, verdicts=counts)
    if tested(bound):
        return _tested(spec, one, known, began, first)
    return _plain(one, readings, known, first)


def _known(check: Check, readings: Readings, began: datetime) -> tuple[Reading, ...]:
    """The readings with what their times say, as a scene has them; of a scorecard its rounds."""
    if check.card is None:
        raw: tuple[Reading, ...] = tuple(readings.get(check.id, ()))
    else:
        raw = scores(check.card, [readings.get(probe.id, ()) for probe in check.probes])
    bound = check.bound
    counts = began + timedelta(seconds=bound.delay_s or 0.0)
    unmeasured = isinstance(bound, Guard) and (bound.on_no_data, bound.on_error) != USUAL
    return tuple(
        replace(one, early=one.at < counts, due=unmeasured and one.at >= counts) for one in raw
    )


def _with_evidence(
    spec: RolloutSpec, check: Check, readings: Readings, began: datetime
) -> Readings:
    """The readings, those of members with a test with what it said after each of them."""
    if check.card is None:
        return readings
    tests = {probe.id: probe for probe in check.probes if tested(probe.bound)}
    judged = {
        test_id: tuple(_weighed(spec, probe, readings.get(test_id, ()), began))
        for test_id, probe in tests.items()
    }
    return {**readings, **judged}


def _weighed(
    spec: RolloutSpec, probe: Check, readings: Sequence[Reading], began: datetime
) -> Iterator[Reading]:
    trial, kept = _trial(spec, probe), None
    for reading in readings:
        kept = weighing.added(trial, (reading,), kept, began)
        entry = None
        if kept is not None:
            said = weighing.judged(trial, kept)
            told = {"verdict": said.verdict, "said": said.text, "since": reading.at}
            entry = kept.model_copy(update=told)
        yield from with_evidence(probe, (reading,), (entry,) if entry is not None else ())


def _trial(spec: RolloutSpec, check: Check) -> Trial:
    """Its tests share alpha with those of no policy: nobody knows which held then."""
    compare = check.bound.compare
    assert compare is not None, "asked only of what a test judges"
    return Trial(check.id, "", check.bound, compare, sum(1 for _ in own_tests(spec)))


def _plain(one: Watched, readings: Readings, known: Sequence[Reading], first: Outcome) -> Outcome:
    bound, status = one.bound, None
    for end, reading in enumerate(known, 1):
        status = check_status(one.check.id, bound, (reading,), status, reading.at)
        if isinstance(bound, Gate):
            done = gate_passes(bound, status)
        else:
            assert isinstance(bound, Guard), "a check is a guard or a gate"
            done = guard_breached(bound, known[max(0, end - READINGS_MAX) : end])
        if done:
            said = _parts_then(one.check, readings, reading.at) or status.detail
            return replace(_with(first, status, said), at=reading.at)
    assert status is not None, "asked only of what has readings"
    return _with(first, status, status.detail)


def _with(first: Outcome, status: CheckStatus, detail: str) -> Outcome:
    return replace(first, value=status.value, samples=status.samples, detail=detail)


def _parts_then(check: Check, readings: Readings, at: datetime) -> str:
    """What the members of a scorecard said in the round of that time; only the last round tells."""
    if check.card is None:
        return ""
    for end in _ends(check, readings, at):
        parts = [[r for r in readings.get(p.id, ()) if r.at <= end] for p in check.probes]
        rounds = scores(check.card, [part[-READINGS_MAX:] for part in parts])
        if rounds and rounds[-1].at == at:
            return rounds[-1].detail
    return ""


def _ends(check: Check, readings: Readings, at: datetime) -> Iterator[datetime]:
    """When a round that began then may have been whole."""
    times = {r.at for probe in check.probes for r in readings.get(probe.id, ()) if r.at >= at}
    yield from sorted(times)[: len(check.probes)]


def _tested(
    spec: RolloutSpec, one: Watched, known: Sequence[Reading], began: datetime, first: Outcome
) -> Outcome:
    bound, trial = one.bound, _trial(spec, one.check)
    if not any(reading.samples is not None for reading in known if reading.value is not None):
        return replace(first, not_judged="its requests cannot be counted", verdicts=None)
    wanted = Verdict.PASS if isinstance(bound, Gate) else Verdict.FAIL
    kept: CheckEvidence | None = None
    detail = "no window of both revisions could be counted"
    for reading in known:
        kept = weighing.added(trial, (reading,), kept, began)
        if kept is None:
            continue
        said = weighing.judged(trial, kept)
        detail = said.text
        if said.verdict is wanted:
            return replace(
                first, at=reading.at, value=reading.value, samples=reading.samples, detail=detail
            )
    return replace(first, value=known[-1].value, samples=known[-1].samples, detail=detail)
