"""A gallery of moments under a statistical test: what it waits for, shows and cannot show."""

from __future__ import annotations

from dataclasses import replace

from tests.core.scenes import Case, ago, in_phase, read, spec
from tests.core.trials import GOOD, TWICE, gated, guarded, window, windows
from tidegate.api.checks import Gate
from tidegate.api.compare import Compare
from tidegate.api.phases import Phase
from tidegate.core.observation import Answer, Reading

WANDERS = (0.1, 0.104, 0.096, 0.102, 0.098, 0.101, 0.099, 0.103, 0.097, 0.1)
"""Seconds of latency, by window."""


def looked(factor: float) -> Case:
    """A hold that is over under a gate that looks once, the canary so many times as slow."""
    compare = Compare(to="stable", test="welch", margin=1.2)
    gates = (Gate(metric="errors", compare=compare),)
    phases = (Phase(name="ten", weight=10, hold_s=60.0, gates=gates),)
    readings = tuple(
        replace(read(1 + 10 * place, factor * seconds), stable=read(1 + 10 * place, seconds))
        for place, seconds in reversed(list(enumerate(WANDERS)))
    )
    return in_phase(spec=spec(guards=(), phases=phases), readings={"gate/0/0": readings})


DOWN = Reading(ago(1), Answer.ERROR, detail="connection refused")
TRIALS = {
    "a guard with a test has counted nothing against it": guarded(windows(20, GOOD)),
    "a guard with a test is shown that the canary is worse": guarded(windows(20, TWICE)),
    "a guard with a test has few windows": guarded(windows(3, TWICE)),
    "a gate with a test has not seen enough": gated(windows(5, GOOD)),
    "a gate with a test is shown that the canary is not worse": gated(windows(20, GOOD)),
    "a gate with a test cannot be measured": gated((*windows(20, GOOD)[:-1], DOWN)),
    "a gate with a test gets no share": gated([window(1, 250.0)]),
    "a gate looks once and passes": looked(1.01),
    "a gate looks once at what lies at its margin": looked(1.2),
    "a gate looks once at what is worse": looked(1.6),
}
