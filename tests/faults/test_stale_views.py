"""An operator that lives in the past does not act on it: one plan for each write of no return.

Each plan lets the operator come to the point where it would write on what it knows, keeps its
view there, lets the world pass an event of the opposite kind, and watches what it does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.waiting import holds_within, wait_until
from tests.faults.arena import Arena
from tests.faults.budget import TALLY
from tests.faults.calls import Call
from tests.faults.judging import SAME_S, References
from tests.faults.oracle import differences
from tests.faults.rules import After, Rule
from tests.faults.scenarios import BY_NAME, QUICK, WAITING, Scenario, ended
from tests.faults.trial import Trial

pytestmark = [pytest.mark.api, pytest.mark.faults]

REVISION = "tidegate.io/revision"
BLIND_S = 2.5
"""How long the operator lives in the past; its decision would come within a second."""
WORLD_S = 60.0


@pytest.fixture
def trial(arena: Arena) -> Iterator[Trial]:
    with Trial(arena, BY_NAME["promote"]) as made:
        made.install()
        yield made
        assert "Traceback" not in made.log_text()
        TALLY.add("stale views")


def after(trial: Trial, label: str, nth: int, strike: Callable[[Call], object]) -> threading.Event:
    """Call it once that write has been committed, before the operator knows; set when it is done.

    Only then the past begins that the operator lives in.
    """
    done = threading.Event()

    def struck(call: Call) -> None:
        strike(call)
        done.set()

    trial.proxy.rules.add(
        Rule(After(struck), where=lambda c: c.write and c.label == label, nth=nth)
    )
    return done


def weights(trial: Trial) -> list[int]:
    """What the routes say: stable, canary."""
    body = trial.direct.get("VirtualService", trial.namespace, trial.shop.name)
    assert body is not None
    return [int(route.get("weight", 0)) for route in body["spec"]["http"][1]["route"]]


def subsets(trial: Trial) -> list[str]:
    """Which revisions the subsets select: stable, canary."""
    body = trial.direct.get("DestinationRule", trial.namespace, trial.shop.name)
    assert body is not None
    return [one.get("labels", {}).get(REVISION, "") for one in body["spec"]["subsets"]]


def sets(trial: Trial) -> dict[str, dict[str, Any]]:
    """ReplicaSets by revision."""
    found = trial.direct.list("ReplicaSet", trial.namespace)
    return {body["metadata"]["labels"][REVISION]: body for body in found}


def set_ready(trial: Trial, revision: str, *, ready: bool) -> None:
    """Make its pods lose their readiness, or get it back; returns when the ReplicaSet knows."""
    for pod in trial.direct.list("Pod", trial.namespace):
        if pod["metadata"]["labels"].get(REVISION) == revision:
            label = {"sandbox.tidegate.io/ready": None if ready else "never"}
            name = pod["metadata"]["name"]
            trial.direct.merge("Pod", trial.namespace, name, {"metadata": {"labels": label}})

    def known() -> bool:
        body = sets(trial)[revision]
        wanted = int(body["spec"]["replicas"]) if ready else 0
        return int(body["status"].get("readyReplicas", 0)) == wanted

    wait_until(known, WORLD_S, f"pods of {revision} ready: {ready}")


def stays(holds: Callable[[], bool], seconds: float = BLIND_S) -> bool:
    """Whether it is so all that time."""
    return not holds_within(lambda: not holds(), seconds)


def ends_as_promoted(trial: Trial, references: References) -> None:
    """The view is true again, and so is the end."""
    trial.proxy.heal()
    trial.await_status(ended("Promoted"), "promoted")
    reference = references.of(BY_NAME["promote"])
    same = holds_within(lambda: not differences(trial.outcome(), reference.outcome), SAME_S)
    assert same, differences(trial.outcome(), reference.outcome)


def test_a_weight_is_not_raised_for_pods_that_were_ready(trial: Trial, references: References):
    """Pods ready, the destination points to them; then they are gone, and nobody tells."""

    def strike(call: Call) -> None:
        trial.proxy.hold("replicasets")
        set_ready(trial, subsets(trial)[1], ready=False)

    past = after(trial, "PATCH destinationrules", 1, strike)
    stable = subsets(trial)[0]
    trial.release("v2", QUICK)
    assert past.wait(WORLD_S), "the first step"
    assert stays(lambda: weights(trial) == [100, 0])
    assert subsets(trial)[0] == stable
    set_ready(trial, subsets(trial)[1], ready=True)
    ends_as_promoted(trial, references)


def test_stable_is_not_pointed_to_pods_that_were_ready(trial: Trial, references: References):
    """All traffic is on the canary; then its pods are gone, and nobody tells."""

    def strike(call: Call) -> None:
        trial.proxy.hold("replicasets")
        set_ready(trial, subsets(trial)[1], ready=False)

    past = after(trial, "PATCH virtualservices", 2, strike)
    stable = subsets(trial)[0]
    trial.release("v2", QUICK)
    assert past.wait(WORLD_S), "all traffic on the canary"
    assert stays(lambda: subsets(trial)[0] == stable)
    set_ready(trial, next(iter(set(sets(trial)) - {stable})), ready=True)
    ends_as_promoted(trial, references)


def test_old_pods_do_not_go_while_the_destination_is_back_on_them(
    trial: Trial, references: References
):
    """Promoted and home; then somebody points stable back to the old revision, and nobody tells."""
    old = subsets(trial)[0]
    wrong: list[str] = []

    def strike(call: Call) -> None:
        trial.proxy.hold("destinationrules")
        path = {"op": "replace", "path": "/spec/subsets/0/labels/tidegate.io~1revision"}
        point_to(trial, {**path, "value": old})

    def look(call: Call) -> None:
        if b'"/spec/replicas", "value": 0' in call.body and subsets(trial)[0] == old:
            wrong.append(str(call))

    past = after(trial, "PATCH virtualservices", 3, strike)
    trial.proxy.rules.add(Rule(After(look), kind="replicasets", writes=True, times=None))
    trial.release("v2", QUICK)
    assert past.wait(WORLD_S), "promoted and home"
    trial.await_status(ended("Promoted"), "promoted")
    assert stays(lambda: not wrong)
    ends_as_promoted(trial, references)
    assert not wrong


def point_to(trial: Trial, operation: dict[str, Any]) -> None:
    """One JSON Patch operation on the DestinationRule, as anybody could."""
    path = f"/apis/networking.istio.io/v1/namespaces/{trial.namespace}/destinationrules/shop"
    trial.direct.request("PATCH", path, [operation], "application/json-patch+json")


@pytest.mark.parametrize("pair", ["template", "pause", "routes", "pods", "action"])
def test_what_came_and_went_unseen_changes_nothing(arena: Arena, pair: str):
    """Watches say nothing, and then that they cannot go on: only the end is seen, in new lists."""
    with Trial(arena, BY_NAME["promote"]) as trial:
        trial.install()
        before = trial.outcome()
        trial.proxy.silence("")
        last = _there_and_back(trial, pair)
        wait_until(lambda: trial.proxy.swallowed(last) > 0, WORLD_S, "all of it was unseen")
        trial.proxy.heal()
        trial.proxy.fail_watches("", 410)
        trial.await_status(lambda status: status.get("state") == "Healthy", "healthy again")
        trial.await_quiet(BLIND_S)
        after_all = trial.outcome()
        assert set(after_all.effects) <= {"PUT rollouts/status"}
        assert differences(after_all, before) == []
        assert "Traceback" not in trial.log_text()
    TALLY.add("unobserved pairs")


def _there_and_back(trial: Trial, pair: str) -> str:
    """Do both; returns what stands in the last event of it that could be acted on."""
    name, namespace = trial.shop.name, trial.namespace
    match pair:
        case "template":
            trial.release("v2", QUICK)
            trial.release("v1", QUICK)
            return _version(trial.rollout())
        case "pause":
            for paused in (True, False):
                trial.direct.merge("Rollout", namespace, name, {"spec": {"paused": paused}})
            trial.release("v1", QUICK)
            return _version(trial.rollout())
        case "routes":
            for weights_now in ((40, 60), (100, 0)):
                path = f"/apis/networking.istio.io/v1/namespaces/{namespace}/virtualservices/{name}"
                patch = [
                    {"op": "replace", "path": f"/spec/http/1/route/{n}/weight", "value": weight}
                    for n, weight in enumerate(weights_now)
                ]
                trial.direct.request("PATCH", path, patch, "application/json-patch+json")
            return _version(trial.direct.get("VirtualService", namespace, name))
        case "pods":
            (revision,) = sets(trial)
            for ready in (False, True):
                set_ready(trial, revision, ready=ready)
            return _version(sets(trial)[revision])
        case "action":
            trial.act("abort")
            trial.direct.delete("RolloutAction", namespace, "please-abort")
    return "please-abort"


def _version(body: dict[str, Any] | None) -> str:
    assert body is not None
    return f'"resourceVersion":"{body["metadata"]["resourceVersion"]}"'


def test_a_revision_that_is_wanted_again_is_not_deleted(arena: Arena):
    """Its ReplicaSet is one too many; then the template names it again, and nobody tells."""
    scenario = Scenario("history", (), None)
    with Trial(arena, scenario) as trial:
        trial.shop = trial.shop.with_(extra={**trial.shop.extra, "revisionHistoryLimit": 0})
        trial.install()
        first = next(iter(sets(trial).values()))["metadata"]

        def strike(call: Call) -> None:
            if b'"/spec/replicas", "value": 0' in call.body:
                trial.proxy.hold("rollouts")
                trial.release("v1", WAITING)

        trial.proxy.rules.add(Rule(After(strike), kind="replicasets", method="PATCH", times=None))
        trial.release("v2", QUICK)
        trial.proxy.log.await_call(
            lambda c: b'"/spec/replicas", "value": 0' in c.body, WORLD_S, "the old pods go"
        )
        revision = first["labels"][REVISION]
        assert stays(lambda: sets(trial)[revision]["metadata"]["uid"] == first["uid"])
        trial.proxy.heal()
        trial.await_status(lambda s: s.get("canaryRevision") == revision, "the old one tried again")
        assert sets(trial)[revision]["metadata"]["uid"] == first["uid"]
        assert "Traceback" not in trial.log_text()
    TALLY.add("stale views")
