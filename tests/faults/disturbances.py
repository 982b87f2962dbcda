"""What can go wrong between an operator and its API server: a table that takes one more line.

Each disturbance strikes in the middle of a scenario, somewhere that `dice` choose. Whatever it
is, the scenario must end as if nothing had happened, by the same acts.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from tests.faults.calls import Call
from tests.faults.judging import Disturbance
from tests.faults.rules import (
    Action,
    Before,
    Delay,
    DropAfter,
    DropBefore,
    Hang,
    Refuse,
    Rule,
)
from tests.faults.trial import LEASES, Trial
from tests.faults.watches import End

OUTAGE_S = 14.0
"""Longer than a leader may go on without its Lease."""
PAST_S = 1.0
LAG_S_MAX = 0.4
PAUSE_S = (0.05, 0.6)
KINDS = ("rollouts", "rolloutactions", "replicasets", "virtualservices", "destinationrules")
EARLY_WRITES = 8
"""Writes that every scenario gets to, so that a number up to it always strikes."""

Maker = Callable[[random.Random], Disturbance]


def _writing(call: Call) -> bool:
    return call.write and call.kind != LEASES


def _rule(name: str, action: Action, *, times: int | None = 1, kind: str = "") -> Maker:
    """A rule that strikes at one write, or at that many from it on."""

    def made(dice: random.Random) -> Disturbance:
        nth = dice.randint(1, 2 if kind else EARLY_WRITES)

        def before(trial: Trial) -> int:
            rule = Rule(action, kind=kind, where=_writing, nth=nth, times=times)
            trial.proxy.rules.add(rule)
            return times or 1

        return Disturbance(f"{name} (write {nth})", before)

    return made


def _reads(name: str, action: Action, times: int, *, fatal: bool = False) -> Maker:
    """Lists and watches fail some times, after all watches were torn."""

    def made(dice: random.Random) -> Disturbance:
        def before(trial: Trial) -> int:
            unnamed = Rule(action, method="GET", where=lambda c: c.listing or c.watch, times=times)
            trial.proxy.rules.add(unnamed)
            trial.proxy.end_watches()
            return 1

        return Disturbance(name, before, fatal=fatal)

    return made


def _now_and_then(
    name: str, strike: Callable[[Trial, random.Random], object], *, fatal: bool = False
) -> Maker:
    """Something that happens again and again, at irregular times."""

    def made(dice: random.Random) -> Disturbance:
        def during(trial: Trial, over: threading.Event) -> None:
            while not over.wait(dice.uniform(*PAUSE_S)):
                strike(trial, dice)

        return Disturbance(name, lambda trial: 4, during, fatal)

    return made


def _once(
    name: str,
    strike: Callable[[Trial], object],
    heal_s: float = 0.0,
    *,
    fatal: bool = False,
) -> Maker:
    """Something that begins at one write and is healed after a while."""

    def made(dice: random.Random) -> Disturbance:
        nth = dice.randint(1, EARLY_WRITES)
        struck = threading.Event()

        def before(trial: Trial) -> int:
            def now(call: Call) -> None:
                strike(trial)
                struck.set()

            trial.proxy.rules.add(Rule(Before(now), where=_writing, nth=nth))
            return 4

        def during(trial: Trial, over: threading.Event) -> None:
            while not struck.wait(0.1):
                if over.is_set():
                    return
            over.wait(heal_s)
            trial.proxy.heal()

        return Disturbance(f"{name} (write {nth})", before, during if heal_s else None, fatal)

    return made


def _always(name: str, start: Callable[[Trial, random.Random], object]) -> Maker:
    """Something that is so from the begin."""

    def made(dice: random.Random) -> Disturbance:
        def before(trial: Trial) -> int:
            start(trial, dice)
            return 4

        return Disturbance(name, before)

    return made


def _lag(trial: Trial, dice: random.Random) -> None:
    for kind in KINDS:
        trial.proxy.lag(kind, dice.uniform(0, LAG_S_MAX))


def _outage(status: int) -> Callable[[Trial], object]:
    return lambda trial: trial.proxy.rules.add(Rule(Refuse(status), times=None))


def _touch_routes(trial: Trial, dice: random.Random) -> None:
    """Somebody else's write, after which all is as before but the version."""
    for value in ("x", None):
        change = {"metadata": {"annotations": {"example.com/touched": value}}}
        trial.direct.merge("VirtualService", trial.namespace, trial.shop.name, change)


def _lag_behind_and_crash(trial: Trial) -> None:
    trial.proxy.live_in_the_past(*KINDS)
    trial.crash()


DISTURBANCES: dict[str, Maker] = {
    "conflict": _rule("409 on a write", Refuse(409)),
    "status conflict": _rule("409 on a status", Refuse(409), kind="rollouts"),
    "route conflict": _rule("409 on a route", Refuse(409), kind="virtualservices"),
    "foreign writes": _now_and_then("somebody else writes the routes", _touch_routes),
    "busy": _rule("429 on writes", Refuse(429, retry_after_s=1), times=3),
    "broken": _rule("500 on writes", Refuse(500), times=3),
    "slow": _rule("slow writes", Delay(2.0), times=2),
    "forbidden for a while": _rule("403 on writes", Refuse(403), times=2),
    "lost request": _rule("a request is lost", DropBefore()),
    "lost answer": _rule("an answer is lost", DropAfter()),
    "hanging": _rule("a write hangs", Hang()),
    "busy reads": _reads("503 on lists and watches", Refuse(503), 6),
    "expired": _reads("410 on watches", Refuse(410), 3, fatal=True),
    "expired in a watch": _now_and_then(
        "410 in watches", lambda trial, dice: trial.proxy.fail_watches(dice.choice(KINDS), 410)
    ),
    "broken watch": _once(
        "ERROR 500 in watches", lambda trial: trial.proxy.fail_watches("", 500), fatal=True
    ),
    "torn watches": _now_and_then(
        "watches end",
        lambda trial, dice: trial.proxy.end_watches(dice.choice(KINDS), dice.choice(list(End))),
    ),
    "doubled events": _always("events come twice", lambda trial, dice: trial.proxy.double("")),
    "reordered events": _always("each kind lags on its own", _lag),
    "held events": _once("events are held", lambda trial: trial.proxy.hold(""), PAST_S),
    "view of the past": _once("started in the past", _lag_behind_and_crash, PAST_S),
    "outage": _once("503 for long", _outage(503), OUTAGE_S, fatal=True),
    "partition": _once("cut off", lambda trial: trial.proxy.partition(), OUTAGE_S, fatal=True),
    "silent partition": _once(
        "cut off in silence",
        lambda trial: trial.proxy.partition(silent=True),
        OUTAGE_S,
        fatal=True,
    ),
}
