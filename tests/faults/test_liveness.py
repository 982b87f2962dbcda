"""Under faults that stay, every release comes to an end, says why, and leaves stable serving."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from demo.manifests import App
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.faults.arena import Arena
from tests.faults.budget import SEED, TALLY, chosen
from tests.faults.permanent import BLIND, FAULTS, HELD, NO_PODS, NO_STATUS, PROMOTED, Fault, Moody
from tests.faults.scenarios import READY_DELAY, Scenario, Step, at_once, ended, halfway
from tests.faults.trial import Trial

pytestmark = [pytest.mark.api, pytest.mark.faults]

SINGLES_SLICE = 4
PAIRS_SLICE = 2
PAIRS_OF_ALL = 8
PROGRESS_DEADLINE = "4s"
BLIND_AFTER = "3s"
PATIENT = "60s"
"""Either of the two where it is not what ends the release: a busy machine is no fault."""
DRAIN_MAX = "3s"
"""Where requests cannot be counted, this is when the canary is taken for left."""
GRACE_S = 30.0
END_S = 4.0 + 3.0 + GRACE_S
"""Deadline of the pods, time of blindness, and what is left for the operator to act on them."""
STAYS_S = 1.5
"""An end that is none would have moved on by then."""
PHASES = ({"name": "half", "weight": 50, "hold": "3s"},)

LIVENESS = Scenario("liveness", [Step(at_once, lambda _: None)], ended("Promoted"), metrics=True)

Case = tuple[str, ...]
SINGLES: list[Case] = [(name,) for name in FAULTS]
PAIRS: list[Case] = list(itertools.combinations(FAULTS, 2))


def _body(trial: Trial, version: str, faults: list[Fault]) -> dict[str, Any]:
    """The Rollout, with a short deadline for what the faults do."""
    body = trial.shop.with_(phases=PHASES).rollout(App(version))
    said = {words for fault in faults for words in fault.says}
    notes = {key: value for fault in faults for key, value in fault.notes.items()}
    progress = PATIENT if said.isdisjoint(NO_PODS) else PROGRESS_DEADLINE
    blind = {"after": PATIENT if said.isdisjoint(BLIND) else BLIND_AFTER, "then": "revert"}
    drain = {"min": "100ms", "max": DRAIN_MAX}
    body["spec"] |= {"progressDeadline": progress, "blind": blind, "drain": drain}
    written = body["spec"]["template"]["metadata"]["annotations"]
    written |= {"sandbox.tidegate.io/ready-delay": READY_DELAY} | notes
    return body


def _midway(trial: Trial, faults: list[Fault]) -> None:
    """What happens while the canary has its share, if it ever gets there."""
    due = [fault.midway for fault in faults if fault.midway is not None]
    if not due:
        return

    def there() -> bool:
        return halfway(trial.status()) or _ended(trial, faults)

    wait_until(there, END_S, "the canary's share, or an end without it")
    for inflict in due:
        inflict(trial)


def _ended(trial: Trial, faults: list[Fault]) -> bool:
    """Whether the run has come to rest in a state that one of the faults allows."""
    body = trial.rollout()
    status = body.get("status") or {}
    if status.get("observedGeneration") != body["metadata"]["generation"]:
        return False
    state = status.get("state")
    allowed = frozenset().union(*(fault.ends for fault in faults))
    if state not in allowed:
        return False
    if state == PROMOTED:
        return ended("Promoted")(status)
    words = [word for fault in faults for word in fault.says]
    said = " ".join([status.get("message", ""), *(c["message"] for c in status["conditions"])])
    return any(word in said for word in words)


def _stable_serves(trial: Trial, faults: list[Fault]) -> list[str]:
    """What is wrong with the stable side at the end."""
    status = trial.status()
    stable = status.get("stableRevision")
    told = []
    for body in trial.direct.list("ReplicaSet", trial.namespace):
        if body["metadata"]["labels"]["tidegate.io/revision"] == stable:
            ready = body.get("status", {}).get("readyReplicas", 0)
            if ready < trial.shop.replicas:
                told.append(f"stable has {ready} ready pods")
            break
    else:
        told.append("stable has no ReplicaSet")
    routes = trial.direct.get("VirtualService", trial.namespace, trial.shop.name)
    if routes is not None:
        weights = [part["weight"] for part in routes["spec"]["http"][1]["route"]]
        stuck = any(fault.routes_stuck for fault in faults)
        held = status.get("state") == HELD
        if sum(weights) != 100 or (weights != [100, 0] and not stuck and not held):
            told.append(f"weights {weights} in state {status.get('state')}")
    return told


@pytest.mark.parametrize(
    "names",
    [
        *chosen(SINGLES, SINGLES_SLICE, "liveness"),
        *chosen(PAIRS, PAIRS_SLICE, "liveness pairs", count_of_all=PAIRS_OF_ALL),
    ],
    ids=" and ".join,
)
def test_a_release_under_a_fault_that_stays_comes_to_an_end(arena: Arena, names: Case) -> None:
    print(f"TIDEGATE_SEED={SEED}")
    faults = [FAULTS[name] for name in names]
    trial = Trial(arena, LIVENESS)
    trial.provider = Moody()
    with trial:
        trial.direct.apply(_body(trial, "v1", []))
        trial.operator.start()
        trial.await_status(lambda s: s.get("state") == "Healthy", "the first version served")
        for fault in faults:
            fault.before(trial)
        trial.direct.apply(_body(trial, "v2", faults))
        _midway(trial, faults)
        try:
            wait_until(lambda: _ended(trial, faults), END_S, "an end with its reason")
        except SandboxError as error:
            raise AssertionError(f"{error}: {_shown(trial)}") from error
        _stays(trial, faults)
        assert _stable_serves(trial, faults) == [], _shown(trial)
        assert "Traceback" not in trial.log_text()
        TALLY.add("permanent faults", len(faults))
        print(trial.status()["state"], trial.status()["message"])


def _stays(trial: Trial, faults: list[Fault]) -> None:
    """An end is one that is still there a while later."""
    until = time.monotonic() + STAYS_S
    wait_until(lambda: time.monotonic() >= until, STAYS_S * 2, "a while")
    assert _ended(trial, faults), _shown(trial)


def _shown(trial: Trial) -> str:
    """State, sentence and routes, for a person who reads the failure."""
    status = trial.status()
    return f"{status.get('state')}, weight {status.get('weight')}: {status.get('message')}"


def test_a_status_that_cannot_be_written_leaves_stable_serving_and_shows(arena: Arena) -> None:
    """Nothing can be said on the object: then the operator's log must, and nothing may move."""
    trial = Trial(arena, LIVENESS)
    trial.provider = Moody()
    with trial:
        trial.direct.apply(_body(trial, "v1", []))
        trial.operator.start()
        trial.await_status(lambda s: s.get("state") == "Healthy", "the first version served")
        NO_STATUS.before(trial)
        trial.direct.apply(_body(trial, "v2", [NO_STATUS]))
        wait_until(lambda: "injected fault 403" in trial.log_text(), END_S, "the log tells")
        assert _stable_serves(trial, [NO_STATUS]) == []
        assert len(trial.direct.list("ReplicaSet", trial.namespace)) <= 2
