"""One at a time: whose turn it is among the Rollouts of a group, and what others must be first.

First come, first served: by the time the wait began, which the status holds, and the name. Only a
run that begins waits; whatever has to go back goes.
"""

from __future__ import annotations

from datetime import datetime

from tidegate.api.policy import Policy
from tidegate.api.status import RolloutStatus, State
from tidegate.api.waits import OneAtATime, WaitStatus
from tidegate.core import reasons
from tidegate.core.neighbours import Neighbour, Prerequisite
from tidegate.core.scene import Scene


def others(scene: Scene, *, told: bool = False) -> WaitStatus | None:
    """Whom the Rollout waits for before a run; with `told`, by the policies that only tell.

    Dependencies go before turns: who cannot begin yet takes no place.
    """
    policies = [policy for policy in scene.rollout.policies if policy.enforced is not told]
    waits = (asked(scene, policy) for asked in (_dependency, _turn) for policy in policies)
    return next((wait for wait in waits if wait is not None), None)


def _turn(scene: Scene, policy: Policy) -> WaitStatus | None:
    """Whom the policy has the Rollout wait for; None when it is its turn."""
    rule = policy.one_at_a_time
    if rule is None:
        return None
    since, around = _since(scene), scene.observed.around
    first = _first(rule, around.groups.get(policy.name, ()), (since, _name(scene)))
    if first is not None:
        has = "has a run on" if first.running else "waits for longer"
        message = (
            f"RolloutPolicy {policy.name} lets one Rollout release at a time, and {first.name} "
            f"{has}"
        )
        return _wait(reasons.WAITING_FOR_TURN, policy, first.name, message, since)
    if around.settled_at is not None and scene.now < around.settled_at:
        message = (
            f"RolloutPolicy {policy.name} lets one Rollout release at a time, and until "
            f"{around.settled_at:%H:%M:%S} UTC one that the operator's last leader began may appear"
        )
        return _wait(reasons.WAITING_FOR_TURN, policy, "", message, since, around.settled_at)
    return None


def _since(scene: Scene) -> datetime:
    """Since when the release waits, as it is stored: its place; now if it does not yet."""
    known = scene.status.wait
    return known.since if known is not None else scene.now


def _name(scene: Scene) -> str:
    return f"{scene.rollout.namespace}/{scene.rollout.name}"


def _first(
    rule: OneAtATime, group: tuple[Neighbour, ...], place: tuple[datetime, str]
) -> Neighbour | None:
    """Who has a run on, else who waits for longer; None if there is nobody."""
    busy = [one for one in group if one.running and (rule.count_bake or not one.baking)]
    if busy:
        return min(busy, key=lambda one: one.name)
    waiting = [(one.waits_since, one.name, one) for one in group if one.waits_since is not None]
    first = min(waiting, key=lambda one: one[:2], default=None)
    return first[2] if first is not None and first[:2] < place else None


def _dependency(scene: Scene, policy: Policy) -> WaitStatus | None:
    """The Rollout that the policy has to be at rest first; None when all of them are."""
    for one in scene.observed.around.prerequisites.get(policy.name, ()):
        trouble = _trouble(one)
        if trouble:
            message = (
                f"RolloutPolicy {policy.name} asks for a healthy Rollout {one.name} at rest, and "
                f"{trouble}"
            )
            reason = reasons.WAITING_FOR_DEPENDENCY
            return _wait(reason, policy, one.name, message, scene.now)
    return None


def _trouble(one: Prerequisite) -> str:
    status = one.status
    if status is None:
        return "there is none of that name; make it, or take it out of spec.dependsOn"
    if status.wait is not None and status.wait.reason == reasons.WAITING_FOR_DEPENDENCY:
        return "it waits for another one itself"
    if status.run is not None or status.state is not State.HEALTHY:
        return f"it is {status.state.value}"
    if not one.seen:
        return "its last change was not looked at yet"
    return _pods_missing(status)


def _pods_missing(status: RolloutStatus) -> str:
    return "" if status.waiting_since is None else f"{status.ready} of its pods are ready"


def _wait(
    reason: str,
    policy: Policy,
    about: str,
    message: str,
    since: datetime,
    until: datetime | None = None,
) -> WaitStatus:
    return WaitStatus(
        reason=reason, policy=policy.name, about=about, message=message, since=since, until=until
    )
