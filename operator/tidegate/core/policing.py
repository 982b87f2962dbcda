"""RolloutPolicies in a run: what is shown of them, when that changes, and what an odd one stops.

Their guards are guards like any other (`Scene.guards`), but nothing in the Rollout replaces them,
and `mode: observe` silences them only where the policy allows it. A policy that is not understood
has no guards that could be watched: then nothing new begins and nothing goes on, while all that
takes traffic back goes on as ever.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.policy import Policy
from tidegate.api.policy_status import PolicyInForce
from tidegate.api.status import RolloutStatus
from tidegate.core import blindness, reasons
from tidegate.core.decision import Note
from tidegate.core.journal import note_run
from tidegate.core.scene import Scene, changed


def obstacle(scene: Scene) -> str:
    """Why nothing may begin or go on: a policy that is not understood; "" if there is none.

    A way back is held up by nothing.
    """
    for policy in () if scene.undo else scene.rollout.policies:
        if policy.surplus:
            return policy.surplus
        if policy.problem and not policy.tells_only(scene.spec.mode):
            return f"RolloutPolicy {policy.name} cannot be applied: {policy.problem}"
    return ""


def recorded(scene: Scene) -> RolloutStatus:
    """The status with the policies as they hold now; in a run a change goes into its journal."""
    now = tuple(_in_force(scene, policy) for policy in scene.rollout.policies)
    status = scene.status
    for reason, message in _changes(status.policies, now):
        status = note_run(status, scene.now, "policy", reason, message)
    return changed(status, policies=now)


def notes(scene: Scene, before: RolloutStatus) -> tuple[Note, ...]:
    """The word about policies that changed in a run; `before` is the status at its beginning."""
    if before.run is None:
        return ()
    found = _changes(before.policies, scene.status.policies)
    return tuple(
        Note(reason, message, warning=reason != reasons.POLICY_APPLIED) for reason, message in found
    )


def same(one: tuple[PolicyInForce, ...], other: tuple[PolicyInForce, ...]) -> bool:
    """Whether both say the same of which policies hold, and how."""
    return [_said(policy) for policy in one] == [_said(policy) for policy in other]


def _said(policy: PolicyInForce) -> tuple[object, ...]:
    return policy.name, policy.generation, policy.mode, policy.guards, policy.message


def _in_force(scene: Scene, policy: Policy) -> PolicyInForce:
    known = next((one for one in scene.status.policies if one.name == policy.name), None)
    since = known.blind_since if known else None
    told = policy.tells_only(scene.spec.mode)
    return PolicyInForce(
        name=policy.name,
        generation=policy.generation,
        mode="invalid" if policy.problem or policy.surplus else "observe" if told else "enforce",
        guards=len(policy.guards),
        message=policy.problem or policy.surplus,
        blind_since=(since or scene.now) if blindness.of_owner(scene, policy.name) else None,
    )


def _changes(
    before: tuple[PolicyInForce, ...], now: tuple[PolicyInForce, ...]
) -> Iterator[tuple[str, str]]:
    """A reason and a sentence for each policy that came, changed or went."""
    known = {policy.name: policy for policy in before}
    for policy in now:
        old = known.pop(policy.name, None)
        if old is not None and _said(old) == _said(policy):
            continue
        if policy.mode == "invalid":
            message = f"RolloutPolicy {policy.name} cannot be applied: {policy.message}"
            yield reasons.POLICY_INVALID, message
        else:
            guards = f"{policy.guards} {'guard' if policy.guards == 1 else 'guards'}"
            how = "now holds" if old is None else "changed and holds"
            message = f"RolloutPolicy {policy.name} {how}: {guards}, mode {policy.mode}"
            yield reasons.POLICY_APPLIED, message
    for name in known:
        yield reasons.POLICY_GONE, f"RolloutPolicy {name} does not hold any more"
