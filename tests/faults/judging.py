"""What an undisturbed run does, and whether a disturbed one did the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox import SandboxError
from sandbox.waiting import holds_within
from tests.faults.arena import Arena
from tests.faults.calls import Call
from tests.faults.oracle import Outcome, differences, excess
from tests.faults.scenarios import Scenario
from tests.faults.trial import LEASES, QUIET_S, Trial

KUBELET_S = 0.2
"""Seconds until a kubelet notices that the operator has ended."""
JOIN_S = 60.0
SAME_S = 90.0
"""Seconds after the end of a scenario within which all has to be as in the reference."""
REFERENCE_QUIET_S = 2.5
OUTCOME_POLL_S = 0.25
"""An outcome is nine lists."""


@dataclass(frozen=True)
class Reference:
    """An undisturbed run: how it ended, and its writes in their order.

    `turned` is the number of the last call before the last step. Whatever else happened to what
    the operator watches has one of the `foreign` versions; `acted_at_s` is when steps were taken.
    """

    outcome: Outcome
    writes: tuple[Call, ...]
    turned: int
    foreign: frozenset[int] = frozenset()
    acted_at_s: tuple[float, ...] = ()


class References:
    """One reference for each scenario, made by the first who asks; twice, to know what is noise."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._known: dict[str, Reference] = {}
        self._making: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def of(self, scenario: Scenario) -> Reference:
        """The reference. SandboxError if two undisturbed runs do not even agree."""
        with self._lock:
            making = self._making.setdefault(scenario.name, threading.Lock())
        with making:
            if scenario.name not in self._known:
                first, second = (self._run(scenario) for _ in range(2))
                told = differences(second.outcome, first.outcome)
                told += excess(second.outcome, first.outcome, 0)
                if told:
                    raise SandboxError(f"two undisturbed runs of {scenario} differ: {told}")
                self._known[scenario.name] = first
            return self._known[scenario.name]

    def _run(self, scenario: Scenario) -> Reference:
        with Trial(self._arena, scenario) as trial:
            trial.install()
            trial.play()
            trial.await_quiet(REFERENCE_QUIET_S)
            writes = trial.proxy.log.writes(trial.began)
            kept = tuple(call for call in writes if call.kind != LEASES)
            foreign = trial.proxy.watches.versions - {call.version for call in writes}
            acted = tuple(trial.acted_at_s)
            return Reference(trial.outcome(), kept, trial.turned, frozenset(foreign), acted)


@dataclass(frozen=True)
class Disturbance:
    """What goes wrong in one trial.

    `before` is called when the first version is served and before the first step; it returns how
    many disturbances there will be. `during` runs beside the scenario, in a thread of its own,
    until the event is set. `fatal`: the operator may end by itself, and is started again then.
    """

    name: str
    before: Callable[[Trial], int] = lambda trial: 1
    during: Callable[[Trial, threading.Event], None] | None = None
    fatal: bool = False

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class _Seen:
    """An outcome, and how many writes had been answered before it was looked at."""

    answered: int
    outcome: Outcome


def violations(
    trial: Trial, reference: Reference, disturbances: int, *, fatal: bool = False
) -> list[str]:
    """Wait until a played trial ended as the reference did; what is different, in words.

    What is judged was seen after QUIET_S without a write. An outcome is nine lists, so one that
    nothing was written after is not asked for again.
    """
    told: list[str] = []
    log = trial.proxy.log
    seen = [_Seen(-1, reference.outcome)]

    def same() -> bool:
        seen[:] = [_Seen(log.answered(), trial.outcome())]
        return not differences(seen[0].outcome, reference.outcome)

    try:
        trial.await_quiet(QUIET_S)
        holds_within(same, SAME_S, OUTCOME_POLL_S)
        trial.await_quiet(QUIET_S)
    except SandboxError as error:
        told.append(str(error))
    if seen[0].answered != log.answered():
        same()
    found = seen[0].outcome
    told += differences(found, reference.outcome)
    told += excess(found, reference.outcome, disturbances)
    text = trial.log_text()
    trace = "a pass failed" if fatal else "Traceback"
    if trace in text:
        told.append("a traceback: " + text[max(0, text.index(trace) - 300) :][:2500])
    return told


def judged(
    arena: Arena, scenario: Scenario, reference: Reference, disturbance: Disturbance
) -> list[str]:
    """One disturbed trial from begin to end; what is wrong with it, in words.

    The faults are healed once the scenario has been played: what is judged is what stays.
    """
    with Trial(arena, scenario) as trial:
        try:
            trial.install()
            disturbances = disturbance.before(trial)
            with _beside(trial, disturbance) as revived:
                trial.play()
                trial.proxy.heal()
                told = violations(
                    trial, reference, disturbances + len(revived), fatal=disturbance.fatal
                )
        except SandboxError as error:
            return [f"{error}; {_evidence(trial)}"]
        if revived and not disturbance.fatal:
            told.append(f"the operator ended by itself; {_evidence(trial)}")
        return told


@contextmanager
def _beside(trial: Trial, disturbance: Disturbance) -> Iterator[list[float]]:
    """Run the disturbance's own thread and a kubelet; yields when the operator was revived."""
    over = threading.Event()
    revived: list[float] = []

    def keep() -> None:
        while not over.wait(KUBELET_S):
            if trial.revive():
                revived.append(time.monotonic())

    works: list[Callable[[], None]] = [keep]
    if (during := disturbance.during) is not None:
        works.append(lambda: during(trial, over))
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield revived
    finally:
        over.set()
        for thread in threads:
            thread.join(JOIN_S)


def _evidence(trial: Trial) -> str:
    calls = [str(call) for call in trial.proxy.log.writes(trial.began)[-8:]]
    return f"its last writes: {calls}; the end of its log: {trial.log_text()[-1500:]}"
