"""Guards that must watch traffic now and have nothing to look at: since when, and what then.

The Rollout's `spec.blind` is for its own guards together, and counts while any of them is blind; a
policy's is for those of the policy, which goes by the Rollout's where it has none. A guard with a
`blind` of its own has a time of its own and is left out there, whosever it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from tidegate.api.blind import Blind
from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.policy import policy_of_id
from tidegate.api.status import BEFORE_TRAFFIC
from tidegate.core.check import Check
from tidegate.core.measured import is_sent
from tidegate.core.scene import Scene

BLIND: Final = "blind"
"""What a run's record calls it; of a policy with its name, of one guard with its id."""
_NOTHING: Final = (Verdict.NODATA, Verdict.ERROR)


def times(scene: Scene, before: Mapping[str, CheckStatus]) -> dict[str, object]:
    """`blind_since` of the status and of its checks; the scene's status has the verdicts."""
    own = _unseen(scene) & _with_own(scene)
    checks = tuple(
        _timed(scene, check, before.get(check.id), holds=check.id in own)
        for check in scene.status.checks
    )
    since = scene.status.blind_since
    return {"checks": checks, "blind_since": (since or scene.now) if of_owner(scene, "") else None}


def _timed(
    scene: Scene, check: CheckStatus, before: CheckStatus | None, *, holds: bool
) -> CheckStatus:
    known = before.blind_since if before is not None else None
    since = (known or scene.now) if holds else None
    return check if check.blind_since == since else check.model_copy(update={"blind_since": since})


def _unseen(scene: Scene) -> set[str]:
    """Ids of the guards that are blind; within its delay a guard is not yet."""
    run, routes = scene.run, scene.routes
    if run is None or scene.undo or run.stage in BEFORE_TRAFFIC:
        return set()
    if routes is None:
        return set()
    known = {check.id: check for check in scene.status.checks}
    return {
        check.id
        for check, _ in scene.guards()
        if check.id in known
        and (is_sent(routes, check.variant) or scene.baking)
        and known[check.id].verdict in _NOTHING
        and not known[check.id].ignored
        and not scene.early(check, scene.now)
    }


def of_owner(scene: Scene, owner: str) -> bool:
    """Whether a guard of that policy ("": of the Rollout) without an own `blind` is blind."""
    left = _unseen(scene) - _with_own(scene)
    return any(policy_of_id(check_id) == owner for check_id in left)


def _with_own(scene: Scene) -> set[str]:
    return {check.id for check, guard in scene.guards() if guard.blind is not None}


def too_long(scene: Scene, *, told: bool) -> Iterator[tuple[str, str, str, bool]]:
    """Each blindness that has lasted its time: what it is, what it asks for, a sentence, alarm.

    With `told` of guards that only tell, else of those that are enforced. A guard that this process
    did not ask yet, as after a restart, is not blind: it may see well. One that
    cannot be asked, for nobody defines its metric any more, is.
    """
    unseen = _unseen(scene)
    guards = [
        (check, guard)
        for check, guard in scene.guards()
        if check.id in unseen and scene.tells_only(check) is told and _asked(scene, check)
    ]
    shared = {policy_of_id(check.id) for check, guard in guards if guard.blind is None}
    for owner, blind, since in _rules(scene):
        if owner in shared and _over(scene, since, blind.after_s):
            whose = f" of RolloutPolicy {owner}" if owner else ""
            why = f"a guard{whose} could not be measured for {blind.after_s:g}s"
            yield f"{BLIND} {owner}".rstrip(), blind.then, why, True
    known = {check.id: check.blind_since for check in scene.status.checks}
    for check, guard in guards:
        if guard.blind is not None and _over(scene, known.get(check.id), guard.blind.after_s):
            why = f"guard {check.name} could not be measured for {guard.blind.after_s:g}s"
            alarm = guard.loudness != "info"
            yield f"{BLIND}/{check.id}", guard.blind.then, f"{why} ({guard.loudness})", alarm


def _asked(scene: Scene, check: Check) -> bool:
    """Whether there is an answer, or each question was answered or can never be."""
    return bool(scene.answers(check)) or all(
        scene.observed.readings.get(probe.id)
        or scene.rollout.metric(probe.id, probe.bound.metric) is None
        for probe in check.probes
    )


def _rules(scene: Scene) -> Iterator[tuple[str, Blind, datetime | None]]:
    """Whose guards ("": the Rollout's) go by which rule, and since when one of them is blind."""
    yield "", scene.spec.blind, scene.status.blind_since
    since = {policy.name: policy.blind_since for policy in scene.status.policies}
    for policy in scene.rollout.policies:
        yield policy.name, policy.spec.blind or scene.spec.blind, since.get(policy.name)


def _over(scene: Scene, since: datetime | None, after_s: float) -> bool:
    return since is not None and scene.now - since >= timedelta(seconds=after_s)
