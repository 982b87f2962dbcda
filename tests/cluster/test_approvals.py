"""Approvals before a real API server: users of different rights, and the chart's own policy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.chart.rendering import RELEASE, render
from tests.cluster.looks import recorded, weights
from tests.cluster.places import condition, history_ended, opened, quick_shop

pytestmark = pytest.mark.api

QA, MANAGERS = "qa-leads", "release-managers"
TEN = {"name": "ten", "weight": 10, "hold": "300ms"}
TWO = {"required": 2, "groups": [QA, MANAGERS]}
ADMISSION = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
NOTICED_S = 60.0


@dataclass(frozen=True)
class User:
    """Somebody with a login, as the administrator impersonates them."""

    name: str
    groups: tuple[str, ...] = ()

    @property
    def options(self) -> list[str]:
        """What makes kubectl speak for them."""
        groups = [f"--as-group={group}" for group in (*self.groups, "system:authenticated")]
        return [f"--as={self.name}", *groups]


ANN = User("ann", (QA,))
BEN = User("ben", (MANAGERS,))
EVE = User("eve", (QA,))
DEV = User("dev")


def _half(**approval: Any) -> dict[str, Any]:
    return {"name": "half", "weight": 50, "hold": "300ms", "approval": approval}


def _asks(
    stage: Stage, shop: Shop, user: User, verb: str, *, dry: bool = False, **spec: Any
) -> str:
    """The name of the action that they created. SandboxError when they are refused."""
    usual = {"rollout": shop.name, "verb": verb, "reason": "test", "requestedBy": user.name}
    if verb == "approve":
        usual["requestedGroups"] = list(user.groups)
    asked = {key: value for key, value in (usual | spec).items() if value is not None}
    body = {
        "apiVersion": "tidegate.io/v1alpha1",
        "kind": "RolloutAction",
        "metadata": {"generateName": f"{shop.name}-{verb}-", "namespace": shop.namespace},
        "spec": asked,
    }
    words = ["create", "-f", "-", "-o", "name", *user.options]
    words += ["--dry-run=server"] if dry else []
    made = stage.cluster.kubectl(*words, stdin=json.dumps(body))
    return made.strip().rpartition("/")[2]


def _answer(stage: Stage, shop: Shop, name: str) -> tuple[str, str]:
    found: dict[str, Any] = {}

    def answered() -> bool:
        nonlocal found
        found = stage.cluster.get("rolloutactions", name, "-n", shop.namespace).get("status", {})
        return bool(found.get("result"))

    wait_until(answered, NOTICED_S, f"the answer to {name}")
    return str(found["result"]), str(found["message"])


def _refused(stage: Stage, shop: Shop, user: User, verb: str, **spec: Any) -> str:
    """How the API server refuses it."""
    with pytest.raises(SandboxError) as refusal:
        _asks(stage, shop, user, verb, dry=True, **spec)
    return str(refusal.value)


def _bound(stage: Stage, shop: Shop, user: User, role: str) -> None:
    stage.cluster.kubectl(
        *("create", "rolebinding", f"{user.name}-{role}", "-n", shop.namespace),
        *(f"--clusterrole={RELEASE}-{role}", f"--user={user.name}"),
    )


def _may(stage: Stage, shop: Shop, user: User, verb: str) -> bool:
    more = {"revision": "any"} if verb == "approve" else {}
    try:
        _asks(stage, shop, user, verb, dry=True, **more)
    except SandboxError:
        return False
    return True


@contextmanager
def _policed(stage: Stage, shop: Shop) -> Iterator[None]:
    """The chart's admission policy for that namespace alone, and people with their roles."""
    values = {"watchNamespaces": [shop.namespace]}
    made = [it for it in render(values, name=shop.namespace) if it["kind"] in ADMISSION]
    assert len(made) == len(ADMISSION)
    for body in made:
        stage.cluster.apply(body)
    try:
        _bound(stage, shop, DEV, "edit")
        for user in (ANN, BEN, EVE):
            _bound(stage, shop, user, "approve")
        wait_until(lambda: not _may(stage, shop, DEV, "approve"), NOTICED_S, "the policy holds")
        wait_until(lambda: _may(stage, shop, EVE, "approve"), NOTICED_S, "the roles are known")
        yield
    finally:
        for body in made:
            stage.cluster.kubectl("delete", body["kind"], body["metadata"]["name"])


def _waits(stage: Stage, shop: Shop) -> dict[str, Any]:
    return stage.await_state(shop, "AwaitingApproval", deadline_s=40)


def test_nobody_asks_under_another_name_nor_without_the_right(stage: Stage) -> None:
    shop = quick_shop()
    with opened(stage, shop), _policed(stage, shop):
        forged = _refused(stage, shop, ANN, "approve", revision="r", requestedBy="ben")
        assert "spec.requestedBy must be who asks: ann" in forged
        unsigned = _refused(stage, shop, ANN, "approve", revision="r", requestedBy=None)
        assert "spec.requestedBy must be who asks: ann" in unsigned
        lifted = _refused(stage, shop, ANN, "approve", revision="r", requestedGroups=[MANAGERS])
        assert "spec.requestedGroups must be groups of ann" in lifted
        for user, verb in ((DEV, "approve"), (DEV, "reject"), (ANN, "promote"), (ANN, "skip")):
            words = _refused(stage, shop, user, verb, revision="r")
            assert f"{user.name} may not ask for {verb} of rollout {shop.name}" in words
        assert "approve needs revision" in _refused(stage, shop, ANN, "approve")
        _asks(stage, shop, DEV, "abort", dry=True, requestedBy=None)
        _asks(stage, shop, DEV, "undo", dry=True)
        assert "cannot create" in _refused(stage, shop, User("nobody"), "abort")


def test_two_persons_of_two_roles_say_go_and_a_third_word_changes_nothing(stage: Stage) -> None:
    shop = quick_shop(phases=(TEN, _half(**TWO)))
    with opened(stage, shop), _policed(stage, shop):
        stage.release(shop, App("v2"))
        status = _waits(stage, shop)
        revision = status["canaryRevision"]
        assert weights(stage, shop) == [90, 10]
        assert condition(status, "AwaitingApproval")["status"] == "True"
        assert condition(status, "Ready")["status"] == "Unknown"
        replayed = _asks(stage, shop, ANN, "approve", revision=status["stableRevision"])
        result, why = _answer(stage, shop, replayed)
        assert result == "Refused"
        assert f"but {revision} is being tried" in why
        first = _asks(stage, shop, ANN, "approve", revision=revision)
        assert _answer(stage, shop, first)[0] == "Done"
        again = _asks(stage, shop, ANN, "approve", revision=revision)
        assert "already approved by ann" in _answer(stage, shop, again)[1]
        around = _asks(stage, shop, DEV, "promote", reason="never mind the others")
        result, why = _answer(stage, shop, around)
        assert (result, "phase half waits for approval" in why) == ("Refused", True)
        stage.cluster.kubectl("delete", "rolebinding", "ben-approve", "-n", shop.namespace)
        wait_until(lambda: not _may(stage, shop, BEN, "approve"), NOTICED_S, "the right is gone")
        assert "cannot create" in _refused(stage, shop, BEN, "approve", revision=revision)
        status = _waits(stage, shop)
        assert weights(stage, shop) == [90, 10]
        assert [one["by"] for one in status["run"]["approvals"]["given"]] == ["ann"]
        second = _asks(stage, shop, EVE, "approve", revision=revision)
        assert _answer(stage, shop, second)[0] == "Done"
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
        run = recorded(stage, shop, 1, "Promoted", "Promoted")
        told = [e["message"] for e in run["status"]["history"] if e["what"] == "approve"]
        assert any(line.startswith("approve by ann: test: phase half") for line in told)
        assert any(line.startswith("approve by eve: test: phase half") for line in told)


def test_a_no_go_sends_the_release_back_and_says_who(stage: Stage) -> None:
    shop = quick_shop(phases=(TEN, _half()))
    with opened(stage, shop), _policed(stage, shop):
        stage.release(shop, App("v2"))
        _waits(stage, shop)
        name = _asks(stage, shop, BEN, "reject", reason="not on a Friday")
        assert _answer(stage, shop, name)[0] == "Done"
        stage.await_status(shop, "reverted", history_ended(1, "Reverted"), deadline_s=60)
        run = recorded(stage, shop, 1, "Reverted", "Rejected")
        assert "rejected by ben: not on a Friday" in run["status"]["message"]
        assert weights(stage, shop) == [100, 0]


def test_the_first_phase_waits_with_its_pods_ready_and_no_request(stage: Stage) -> None:
    shop = quick_shop(phases=(TEN | {"approval": {}},))
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        status = _waits(stage, shop)
        assert status["run"]["stage"] == "Preparing"
        assert weights(stage, shop) == [100, 0]
        more = {"revision": status["canaryRevision"]}
        stage.act(shop, "approve", "go", **more)
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)


def test_an_approval_that_is_too_old_when_the_phase_could_begin_is_asked_for_anew(
    stage: Stage,
) -> None:
    """A minute is the least there is, so the phase before lasts a little longer."""
    shop = quick_shop(phases=(TEN | {"hold": "63s"}, _half(expiry="1m")))
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        status = stage.await_weight(shop, 10, deadline_s=30)
        more = {"revision": status["canaryRevision"]}
        stage.act(shop, "approve", "in good time", **more)
        status = stage.await_state(shop, "AwaitingApproval", deadline_s=90)
        assert "none counts any more: older than 1m" in status["message"]
        assert weights(stage, shop) == [90, 10]
        stage.act(shop, "approve", "still good", **more)
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=60)
