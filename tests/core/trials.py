"""Small worlds under a sequential test: what is read of both arms, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import settings

from tests.core.scenes import Case, in_phase, read, spec
from tidegate.api.check_status import Verdict
from tidegate.api.checks import Gate, Guard
from tidegate.api.compare import Compare
from tidegate.api.evidence import CheckEvidence
from tidegate.api.phases import Phase
from tidegate.api.status import RolloutStatus
from tidegate.core.observation import Reading

PATIENT = settings(deadline=None, max_examples=50)
"""These take some milliseconds an example, on a busy machine many."""
REQUESTS = 3000.0
GOOD, TWICE, RUINOUS = 0.01, 0.02, 0.3
INTERVAL_S = 10.0


def trial(**fields: object) -> Compare:
    """A sequential test with a margin of 1.2, unless `fields` say otherwise."""
    return Compare.model_validate({"to": "stable", "test": "sequential", "margin": 1.2} | fields)


GUARD = Guard(metric="errors", compare=trial())
GATE = Gate(metric="errors", compare=trial(margin=1.5))
TESTED = spec(guards=(GUARD,), phases=(Phase(name="ten", weight=10, hold_s=60.0),))
GATED = spec(guards=(), phases=(Phase(name="ten", weight=10, hold_s=60.0, gates=(GATE,)),))


def window(
    seconds_ago: float, rate: float, *, stable: float = GOOD, requests: float = REQUESTS
) -> Reading:
    """One window of ten seconds that ended then."""
    other = read(seconds_ago, stable, samples=9 * requests)
    return replace(read(seconds_ago, rate, samples=requests), stable=other)


def windows(count: int, rate: float, *, apart_s: float = INTERVAL_S) -> tuple[Reading, ...]:
    """The last windows before now, oldest first."""
    return tuple(window(1 + apart_s * place, rate) for place in reversed(range(count)))


def guarded(readings: Iterable[Reading]) -> Case:
    """A run under a guard with a test, five minutes in its only phase."""
    return in_phase(spec=TESTED, readings={"guard/0": tuple(readings)})


def gated(readings: Iterable[Reading]) -> Case:
    """A run whose only phase has a gate with a test."""
    return in_phase(spec=GATED, readings={"gate/0/0": tuple(readings)})


def held(readings: Iterable[Reading]) -> Case:
    """A guard that only holds, in a phase that goes on for long."""
    (phase,) = TESTED.phases
    guards = (GUARD.model_copy(update={"then": "hold"}),)
    phases = (phase.model_copy(update={"hold_s": 3600.0}),)
    held_so = TESTED.model_copy(update={"guards": guards, "phases": phases})
    return guarded(readings).with_(spec=held_so)


def evidence(status: RolloutStatus) -> CheckEvidence:
    """The evidence of the only test."""
    (entry,) = status.evidence
    return entry


def counted(status: RolloutStatus) -> float:
    """Requests of the canary that the evidence rests on."""
    return evidence(status).totals[0]


def verdict(status: RolloutStatus) -> Verdict:
    """The verdict of the only check."""
    (check,) = status.checks
    return check.verdict
