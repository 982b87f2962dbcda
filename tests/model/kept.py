"""A status as a small tuple: what `decide` reads of it, with every time as an age.

Two statuses with the same tuple lead to the same decisions, so the search sees one state where
there are many. What only people read (messages, journals, run numbers) is left out; ages are cut
where no limit of the spec tells them apart any more, but never so that an order is lost.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from tests.properties.world import EPOCH
from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.checks import Bound
from tidegate.api.status import (
    Draining,
    LastAction,
    PauseStatus,
    PhaseStatus,
    RolloutStatus,
    RunStatus,
    Stage,
)
from tidegate.api.traffic_status import TrafficStatus
from tidegate.core.verdicts import bound_text

NOW = EPOCH + timedelta(days=1)
"""The moment at which every decision is made; the past moves, not the present."""
HALF_S = 5.0
"""Seconds of one step of an age. Time passes two steps at once; the odd ones tell what happened
before a write of the same moment from what happened after it."""
TICK = 2
LONG = 6
"""Ages (in steps) that outlast every limit of the search's specs: 30 s."""
STALE = 4
"""The same for readings, and for waiting and blindness: 20 s."""
KNOWN = TICK
"""The same for pods that are ready: what the proxies get to know them, `settle` of the specs."""

Age: TypeAlias = int


class Run(NamedTuple):
    """A run without its number and journal."""

    origin: str | None
    to: str
    stage: Stage
    skip: bool
    undo: bool = False
    baking: Age | None = None


class Phase(NamedTuple):
    """The phase that is on."""

    place: int
    name: str
    entered: Age
    started: Age | None


class Traffic(NamedTuple):
    """The routes with times."""

    weight: int
    since: Age | None
    stable: str | None
    stable_since: Age
    canary: str | None
    canary_since: Age
    match: str = ""


class Check(NamedTuple):
    """The last word of one check."""

    id: str
    verdict: Verdict
    measured: Age | None
    passing: Age | None


class Kept(NamedTuple):
    """A status."""

    stable: str | None = None
    reverted: str | None = None
    proven: tuple[str, ...] = ()
    run: Run | None = None
    phase: Phase | None = None
    traffic: Traffic | None = None
    checks: tuple[Check, ...] = ()
    pause: str | None = None
    resumed: Age | None = None
    waiting: Age | None = None
    most: int | None = None
    ready: Age | None = None
    blind: Age | None = None
    draining: tuple[tuple[str, Age], ...] = ()
    answered: tuple[str, str] | None = None


def without_numbers(kept: Kept) -> Kept:
    """What is worth a write at once: everything but the time of the last measurement."""
    return kept._replace(checks=tuple(check._replace(measured=None) for check in kept.checks))


# ---------------------------------------------------------------- time passes


def older(kept: Kept, steps: int) -> Kept:
    """The same status that many steps later."""
    run, phase, traffic = kept.run, kept.phase, kept.traffic
    return _cut(
        kept._replace(
            run=run and run._replace(baking=_plus(run.baking, steps)),
            phase=phase
            and phase._replace(entered=phase.entered + steps, started=_plus(phase.started, steps)),
            traffic=traffic
            and traffic._replace(
                since=_plus(traffic.since, steps),
                stable_since=traffic.stable_since + steps,
                canary_since=traffic.canary_since + steps,
            ),
            checks=tuple(
                check._replace(
                    measured=_plus(check.measured, steps), passing=_plus(check.passing, steps)
                )
                for check in kept.checks
            ),
            resumed=_plus(kept.resumed, steps),
            waiting=_plus(kept.waiting, steps),
            ready=_plus(kept.ready, steps),
            blind=_plus(kept.blind, steps),
            draining=tuple((name, age + steps) for name, age in kept.draining),
        )
    )


def _plus(age: Age | None, steps: int) -> Age | None:
    return None if age is None else age + steps


def _cut(kept: Kept) -> Kept:
    """Cut every age where nothing depends on it any more, keeping the orders that matter."""
    traffic = kept.traffic
    since = LONG
    if traffic is not None:
        since = min(traffic.since, LONG) if traffic.since is not None else 0
        traffic = traffic._replace(
            since=None if traffic.since is None else since,
            stable_since=min(traffic.stable_since, LONG),
            canary_since=min(traffic.canary_since, LONG),
        )
    run = kept.run
    if run is not None and run.baking is not None:
        run = run._replace(baking=min(run.baking, LONG))
    return kept._replace(
        run=run,
        phase=_cut_phase(kept.phase, kept.traffic, since),
        traffic=traffic,
        checks=tuple(
            check._replace(measured=_least(check.measured), passing=_least(check.passing))
            for check in kept.checks
        ),
        resumed=_least(kept.resumed),
        waiting=_least(kept.waiting),
        ready=None if kept.ready is None else min(kept.ready, KNOWN),
        blind=_least(kept.blind),
        draining=tuple((name, min(age, LONG)) for name, age in kept.draining),
    )


def _least(age: Age | None) -> Age | None:
    return None if age is None else min(age, STALE)


def _cut_phase(phase: Phase | None, traffic: Traffic | None, since: Age) -> Phase | None:
    """Of a phase only two things count: what came before the weight, and how long it holds."""
    if phase is None:
        return None
    exact = traffic.since if traffic is not None and traffic.since is not None else 0
    entered = since if phase.entered >= exact else min(phase.entered, STALE)
    started = phase.started
    if started is not None:
        started = since + 1 if started > exact else min(started, STALE, since)
    return phase._replace(entered=entered, started=started)


# ---------------------------------------------------------------- to and from a real status


def moment(age: Age) -> datetime:
    """The moment that long ago."""
    return NOW - timedelta(seconds=HALF_S * age)


def _moment(age: Age | None) -> datetime | None:
    return None if age is None else moment(age)


def _age(at: datetime | None) -> Age | None:
    return None if at is None else age_of(at)


def age_of(at: datetime) -> Age:
    """How long ago that was, in steps."""
    steps = (NOW - at).total_seconds() / HALF_S
    assert steps >= 0, f"{at} lies in the future"
    assert steps == int(steps), f"{at} lies between two steps"
    return int(steps)


def kept_of(status: RolloutStatus) -> Kept:
    """The tuple of a status."""
    run, phase, traffic = status.run, status.phase, status.traffic
    last = status.last_action
    return _cut(
        Kept(
            stable=status.stable_revision,
            reverted=status.reverted_revision,
            proven=status.proven_revisions,
            run=Run(
                run.from_revision,
                run.to_revision,
                run.stage,
                run.skip_to_end,
                bool(run.undo),
                _age(run.baking_since),
            )
            if run
            else None,
            phase=Phase(phase.index, phase.name, age_of(phase.entered_at), _age(phase.started_at))
            if phase
            else None,
            traffic=Traffic(
                traffic.weight,
                _age(traffic.weight_since),
                traffic.stable,
                _age(traffic.stable_since) or 0,
                traffic.canary,
                _age(traffic.canary_since) or 0,
                traffic.match,
            )
            if traffic
            else None,
            checks=tuple(
                Check(check.id, check.verdict, _age(check.measured_at), _age(check.passing_since))
                for check in status.checks
            )
            if run
            else (),
            pause=status.pause.by if status.pause else None,
            resumed=_age(status.resumed_at),
            waiting=_age(status.waiting_since),
            most=status.waiting_ready,
            ready=_age(status.canary_ready_since),
            blind=_age(status.blind_since),
            draining=tuple((entry.revision, age_of(entry.since)) for entry in status.draining),
            answered=(last.uid, last.result) if last else None,
        )
    )


def status_of(kept: Kept, bounds: dict[str, Bound], replicas: int) -> RolloutStatus:
    """A status with that tuple; `bounds` by check id, `replicas` the size when the run began."""
    run, phase, traffic = kept.run, kept.phase, kept.traffic
    return RolloutStatus(
        observed_generation=1,
        stable_revision=kept.stable,
        canary_revision=run.to if run else None,
        reverted_revision=kept.reverted,
        proven_revisions=kept.proven,
        last_run_number=1,
        run=RunStatus(
            number=1,
            from_revision=run.origin,
            to_revision=run.to,
            started_at=moment(0),
            stage=run.stage,
            skip_to_end=run.skip,
            undo="it was undone" if run.undo else "",
            baking_since=_moment(run.baking),
            min_replicas=replicas,
        )
        if run
        else None,
        phase=PhaseStatus(
            index=phase.place,
            name=phase.name,
            entered_at=moment(phase.entered),
            started_at=_moment(phase.started),
        )
        if phase
        else None,
        traffic=_traffic_of(traffic) if traffic else None,
        checks=tuple(_check_of(check, bounds[check.id]) for check in kept.checks),
        pause=PauseStatus(by=kept.pause, at=moment(0)) if kept.pause else None,
        resumed_at=_moment(kept.resumed),
        waiting_since=_moment(kept.waiting),
        waiting_ready=kept.most,
        canary_ready_since=_moment(kept.ready),
        blind_since=_moment(kept.blind),
        draining=tuple(Draining(revision=n, since=moment(age)) for n, age in kept.draining),
        last_action=LastAction(uid=kept.answered[0], verb="any", result=kept.answered[1])
        if kept.answered
        else None,
    )


def _traffic_of(traffic: Traffic) -> TrafficStatus:
    return TrafficStatus(
        weight=traffic.weight,
        match=traffic.match,
        weight_since=_moment(traffic.since),
        stable=traffic.stable,
        stable_since=moment(traffic.stable_since),
        canary=traffic.canary,
        canary_since=moment(traffic.canary_since),
    )


def _check_of(check: Check, bound: Bound) -> CheckStatus:
    return CheckStatus(
        id=check.id,
        kind="gate" if check.id.startswith("gate") else "guard",
        metric=bound.metric,
        bound=bound_text(bound),
        verdict=check.verdict,
        measured_at=_moment(check.measured),
        passing_since=_moment(check.passing),
    )
