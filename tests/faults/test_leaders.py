"""Two operators and every way to make both believe that they lead: only one of them writes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from demo.operator_process import OperatorProcess
from sandbox.waiting import wait_until
from tests.faults.arena import Arena
from tests.faults.budget import EVERYTHING, TALLY
from tests.faults.calls import Call
from tests.faults.pair import LEASE_LOST, POLL_S, START_S, TAKEOVER_S, Pair
from tests.faults.rules import Before, Refuse, Rule
from tests.faults.scenarios import BY_NAME, QUICK, WAITING, ended, halfway, healthy

pytestmark = [pytest.mark.api, pytest.mark.faults]

STARTS = 50 if EVERYTHING else 5
LATE_S = 60.0
END_S = 30.0
"""Until an operator that woke has ended: at once, on an idle machine."""


@pytest.fixture
def pair(arena: Arena) -> Iterator[Pair]:
    """Two operators; whatever a test does to them, no write of an epoch that is over lands."""
    with Pair(arena, BY_NAME["abort"]) as made:
        yield made
        assert made.violations() == []
        for operator in (made.first, made.second):
            words = operator.log_file.read_text(errors="replace")
            assert "Traceback" not in words, words[words.index("Traceback") - 200 :][:3000]
        TALLY.add("leaders at odds")


def _abort(pair: Pair) -> None:
    pair.trial.act("abort")
    pair.trial.await_status(ended("Reverted"), "reverted")
    assert _weights(pair) == [100, 0]


def _weights(pair: Pair) -> list[int]:
    trial = pair.trial
    body = trial.direct.get("VirtualService", trial.namespace, trial.shop.name)
    assert body is not None
    primary = next(route for route in body["spec"]["http"] if route["name"] == "primary")
    return [entry.get("weight", 0) for entry in primary["route"]]


def _halfway(pair: Pair) -> None:
    pair.install()
    pair.trial.release("v2", WAITING)
    pair.trial.await_status(halfway, "half of the traffic on the canary")


def test_a_leader_that_wakes_beside_its_successor_ends_without_a_write(pair: Pair) -> None:
    _halfway(pair)
    pair.first.signal(signal.SIGSTOP)
    pair.await_takeover()
    _abort(pair)
    so_far = len(pair.trial.proxy.log)
    pair.first.signal(signal.SIGCONT)
    assert pair.await_end_of(pair.first, END_S) == LEASE_LOST
    assert [c for c in pair.trial.proxy.log.writes(so_far) if c.accepted] == []


@pytest.mark.parametrize(
    ("label", "nth"),
    [
        ("PATCH virtualservices", 1),
        ("PATCH destinationrules", 1),
        ("PUT rollouts/status", 1),
        ("PUT rollouts/status", 3),
        ("PATCH rollouts", 1),
    ],
)
def test_a_write_that_was_on_its_way_when_its_leader_fell_asleep_is_refused(
    pair: Pair, label: str, nth: int
) -> None:
    pair.install()
    caught: list[Call] = []
    let_go = threading.Event()

    def fall_asleep(call: Call) -> None:
        pair.first.signal(signal.SIGSTOP)
        caught.append(call)
        let_go.wait(LATE_S)

    def meant(call: Call) -> bool:
        return call.label == label and call.write

    pair.trial.proxy.rules.add(Rule(Before(fall_asleep), where=meant, nth=nth))
    pair.trial.release("v2", WAITING)
    pair.await_takeover()
    pair.trial.await_status(halfway, "half of the traffic on the canary")
    let_go.set()
    wait_until(lambda: caught[0].committed > 0, END_S, "the API server has answered it", POLL_S)
    assert not caught[0].accepted, f"{caught[0]} of a leader that is over"
    _abort(pair)
    pair.first.signal(signal.SIGCONT)
    assert pair.await_end_of(pair.first, END_S) == LEASE_LOST


def test_a_leader_that_cannot_renew_its_lease_ends_in_time(pair: Pair) -> None:
    _halfway(pair)
    pair.trial.proxy.rules.add(Rule(Refuse(503), kind="leases", times=None))
    assert pair.await_end_of(pair.first, 15) == LEASE_LOST
    pair.await_takeover()
    _abort(pair)


def test_a_leader_killed_halfway_is_replaced_and_the_release_goes_on(pair: Pair) -> None:
    _halfway(pair)
    pair.first.kill()
    pair.trial.release("v3", QUICK)
    pair.trial.await_status(ended("Promoted", 2), "the third version promoted")
    assert pair.second.leads()


def test_a_leader_whose_lease_is_deleted_makes_it_anew_and_stays(pair: Pair) -> None:
    _halfway(pair)
    before = pair.lease_epoch()
    pair.trial.direct.delete("Lease", pair.trial.namespace, "tidegate")
    wait_until(lambda: pair.lease_epoch() > before, END_S, "a Lease with a higher epoch", POLL_S)
    _abort(pair)
    assert pair.first.leads()
    assert pair.second.health()["role"] == "standby"


def test_a_lease_deleted_while_its_leader_sleeps_gets_a_higher_epoch(pair: Pair) -> None:
    _halfway(pair)
    before = pair.lease_epoch()
    pair.first.signal(signal.SIGSTOP)
    pair.trial.direct.delete("Lease", pair.trial.namespace, "tidegate")
    pair.await_takeover()
    assert pair.lease_epoch() > before
    _abort(pair)
    pair.first.signal(signal.SIGCONT)
    assert pair.await_end_of(pair.first, END_S) == LEASE_LOST


def test_of_two_that_start_together_one_leads(pair: Pair) -> None:
    pair.install()
    operators = (pair.first, pair.second)
    for operator in operators:
        operator.stop()
    for _ in range(STARTS):
        starting = [threading.Thread(target=operator.start) for operator in operators]
        for thread in starting:
            thread.start()
        for thread in starting:
            thread.join()
        wait_until(lambda: _warm(operators), START_S, "one leads, one stands by", POLL_S)
        for operator in operators:
            operator.stop()
        TALLY.add("starts together")


def _warm(operators: tuple[OperatorProcess, ...]) -> bool:
    return sorted(op.health().get("role", "") for op in operators) == ["leader", "standby"]


def test_a_lease_that_vanished_with_its_leader_is_waited_out(pair: Pair) -> None:
    """Whoever had it may still believe to have it: as long as if it were there."""
    _halfway(pair)
    before = pair.lease_epoch()
    pair.first.kill()
    pair.second.kill()
    pair.trial.direct.delete("Lease", pair.trial.namespace, "tidegate")
    pair.second.start()
    pair.trial.proxy.rules.clear()
    wait_until(pair.second.leads, START_S + TAKEOVER_S, "the second leads", POLL_S)
    assert pair.lease_epoch() > before
    _abort(pair)
    pair.trial.release("v1", QUICK)
    pair.trial.await_status(healthy, "healthy again")
