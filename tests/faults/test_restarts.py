"""Servers that stop and start again, an operator that stands still, and one that cannot start."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest

from sandbox import Sandbox
from sandbox.waiting import wait_until
from tests.faults.arena import Arena
from tests.faults.budget import TALLY, dice
from tests.faults.calls import Call
from tests.faults.disturbances import EARLY_WRITES
from tests.faults.judging import Disturbance, References, judged
from tests.faults.rules import Before, Hang, Refuse, Rule
from tests.faults.scenarios import BY_NAME
from tests.faults.trial import LEASES, Trial
from tidegate.adapters.kubernetes.fence import LOST_STATUS
from tidegate.controller.operator import FIRST_LIST_S

pytestmark = [pytest.mark.api, pytest.mark.faults, pytest.mark.usefixtures("observer")]

STILL_S = 25.0
DOWN_S = 2.0
EXIT_S = 30.0
RETRY_AFTER_S = 3
TRIES_MAX = 4
"""News of the Rollout wake it before the time is over; each costs one try."""


def at_a_write(strike: Callable[[Trial], object], purpose: str, *, fatal: bool) -> Disturbance:
    """Something that happens once, at a write that the seed chooses, before it is committed."""
    nth = dice(purpose).randint(1, EARLY_WRITES)

    def before(trial: Trial) -> int:
        trial.proxy.rules.add(
            Rule(
                Before(lambda call: strike(trial)),
                where=lambda c: c.write and c.kind != LEASES,
                nth=nth,
            )
        )
        return 4

    return Disturbance(f"{purpose} (write {nth})", before, fatal=fatal)


@pytest.mark.parametrize("server", ["kube-apiserver", "etcd"])
@pytest.mark.parametrize("name", ["promote", "revert"])
def test_a_server_that_restarts_changes_nothing(
    arena: Arena, references: References, server: str, name: str
):
    sandbox = arena.cluster
    assert isinstance(sandbox, Sandbox)
    down = threading.Event()

    def strike(trial: Trial) -> None:
        sandbox.stop_server(server)
        down.set()

    def during(trial: Trial, over: threading.Event) -> None:
        while not down.wait(0.1):
            if over.is_set():
                return
        over.wait(DOWN_S)
        sandbox.start_server(server)

    plan = at_a_write(strike, f"{server} restarts", fatal=True)
    plan = Disturbance(plan.name, plan.before, during, fatal=True)
    scenario = BY_NAME[name]
    told = judged(arena, scenario, references.of(scenario), plan)
    TALLY.add("server restarts")
    assert not told, "\n".join([str(plan), *told])


def test_a_provider_that_restarts_changes_nothing(arena: Arena, references: References):
    def during(trial: Trial, over: threading.Event) -> None:
        trial.proxy.log.await_call(lambda c: c.kind == "virtualservices" and c.write, EXIT_S, "50")
        trial.provider.stop()
        over.wait(DOWN_S)
        trial.provider.start()

    plan = Disturbance("the provider restarts", lambda trial: 4, during)
    scenario = BY_NAME["revert"]
    told = judged(arena, scenario, references.of(scenario), plan)
    TALLY.add("server restarts")
    assert not told, "\n".join([str(plan), *told])


def test_an_operator_that_stood_still_writes_nothing_and_ends(arena: Arena):
    """Stopped for longer than its Lease lasts: on waking it sends no write, and leaves."""
    with Trial(arena, BY_NAME["supersede"]) as trial:
        trial.install()
        trial.scenario.steps[0].do(trial)
        trial.await_status(trial.scenario.steps[1].when, "half of the traffic")
        os.kill(trial.operator.pid, signal.SIGSTOP)
        trial.scenario.steps[1].do(trial)  # a reason to write as soon as it wakes
        _pass_time(STILL_S)
        number = len(trial.proxy.log)
        os.kill(trial.operator.pid, signal.SIGCONT)
        wait_until(lambda: not trial.operator.alive(), EXIT_S, "the operator leaves")
        assert trial.operator.exit_status() == LOST_STATUS
        assert [str(c) for c in trial.proxy.log.writes(number) if c.kind != LEASES] == []
        trial.revive()
        assert trial.scenario.over is not None
        trial.await_status(trial.scenario.over, "the end")
    TALLY.add("standstills")


def test_a_write_in_flight_during_a_standstill_is_judged_by_its_precondition(
    arena: Arena, references: References
):
    """It was sent in time and arrives; what the operator would do next, it does not."""

    def strike(trial: Trial) -> None:
        os.kill(trial.operator.pid, signal.SIGSTOP)
        pid = trial.operator.pid
        waker = threading.Timer(STILL_S, lambda: os.kill(pid, signal.SIGCONT))
        waker.daemon = True
        waker.start()

    plan = at_a_write(strike, "stands still", fatal=True)
    scenario = BY_NAME["promote"]
    told = judged(arena, scenario, references.of(scenario), plan)
    TALLY.add("standstills")
    assert not told, "\n".join([str(plan), *told])


def test_an_operator_that_cannot_list_ends_and_the_next_one_works(arena: Arena):
    """It must not stay up without ever working."""
    with Trial(arena, BY_NAME["install"]) as trial:
        hang = trial.proxy.rules.add(Rule(Hang(), kind="replicasets", times=None))
        trial.operator.start()
        wait_until(lambda: not trial.operator.alive(), FIRST_LIST_S + EXIT_S, "it ends")
        trial.proxy.rules.remove(hang)
        trial.revive()
        trial.play()
        assert "ReplicaSets could not be listed" in trial.log_text()
    TALLY.add("faults")


def test_a_busy_server_is_not_stormed(arena: Arena, references: References):
    """429 with Retry-After for a while: few tries in that time, and the same end after it."""
    tries: list[Call] = []

    def routes(call: Call) -> bool:
        return call.kind == "virtualservices" and call.write

    def before(trial: Trial) -> int:
        busy = Refuse(429, retry_after_s=RETRY_AFTER_S)
        trial.proxy.rules.add(Rule(busy, where=routes, times=None))
        return TRIES_MAX

    def during(trial: Trial, over: threading.Event) -> None:
        trial.proxy.log.await_call(routes, EXIT_S, "a refused write", since=trial.began)
        over.wait(RETRY_AFTER_S)
        tries.extend(filter(routes, trial.proxy.log.since(trial.began)))
        trial.proxy.heal()

    scenario = BY_NAME["promote"]
    told = judged(arena, scenario, references.of(scenario), Disturbance("429", before, during))
    TALLY.add("faults")
    assert not told, "\n".join(told)
    assert 1 <= len(tries) <= TRIES_MAX, [call.at_s - tries[0].at_s for call in tries]


def _pass_time(seconds: float) -> None:
    """It is the time itself that counts here."""
    threading.Event().wait(seconds)
