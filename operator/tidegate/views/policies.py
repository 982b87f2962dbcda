"""A RolloutPolicy's own status: accepted or not, and why."""

from datetime import datetime
from typing import Final, Literal

from tidegate.api.policy import Policy, PolicyCondition, RolloutPolicyStatus
from tidegate.core import reasons

ACCEPTED: Final = "Accepted"


def policy_status(
    policy: Policy, rollouts: int, known: RolloutPolicyStatus, now: datetime
) -> RolloutPolicyStatus:
    """The status of a policy that matches so many Rollouts; `known` is the one that is stored."""
    truth: Literal["True", "False"] = "False" if policy.problem else "True"
    if policy.problem:
        message = f"{policy.problem}. Until this is mended the Rollouts that it matches wait."
        if policy.spec.mode == "observe":
            message = f"{policy.problem}. Until this is mended it tells nothing."
        reason = reasons.POLICY_INVALID
    else:
        message = _holds(policy)
        reason = reasons.POLICY_APPLIED
    before = next((one for one in known.conditions if one.type == ACCEPTED), None)
    same = before is not None and before.status == truth
    condition = PolicyCondition(
        type=ACCEPTED,
        status=truth,
        reason=reason,
        message=message,
        last_transition_time=before.last_transition_time if before and same else now,
    )
    return RolloutPolicyStatus(
        observed_generation=policy.generation, rollouts=rollouts, conditions=(condition,)
    )


def _holds(policy: Policy) -> str:
    """What the policy does to each release, in one or two sentences."""
    guards, windows = len(policy.guards), len(policy.windows)
    waits = [f"{windows} freeze {'window' if windows == 1 else 'windows'}"] if windows else []
    waits += ["its turn"] if policy.one_at_a_time else []
    waits += [f"Rollout {one.name}" for one in policy.depends_on]
    told = policy.spec.mode == "observe"
    message = f"Each release is watched by {guards} {'guard' if guards == 1 else 'guards'} more"
    message += ", which only tell." if told else "."
    if waits:
        message += f" It {'would wait' if told else 'waits'} for {', '.join(waits)}."
    return message
