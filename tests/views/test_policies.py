"""What people read of RolloutPolicies: on the policy, on the Rollout and in its picture."""

from datetime import timedelta

import pytest

from tests.views.bodies import NOW, body
from tidegate.api.policy import Policy, RolloutPolicySpec, RolloutPolicyStatus
from tidegate.api.policy_status import PolicyInForce
from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus
from tidegate.api.waits import WaitStatus
from tidegate.views.conditions import conditions
from tidegate.views.picture import picture, plain
from tidegate.views.policies import policy_status
from tidegate.views.story import story

GUARD = {"metric": "errors", "max": 0.01}
ONE_MORE = "Each release is watched by 1 guard more."
METRIC = {"name": "errors", "template": "istio-error-rate"}


def policy(problem="", **fields):
    made = RolloutPolicySpec.model_validate({"metrics": [METRIC], "guards": [GUARD]} | fields)
    return Policy(name="house", generation=2, spec=made, problem=problem)


@pytest.mark.parametrize(
    ("held", "truth", "reason", "message"),
    [
        (policy(), "True", "PolicyApplied", "Each release is watched by 1 guard more."),
        (
            policy(guards=[GUARD, GUARD], mode="observe"),
            "True",
            "PolicyApplied",
            "Each release is watched by 2 guards more, which only tell.",
        ),
        (
            policy(
                freeze=[{"name": "w", "days": ["Fri"], "from": "16:00", "until": "08:00"}],
                oneAtATime={},
                dependsOn=[{"name": "db"}],
            ),
            "True",
            "PolicyApplied",
            f"{ONE_MORE} It waits for 1 freeze window, its turn, Rollout db.",
        ),
        (
            policy("spec.mode: is odd"),
            "False",
            "PolicyInvalid",
            "spec.mode: is odd. Until this is mended the Rollouts that it matches wait.",
        ),
        (
            policy("spec.mode: is odd", mode="observe"),
            "False",
            "PolicyInvalid",
            "spec.mode: is odd. Until this is mended it tells nothing.",
        ),
    ],
)
def test_a_policy_says_whether_it_is_understood(held, truth, reason, message):
    status = policy_status(held, 12, RolloutPolicyStatus(), NOW)
    [found] = status.conditions
    assert (status.observed_generation, status.rollouts) == (2, 12)
    assert (found.status, found.reason, found.message) == (truth, reason, message)


def test_the_time_of_a_condition_stays_while_it_says_the_same():
    first = policy_status(policy(), 1, RolloutPolicyStatus(), NOW)
    later = NOW + timedelta(hours=1)
    assert policy_status(policy(), 1, first, later) == first
    turned = policy_status(policy("odd"), 1, first, later)
    assert turned.conditions[0].last_transition_time == later


def _in_force(mode, message=""):
    return PolicyInForce(name="house", generation=2, mode=mode, guards=1, message=message)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ((), None),
        (
            (_in_force("enforce"),),
            ("True", "Guards of policies are added to the Rollout's own: house."),
        ),
        (
            (_in_force("invalid", "spec.mode: is odd"),),
            ("False", "RolloutPolicy house cannot be applied: spec.mode: is odd"),
        ),
    ],
)
def test_a_rollout_says_whether_its_policies_are_understood(held, expected):
    status = RolloutStatus(policies=held)
    found = {one.type: one for one in conditions(Rollout.parse(body()), status, "", NOW)}
    told = found.get("PoliciesApplied")
    assert (None if told is None else (told.status, told.message)) == expected


def test_the_picture_names_the_policies_and_whose_each_guard_is():
    check = {"id": "policy/house/0", "kind": "guard", "metric": "errors", "verdict": "pass"}
    held = [
        {"name": "house", "generation": 1, "mode": "enforce"},
        {"name": "trial", "generation": 1, "mode": "observe"},
    ]
    text = plain(picture(story(body({"checks": [check], "policies": held}), NOW), NOW))
    assert "policies    house, trial (observe)" in text
    assert "house/errors" in text


WAIT = WaitStatus(
    reason="Frozen", policy="house", about="weekend", message="window weekend is on", since=NOW
)


def test_a_rollout_says_what_a_policy_makes_it_wait_for():
    status = RolloutStatus(state="Progressing", stable_revision="A", wait=WAIT)
    rollout = Rollout.parse(body({}))
    found = {one.type: one for one in conditions(rollout, status, "Frozen", NOW)}
    assert (found["Waiting"].status, found["Waiting"].reason) == ("True", "Frozen")
    assert found["Waiting"].message == "window weekend is on"
    assert found["Ready"].status == "Unknown"
    without = status.model_copy(update={"wait": None})
    assert "Waiting" not in {one.type for one in conditions(rollout, without, "", NOW)}


def test_the_picture_says_what_a_policy_makes_it_wait_for():
    held = {"wait": WAIT.as_dict()}
    text = plain(picture(story(body(held), NOW + timedelta(hours=2)), NOW))
    assert "waits       window weekend is on, for 2h" in text
